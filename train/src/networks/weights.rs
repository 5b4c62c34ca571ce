//! The weights of one network, with the architecture to rebuild it from.
//!
//! A weights file is safetensors under PyTorch's parameter names, with JSON under the metadata key `easel`: the
//! [`Architecture`] and the [`Provenance`]. Where the key is absent the network is recognised by names and shapes. A
//! model file also holds the weights of the network that it was exported from.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use easel_runtime::ModelCard;
use easel_runtime::card::{Architecture, Provenance};
use easel_runtime::onnx::{ElementType, Initializer, initializers};
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{Network, with_present_name};
use crate::{Error, Result, tensors};

/// A single key, since safetensors writes several in random order.
const METADATA_KEY: &str = "easel";

#[derive(Serialize, Deserialize)]
struct Metadata<'a> {
    architecture: Cow<'a, Architecture>,
    provenance: Cow<'a, Provenance>,
}

/// The weights of one network.
#[derive(Debug, Clone)]
pub struct Weights {
    /// The network.
    pub architecture: Architecture,
    /// Where they came from. `weights_sha256` is empty and not written: it is the file's.
    pub provenance: Provenance,
    /// The parameters by name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// The file's bytes, the same for the same contents.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let metadata =
            Metadata { architecture: Cow::Borrowed(&self.architecture), provenance: Cow::Borrowed(&self.provenance) };
        let json = serde_json::to_string(&metadata).expect("cards have only string keys");
        let metadata = HashMap::from([(METADATA_KEY.to_string(), json)]);
        safetensors::serialize(&self.tensors, Some(metadata)).map_err(|error| Error::Checkpoint(error.to_string()))
    }

    /// Reads a weights file in safetensors from its bytes; `path` is for messages.
    ///
    /// Fails with [`Error::Unreadable`], or with [`Error::UnknownNetwork`] where the file has no such metadata and the
    /// network is not recognised.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let unreadable = |reason| Error::Unreadable { path: path.into(), reason };
        let tensors = tensors::read_safetensors(bytes).map_err(unreadable)?;
        if let Some((architecture, provenance)) = read_metadata(bytes).map_err(unreadable)? {
            return Ok(Self { architecture, provenance, tensors });
        }
        let names = tensors.keys().cloned().collect();
        Self::recognise(tensors).ok_or_else(|| Error::UnknownNetwork { path: path.into(), tensors: names })
    }

    /// Reads the weights inside a model file that export-onnx wrote, as float32. An int8 model holds none.
    pub fn from_model(model: &[u8], card: &ModelCard) -> Result<Self> {
        let constants = initializers(model).map_err(|error| Error::Checkpoint(error.to_string()))?;
        // The exporter's own constants have no dot in their names; parameters all do.
        let parameters = constants.into_iter().filter(|constant| constant.name.contains('.'));
        let tensor = |constant: Initializer| {
            let stored = match constant.element {
                ElementType::F32 => DType::F32,
                ElementType::F16 => DType::F16,
            };
            let tensor = Tensor::from_raw_buffer(constant.bytes, stored, &constant.dims, &Device::Cpu)?;
            Ok((constant.name.to_string(), tensor.to_dtype(DType::F32)?))
        };
        let tensors = parameters.map(tensor).collect::<Result<_>>()?;
        Ok(Self {
            architecture: with_present_name(card.architecture.clone()),
            provenance: card.provenance.clone(),
            tensors,
        })
    }

    /// The weights of a network that is recognised by their names and shapes; `None` where it is unknown.
    pub fn recognise(tensors: BTreeMap<String, Tensor>) -> Option<Self> {
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
        let architecture = super::recognise(&shapes)?;
        Some(Self { architecture, provenance: Provenance::default(), tensors })
    }

    /// Builds the network on the CPU.
    pub fn network(&self) -> Result<Network> {
        Network::with_weights(&self.architecture, &self.tensors)
    }
}

/// The metadata of a weights file; `None` in a safetensors file of another program. The error is the reason.
pub(crate) fn read_metadata(bytes: &[u8]) -> std::result::Result<Option<(Architecture, Provenance)>, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let Some(json) = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY)) else {
        return Ok(None);
    };
    let Metadata { architecture, provenance } =
        serde_json::from_str(json).map_err(|error| format!("its metadata `{METADATA_KEY}` cannot be read: {error}"))?;
    Ok(Some((with_present_name(architecture.into_owned()), provenance.into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Params;
    use crate::networks::{gan, style};
    use easel_runtime::Random;

    fn params() -> Params {
        Params::new(DType::F32, &Device::Cpu, Random::new(1, 0))
    }

    #[test]
    fn survive_the_file() {
        let params = params();
        let sizes = gan::Sizes { z_dim: 5, hidden: 7, picture: [1, 2, 3] };
        gan::Generator::new(params.root(), sizes).unwrap();
        let weights = Weights {
            architecture: sizes.architecture(),
            provenance: Provenance { steps: Some(3), ..Default::default() },
            tensors: params.to_tensors(),
        };
        let bytes = weights.to_bytes().unwrap();
        assert_eq!(bytes, weights.to_bytes().unwrap());
        let again = Weights::from_bytes(&bytes, Path::new("w")).unwrap();
        assert_eq!((&again.architecture, &again.provenance), (&weights.architecture, &weights.provenance));
        let Network::Gan(generator) = again.network().unwrap() else { panic!("another network came back") };
        assert_eq!(generator.sizes(), sizes);
        for length in [0, 7, 8, 100, bytes.len() - 1] {
            let cut = Weights::from_bytes(&bytes[..length], Path::new("w"));
            assert!(matches!(cut, Err(Error::Unreadable { .. })), "cut at {length}");
        }
    }

    #[test]
    fn former_names_of_architectures_are_read() {
        let params = params();
        let sizes = style::Sizes { width: 4 };
        style::Stylizer::new(params.root(), sizes).unwrap();
        let former = Architecture { name: "imfw".into(), ..sizes.architecture() };
        let weights = Weights { architecture: former, provenance: Provenance::default(), tensors: params.to_tensors() };
        assert!(matches!(weights.network().unwrap(), Network::Style(_)));
        let read = Weights::from_bytes(&weights.to_bytes().unwrap(), Path::new("w")).unwrap();
        assert_eq!(read.architecture, sizes.architecture());
        let model = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/wave.onnx")).unwrap();
        let card = ModelCard::from_model(&model).unwrap();
        assert_eq!(card.architecture.name, "imfw");
        assert_eq!(Weights::from_model(&model, &card).unwrap().architecture.name, style::ARCHITECTURE);
    }

    #[test]
    fn networks_are_recognised_without_metadata() {
        let style_params = params();
        style::Stylizer::new(style_params.root(), style::Sizes { width: 4 }).unwrap();
        let gan_params = params();
        gan::Generator::new(gan_params.root(), gan::Sizes { hidden: 9, ..Default::default() }).unwrap();
        for (params, name) in [(style_params, style::ARCHITECTURE), (gan_params, gan::ARCHITECTURE)] {
            let bytes = safetensors::serialize(params.to_tensors(), None).unwrap();
            let weights = Weights::from_bytes(&bytes, Path::new("w")).unwrap();
            assert_eq!(weights.architecture.name, name);
            weights.network().unwrap();
        }
        let unknown = safetensors::serialize([("a", Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap())], None);
        let error = Weights::from_bytes(&unknown.unwrap(), Path::new("w")).unwrap_err();
        assert!(matches!(error, Error::UnknownNetwork { tensors, .. } if tensors == ["a"]));
    }
}
