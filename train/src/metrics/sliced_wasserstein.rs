//! Sliced Wasserstein distance between the patches of two sets of pictures (Karras et al. 2017, arXiv 1710.10196,
//! section 5; Rabin et al. 2011, "Wasserstein Barycenter and Its Application to Texture Mixing").
//!
//! On each level of a Laplacian pyramid, a set is described by its 7x7 patches, normalised to mean 0 and standard
//! deviation 1 in each channel. The patches are projected on 512 random directions; along each, the distance between two
//! sets is the mean absolute difference of their sorted projections, and the result is the mean over the directions. The
//! finest level measures sharpness, the coarsest one large shapes. Since each set is normalised by itself, brightness,
//! contrast and tint that all of its pictures share make no difference.
//!
//! For equally many values, the mean difference of sorted values is the area between the cumulative distribution
//! functions. That area is computed here from histograms of the projections, whose size does not depend on the number
//! of pictures. The functions are exact at the bins' edges and interpolated linearly in between.

use easel_runtime::Random;
use rayon::prelude::*;

use super::pyramid::Pyramid;
use crate::data::PictureFormat;
use crate::run::streams;
use easel_kernels::gradients::matmul::{View, matmul};

/// The number of random directions.
const DIRECTIONS: usize = 512;

/// Height and width of a patch.
const PATCH: usize = 7;

/// Patches of a picture on each level, at most.
const PATCHES: usize = 128;

/// Bins of a histogram.
const BINS: usize = 4096;

/// Pictures whose patches are projected together.
const CHUNK: usize = 8;

/// The metric for pictures of one format: its levels, random directions and random patches.
#[derive(Debug, Clone)]
pub struct SlicedWasserstein {
    channels: usize,
    seed: u64,
    pyramid: Pyramid,
    directions: Vec<Directions>,
}

/// The projected patches of a set on every level.
#[derive(Debug, Clone)]
pub struct Profile(Vec<Histograms>);

/// Patches of one picture on one level, `[patch, channel, row, column]`.
type Patches = Vec<f32>;

impl SlicedWasserstein {
    /// The metric for a seed. Only profiles of the same seed can be compared.
    pub fn new(format: PictureFormat, seed: u64) -> Self {
        let pyramid = Pyramid::new([format.height, format.width]);
        let directions = pyramid.sizes().iter().zip(0..).map(|(&size, level)| {
            let [height, width] = patch(size);
            Directions::random(format.channels * height * width, &mut Random::new(seed, streams::DIRECTIONS + level))
        });
        Self { channels: format.channels, seed, directions: directions.collect(), pyramid }
    }

    /// The levels' heights and widths, the finest first.
    pub fn levels(&self) -> &[[usize; 2]] {
        self.pyramid.sizes()
    }

    /// The profile of a set of at least one picture, each `[channel, row, column]`.
    ///
    /// A picture contributes 128 patches on each level, at positions that depend on the seed and on its index; all patches
    /// where there are fewer, and the whole level where it is smaller than 7x7.
    pub fn profile(&self, pictures: &[&[u8]]) -> Profile {
        let moments: Vec<Vec<Moments>> = pictures
            .par_iter()
            .enumerate()
            .map(|(index, picture)| {
                let levels = self.patches(index, picture).into_iter().zip(&self.directions);
                levels.map(|(patches, directions)| Moments::of(&patches, self.channels, directions.len)).collect()
            })
            .collect();
        let projections: Vec<_> = self
            .directions
            .iter()
            .enumerate()
            .map(|(level, directions)| {
                let all = moments.iter().map(|levels| &levels[level]);
                directions.normalised(&Moments::sum(all, self.channels))
            })
            .collect();

        let chunks: Vec<_> = pictures.chunks(CHUNK).enumerate().collect();
        // Counts are integers, so their sum does not depend on how the work is divided.
        let parts = chunks.par_chunks(chunks.len().div_ceil(rayon::current_num_threads()).max(1));
        let parts: Vec<_> = parts.map(|chunks| self.histograms(chunks, &projections)).collect();
        let mut parts = parts.into_iter();
        let mut sum = parts.next().expect("a set has at least one picture");
        parts.for_each(|part| sum.iter_mut().zip(&part).for_each(|(sum, part)| sum.merge(part)));
        Profile(sum)
    }

