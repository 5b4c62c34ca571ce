//! The element type, the order of dimensions and the size of a model's picture.

/// The element type of a picture that a model takes. A model may return another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PixelType {
    /// 32-bit floats, as in all Easel models.
    #[default]
    F32,
    /// 16-bit floats.
    F16,
    /// Bytes, whose range is 0 to 255.
    U8,
}

/// The order of a picture's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// `[1, 3, height, width]`, as in all Easel models and as PyTorch has them.
    #[default]
    ChannelsFirst,
    /// `[1, height, width, 3]`, as TensorFlow has them.
    ChannelsLast,
}

impl Layout {
    /// The shape of a picture.
    pub fn shape(self, [height, width]: [usize; 2]) -> [usize; 4] {
        match self {
            Self::ChannelsFirst => [1, 3, height, width],
            Self::ChannelsLast => [1, height, width, 3],
        }
    }

    /// The height and width of a picture's shape; none if it is not that of one picture of three channels.
    pub fn size(self, shape: &[usize]) -> Option<[usize; 2]> {
        match (self, shape) {
            (Self::ChannelsFirst, [1, 3, height, width]) | (Self::ChannelsLast, [1, height, width, 3]) => {
                Some([*height, *width])
            }
            _ => None,
        }
    }
}

/// The only size that a model takes; none on an axis that can have any size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FixedSize {
    /// The only width.
    pub width: Option<usize>,
    /// The only height.
    pub height: Option<usize>,
}

impl FixedSize {
    /// Whether any size goes.
    pub fn is_any(self) -> bool {
        self == Self::default()
    }

    /// Whether there is only one size.
    pub fn is_complete(self) -> bool {
        self.width.is_some() && self.height.is_some()
    }

    /// Whether a picture of this size goes as it is.
    pub fn fits(self, width: usize, height: usize) -> bool {
        self.width.is_none_or(|only| only == width) && self.height.is_none_or(|only| only == height)
    }
}
