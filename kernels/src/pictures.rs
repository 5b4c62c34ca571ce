//! Pictures in memory.

/// The order of the values of pictures in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `[batch, channel, height, width]`.
    ChannelsFirst,
    /// `[batch, height, width, stride]`, of which the pictures are the channels from `first` on. Several tensors can
    /// share such memory, which is how they are concatenated.
    ChannelsLast {
        /// The distance between two pixels, in values.
        stride: usize,
        /// The first channel.
        first: usize,
    },
}

impl Order {
    /// Channels last, with nothing between two pixels.
    pub fn interleaved(channels: usize) -> Self {
        Self::ChannelsLast { stride: channels, first: 0 }
    }

    /// The number of values that pictures of these dimensions span, or the largest number if there are more.
    pub fn len(&self, batch: usize, channels: usize, [height, width]: [usize; 2]) -> usize {
        let of_pixel = match self {
            Self::ChannelsFirst => channels,
            Self::ChannelsLast { stride, .. } => *stride,
        };
        [batch, height, width, of_pixel].into_iter().fold(1, usize::saturating_mul)
    }

    /// Whether a pixel has room for so many channels.
    pub(crate) fn holds(&self, channels: usize) -> bool {
        match self {
            Self::ChannelsFirst => true,
            Self::ChannelsLast { stride, first } => first.checked_add(channels).is_some_and(|end| end <= *stride),
        }
    }

    /// The position of a value.
    pub fn position(&self, channels: usize, [height, width]: [usize; 2], [n, c, y, x]: [usize; 4]) -> usize {
        match self {
            Self::ChannelsFirst => ((n * channels + c) * height + y) * width + x,
            Self::ChannelsLast { stride, first } => ((n * height + y) * width + x) * stride + first + c,
        }
    }
}

/// Pictures that are read.
#[derive(Debug, Clone, Copy)]
pub struct Pictures<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Their order.
    pub order: Order,
    /// The number of pictures.
    pub batch: usize,
    /// The number of channels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
}

impl Pictures<'_> {
    /// The value of a channel at a pixel: `[picture, channel, row, column]`.
    pub fn at(&self, at: [usize; 4]) -> f32 {
        self.data[self.order.position(self.channels, self.size, at)]
    }
}

/// Pictures that are written.
#[derive(Debug)]
pub struct Target<'a> {
    /// The values.
    pub data: &'a mut [f32],
    /// Their order.
    pub order: Order,
}
