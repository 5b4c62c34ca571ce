//! Average and max pooling, nearest upsampling, and their adjoints.

use std::ops::Range;

use rayon::prelude::*;

use super::Float;

/// The shapes of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PoolShape {
    /// The input's height and width.
    pub size: [usize; 2],
    /// The window's side.
    pub kernel: usize,
    /// The step between two windows.
    pub stride: usize,
    /// The padding: zeros that count for an average, and never the largest.
    pub padding: usize,
    /// Whether a window may begin inside and end outside.
    pub ceil: bool,
}

impl PoolShape {
    /// The output's height and width.
    pub fn output_size(&self) -> [usize; 2] {
        self.size.map(|size| {
            let steps = size + 2 * self.padding - self.kernel;
            let mut count = if self.ceil { steps.div_ceil(self.stride) } else { steps / self.stride } + 1;
            // A window that begins in the padding behind the picture is dropped, as in PyTorch.
            if self.ceil && (count - 1) * self.stride >= size + self.padding {
                count -= 1;
            }
            count
        })
    }

    fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Whether windows of 2x2 lie side by side.
    fn is_halving(&self) -> bool {
        (self.kernel, self.stride, self.padding) == (2, 2, 0)
            && (!self.ceil || self.size.iter().all(|size| size % 2 == 0))
    }

    /// The part of window `at` along one axis that lies in the picture.
    fn window(&self, at: usize, size: usize) -> Range<usize> {
        let start = at * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(size)
    }

    /// The elements that window `at` averages over along one axis: padding counts, elements that `ceil` adds do not.
    fn counted(&self, at: usize, size: usize) -> usize {
        let start = at * self.stride;
        (start + self.kernel).min(size + 2 * self.padding) - start
    }

    /// Calls `visit(output, rows, columns)` for every window of a plane.
    fn windows(&self, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let [out_height, out_width] = self.output_size();
        for y in 0..out_height {
            let rows = self.window(y, self.size[0]);
            for x in 0..out_width {
                visit(y * out_width + x, rows.clone(), self.window(x, self.size[1]));
            }
        }
    }

    fn share<T: Float>(&self, output: usize) -> T {
        let [_, out_width] = self.output_size();
        let [height, width] = self.size;
        let counted = self.counted(output / out_width, height) * self.counted(output % out_width, width);
        T::ONE / T::from_f64(counted as f64)
    }
}

/// Works on every pair of an input plane and an output plane.
fn by_planes<T: Float, U: Clone + Send>(
    input: &[T],
    area: usize,
    out_area: usize,
    empty: U,
    work: impl Fn(&[T], &mut [U]) + Sync,
) -> Vec<U> {
    let mut output = vec![empty; input.len() / area * out_area];
    output.par_chunks_mut(out_area).zip(input.par_chunks(area)).for_each(|(output, input)| work(input, output));
    output
}

fn out_area(shape: &PoolShape) -> usize {
    shape.output_size().iter().product()
}

/// The mean of every window.
pub fn average<T: Float>(shape: &PoolShape, input: &[T]) -> Vec<T> {
    let width = shape.size[1];
    if shape.is_halving() {
        return by_planes(input, shape.area(), out_area(shape), T::ZERO, |plane, output| {
            halving::average(plane, output, width)
        });
    }
    by_planes(input, shape.area(), out_area(shape), T::ZERO, |plane, output| {
        shape.windows(|at, rows, columns| {
            let mut sum = T::ZERO;
            for row in rows {
                sum += plane[row * width..][columns.clone()].iter().copied().sum();
            }
            output[at] = sum * shape.share(at);
        });
    })
}

/// The adjoint of [`average`]: spreads every element evenly over its window.
pub fn average_adjoint<T: Float>(shape: &PoolShape, output: &[T]) -> Vec<T> {
    let width = shape.size[1];
    if shape.is_halving() {
        return by_planes(output, out_area(shape), shape.area(), T::ZERO, |output, plane| {
            halving::average_adjoint(output, plane, width)
        });
    }
    by_planes(output, out_area(shape), shape.area(), T::ZERO, |output, plane| {
        shape.windows(|at, rows, columns| {
            let part = output[at] * shape.share(at);
            for row in rows {
                plane[row * width..][columns.clone()].iter_mut().for_each(|to| *to += part);
            }
        });
    })
}