    /// The histograms of some of a set's chunks, each with its number, on every level.
    fn histograms(&self, chunks: &[(usize, &[&[u8]])], projections: &[Directions]) -> Vec<Histograms> {
        let mut histograms = vec![Histograms::empty(); projections.len()];
        for (chunk, pictures) in chunks {
            let mut patches = vec![Patches::new(); projections.len()];
            for (index, picture) in pictures.iter().enumerate() {
                let more = self.patches(chunk * CHUNK + index, picture);
                patches.iter_mut().zip(more).for_each(|(patches, more)| patches.extend(more));
            }
            for ((histograms, patches), projection) in histograms.iter_mut().zip(&patches).zip(projections) {
                histograms.add(patches, projection);
            }
        }
        histograms
    }

    fn patches(&self, index: usize, picture: &[u8]) -> Vec<Patches> {
        let mut random = Random::new(self.seed, streams::PATCHES + index as u64);
        let levels = self.pyramid.levels(picture.iter().map(|&byte| f32::from(byte)).collect());
        let levels = levels.into_iter().zip(self.pyramid.sizes());
        levels.map(|(level, &size)| cut(&level, size, &places(size, &mut random))).collect()
    }
}

impl Profile {
    /// The distance between two sets on each level, times 1000 as in the paper. Both profiles are of the same metric.
    ///
    /// Between two samples of one distribution it is not 0, and larger for fewer pictures.
    pub fn distances(&self, other: &Self) -> Vec<f64> {
        self.0.iter().zip(&other.0).map(|(a, b)| 1000.0 * a.distance(b)).collect()
    }
}

fn patch(size: [usize; 2]) -> [usize; 2] {
    size.map(|side| side.min(PATCH))
}

/// The top left corners of a level's patches.
fn places(size: [usize; 2], random: &mut Random) -> Vec<[usize; 2]> {
    let patch = patch(size);
    let [rows, columns] = [0, 1].map(|axis| size[axis] - patch[axis] + 1);
    if rows * columns <= PATCHES {
        return (0..rows * columns).map(|place| [place / columns, place % columns]).collect();
    }
    (0..PATCHES).map(|_| [rows, columns].map(|places| random.below(places as u32) as usize)).collect()
}

fn cut(planes: &[f32], [height, width]: [usize; 2], places: &[[usize; 2]]) -> Patches {
    let [patch_height, patch_width] = patch([height, width]);
    let mut patches = Vec::with_capacity(planes.len() / (height * width) * places.len() * patch_height * patch_width);
    for [row, column] in places {
        for plane in planes.chunks_exact(height * width) {
            let rows = plane[row * width..].chunks(width).take(patch_height);
            rows.for_each(|row| patches.extend_from_slice(&row[*column..][..patch_width]));
        }
    }
    patches
}

/// The sum and the sum of squares of each channel, and the number of values in a channel.
#[derive(Debug, Clone)]
struct Moments {
    sums: Vec<[f64; 2]>,
    count: usize,
}

impl Moments {
    /// Of patches of `len` values.
    fn of(patches: &[f32], channels: usize, len: usize) -> Self {
        let mut sums = vec![[0.0; 2]; channels];
        for patch in patches.chunks_exact(len) {
            for (sums, values) in sums.iter_mut().zip(patch.chunks_exact(len / channels)) {
                for value in values.iter().map(|&value| f64::from(value)) {
                    sums[0] += value;
                    sums[1] += value * value;
                }
            }
        }
        Self { sums, count: patches.len() / channels }
    }

    fn sum<'a>(all: impl Iterator<Item = &'a Self>, channels: usize) -> Self {
        all.fold(Self { sums: vec![[0.0; 2]; channels], count: 0 }, |mut sum, moments| {
            sum.sums.iter_mut().zip(&moments.sums).for_each(|(sum, more)| *sum = [sum[0] + more[0], sum[1] + more[1]]);
            sum.count += moments.count;
            sum
        })
    }

    /// The mean and the inverse standard deviation of each channel; 0 for the latter where all values are equal.
    fn normalisation(&self) -> impl Iterator<Item = [f64; 2]> {
        self.sums.iter().map(|sums| {
            let [mean, square] = sums.map(|sum| sum / self.count as f64);
            let variance = square - mean * mean;
            [mean, if variance > 1e-12 * square { variance.sqrt().recip() } else { 0.0 }]
        })
    }
}

