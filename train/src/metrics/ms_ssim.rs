//! MS-SSIM (Wang et al. 2003, "Multi-scale Structural Similarity for Image Quality Assessment") as a measure of the
//! diversity of a set of pictures (Odena et al. 2017, arXiv 1610.09585).
//!
//! There are five scales, each half the size of the one before. On each, means, variances and covariance are taken under
//! an 11x11 Gaussian window with standard deviation 1.5 at every position inside the picture. Where the scale is smaller
//! than the window, the window and its deviation shrink in proportion. Channels are compared separately; each scale's
//! value is their mean. Values are in [0, 1].
//!
//! A scale has at least two rows and columns, so pictures below 32 pixels have fewer scales (16: four, 8: three, 4: two),
//! whose exponents are rescaled to the same sum.

use rayon::prelude::*;

use crate::data::PictureFormat;

/// The exponent of each scale, the finest first.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The height and width of the window, and its standard deviation.
const WINDOW: (usize, f64) = (11, 1.5);

/// The paper's constants, which keep the quotients of means and of variances from 0 / 0.
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// Pairs that one thread compares in a row.
const CHUNK: usize = 16;

/// The mean similarity of pairs of pictures, in [0, 1]: 1 where all are equal. Each picture, `[channel, row, column]`, is
/// compared with the next one, and the last with the first, so the order must be random.
///
/// `None` where there are fewer than two pictures.
pub fn ms_ssim(pictures: &[&[u8]], format: PictureFormat) -> Option<f64> {
    if pictures.len() < 2 {
        return None;
    }
    let metric = MsSsim::new(format);
    let starts: Vec<_> = (0..pictures.len()).step_by(CHUNK).collect();
    let sums: Vec<f64> = starts
        .into_par_iter()
        .map(|start| {
            let mut one = metric.scales(pictures[start]);
            let others = (start..pictures.len().min(start + CHUNK)).map(|index| (index + 1) % pictures.len());
            others
                .map(|index| {
                    let other = metric.scales(pictures[index]);
                    let similarity = metric.similarity(&one, &other);
                    one = other;
                    similarity
                })
                .sum()
        })
        .collect();
    Some(sums.iter().sum::<f64>() / pictures.len() as f64)
}

/// The metric for pictures of one format.
struct MsSsim {
    /// The size, window and exponent of each scale, the finest first.
    scales: Vec<([usize; 2], Vec<f32>, f64)>,
}

/// A picture on one scale, `[channel, row, column]`.
struct Scale {
    values: Vec<f32>,
    means: Vec<f32>,
    variances: Vec<f32>,
}

impl MsSsim {
    fn new(format: PictureFormat) -> Self {
        let half = |size: &[usize; 2]| Some(size.map(|side| side / 2)).filter(|half| half.iter().all(|&side| side > 1));
        let sizes = std::iter::successors(Some([format.height, format.width]), half).take(WEIGHTS.len());
        let sizes: Vec<_> = sizes.collect();
        let rescale = WEIGHTS.iter().sum::<f64>() / WEIGHTS[..sizes.len()].iter().sum::<f64>();
        let scales = sizes.into_iter().zip(WEIGHTS);
        Self { scales: scales.map(|(size, weight)| (size, window(size), rescale * weight)).collect() }
    }

    fn scales(&self, picture: &[u8]) -> Vec<Scale> {
        let mut values: Vec<f32> = picture.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let scales = self.scales.iter().map(|(size, window, _)| {
            let means = blurred(&values, *size, window);
            let squares: Vec<f32> = values.iter().map(|value| value * value).collect();
            let squares = blurred(&squares, *size, window).into_iter();
            let variances = squares.zip(&means).map(|(square, mean)| square - mean * mean).collect();
            let smaller = halved(&values, *size);
            Scale { values: std::mem::replace(&mut values, smaller), means, variances }
        });
        scales.collect()
    }

    fn similarity(&self, one: &[Scale], other: &[Scale]) -> f64 {
        let last = self.scales.len() - 1;
        let scales = self.scales.iter().zip(one.iter().zip(other)).enumerate();
        scales
            .map(|(index, ((size, window, weight), (one, other)))| {
                let products: Vec<f32> = one.values.iter().zip(&other.values).map(|(a, b)| a * b).collect();
                let products = blurred(&products, *size, window);
                let mut sum = 0.0;
                for (at, product) in products.iter().enumerate() {
                    let [a, b] = [one, other].map(|scale| f64::from(scale.means[at]));
                    let [a_variance, b_variance] = [one, other].map(|scale| f64::from(scale.variances[at]));
                    let covariance = f64::from(*product) - a * b;
                    let structure = (2.0 * covariance + C2) / (a_variance + b_variance + C2);
                    let brightness = if index == last { (2.0 * a * b + C1) / (a * a + b * b + C1) } else { 1.0 };
                    sum += brightness * structure;
                }
                (sum / products.len() as f64).clamp(0.0, 1.0).powf(*weight)
            })
            .product()
    }
}