/// The position in its plane of every window's largest element, the first of equals; NaN counts as largest.
pub fn max_positions<T: Float>(shape: &PoolShape, input: &[T]) -> Vec<u32> {
    let [height, width] = shape.size;
    let [_, out_width] = shape.output_size();
    if shape.is_halving() {
        return by_planes(input, shape.area(), out_area(shape), 0, |plane, output| {
            halving::max_positions(plane, output, width)
        });
    }
    by_planes(input, shape.area(), out_area(shape), 0, |plane, output: &mut [u32]| {
        // First the maximum of each column, vectorised, then that of the row of maxima.
        let (mut largest, mut row_of) = (vec![T::LOWEST; width], vec![0u32; width]);
        for (y, line) in output.chunks_exact_mut(out_width).enumerate() {
            let rows = shape.window(y, height);
            largest.copy_from_slice(&plane[rows.start * width..][..width]);
            row_of.fill(rows.start as u32);
            for row in rows.skip(1) {
                let values = &plane[row * width..][..width];
                for ((largest, row_of), &value) in largest.iter_mut().zip(&mut row_of).zip(values) {
                    let larger = (value > *largest) | value.is_nan();
                    *largest = if larger { value } else { *largest };
                    *row_of = if larger { row as u32 } else { *row_of };
                }
            }
            for (x, to) in line.iter_mut().enumerate() {
                let columns = shape.window(x, width);
                let (mut best, mut row, mut column) = (largest[columns.start], row_of[columns.start], columns.start);
                for at in columns.skip(1) {
                    let (value, its_row) = (largest[at], row_of[at]);
                    let larger = (value > best) | value.is_nan() | ((value == best) & (its_row < row));
                    best = if larger { value } else { best };
                    row = if larger { its_row } else { row };
                    column = if larger { at } else { column };
                }
                *to = row * width as u32 + column as u32;
            }
        }
    })
}

/// Takes from each plane the elements at given positions.
pub fn take<T: Float>(shape: &PoolShape, input: &[T], positions: &[u32]) -> Vec<T> {
    let out_area = out_area(shape);
    let mut output = vec![T::ZERO; positions.len()];
    let planes = output.par_chunks_mut(out_area).zip(positions.par_chunks(out_area));
    planes.zip(input.par_chunks(shape.area())).for_each(|((output, positions), plane)| {
        output.iter_mut().zip(positions).for_each(|(to, &position)| *to = plane[position as usize]);
    });
    output
}

/// The adjoint of [`take`]: adds every element onto its position.
pub fn take_adjoint<T: Float>(shape: &PoolShape, output: &[T], positions: &[u32]) -> Vec<T> {
    let (area, out_area, width) = (shape.area(), out_area(shape), shape.size[1]);
    let mut input = vec![T::ZERO; output.len() / out_area * area];
    let planes = output.par_chunks(out_area).zip(positions.par_chunks(out_area));
    input.par_chunks_mut(area).zip(planes).for_each(|(plane, (output, positions))| {
        if shape.is_halving() {
            return halving::take_adjoint(output, positions, plane, width);
        }
        output.iter().zip(positions).for_each(|(from, &position)| plane[position as usize] += *from);
    });
    input
}

/// Every element of planes of `width` repeated twice in both directions.
pub fn upsample2x<T: Float>(input: &[T], width: usize) -> Vec<T> {
    let mut output = vec![T::ZERO; 4 * input.len()];
    output.par_chunks_mut(4 * width).zip(input.par_chunks(width)).for_each(|(lines, line)| {
        let (first, second) = lines.split_at_mut(2 * width);
        first.chunks_exact_mut(2).zip(line).for_each(|(pair, value)| pair.fill(*value));
        second.copy_from_slice(first);
    });
    output
}

/// The adjoint of [`upsample2x`]: the sum of every 2x2 square; `width` is the result's.
pub fn upsample2x_adjoint<T: Float>(output: &[T], width: usize) -> Vec<T> {
    let mut input = vec![T::ZERO; output.len() / 4];
    input.par_chunks_mut(width).zip(output.par_chunks(4 * width)).for_each(|(line, lines)| {
        let (first, second) = lines.split_at(2 * width);
        for ((to, first), second) in line.iter_mut().zip(first.chunks_exact(2)).zip(second.chunks_exact(2)) {
            *to = first[0] + first[1] + second[0] + second[1];
        }
    });
    input
}

/// Windows of 2x2 side by side, on a plane of rows of `width`.
mod halving {
    use super::super::Float;
    use super::super::vectorised::vectorised;

    vectorised! {
        pub fn average[T: Float](plane: &[T], output: &mut [T], width: usize) {
            let quarter = T::from_f64(0.25);
            for (line, rows) in output.chunks_exact_mut(width / 2).zip(plane.chunks_exact(2 * width)) {
                let (upper, lower) = rows.split_at(width);
                let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (to, ([a, b], [c, d])) in line.iter_mut().zip(pairs) {
                    *to = ((*a + *b) + (*c + *d)) * quarter;
                }
            }
        }
    }