/// Unit vectors, or unit vectors with a normalisation folded in.
#[derive(Debug, Clone)]
struct Directions {
    /// `[direction, element]`.
    vectors: Vec<f32>,
    /// The elements of a vector, as many as a patch has.
    len: usize,
    /// Added to the projections on each direction.
    offsets: Vec<f32>,
}

impl Directions {
    fn random(len: usize, random: &mut Random) -> Self {
        let mut vectors = random.normals(DIRECTIONS * len);
        for vector in vectors.chunks_exact_mut(len) {
            let norm = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32;
            vector.iter_mut().for_each(|x| *x /= norm);
        }
        Self { vectors, len, offsets: vec![0.0; DIRECTIONS] }
    }

    /// Directions that project a patch as these project the normalised patch.
    fn normalised(&self, moments: &Moments) -> Self {
        let mut folded = self.clone();
        let plane = self.len / moments.sums.len();
        for (vector, offset) in folded.vectors.chunks_exact_mut(self.len).zip(&mut folded.offsets) {
            for (values, [mean, scale]) in vector.chunks_exact_mut(plane).zip(moments.normalisation()) {
                values.iter_mut().for_each(|value| *value *= scale as f32);
                *offset -= (mean * values.iter().map(|&value| f64::from(value)).sum::<f64>()) as f32;
            }
        }
        folded
    }
}

/// A histogram of projected patches for each direction.
#[derive(Debug, Clone)]
struct Histograms {
    /// `[direction, bin]`.
    counts: Vec<u32>,
    values: u64,
}

impl Histograms {
    fn empty() -> Self {
        Self { counts: vec![0; DIRECTIONS * BINS], values: 0 }
    }

    fn add(&mut self, patches: &[f32], directions: &Directions) {
        let count = patches.len() / directions.len;
        let mut values = vec![0.0; DIRECTIONS * count];
        let columns = View::rows(patches, directions.len).transposed();
        let rows = View::rows(&directions.vectors, directions.len);
        matmul([DIRECTIONS, count, directions.len], &mut values, count, false, rows, columns);
        let rows = self.counts.chunks_exact_mut(BINS).zip(values.chunks_exact(count)).zip(&directions.offsets);
        for ((counts, values), offset) in rows {
            values.iter().for_each(|value| counts[bin(value + offset)] += 1);
        }
        self.values += count as u64;
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.values += other.values;
    }

    /// The area between the cumulative distribution functions, averaged over the directions.
    fn distance(&self, other: &Self) -> f64 {
        let (scale, other_scale) = (1.0 / self.values as f64, 1.0 / other.values as f64);
        let widths: Vec<f64> = (0..BINS).map(width).collect();
        let along = |(counts, others): (&[u32], &[u32])| {
            let (mut count, mut other, mut before, mut area) = (0u64, 0u64, 0.0, 0.0);
            for ((&here, &there), width) in counts.iter().zip(others).zip(&widths) {
                count += u64::from(here);
                other += u64::from(there);
                let after = count as f64 * scale - other as f64 * other_scale;
                area += width * mean_distance(before, after);
                before = after;
            }
            area
        };
        let directions = self.counts.chunks_exact(BINS).zip(other.counts.chunks_exact(BINS));
        directions.map(along).sum::<f64>() / DIRECTIONS as f64
    }
}

/// The bin of a value. Bins are evenly spaced in `x / (1 + |x|)`: narrow around 0, where most values are, and unbounded.
fn bin(value: f32) -> usize {
    let place = value / (1.0 + value.abs());
    (((place + 1.0) * (BINS / 2) as f32) as usize).min(BINS - 1)
}

/// A bin's width; 0 for the two outermost ones, which stay empty in practice.
fn width(bin: usize) -> f64 {
    let edge = |index: usize| {
        let place = index as f64 / (BINS / 2) as f64 - 1.0;
        place / (1.0 - place.abs())
    };
    if bin == 0 || bin == BINS - 1 { 0.0 } else { edge(bin + 1) - edge(bin) }
}

