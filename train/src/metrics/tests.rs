//! What the numbers say of sets that are broken in a known way.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::*;
use crate::data::Pictures;
use crate::data::scenes::scenes;
use crate::data::synthetic::digits;

/// Pixels that another program can make too: in NumPy, with i the picture,
/// `(i*i*31 + channel*57 + (y*(3+i)) * (x+2*channel+1) + 7*x*x) % 251`.
pub(super) fn formula(index: usize, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let pixel = |channel: usize, y: usize, x: usize| {
        (index * index * 31 + channel * 57 + y * (3 + index) * (x + 2 * channel + 1) + 7 * x * x) % 251
    };
    let places = (0..channels * height * width).map(|at| (at / (height * width), at / width % height, at % width));
    places.map(|(channel, y, x)| pixel(channel, y, x) as u8).collect()
}

const COLOUR: PictureFormat = PictureFormat { channels: 3, height: 64, width: 64 };
const COUNT: usize = 100;

/// A watch over scenes, and as many scenes that it has not seen.
static WATCHED: LazyLock<(Watch, Vec<u8>)> =
    LazyLock::new(|| (watch(&scenes(2 * COUNT, 1, COLOUR)), shuffled(&scenes(COUNT, 2, COLOUR))));

fn slices(pictures: &Pictures) -> Vec<&[u8]> {
    (0..pictures.len()).map(|index| pictures.pixels_of(index)).collect()
}

fn watch(reals: &Pictures) -> Watch {
    Watch::new(reals, COUNT, 7).unwrap()
}

fn shuffled(pictures: &Pictures) -> Vec<u8> {
    let mut slices = slices(pictures);
    Random::new(5, 0).shuffle(&mut slices);
    slices.concat()
}

/// Each value over its floor.
fn ratios(watch: &Watch, pictures: &[u8]) -> BTreeMap<String, f64> {
    let measures = watch.measure(pictures).unwrap();
    measures.into_iter().map(|measure| (measure.name, measure.value / measure.floor.unwrap())).collect()
}

fn each_picture(pictures: &[u8], change: impl Fn(usize, &mut [u8])) -> Vec<u8> {
    let mut pictures = pictures.to_vec();
    pictures.chunks_exact_mut(COLOUR.len()).enumerate().for_each(|(index, picture)| change(index, picture));
    pictures
}

#[test]
fn other_real_pictures_are_at_the_floor() {
    let (watch, others) = &*WATCHED;
    let ratios = ratios(watch, others);
    assert_eq!(ratios.keys().collect::<Vec<_>>(), ["ms_ssim", "swd", "swd_16", "swd_32", "swd_64"]);
    assert!(ratios.values().all(|ratio| (0.6..1.5).contains(ratio)), "{ratios:?}");
}

#[test]
fn a_set_is_not_away_from_itself() {
    let reals = scenes(8, 1, COLOUR);
    let measure = SlicedWasserstein::new(COLOUR, 3);
    let profile = measure.profile(&slices(&reals));
    assert_eq!(profile.distances(&measure.profile(&slices(&reals))), [0.0; 3]);
}

#[test]
fn blur_shows_where_it_is_finest() {
    let (watch, others) = &*WATCHED;
    let blurred = each_picture(others, |_, picture| {
        for plane in picture.chunks_exact_mut(64 * 64) {
            let sharp = plane.to_vec();
            for (at, pixel) in plane.iter_mut().enumerate() {
                let (y, x) = (at / 64, at % 64);
                let place = |dy: usize, dx: usize| (y + dy).clamp(1, 64) * 64 - 64 + (x + dx).clamp(1, 64) - 1;
                let sum: u32 = (0..9).map(|tap| u32::from(sharp[place(tap / 3, tap % 3)])).sum();
                *pixel = (sum / 9) as u8;
            }
        }
    });
    let ratios = ratios(watch, &blurred);
    assert!(ratios["swd_64"] > 2.0 && ratios["swd_64"] > 1.5 * ratios["swd_32"], "{ratios:?}");
    assert!(ratios["swd_32"] > ratios["swd_16"], "{ratios:?}");
}

