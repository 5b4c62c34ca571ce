//! Opening the loss network of a perceptual loss.

use std::path::Path;

use candle_core::Device;

use crate::error::{Error, Result};
use crate::networks::features::{Features, advice};

impl Features {
    /// Opens the weights of VGG16 or SqueezeNet 1.1 from whatever [`open`](super::open) takes: torchvision's own, or
    /// narrower networks of the same build. Other tensors in the file, such as a classifier's, are ignored.
    ///
    /// Fails with [`Error::Unreadable`], [`Error::Int8Model`] or [`Error::FeatureNetwork`]; the message says where such
    /// weights can be downloaded.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        let file = super::open(path).map_err(|error| match error {
            Error::Unreadable { path: at, reason } => {
                Error::Unreadable { path: at, reason: format!("{reason}; {}", advice(path)) }
            }
            other => other,
        })?;
        let features =
            file.dictionaries.iter().map(|dictionary| &dictionary.tensors).find(|tensors| Self::fits(tensors));
        Self::from_tensors(features.unwrap_or(file.tensors()).clone(), device).map_err(|error| Error::FeatureNetwork {
            path: file.path,
            error: Box::new(error),
            advice: advice(path),
        })
    }
}
