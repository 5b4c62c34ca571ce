//! The colours of a GIF.

use std::collections::BTreeMap;

use color_quant::NeuQuant;

use super::frame::Frame;

/// The most colours of a GIF.
const MAX_COLOURS: usize = 256;

/// The palette is learned from this many pixels, spread evenly over all frames: 0.1 s.
const TRAINING_PIXELS: usize = 1 << 17;

/// The least opacity of an opaque pixel: a GIF has no others but transparent ones.
const OPAQUE: u8 = 128;

/// The colours of all frames of an animation. Each pixel gets the nearest colour, without dithering: what stands still
/// keeps its colour from frame to frame.
pub struct Palette {
    colours: Colours,
    /// The index of the transparent entry.
    transparent: Option<u8>,
}

enum Colours {
    Exact(BTreeMap<[u8; 3], u8>),
    /// Dekker's neural network, "Kohonen neural networks for optimal colour quantization" (1994).
    Learned(NeuQuant),
}

impl Palette {
    /// A palette for RGB frames: exact if they have at most 256 colours, the transparent one included.
    pub fn of<'a>(frames: impl Iterator<Item = Frame<'a>> + Clone) -> Self {
        let pixels = frames.clone().flat_map(|frame| frame.pixels());
        let count = pixels.clone().flatten().count();
        let transparent = pixels.clone().any(|pixel| pixel.is_none());
        let most = if transparent { MAX_COLOURS - 1 } else { MAX_COLOURS };
        let mut exact = BTreeMap::new();
        for colour in pixels.clone().flatten() {
            let next = exact.len() as u8;
            exact.entry(colour).or_insert(next);
            if exact.len() > most {
                break;
            }
        }
        let transparent = transparent.then_some((MAX_COLOURS - 1) as u8);
        if exact.len() <= most {
            return Self { colours: Colours::Exact(exact), transparent };
        }
        let stride = (count / TRAINING_PIXELS).max(1);
        let samples: Vec<u8> = pixels.flatten().step_by(stride).flat_map(|[r, g, b]| [r, g, b, 255]).collect();
        Self { colours: Colours::Learned(NeuQuant::new(1, most, &samples)), transparent }
    }

    /// The colours, three bytes each.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match &self.colours {
            Colours::Exact(colours) => {
                let mut bytes = vec![0; 3 * colours.len()];
                for (colour, &index) in colours {
                    bytes[3 * usize::from(index)..][..3].copy_from_slice(colour);
                }
                bytes
            }
            Colours::Learned(network) => network.color_map_rgb(),
        };
        if self.transparent.is_some() {
            bytes.resize(3 * MAX_COLOURS, 0);
        }
        bytes
    }

    /// The index of the transparent entry, if there is one.
    pub fn transparent(&self) -> Option<u8> {
        self.transparent
    }

    /// The palette index of each pixel. The frame is one of those that the palette was made for.
    pub fn indices(&self, frame: Frame) -> Vec<u8> {
        let index = |colour: Option<[u8; 3]>| match (colour, &self.colours) {
            (None, _) => self.transparent.unwrap_or_default(),
            (Some(colour), Colours::Exact(colours)) => colours.get(&colour).copied().unwrap_or_default(),
            (Some([r, g, b]), Colours::Learned(network)) => network.index_of(&[r, g, b, 255]) as u8,
        };
        frame.pixels().map(index).collect()
    }
}

impl<'a> Frame<'a> {
    /// The colour of each pixel; `None` for transparent ones.
    fn pixels(self) -> impl Iterator<Item = Option<[u8; 3]>> + Clone + use<'a> {
        let pixels = self.picture.pixels.as_chunks::<3>().0.iter();
        pixels.enumerate().map(move |(at, &colour)| {
            let opaque = self.alpha.is_none_or(|alpha| alpha[at] >= OPAQUE);
            opaque.then_some(colour)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use easel_runtime::Picture;

    /// Frames of a thousand colours with equal left halves.
    #[test]
    fn what_stands_still_keeps_its_colour() {
        let frame = |seed: usize| Picture {
            width: 64,
            height: 32,
            channels: 3,
            pixels: (0..64 * 32)
                .flat_map(|at| {
                    let (x, y) = (at % 64, at / 64);
                    let moved = if x < 32 { 0 } else { seed * 60 };
                    [(x * 4) as u8, (y * 8 + moved) as u8, (x * y + moved) as u8]
                })
                .collect(),
        };
        let pictures = [frame(0), frame(1), frame(2)];
        let alpha: Vec<u8> = (0..64 * 32).map(|at| if at % 64 == 63 { OPAQUE - 1 } else { OPAQUE }).collect();
        for alpha in [None, Some(alpha.as_slice())] {
            let frames = pictures.each_ref().map(|picture| Frame { picture, alpha });
            let palette = Palette::of(frames.into_iter());
            let colours = palette.bytes();
            assert_eq!((colours.len(), palette.transparent()), (3 * MAX_COLOURS, alpha.map(|_| 255)));
            let indices = frames.map(|frame| palette.indices(frame));
            let mut error = 0.0;
            for (indices, picture) in indices.iter().zip(&pictures) {
                for (at, &index) in indices.iter().enumerate() {
                    assert_eq!(index == 255 && alpha.is_some(), alpha.is_some() && at % 64 == 63);
                    let colour = &colours[3 * usize::from(index)..][..3];
                    let pixel = &picture.pixels[3 * at..][..3];
                    if at % 64 < 63 {
                        error += colour.iter().zip(pixel).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
                    }
                }
            }
            assert!(indices.iter().all(|other| (0..64 * 32).all(|at| at % 64 >= 32 || other[at] == indices[0][at])));
            let mean = error / (3 * 3 * 63 * 32) as f64;
            assert!(mean < 12.0, "{mean}");
        }
    }
}