#[test]
fn tints_show_where_it_is_coarsest() {
    let (watch, others) = &*WATCHED;
    // Red in one half of the pictures, blue in the other.
    let tinted = each_picture(others, |index, picture| {
        let channel = &mut picture[index % 2 * 2 * 64 * 64..][..64 * 64];
        channel.iter_mut().for_each(|value| *value = value.saturating_add(100));
    });
    let ratios = ratios(watch, &tinted);
    assert!(ratios["swd_16"] > 2.0 && ratios["swd_16"] > 1.5 * ratios["swd_64"], "{ratios:?}");
}

#[test]
fn collapse_shows() {
    let (watch, others) = &*WATCHED;
    let one = each_picture(others, |_, picture| picture.copy_from_slice(&others[..COLOUR.len()]));
    let measures = watch.measure(&one).unwrap();
    let similarity = measures.last().unwrap();
    assert!((similarity.value - 1.0).abs() < 1e-6 && similarity.floor.unwrap() < 0.5, "{similarity:?}");
    assert!(measures[..4].iter().all(|swd| swd.value > 3.0 * swd.floor.unwrap()), "{measures:?}");
    // One grey.
    let flat = vec![128; COLOUR.len() * COUNT];
    assert!(watch.measure(&flat).unwrap()[..4].iter().all(|swd| swd.value > 5.0 * swd.floor.unwrap()));
}

#[test]
fn the_same_with_any_number_of_threads() {
    let format = PictureFormat { channels: 1, height: 32, width: 32 };
    let (reals, others) = (digits(70, 1, format), digits(35, 2, format));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| records(&watch(&reals).measure(&others.pixels).unwrap()))
    };
    let found = on(1);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = ["swd_32", "swd_32_floor", "swd_16", "swd_16_floor", "swd", "swd_floor", "ms_ssim", "ms_ssim_floor"];
    assert_eq!(names, wanted);
    assert_eq!(found, on(3));
    let other = Watch::new(&reals, COUNT, 8).unwrap();
    assert_ne!(found, records(&other.measure(&others.pixels).unwrap()));
}

#[test]
fn small_pictures() {
    for (channels, side) in [(1, 4), (3, 4), (1, 8), (3, 8), (1, 28)] {
        let format = PictureFormat { channels, height: side, width: side };
        let watch = watch(&digits(2 * COUNT, 1, format));
        let ratios = ratios(&watch, &shuffled(&digits(COUNT, 2, format)));
        assert_eq!(ratios.keys().collect::<Vec<_>>(), ["ms_ssim", "swd", &format!("swd_{side}")]);
        assert!(ratios.values().all(|ratio| (0.5..2.0).contains(ratio)), "{channels} {side}: {ratios:?}");
    }
}

#[test]
fn few_pictures() {
    let format = PictureFormat { channels: 3, height: 8, width: 8 };
    let others = digits(3, 2, format);
    for (count, compared) in [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3)] {
        let watch = watch(&digits(count, 1, format));
        assert_eq!(watch.count(), compared);
        let found = records(&watch.measure(&others.pixels).unwrap());
        assert!(found.iter().all(|(_, value)| value.is_finite()), "{found:?}");
        let has = |name: &str| found.iter().any(|(found, _)| found == name);
        assert_eq!((has("swd_8"), has("swd_8_floor"), has("ms_ssim")), (true, count > 1, compared > 1), "{found:?}");
    }
}

#[test]
fn what_cannot_be_measured_is_named() {
    let format = PictureFormat { channels: 1, height: 8, width: 8 };
    assert!(Watch::new(&digits(0, 1, format), 10, 0).unwrap_err().to_string().contains("without pictures"));
    let watch = watch(&digits(20, 1, format));
    let error = watch.measure(&[0; 9 * 64]).unwrap_err().to_string();
    assert!(error.contains("9 pictures") && error.contains("of 10"), "{error}");
    let tensor = |values: [f32; 4]| Tensor::new(&values, &candle_core::Device::Cpu).unwrap();
    assert_eq!(bytes(&tensor([-0.5, 0.5, 1.0, 7.0])).unwrap(), [0, 128, 255, 255]);
    assert!(bytes(&tensor([0.0, f32::NAN, 0.0, 0.0])).unwrap_err().to_string().contains("NaN"));
}
