//! Pretrained networks whose activations a perceptual loss compares.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use easel_runtime::Random;

use super::squeezenet::{self, SqueezeNet};
use super::vgg::{self, Vgg16};
use crate::{Error, Params, Result, Value};

/// The first convolution, whose shape shows the width.
const FIRST: &str = "features.0.weight";

/// The known networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// VGG16 up to relu4_3.
    Vgg16,
    /// SqueezeNet 1.1.
    SqueezeNet,
}

impl Kind {
    /// The display name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "VGG16",
            Self::SqueezeNet => "SqueezeNet 1.1",
        }
    }

    /// The layers, the shallowest first.
    pub fn layers(self) -> &'static [&'static str] {
        match self {
            Self::Vgg16 => &vgg::LAYERS,
            Self::SqueezeNet => &squeezenet::LAYERS,
        }
    }

    /// The smallest side of a picture, in pixels, for which no layer's output is empty.
    pub fn at_least(self) -> usize {
        match self {
            Self::Vgg16 => vgg::AT_LEAST,
            Self::SqueezeNet => squeezenet::AT_LEAST,
        }
    }

    /// The network that weights of these names and shapes belong to, and the divisor of its widths. Loading them checks
    /// whether they are complete.
    pub(crate) fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<(Self, usize)> {
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

/// A network with frozen weights: their gradients are not computed.
#[derive(Debug, Clone)]
pub enum Features {
    /// VGG16 up to relu4_3.
    Vgg16(Vgg16),
    /// SqueezeNet 1.1.
    SqueezeNet(SqueezeNet),
}

impl Features {
    /// Builds VGG16 or SqueezeNet 1.1 from its weights; other tensors are ignored. Fails with [`Error::WrongNetwork`] or
    /// [`Error::WeightsMismatch`].
    pub fn from_tensors(mut tensors: BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let shapes = shapes(&tensors);
        let Some((kind, divisor)) = Kind::recognise(&shapes) else {
            let found = super::recognise(&shapes).map(|architecture| architecture.name);
            return Err(Error::WrongNetwork { found, wanted: "VGG16 or SqueezeNet 1.1" });
        };
        let params = Params::new(DType::F32, device, Random::new(0, 0));
        let features = Self::build(kind, divisor, &params)?;
        let wanted: Vec<_> = params.all().iter().map(|param| param.name().to_string()).collect();
        tensors.retain(|name, _| wanted.contains(name));
        params.load(&tensors)?;
        params.set_frozen(true);
        Ok(features)
    }

    fn build(kind: Kind, divisor: usize, params: &Params) -> Result<Self> {
        Ok(match kind {
            Kind::Vgg16 => Self::Vgg16(Vgg16::new(params.root(), divisor)?),
            Kind::SqueezeNet => Self::SqueezeNet(SqueezeNet::new(params.root(), divisor)?),
        })
    }

    /// The names of the parameters.
    pub(crate) fn names(kind: Kind, divisor: usize) -> Result<Vec<String>> {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(0, 0));
        Self::build(kind, divisor, &params)?;
        Ok(params.all().iter().map(|param| param.name().to_string()).collect())
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

fn shapes(tensors: &BTreeMap<String, Tensor>) -> BTreeMap<String, Vec<usize>> {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect()
}

/// Where pretrained weights can be downloaded.
pub fn advice(path: &Path) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    format!(
        "download VGG16 (528 MB, https://download.pytorch.org/models/vgg16-397923af.pth) or SqueezeNet 1.1 (5 MB, \
         https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth) into {} and name the file with --features",
        folder.display()
    )
}
