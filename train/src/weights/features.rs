//! Opening the loss network of a perceptual loss.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use super::choice::{Choice, Family};
use super::locate::{Location, locate};
use crate::error::{Error, Result};
use crate::networks::features::{Features, Kind, advice};

/// VGG16 and SqueezeNet 1.1, with the divisors of their widths.
const FEATURES: Family<(Kind, usize)> =
    Family { recognise: Kind::recognise, names: |(kind, divisor)| Features::names(*kind, *divisor) };

impl Features {
    /// Opens the weights of VGG16 or SqueezeNet 1.1 from whatever [`open`](super::open) takes: torchvision's own, or
    /// narrower networks of the same build. Other tensors in the file, such as a classifier's, are ignored.
    ///
    /// Fails with [`Error::Unreadable`], [`Error::Int8Model`] or [`Error::FeatureNetwork`]; the message says where such
    /// weights can be downloaded.
    pub fn load(path: &Path, device: &Device) -> Result<Self> {
        Self::load_part(path, None, device).map(|(features, _)| features)
    }

    /// The same of the part that [`open_part`](super::open_part) takes. Beside the network it gives what a user should know
    /// of the choice, one line each.
    pub fn load_part(path: &Path, part: Option<&str>, device: &Device) -> Result<(Self, Vec<String>)> {
        let with_advice = |error| match error {
            Error::Unreadable { path: at, reason } => {
                Error::Unreadable { path: at, reason: format!("{reason}; {}", advice(path)) }
            }
            other => other,
        };
        let (tensors, notes) = Self::tensors(path, part).map_err(with_advice)?;
        let features = Self::from_tensors(tensors, device).map_err(|error| Error::FeatureNetwork {
            path: path.into(),
            error: Box::new(error),
            advice: advice(path),
        })?;
        Ok((features, notes))
    }

    /// The tensors of such a network, or of another one, and notes.
    fn tensors(path: &Path, part: Option<&str>) -> Result<(BTreeMap<String, Tensor>, Vec<String>)> {
        let mut problem = None;
        if let Location::File(file) = locate(path)?
            && let Some((choice, _)) = super::choose_in(&super::bytes(&file)?, path, part, &FEATURES)?
        {
            let notes = choice.notes(path);
            match choice {
                Choice { network: Some(_), tensors, .. } => return Ok((tensors, notes)),
                Choice { problem: found, .. } => problem = found,
            }
        }
        let file = super::open_part(path, part)?;
        match problem {
            Some(problem) if file.architecture.is_none() => Err(Error::unreadable(path, problem)),
            _ => Ok((file.tensors, Vec::new())),
        }
    }
}
