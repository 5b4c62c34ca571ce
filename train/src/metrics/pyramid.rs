//! The Laplacian pyramid (Burt and Adelson 1983, "The Laplacian Pyramid as a Compact Image Code"): the detail that a
//! picture loses each time its resolution is halved, and the remainder.

/// The least height and width of a level after the first.
pub const COARSEST: usize = 16;

/// The binomial kernel, close to a Gaussian. Along both axes it is the usual 5x5 kernel.
const KERNEL: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];

/// The pyramid of pictures of one size.
///
/// Each level has half the height and width of the one before, rounded up, while neither is below [`COARSEST`]. A level
/// holds the difference between the picture and its halved and enlarged copy; the last one holds the smallest copy.
/// Edges are reflected, without repeating the outermost pixels.
#[derive(Debug, Clone)]
pub struct Pyramid {
    sizes: Vec<[usize; 2]>,
    halvings: Vec<Halving>,
}

/// The filters from one level to the next and back, along rows and columns.
#[derive(Debug, Clone)]
struct Halving {
    down: [Vec<Taps>; 2],
    up: [Vec<Taps>; 2],
}

/// The positions and weights of the inputs that make one value of a filtered line.
type Taps = [(usize, f32); 5];

impl Pyramid {
    /// The pyramid of pictures of a height and width, at least 1 each.
    pub fn new(size: [usize; 2]) -> Self {
        let half = |size: &[usize; 2]| {
            let half = size.map(|side| side.div_ceil(2));
            half.iter().all(|&side| side >= COARSEST).then_some(half)
        };
        let sizes: Vec<_> = std::iter::successors(Some(size), half).collect();
        let halvings = sizes.windows(2).map(|pair| Halving {
            down: [0, 1].map(|axis| (0..pair[1][axis]).map(|at| down(at, pair[0][axis])).collect()),
            up: [0, 1].map(|axis| (0..pair[0][axis]).map(|at| up(at, pair[0][axis])).collect()),
        });
        Self { halvings: halvings.collect(), sizes }
    }

    /// The levels' heights and widths, the finest first.
    pub fn sizes(&self) -> &[[usize; 2]] {
        &self.sizes
    }

    /// The levels of a picture, both `[channel, row, column]`.
    pub fn levels(&self, mut picture: Vec<f32>) -> Vec<Vec<f32>> {
        let mut levels = Vec::with_capacity(self.sizes.len());
        for (halving, sizes) in self.halvings.iter().zip(self.sizes.windows(2)) {
            let smaller = filtered(&picture, sizes[0][1], &halving.down);
            let enlarged = filtered(&smaller, sizes[1][1], &halving.up);
            picture.iter_mut().zip(enlarged).for_each(|(value, enlarged)| *value -= enlarged);
            levels.push(std::mem::replace(&mut picture, smaller));
        }
        levels.push(picture);
        levels
    }
}

/// The taps at `2 * at` of a blurred line of `len` values.
fn down(at: usize, len: usize) -> Taps {
    std::array::from_fn(|tap| (reflected(2 * at + tap, len), KERNEL[tap]))
}

/// The taps at `at` of an enlarged line of `len` values: zeros between the values of the short line, blurred and doubled.
fn up(at: usize, len: usize) -> Taps {
    std::array::from_fn(|tap| {
        let place = reflected(at + tap, len);
        (place / 2, if place.is_multiple_of(2) { 2.0 * KERNEL[tap] } else { 0.0 })
    })
}

/// The position two before `place` in a line of `len` values, at least 3, that is reflected at both ends.
fn reflected(place: usize, len: usize) -> usize {
    let place = place.abs_diff(2);
    if place < len { place } else { 2 * (len - 1) - place }
}

/// Filters planes of `width` columns that follow each other, along the columns and then along the rows.
fn filtered(planes: &[f32], width: usize, [rows, columns]: &[Vec<Taps>; 2]) -> Vec<f32> {
    let height = 1 + rows.iter().flatten().map(|(place, _)| *place).max().unwrap_or(0);
    let mut out = Vec::with_capacity(planes.len() / (height * width) * rows.len() * columns.len());
    let mut line = vec![0.0; width];
    for plane in planes.chunks_exact(height * width) {
        for taps in rows {
            line.fill(0.0);
            for &(row, weight) in taps {
                let row = &plane[row * width..][..width];
                line.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
            out.extend(
                columns.iter().map(|taps| taps.iter().map(|&(place, weight)| weight * line[place]).sum::<f32>()),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::test_pictures::formula;

    /// In NumPy, with `conv` padding its axis by 2 (mode `reflect`) and K = [1, 4, 6, 4, 1] / 16:
    /// ```python
    /// def down(a): return conv(conv(a, 2, K), 3, K)[:, :, ::2, ::2]
    /// def up(a, h, w):
    ///     r = np.zeros(a.shape[:2] + (h, w)); r[:, :, ::2, ::2] = a
    ///     return conv(conv(r, 2, 2 * K), 3, 2 * K)
    /// while min((s + 1) // 2 for s in out[-1].shape[2:]) >= 16:
    ///     d = down(out[-1]); out[-1] = out[-1] - up(d, *out[-1].shape[2:]); out.append(d)
    /// ```
    /// Of the last channel: the first pixel, the last of the first row, the last but one of the last row, and (7, 9).
    /// Of all channels: the mean absolute value.
    #[test]
    fn numpys_numbers() {
        let wanted = [
            (
                [1, 37, 64],
                [
                    ([37, 64], [-20.5742, 27.7773, -58.1084, -106.4092], 59.548160),
                    ([19, 32], [10.9375, 144.125, 153.3281, 123.75], 124.222476),
                ],
            ),
            (
                [3, 32, 32],
                [
                    ([32, 32], [-30.3215, -85.2334, 33.9492, 97.7734], 58.705529),
                    ([16, 16], [133.9375, 154.5312, 107.1406, 117.4922], 123.863892),
                ],
            ),
        ];
        for ([channels, height, width], levels) in wanted {
            let pyramid = Pyramid::new([height, width]);
            let picture = formula(0, [channels, height, width]).iter().map(|&byte| f32::from(byte)).collect();
            let found = pyramid.levels(picture);
            assert_eq!((pyramid.sizes().len(), found.len()), (2, 2));
            for (index, (size, wanted, mean)) in levels.into_iter().enumerate() {
                assert_eq!(pyramid.sizes()[index], size);
                let [rows, columns] = size;
                let last = &found[index][(channels - 1) * rows * columns..];
                let places = [0, columns - 1, rows * columns - 2, 7 * columns + 9];
                for (place, wanted) in places.into_iter().zip(wanted) {
                    assert!((last[place] - wanted).abs() < 1e-3, "{size:?} {place}: {} {wanted}", last[place]);
                }
                let sum: f64 = found[index].iter().map(|&value| f64::from(value.abs())).sum();
                assert!((sum / found[index].len() as f64 - mean).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn levels_end_at_the_coarsest() {
        let sides = |size| Pyramid::new(size).sizes().iter().map(|[height, _]| *height).collect::<Vec<_>>();
        assert_eq!(sides([128, 128]), [128, 64, 32, 16]);
        for side in [1, 4, 8, 16, 28] {
            assert_eq!(sides([side, side]), [side]);
        }
        let small: Vec<f32> = (0..16u8).map(f32::from).collect();
        assert_eq!(Pyramid::new([4, 4]).levels(small.clone()), [small]);
    }
}
