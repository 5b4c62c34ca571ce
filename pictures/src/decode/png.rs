//! What `image` does not provide for PNG: its colour space without an ICC profile.

use std::io::Cursor;

use png::{DecodeOptions, Decoder, Limits};

use crate::colour_space::ColourSpace;

/// The ICC profile and the colour space that apply: those of the first of the chunks cICP, iCCP, sRGB, and gAMA with
/// cHRM (PNG, third edition, 4.3).
pub fn colours(bytes: &[u8], icc_profile: Option<Vec<u8>>) -> (Option<Vec<u8>>, Option<ColourSpace>) {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: 1 << 26 });
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    decoder.set_ignore_text_chunk(true);
    let Ok(reader) = decoder.read_info() else { return (icc_profile, None) };
    let info = reader.info();
    if let Some(code) = info.coding_independent_code_points
        // RGB has no other matrix.
        && code.matrix_coefficients == 0
        && let Some(space) = ColourSpace::from_code_points(
            code.color_primaries.into(),
            code.transfer_function.into(),
            code.is_video_full_range_image,
        )
    {
        return (None, Some(space));
    }
    if icc_profile.is_some() || info.srgb.is_some() {
        return (icc_profile, None);
    }
    let chromaticities = info.chrm_chunk.map(|points| {
        [points.red, points.green, points.blue, points.white]
            .map(|(x, y)| [x, y].map(|value| f64::from(value.into_value())))
    });
    let gamma = info.gama_chunk.map(|gamma| f64::from(gamma.into_value()));
    (None, ColourSpace::from_gamma(gamma, chromaticities))
}
