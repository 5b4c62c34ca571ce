//! How much of a style a picture takes, and whose colours.

/// The luma weights of Rec. 709, on sRGB values.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// What is made of an original and its stylized picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// From 0, the original, to 1, the stylized picture; between, both are mixed in sRGB values.
    pub strength: f32,
    /// Whether the colours are the original's and only the luma is the stylized picture's.
    ///
    /// This is the luminance-only transfer of Gatys et al. 2016 ("Preserving Color in Neural Artistic Style Transfer",
    /// arXiv 1606.05897) without its matching of histograms: Rec. 709 luma of the sRGB values is replaced, and the
    /// difference of each channel from luma, which is what the eye takes for the colour, is kept. sRGB values are nearly
    /// even to the eye, so brush strokes keep their contrast; linear light would bury them in the shadows. A colour that
    /// does not exist at the new luma is faded towards grey until it does, which keeps luma and hue; clipping the
    /// channels would change both.
    pub keep_color: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { strength: 1.0, keep_color: false }
    }
}

impl Look {
    /// One pixel of the result. `stylized` is 0 to 1; others are clamped.
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

/// A colour with another luma, as strong as it can be there.
fn with_luma(colour: [f32; 3], wanted: f32) -> [f32; 3] {
    let own = luma(colour);
    let strongest = colour.iter().fold(1f32, |most, channel| {
        let difference = channel - own;
        let room = if difference > 0.0 { 1.0 - wanted } else { wanted };
        if difference.abs() > room { most.min(room / difference.abs()) } else { most }
    });
    colour.map(|channel| wanted + strongest * (channel - own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strength_mixes() {
        let (original, stylized) = ([0, 100, 255], [1.0, 0.0, 100.0 / 255.0]);
        let pixel = |strength| Look { strength, keep_color: false }.pixel(original, stylized);
        assert_eq!(pixel(0.0), original);
        assert_eq!(pixel(1.0), [255, 0, 100]);
        assert_eq!(pixel(0.2), [51, 80, 224]);
        assert_eq!(Look::default().pixel(original, [-3.0, 7.0, 0.5]), [0, 255, 128]);
    }

    #[test]
    fn grey_has_no_colour_to_keep() {
        let look = Look { strength: 1.0, keep_color: true };
        assert_eq!(look.pixel([90, 90, 90], [1.0, 0.0, 0.0]), [54, 54, 54]);
        assert_eq!(look.pixel([255, 0, 0], [0.0; 3]), [0; 3]);
        assert_eq!(look.pixel([255, 0, 0], [1.0; 3]), [255; 3]);
    }

    proptest! {
        #[test]
        fn the_luma_is_new_and_the_hue_is_kept(original: [u8; 3], stylized in [0f32..=1.0, 0f32..=1.0, 0f32..=1.0]) {
            let kept = Look { strength: 1.0, keep_color: true }.pixel(original, stylized);
            let values = |pixel: [u8; 3]| pixel.map(|byte| f32::from(byte) / 255.0);
            prop_assert!((luma(values(kept)) - luma(stylized)).abs() < 0.6 / 255.0);
            // The channels keep their order: no hue turns into another.
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                let (before, after) = (original[a].cmp(&original[b]), kept[a].cmp(&kept[b]));
                prop_assert!(before == after || kept[a].abs_diff(kept[b]) <= 1, "{original:?} {kept:?}");
            }
        }

        #[test]
        fn strength_nothing_is_the_original(original: [u8; 3], stylized: [f32; 3], keep_color: bool) {
            let finite = stylized.map(|value| if value.is_finite() { value } else { 0.0 });
            prop_assert_eq!(Look { strength: 0.0, keep_color }.pixel(original, finite), original);
        }
    }
}
