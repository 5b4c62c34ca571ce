//! What the metrics say of sets that are broken in a known way.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::*;
use crate::data::Pictures;
use crate::data::scenes::scenes;
use crate::data::synthetic::digits;
use crate::metrics::measurement::records;

const COLOUR: PictureFormat = PictureFormat { channels: 3, height: 64, width: 64 };
const COUNT: usize = 100;

/// A tracker of scenes, and as many scenes that it has not seen.
static SCENES: LazyLock<(MetricTracker, Vec<u8>)> =
    LazyLock::new(|| (tracker(&scenes(2 * COUNT, 1, COLOUR)), shuffled(&scenes(COUNT, 2, COLOUR))));

fn slices(pictures: &Pictures) -> Vec<&[u8]> {
    (0..pictures.len()).map(|index| pictures.pixels_of(index)).collect()
}

fn tracker(real: &Pictures) -> MetricTracker {
    MetricTracker::new(real, COUNT, 7).unwrap()
}

fn shuffled(pictures: &Pictures) -> Vec<u8> {
    let mut slices = slices(pictures);
    Random::new(5, 0).shuffle(&mut slices);
    slices.concat()
}

/// Each value over its baseline.
fn ratios(tracker: &MetricTracker, pictures: &[u8]) -> BTreeMap<String, f64> {
    let ratio = |found: Measurement| (found.name, found.value / found.baseline.unwrap());
    tracker.measure(pictures).unwrap().into_iter().map(ratio).collect()
}

fn each_picture(pictures: &[u8], change: impl Fn(usize, &mut [u8])) -> Vec<u8> {
    let mut pictures = pictures.to_vec();
    pictures.chunks_exact_mut(COLOUR.len()).enumerate().for_each(|(index, picture)| change(index, picture));
    pictures
}

#[test]
fn other_real_pictures_are_at_the_baseline() {
    let (tracker, others) = &*SCENES;
    let ratios = ratios(tracker, others);
    assert_eq!(ratios.keys().collect::<Vec<_>>(), ["ms_ssim", "swd", "swd_16", "swd_32", "swd_64"]);
    assert!(ratios.values().all(|ratio| (0.6..1.5).contains(ratio)), "{ratios:?}");
}

#[test]
fn a_set_has_no_distance_from_itself() {
    let real = scenes(8, 1, COLOUR);
    let measure = SlicedWasserstein::new(COLOUR, 3);
    let profile = measure.profile(&slices(&real));
    assert_eq!(profile.distances(&measure.profile(&slices(&real))), [0.0; 3]);
}

#[test]
fn blur_shows_on_the_finest_level() {
    let (tracker, others) = &*SCENES;
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
    let ratios = ratios(tracker, &blurred);
    assert!(ratios["swd_64"] > 2.0 && ratios["swd_64"] > 1.5 * ratios["swd_32"], "{ratios:?}");
    assert!(ratios["swd_32"] > ratios["swd_16"], "{ratios:?}");
}

#[test]
fn tints_show_on_the_coarsest_level() {
    let (tracker, others) = &*SCENES;
    // Red in one half of the pictures, blue in the other.
    let tinted = each_picture(others, |index, picture| {
        let channel = &mut picture[index % 2 * 2 * 64 * 64..][..64 * 64];
        channel.iter_mut().for_each(|value| *value = value.saturating_add(100));
    });
    let ratios = ratios(tracker, &tinted);
    assert!(ratios["swd_16"] > 2.0 && ratios["swd_16"] > 1.5 * ratios["swd_64"], "{ratios:?}");
}

#[test]
fn collapse_shows() {
    let (tracker, others) = &*SCENES;
    let one = each_picture(others, |_, picture| picture.copy_from_slice(&others[..COLOUR.len()]));
    let found = tracker.measure(&one).unwrap();
    let similarity = found.last().unwrap();
    assert!((similarity.value - 1.0).abs() < 1e-6 && similarity.baseline.unwrap() < 0.5, "{similarity:?}");
    assert!(found[..4].iter().all(|swd| swd.value > 3.0 * swd.baseline.unwrap()), "{found:?}");
    // Uniform grey.
    let flat = vec![128; COLOUR.len() * COUNT];
    assert!(tracker.measure(&flat).unwrap()[..4].iter().all(|swd| swd.value > 5.0 * swd.baseline.unwrap()));
}

#[test]
fn the_same_with_any_number_of_threads() {
    let format = PictureFormat { channels: 1, height: 32, width: 32 };
    let (real, others) = (digits(70, 1, format), digits(35, 2, format));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| records(&tracker(&real).measure(&others.pixels).unwrap()))
    };
    let found = on(1);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = ["swd_32", "swd_16", "swd", "ms_ssim"].map(|name| [name.to_string(), format!("{name}_baseline")]);
    assert_eq!(names, wanted.concat());
    assert_eq!(found, on(3));
    let other = MetricTracker::new(&real, COUNT, 8).unwrap();
    assert_ne!(found, records(&other.measure(&others.pixels).unwrap()));
}

#[test]
fn small_pictures() {
    for (channels, side) in [(1, 4), (3, 4), (1, 8), (3, 8), (1, 28)] {
        let format = PictureFormat { channels, height: side, width: side };
        let tracker = tracker(&digits(2 * COUNT, 1, format));
        let ratios = ratios(&tracker, &shuffled(&digits(COUNT, 2, format)));
        assert_eq!(ratios.keys().collect::<Vec<_>>(), ["ms_ssim", "swd", &format!("swd_{side}")]);
        assert!(ratios.values().all(|ratio| (0.5..2.0).contains(ratio)), "{channels} {side}: {ratios:?}");
    }
}

#[test]
fn few_pictures() {
    let format = PictureFormat { channels: 3, height: 8, width: 8 };
    let others = digits(3, 2, format);
    for (count, compared) in [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3)] {
        let tracker = tracker(&digits(count, 1, format));
        assert_eq!(tracker.count(), compared);
        let found = records(&tracker.measure(&others.pixels).unwrap());
        assert!(found.iter().all(|(_, value)| value.is_finite()), "{found:?}");
        let has = |name: &str| found.iter().any(|(found, _)| found == name);
        assert_eq!((has("swd_8"), has("swd_8_baseline"), has("ms_ssim")), (true, count > 1, compared > 1), "{found:?}");
    }
}

#[test]
fn noise_is_far_from_digits() {
    let format = PictureFormat { channels: 1, height: 28, width: 28 };
    let (tracker, others) = (tracker(&digits(2 * COUNT, 1, format)), shuffled(&digits(COUNT, 2, format)));
    let found = tracker.measure_beside_noise(&others, 3).unwrap();
    assert!(found[..2].iter().all(|swd| swd.noise_baseline.unwrap() > 3.0 * swd.baseline.unwrap()), "{found:?}");
    let without = found.into_iter().map(|found| Measurement { noise_baseline: None, ..found });
    assert_eq!(without.collect::<Vec<_>>(), tracker.measure(&others).unwrap());
}

#[test]
fn too_few_pictures_are_refused() {
    let format = PictureFormat { channels: 1, height: 8, width: 8 };
    let error = MetricTracker::new(&digits(0, 1, format), 10, 0).unwrap_err();
    assert!(matches!(error, Error::Data(_)), "{error:?}");
    let error = tracker(&digits(20, 1, format)).measure(&[0; 9 * 64]).unwrap_err();
    assert!(matches!(&error, Error::Data(text) if text.contains('9') && text.contains("10")), "{error:?}");
}
