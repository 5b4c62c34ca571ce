//! Compositing a stylized picture with the original: strength and colour preservation.

use crate::Picture;

/// A picture to stylize. An opaque one is both.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the model sees.
    pub seen: &'a Picture,
    /// What the stylized picture is composited with, of the same size.
    pub original: &'a Picture,
}

impl<'a> From<&'a Picture> for Source<'a> {
    fn from(picture: &'a Picture) -> Self {
        Self { seen: picture, original: picture }
    }
}

/// The luma weights of Rec. 709, on sRGB values.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// How a stylized picture is composited with the original. Default: strength 1, without the original's colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compositing {
    /// From 0, the original, to 1, the stylized picture; sRGB values in between are interpolated linearly.
    pub strength: f32,
    /// Whether to keep the original's colours and take only the luma of the stylized picture.
    ///
    /// This is the luminance-only transfer of Gatys et al. 2016 ("Preserving Color in Neural Artistic Style Transfer",
    /// arXiv 1606.05897) without histogram matching: the Rec. 709 luma of the sRGB values is replaced, and each channel
    /// keeps its difference from luma, the chroma. sRGB values are nearly perceptually uniform, so brush strokes keep
    /// their contrast; in linear light they would be lost in the shadows. A colour outside the gamut at the new luma is
    /// desaturated until it is inside, which keeps luma and hue; clipping the channels would change both.
    pub keep_color: bool,
}

impl Default for Compositing {
    fn default() -> Self {
        Self { strength: 1.0, keep_color: false }
    }
}

impl Compositing {
    /// One pixel of the result. `stylized` is in [0, 1]; values outside are clamped.
    pub fn pixel(self, original: [u8; 3], stylized: [f32; 3]) -> [u8; 3] {
        let original = original.map(|byte| f32::from(byte) / 255.0);
        let mut result = stylized.map(|value| value.clamp(0.0, 1.0));
        if self.keep_color {
            result = with_luma(original, luma(result));
        }
        if self.strength < 1.0 {
            result = std::array::from_fn(|c| original[c] + self.strength.max(0.0) * (result[c] - original[c]));
        }
        result.map(|value| (value * 255.0 + 0.5) as u8)
    }
}

fn luma(rgb: [f32; 3]) -> f32 {
    (0..3).map(|channel| LUMA[channel] * rgb[channel]).sum::<f32>().min(1.0)
}

/// A colour with another luma, desaturated as far as the gamut requires.
fn with_luma(colour: [f32; 3], wanted: f32) -> [f32; 3] {
    let own = luma(colour);
    let saturation = colour.iter().fold(1f32, |most, channel| {
        let difference = channel - own;
        let room = if difference > 0.0 { 1.0 - wanted } else { wanted };
        if difference.abs() > room { most.min(room / difference.abs()) } else { most }
    });
    colour.map(|channel| wanted + saturation * (channel - own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strength_interpolates() {
        let (original, stylized) = ([0, 100, 255], [1.0, 0.0, 100.0 / 255.0]);
        let pixel = |strength| Compositing { strength, keep_color: false }.pixel(original, stylized);
        assert_eq!(pixel(0.0), original);
        assert_eq!(pixel(1.0), [255, 0, 100]);
        assert_eq!(pixel(0.2), [51, 80, 224]);
        assert_eq!(Compositing::default().pixel(original, [-3.0, 7.0, 0.5]), [0, 255, 128]);
    }

    #[test]
    fn grey_has_no_colour_to_keep() {
        let compositing = Compositing { strength: 1.0, keep_color: true };
        assert_eq!(compositing.pixel([90, 90, 90], [1.0, 0.0, 0.0]), [54, 54, 54]);
        assert_eq!(compositing.pixel([255, 0, 0], [0.0; 3]), [0; 3]);
        assert_eq!(compositing.pixel([255, 0, 0], [1.0; 3]), [255; 3]);
    }

    proptest! {
        #[test]
        fn the_luma_is_new_and_the_hue_is_kept(original: [u8; 3], stylized in [0f32..=1.0, 0f32..=1.0, 0f32..=1.0]) {
            let kept = Compositing { strength: 1.0, keep_color: true }.pixel(original, stylized);
            let values = |pixel: [u8; 3]| pixel.map(|byte| f32::from(byte) / 255.0);
            prop_assert!((luma(values(kept)) - luma(stylized)).abs() < 0.6 / 255.0);
            // The channels keep their order: no hue turns into another.
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                let (before, after) = (original[a].cmp(&original[b]), kept[a].cmp(&kept[b]));
                prop_assert!(before == after || kept[a].abs_diff(kept[b]) <= 1, "{original:?} {kept:?}");
            }
        }

        #[test]
        fn strength_zero_is_the_original(original: [u8; 3], stylized: [f32; 3], keep_color: bool) {
            let finite = stylized.map(|value| if value.is_finite() { value } else { 0.0 });
            prop_assert_eq!(Compositing { strength: 0.0, keep_color }.pixel(original, finite), original);
        }
    }
}
