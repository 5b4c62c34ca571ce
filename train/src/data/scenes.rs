//! `scenes`: the landscapes of [`easel_scenes`] as a labelled set.

use easel_scenes::{Motif, scene};
use rayon::prelude::*;

use super::{About, PictureFormat, Pictures};

/// Draws `count` scenes. A picture depends on the seed and its index alone.
pub fn scenes(count: usize, seed: u64, format: PictureFormat) -> Pictures {
    let mut pixels = vec![0; count * format.len()];
    let plane = format.height * format.width;
    pixels.par_chunks_mut(format.len()).enumerate().for_each(|(index, planes)| {
        let (picture, _) = scene(seed, index as u64, format.height, format.width);
        for (at, pixel) in picture.pixels.chunks_exact(3).enumerate() {
            match format.channels {
                // Rec. 709 luma, the grey of picture files.
                1 => {
                    planes[at] = ((2126 * u32::from(pixel[0]) + 7152 * u32::from(pixel[1]) + 722 * u32::from(pixel[2]))
                        / 10000) as u8
                }
                _ => (0..3).for_each(|channel| planes[channel * plane + at] = pixel[channel]),
            }
        }
    });
    Pictures {
        format,
        pixels,
        labels: (0..count).map(|index| (index % Motif::ALL.len()) as u32).collect(),
        classes: Motif::ALL.map(|motif| motif.name().into()).to_vec(),
        name: "synthetic scenes".into(),
        skipped: 0,
        reasons: vec![],
        about: About::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_the_scenes_of_its_indices() {
        let format = PictureFormat { channels: 3, height: 32, width: 40 };
        let some = scenes(8, 3, format);
        assert_eq!(some.labels, [0, 1, 2, 3, 4, 5, 0, 1]);
        assert_eq!(some.picture(5), scene(3, 5, 32, 40).0);
        let grey = scenes(1, 3, PictureFormat { channels: 1, ..format }).picture(0);
        let luma = image::RgbImage::from_raw(40, 32, scene(3, 0, 32, 40).0.pixels).unwrap();
        let luma = image::DynamicImage::from(luma).into_luma8().into_raw();
        assert!(grey.pixels.iter().zip(luma).all(|(&found, expected)| found.abs_diff(expected) <= 1));
    }
}
