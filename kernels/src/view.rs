//! Pictures as a kernel reads them.

use crate::Pictures;

/// In the maps of a [`View`]: a row or column of zeros.
pub const ZERO: u32 = u32::MAX;

/// Stored pictures, changed while they are read: rows and columns are chosen, which pads, crops and enlarges; then each
/// value becomes `activation(scale * value + shift)`. A zero of the maps stays zero.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The stored pictures.
    pub pictures: Pictures<'a>,
    /// The stored row of each row, or [`ZERO`]. `None`: all, in order.
    pub rows: Option<&'a [u32]>,
    /// The stored column of each column, or [`ZERO`]. `None`: all, in order.
    pub columns: Option<&'a [u32]>,
    /// A factor and a summand for each channel.
    pub affine: Option<Affine<'a>>,
    /// Applied last.
    pub activation: Activation,
}

impl<'a> View<'a> {
    /// The pictures as they are.
    pub fn new(pictures: Pictures<'a>) -> Self {
        Self { pictures, rows: None, columns: None, affine: None, activation: Activation::None }
    }

    /// Height and width as they are read.
    pub fn size(&self) -> [usize; 2] {
        let [height, width] = self.pictures.size;
        [self.rows.map_or(height, <[u32]>::len), self.columns.map_or(width, <[u32]>::len)]
    }

    /// # Panics
    /// If the data does not have the length that its dimensions ask for, or a map goes beyond it.
    pub(crate) fn check(&self) {
        let Pictures { data, order, batch, channels, size } = self.pictures;
        assert!(data.len() >= order.len(batch, channels, size), "the pictures are shorter than their dimensions");
        assert!(order.holds(channels), "the pictures have too few channels");
        for (map, size) in [self.rows, self.columns].into_iter().zip(size) {
            let inside = |&at: &u32| at == ZERO || (at as usize) < size;
            assert!(map.is_none_or(|map| map.iter().all(inside)), "a map goes beyond the pictures");
        }
        if let Some(affine) = &self.affine {
            assert!([channels, batch * channels].contains(&affine.scale.len()));
            assert_eq!(affine.scale.len(), affine.shift.len());
        }
    }

    /// The value of a channel at a pixel: `[picture, channel, row, column]`.
    pub fn at(&self, [n, c, y, x]: [usize; 4]) -> f32 {
        let source = |map: Option<&[u32]>, at: usize| map.map_or(at as u32, |map| map[at]);
        let (row, column) = (source(self.rows, y), source(self.columns, x));
        if row == ZERO || column == ZERO {
            return 0.0;
        }
        let value = self.pictures.at([n, c, row as usize, column as usize]);
        let value = self.affine.map_or(value, |affine| affine.apply(value, n, c, self.pictures.channels));
        self.activation.apply(value)
    }
}

/// A factor and a summand for each channel: `[channel]`, or `[batch, channel]`.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// The factors.
    pub scale: &'a [f32],
    /// The summands, as many.
    pub shift: &'a [f32],
}

impl<'a> Affine<'a> {
    /// The factors and summands of one picture.
    pub fn of(&self, picture: usize, channels: usize) -> (&'a [f32], &'a [f32]) {
        let first = if self.scale.len() > channels { picture * channels } else { 0 };
        (&self.scale[first..first + channels], &self.shift[first..first + channels])
    }

    fn apply(&self, value: f32, picture: usize, channel: usize, channels: usize) -> f32 {
        let (scale, shift) = self.of(picture, channels);
        value * scale[channel] + shift[channel]
    }
}

/// A function of each value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// The value itself.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x`, or this factor times `x` where it is negative.
    LeakyRelu(f32),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x` within these limits.
    Clip(f32, f32),
}

impl Activation {
    /// The function.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) if x < 0.0 => slope * x,
            Self::LeakyRelu(_) => x,
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Clip(low, high) => x.max(low).min(high),
        }
    }
}