    vectorised! {
        pub fn average_adjoint[T: Float](output: &[T], plane: &mut [T], width: usize) {
            let quarter = T::from_f64(0.25);
            for (line, rows) in output.chunks_exact(width / 2).zip(plane.chunks_exact_mut(2 * width)) {
                let (upper, lower) = rows.split_at_mut(width);
                for (pair, from) in upper.as_chunks_mut::<2>().0.iter_mut().zip(line) {
                    *pair = [*from * quarter; 2];
                }
                lower.copy_from_slice(upper);
            }
        }
    }

    vectorised! {
        pub fn max_positions[T: Float](plane: &[T], output: &mut [u32], width: usize) {
            let rows = plane.chunks_exact(2 * width).enumerate();
            for (line, (row, rows)) in output.chunks_exact_mut(width / 2).zip(rows) {
                let (upper, lower) = rows.split_at(width);
                let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                let first = (2 * row * width) as u32;
                for (x, (to, ([a, b], [c, d]))) in line.iter_mut().zip(pairs).enumerate() {
                    let (mut best, mut at) = (*a, 0);
                    for (value, its) in [(*b, 1), (*c, width as u32), (*d, width as u32 + 1)] {
                        let larger = (value > best) | value.is_nan();
                        best = if larger { value } else { best };
                        at = if larger { its } else { at };
                    }
                    *to = first + 2 * x as u32 + at;
                }
            }
        }
    }

    vectorised! {
        pub fn take_adjoint[T: Float](output: &[T], positions: &[u32], plane: &mut [T], width: usize) {
            let lines = output.chunks_exact(width / 2).zip(positions.chunks_exact(width / 2)).enumerate();
            for (rows, (row, (line, positions))) in plane.chunks_exact_mut(2 * width).zip(lines) {
                let (upper, lower) = rows.split_at_mut(width);
                let pairs = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
                let first = (2 * row * width) as u32;
                for (x, ((upper, lower), (from, at))) in pairs.zip(line.iter().zip(positions)).enumerate() {
                    let at = *at - first - 2 * x as u32;
                    let below = width as u32;
                    let of = |position: u32| if at == position { *from } else { T::ZERO };
                    *upper = [of(0), of(1)];
                    *lower = [of(below), of(below + 1)];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        easel_runtime::Random::new(seed, 0).normals(count).into_iter().map(f64::from).collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    fn shapes() -> Vec<PoolShape> {
        let base = PoolShape { size: [7, 9], kernel: 2, stride: 2, padding: 0, ceil: false };
        vec![
            base,
            PoolShape { size: [8, 6], ..base },
            PoolShape { kernel: 3, padding: 1, ..base },
            PoolShape { kernel: 3, ceil: true, size: [8, 9], ..base },
            PoolShape { stride: 1, ..base },
            PoolShape { kernel: 2, stride: 3, ceil: true, padding: 1, ..base },
        ]
    }

    #[test]
    fn adjoints() {
        for shape in shapes() {
            let out = 3 * out_area(&shape);
            let (x, g) = (numbers(3 * shape.area(), 1), numbers(out, 2));
            let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-10, "{shape:?}: {a} {b}");
            near(dot(&average(&shape, &x), &g), dot(&x, &average_adjoint(&shape, &g)));
            let positions = max_positions(&shape, &x);
            near(dot(&take(&shape, &x, &positions), &g), dot(&x, &take_adjoint(&shape, &g, &positions)));
        }
        let (x, g) = (numbers(2 * 3 * 5, 1), numbers(2 * 3 * 5 * 4, 2));
        assert!((dot(&upsample2x(&x, 5), &g) - dot(&x, &upsample2x_adjoint(&g, 5))).abs() < 1e-10);
    }

    #[test]
    fn the_first_of_equals_is_the_largest_and_nan_is_seen() {
        let shape = PoolShape { size: [2, 2], kernel: 2, stride: 2, padding: 0, ceil: false };
        assert_eq!(max_positions(&shape, &[1.0, 3.0, 3.0, 2.0]), [1]);
        assert_eq!(max_positions(&shape, &[f64::NEG_INFINITY; 4]), [0]);
        assert_eq!(max_positions(&shape, &[1.0, 3.0, f64::NAN, 9.0]), [2]);
        // Of equals in two rows the upper one, wherever it stands.
        assert_eq!(max_positions(&shape, &[1.0, 3.0, 3.0, 3.0]), [1]);
        assert_eq!(max_positions(&shape, &[0.0, 3.0, 3.0, 0.0]), [1]);
    }
}