/// The mean of |x| over the interval between two values.
fn mean_distance(from: f64, to: f64) -> f64 {
    let sum = from.abs() + to.abs();
    if from * to >= 0.0 { sum / 2.0 } else { (from * from + to * to) / (2.0 * sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two channels of 7x7, as in the script below.
    fn patches(seed: usize) -> Vec<f32> {
        let value = |i: usize, j: usize| {
            ((i + seed).pow(2) * 31 + j * 57 + (i % 7 + seed) * j * j) % (211 + 40 * usize::from(j >= 49))
        };
        (0..700).flat_map(|i| (0..98).map(move |j| value(i, j) as f32)).collect()
    }

    fn directions() -> Directions {
        let vector = |d: usize| -> Vec<f32> {
            let vector: Vec<f64> = (0..98).map(|j| ((d * 37 + j * j * 11 + d * j * 5) % 101) as f64 - 50.0).collect();
            let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            vector.iter().map(|x| (x / norm) as f32).collect()
        };
        Directions { vectors: (0..DIRECTIONS).flat_map(vector).collect(), len: 98, offsets: vec![0.0; DIRECTIONS] }
    }

    fn histograms(patches: &[f32]) -> Histograms {
        let mut histograms = Histograms::empty();
        histograms.add(patches, &directions().normalised(&Moments::of(patches, 2, 98)));
        histograms
    }

    /// In NumPy:
    /// ```python
    /// def patches(n, seed):
    ///     i = np.arange(n)[:, None]
    ///     return (((i + seed)**2 * 31 + j*57 + (i % 7 + seed) * j*j) % (211 + 40 * (j // 49))).astype(float)
    /// dirs = ((d*37 + j*j*11 + d*j*5) % 101) - 50.0; dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    /// def normal(a):
    ///     a = a.reshape(len(a), 2, 49)
    ///     return ((a - a.mean((0, 2), keepdims=True)) / a.std((0, 2), keepdims=True)).reshape(len(a), 98)
    /// A, B = normal(patches(700, 1)), normal(patches(700, 5) * 1.7 + 3)
    /// np.abs(np.sort(A @ dirs.T, 0) - np.sort(B @ dirs.T, 0)).mean()
    /// ```
    #[test]
    fn numpys_distance() {
        let one = histograms(&patches(1));
        let other = histograms(&patches(5).iter().map(|value| 1.7 * value + 3.0).collect::<Vec<_>>());
        let distance = one.distance(&other);
        assert!((distance / 0.07850733298903626 - 1.0).abs() < 1e-3, "{distance}");
        assert_eq!(other.distance(&one), distance);
        assert_eq!(one.distance(&one), 0.0);
    }

    #[test]
    fn equal_values_project_to_zero() {
        let one = histograms(&[7.0; 98]);
        assert_eq!(one.counts.chunks(BINS).map(|counts| counts[bin(0.0)]).collect::<Vec<_>>(), [1; DIRECTIONS]);
        assert!(one.distance(&histograms(&patches(1))).is_finite());
    }

    #[test]
    fn every_value_has_a_bin() {
        for value in [-1e30, -50.0, -1.0, -0.01, 0.0, 0.3, 12.0, 1e30] {
            let edge = |index: usize| (index as f32 / (BINS / 2) as f32 - 1.0).clamp(-1.0, 1.0);
            let place = value / (1.0 + f32::abs(value));
            let found = bin(value);
            assert!(edge(found) <= place && place <= edge(found + 1), "{value}: {found}");
        }
    }

    #[test]
    fn patches_lie_inside() {
        let random = &mut Random::new(1, 0);
        assert_eq!(places([4, 4], random), [[0, 0]]);
        assert_eq!(places([8, 7], random), [[0, 0], [1, 0]]);
        assert_eq!(places([16, 16], random).len(), 100);
        let many = places([40, 18], random);
        assert_eq!(many.len(), PATCHES);
        let furthest = [0, 1].map(|axis| many.iter().map(|place| place[axis]).max().unwrap());
        assert_eq!(furthest, [33, 11]);
        // A patch is `[channel, row, column]`.
        let planes: Vec<f32> = (0..2 * 8 * 9).map(|value| value as f32).collect();
        let patch = cut(&planes, [8, 9], &[[1, 2]]);
        assert_eq!((patch.len(), patch[0], patch[1], patch[7], patch[49]), (98, 11.0, 12.0, 20.0, 83.0));
    }
}
