//! The range of a model's pixel values.

use std::fmt;
use std::str::FromStr;

/// The range of pixel values, from black to white.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// 0 to 1, as in all Easel models.
    #[default]
    Unit,
    /// 0 to 255, as in many other models.
    Byte,
    /// -1 to 1.
    Signed,
    /// 0 to 1, normalised by ImageNet's mean and standard deviation per channel, as for torchvision's networks.
    ImageNet,
}

/// ImageNet's mean and standard deviation of red, green and blue, for values from 0 to 1.
pub(super) const IMAGENET: [(f32, f32); 3] = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)];

impl Range {
    /// The value of black in a channel (0 is red), and the difference of white from it.
    pub(super) fn low_and_span(self, channel: usize) -> (f32, f32) {
        match self {
            Self::Unit => (0.0, 1.0),
            Self::Byte => (0.0, 255.0),
            Self::Signed => (-1.0, 2.0),
            Self::ImageNet => {
                let (mean, deviation) = IMAGENET[channel];
                (-mean / deviation, 1.0 / deviation)
            }
        }
    }

    /// The range named by a value of the standard metadata key `Image.NominalPixelRange`.
    pub fn from_metadata(value: &str) -> Option<Self> {
        match value {
            "Normalized_0_1" => Some(Self::Unit),
            "NominalRange_0_255" => Some(Self::Byte),
            "Normalized_1_1" => Some(Self::Signed),
            _ => None,
        }
    }
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "0..1" => Ok(Self::Unit),
            "0..255" => Ok(Self::Byte),
            "-1..1" => Ok(Self::Signed),
            "imagenet" => Ok(Self::ImageNet),
            _ => Err("expected 0..1, 0..255, -1..1 or imagenet".into()),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unit => "0..1",
            Self::Byte => "0..255",
            Self::Signed => "-1..1",
            Self::ImageNet => "imagenet",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parsed() {
        for range in [Range::Unit, Range::Byte, Range::Signed, Range::ImageNet] {
            assert_eq!(range.to_string().parse(), Ok(range));
        }
        assert!("0..2".parse::<Range>().is_err());
        assert_eq!(Range::from_metadata("NominalRange_0_255"), Some(Range::Byte));
        assert_eq!(Range::from_metadata("NominalRange_16_235"), None);
    }
}
