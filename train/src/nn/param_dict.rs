//! Parameters that a module holds by name.

use std::collections::BTreeMap;

use crate::param::{Init, Scope};
use crate::{Error, Param, Result};

/// Parameters named by their keys: in the scope `params` they are `params.linear1`, `params.linear2`, ...
#[derive(Debug, Clone)]
pub struct ParamDict(BTreeMap<String, Param>);

impl ParamDict {
    /// One trained parameter for each key and shape.
    pub fn new(scope: Scope, shapes: &[(&str, &[usize])], init: Init) -> Result<Self> {
        let param = |(key, shape): &(&str, &[usize])| Ok((key.to_string(), scope.trained(key, shape, init)?));
        Ok(Self(shapes.iter().map(param).collect::<Result<_>>()?))
    }

    /// The parameter of a key.
    pub fn get(&self, key: &str) -> Result<&Param> {
        self.0.get(key).ok_or_else(|| {
            let known: Vec<_> = self.0.keys().map(String::as_str).collect();
            Error::Config(format!("there is no parameter `{key}`; there are {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    #[test]
    fn keys_are_names() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let shapes: [(&str, &[usize]); 2] = [("linear1", &[4, 3]), ("linear2", &[2, 4])];
        let dict = ParamDict::new(params.root().sub("params"), &shapes, Init::Constant(1.0)).unwrap();
        assert_eq!(dict.get("linear2").unwrap().name(), "params.linear2");
        assert!(dict.get("linear3").unwrap_err().to_string().contains("linear1, linear2"));
    }
}
