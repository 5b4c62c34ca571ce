//! Networks whose activations judge pictures: what a perceptual loss looks through.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;

use super::squeezenet::{self, SqueezeNet};
use super::vgg::{self, Vgg16};
use crate::{Error, Params, Result, Value, tensors};

/// The first convolution, from whose shape a network and its width are told.
const FIRST: &str = "features.0.weight";

/// The kinds of network that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// VGG16 up to relu4_3.
    Vgg16,
    /// SqueezeNet 1.1.
    SqueezeNet,
}

impl Kind {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "VGG16",
            Self::SqueezeNet => "SqueezeNet 1.1",
        }
    }

    /// Its layers, the shallowest first.
    pub fn layers(self) -> &'static [&'static str] {
        match self {
            Self::Vgg16 => &vgg::LAYERS,
            Self::SqueezeNet => &squeezenet::LAYERS,
        }
    }

    /// The smallest picture, in pixels a side, of which every layer has something.
    pub fn at_least(self) -> usize {
        match self {
            Self::Vgg16 => vgg::AT_LEAST,
            Self::SqueezeNet => squeezenet::AT_LEAST,
        }
    }

    /// Tells from names and shapes which network weights belong to, and by what its widths are divided. Whether all of
    /// its parameters are there shows when they are loaded.
    fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<(Self, usize)> {
        let [width, 3, 3, 3] = shapes.get(FIRST)?[..] else { return None };
        let divisor = |published: usize| published.is_multiple_of(width).then(|| published / width);
        let kind = if shapes.contains_key("features.12.squeeze.weight") {
            Self::SqueezeNet
        } else if shapes.contains_key("features.21.weight") {
            Self::Vgg16
        } else {
            return None;
        };
        Some((kind, divisor(64)?))
    }
}

/// A network with its weights. They are frozen: no gradients of them are computed.
#[derive(Debug, Clone)]
pub enum Features {
    /// VGG16 up to relu4_3.
    Vgg16(Vgg16),
    /// SqueezeNet 1.1.
    SqueezeNet(SqueezeNet),
}

impl Features {
    /// Reads the weights of VGG16 or SqueezeNet 1.1, safetensors or `.pth`, told by looking at the file: torchvision's
    /// own, or narrower networks of the same build. What the file holds beside (a classifier) is left alone.
    ///
    /// The error of a missing file says where there are such weights.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        if !path.exists() {
            return Err(Error::Data(format!("{}: no such file; {}", path.display(), advice(path))));
        }
        let tensors = tensors::read(path).map_err(|error| Error::Checkpoint(format!("{error}; {}", advice(path))))?;
        Self::from_tensors(tensors, device)
            .map_err(|error| Error::Checkpoint(format!("{}: {error}; {}", path.display(), advice(path))))
    }

    /// Builds the network that these weights are of.
    pub fn from_tensors(mut tensors: BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
        let Some((kind, divisor)) = Kind::recognise(&shapes) else {
            return Err(Error::Checkpoint(match super::recognise(&shapes) {
                Ok(other) => format!("weights of the network `{}`, which judges no pictures", other.name),
                Err(_) => {
                    let first: Vec<_> = shapes.keys().take(3).map(String::as_str).collect();
                    format!("neither VGG16 nor SqueezeNet 1.1 ({} tensors: {}, ..)", shapes.len(), first.join(", "))
                }
            }));
        };
        let params = Params::new(DType::F32, device, Random::new(0, 0));
        let features = match kind {
            Kind::Vgg16 => Self::Vgg16(Vgg16::new(params.root(), divisor)?),
            Kind::SqueezeNet => Self::SqueezeNet(SqueezeNet::new(params.root(), divisor)?),
        };
        let wanted: Vec<_> = params.all().iter().map(|param| param.name().to_string()).collect();
        tensors.retain(|name, _| wanted.contains(name));
        params
            .load(&tensors)
            .map_err(|error| Error::Checkpoint(format!("it looks like {}, but {error}", kind.name())))?;
        params.set_frozen(true);
        Ok(features)
    }

    /// Which network it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Vgg16(_) => Kind::Vgg16,
            Self::SqueezeNet(_) => Kind::SqueezeNet,
        }
    }

    /// The activations of the first `count` of the [layers](Kind::layers), of ImageNet-normalised pictures
    /// `[batch, 3, height, width]`.
    pub fn features<V: Value>(&self, x: &V, count: usize) -> Result<Vec<V>> {
        match self {
            Self::Vgg16(network) => network.features(x, count),
            Self::SqueezeNet(network) => network.features(x, count),
        }
    }
}

impl From<Vgg16> for Features {
    fn from(network: Vgg16) -> Self {
        Self::Vgg16(network)
    }
}

impl From<SqueezeNet> for Features {
    fn from(network: SqueezeNet) -> Self {
        Self::SqueezeNet(network)
    }
}

/// Where weights come from.
pub fn advice(path: &Path) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    format!(
        "download VGG16 (528 MB, https://download.pytorch.org/models/vgg16-397923af.pth) or SqueezeNet 1.1 (5 MB, \
         https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth) into {} and name the file with --features",
        folder.display()
    )
}
