//! Parameters that a module holds in a list.

use std::ops::Deref;

use crate::param::{Init, Scope};
use crate::{Param, Result};

/// Parameters named by their number: in the scope `params` they are `params.0`, `params.1`, ...
#[derive(Debug, Clone)]
pub struct ParamList(Vec<Param>);

impl ParamList {
    /// One trained parameter for each shape.
    pub fn new(scope: Scope, shapes: &[&[usize]], init: Init) -> Result<Self> {
        let param = |(number, shape): (usize, &&[usize])| scope.trained(&number.to_string(), shape, init);
        Ok(Self(shapes.iter().enumerate().map(param).collect::<Result<_>>()?))
    }
}

impl Deref for ParamList {
    type Target = [Param];

    fn deref(&self) -> &[Param] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Params, Value};
    use candle_core::{DType, Device, Tensor};
    use easel_runtime::Random;

    #[test]
    fn numbers_are_names() {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        let shapes: [&[usize]; 2] = [&[4, 3], &[2, 4]];
        let list = ParamList::new(params.root().sub("params"), &shapes, Init::Constant(1.0)).unwrap();
        assert_eq!(list.iter().map(Param::name).collect::<Vec<_>>(), ["params.0", "params.1"]);
        let x = Tensor::ones((1, 3), DType::F32, &Device::Cpu).unwrap();
        let y = list.iter().try_fold(x, |x, weight| x.linear(weight, None)).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[12.0, 12.0]]);
    }
}