/// The window along one axis. It is separable.
fn window([height, width]: [usize; 2]) -> Vec<f32> {
    let len = WINDOW.0.min(height).min(width);
    let deviation = WINDOW.1 * len as f64 / WINDOW.0 as f64;
    let weight = |at: usize| (-0.5 * ((at as f64 - 0.5 * (len - 1) as f64) / deviation).powi(2)).exp();
    let sum: f64 = (0..len).map(weight).sum();
    (0..len).map(|at| (weight(at) / sum) as f32).collect()
}

/// The weighted means under the window at every position inside a plane.
fn blurred(planes: &[f32], [height, width]: [usize; 2], window: &[f32]) -> Vec<f32> {
    let (rows, columns) = (height + 1 - window.len(), width + 1 - window.len());
    let mut out = vec![0.0; planes.len() / (height * width) * rows * columns];
    let mut line = vec![0.0; width];
    for (plane, out) in planes.chunks_exact(height * width).zip(out.chunks_exact_mut(rows * columns)) {
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            line.fill(0.0);
            for (weight, values) in window.iter().zip(plane[row * width..].chunks_exact(width)) {
                line.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
            }
            for (at, weight) in window.iter().enumerate() {
                out.iter_mut().zip(&line[at..]).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    out
}

/// The means of 2x2 pixels; an odd last row or column is ignored.
fn halved(planes: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let mut out = Vec::with_capacity(planes.len() / 4);
    for plane in planes.chunks_exact(height * width) {
        for rows in plane.chunks_exact(2 * width) {
            let (upper, lower) = rows.split_at(width);
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            out.extend(pairs.map(|(upper, lower)| (upper[0] + upper[1] + lower[0] + lower[1]) / 4.0));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::test_pictures::formula;

    fn format([channels, height, width]: [usize; 3]) -> PictureFormat {
        PictureFormat { channels, height, width }
    }

    /// In NumPy, with `blur` a convolution along both axes without padding, for a and b [1, c, h, w] in [0, 1]:
    /// ```python
    /// size = min(11, h, w); x = np.arange(size) - (size - 1) / 2
    /// g = np.exp(-x * x / (2 * (1.5 * size / 11)**2)); g /= g.sum()
    /// ma, mb = blur(a, g), blur(b, g)
    /// va, vb, cov = blur(a * a, g) - ma * ma, blur(b * b, g) - mb * mb, blur(a * b, g) - ma * mb
    /// c = (2 * cov + .0009) / (va + vb + .0009); l = (2 * ma * mb + .0001) / (ma * ma + mb * mb + .0001)
    /// cs.append(c.mean((1, 2, 3))); ss = (l * c).mean((1, 2, 3))
    /// ...
    /// cs[-1] = ss; k = len(cs); w = W[:k] * W.sum() / W[:k].sum()
    /// np.prod(np.clip(cs, 0, None)**w[:, None], 0)
    /// ```
    #[test]
    fn numpys_numbers() {
        for (shape, wanted) in [
            ([1, 64, 64], 0.62751126),
            ([3, 32, 32], 0.6806223),
            ([3, 16, 16], 0.59398789),
            ([1, 28, 28], 0.74300912),
            ([3, 8, 8], 0.66443025),
            ([1, 4, 4], 0.91598633),
        ] {
            let (one, other) = (formula(0, shape), formula(1, shape));
            let mixed = one.iter().zip(&other).map(|(&a, &b)| ((2 * u32::from(a) + 3 * u32::from(b)) / 5) as u8);
            let mixed: Vec<u8> = mixed.collect();
            let found = ms_ssim(&[&one, &mixed], format(shape)).unwrap();
            assert!((found - wanted).abs() < 1e-5, "{shape:?}: {found} {wanted}");
        }
    }

    #[test]
    fn every_neighbour_is_compared() {
        let shape = [1, 8, 8];
        let pictures: Vec<Vec<u8>> = (0..40).map(|index| formula(index, shape)).collect();
        let pictures: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
        let pair = |a: usize, b: usize| ms_ssim(&[pictures[a], pictures[b]], format(shape)).unwrap();
        let mean = (0..40).map(|index| pair(index, (index + 1) % 40)).sum::<f64>() / 40.0;
        assert!((ms_ssim(&pictures, format(shape)).unwrap() - mean).abs() < 1e-12);
        assert_eq!(ms_ssim(&pictures[..1], format(shape)), None);
    }

    #[test]
    fn small_pictures_have_fewer_scales() {
        for (side, scales) in [(1, 1), (2, 1), (4, 2), (8, 3), (16, 4), (28, 4), (32, 5), (256, 5)] {
            let metric = MsSsim::new(format([3, side, side]));
            assert_eq!(metric.scales.len(), scales, "{side}");
            let sum: f64 = metric.scales.iter().map(|(.., weight)| weight).sum();
            assert!((sum - 1.0001).abs() < 1e-9, "{side}: {sum}");
        }
    }
}
