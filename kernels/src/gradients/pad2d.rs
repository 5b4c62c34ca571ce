//! Padding by mirroring, repeating or wrapping, and its adjoint.

use rayon::prelude::*;

use super::Float;

/// The padding mode: where the rows and columns outside a picture are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PadMode {
    /// The picture mirrored, without repeating the edge. It must be larger than the padding.
    Reflect,
    /// The edge repeated.
    Replicate,
    /// The picture repeated. It must be at least as large as the padding.
    Circular,
}

impl PadMode {
    /// Whether a side of this size can be padded by so much.
    pub fn allows(self, size: usize, padding: usize) -> bool {
        match self {
            Self::Reflect => padding < size,
            Self::Replicate => size > 0,
            Self::Circular => padding <= size,
        }
    }

    /// For each row (or column) of the padded picture, the one it is taken from.
    pub fn sources(self, size: usize, [before, after]: [usize; 2]) -> Vec<usize> {
        let last = size as isize - 1;
        (0..size + before + after)
            .map(|at| {
                let at = at as isize - before as isize;
                let source = match self {
                    Self::Reflect if at < 0 => -at,
                    Self::Reflect if at > last => 2 * last - at,
                    Self::Reflect => at,
                    Self::Replicate => at.clamp(0, last),
                    Self::Circular => at.rem_euclid(size as isize),
                };
                source as usize
            })
            .collect()
    }
}

/// Takes rows and columns of planes of `width`: element (y, x) of each result is `(rows[y], columns[x])`.
pub fn gather<T: Float>(planes: &[T], [height, width]: [usize; 2], rows: &[usize], columns: &[usize]) -> Vec<T> {
    let mut result = vec![T::ZERO; planes.len() / (height * width) * rows.len() * columns.len()];
    // Columns that go up one by one are copied at once: all except the edges.
    let steady = longest_run(columns);
    let result_planes = result.par_chunks_mut(rows.len() * columns.len());
    result_planes.zip(planes.par_chunks(height * width)).for_each(|(result, plane)| {
        for (line, &row) in result.chunks_exact_mut(columns.len()).zip(rows) {
            let source = &plane[row * width..][..width];
            for (to, &column) in line[..steady.start].iter_mut().zip(columns) {
                *to = source[column];
            }
            let first = columns[steady.start];
            line[steady.clone()].copy_from_slice(&source[first..first + steady.len()]);
            for (to, &column) in line[steady.end..].iter_mut().zip(&columns[steady.end..]) {
                *to = source[column];
            }
        }
    });
    result
}

/// The adjoint of [`gather`]: adds every element onto the place that it was taken from.
pub fn scatter_add<T: Float>(planes: &[T], [height, width]: [usize; 2], rows: &[usize], columns: &[usize]) -> Vec<T> {
    let area = rows.len() * columns.len();
    let mut result = vec![T::ZERO; planes.len() / area * height * width];
    let steady = longest_run(columns);
    result.par_chunks_mut(height * width).zip(planes.par_chunks(area)).for_each(|(result, plane)| {
        for (line, &row) in plane.chunks_exact(columns.len()).zip(rows) {
            let target = &mut result[row * width..][..width];
            for (from, &column) in line[..steady.start].iter().zip(columns) {
                target[column] += *from;
            }
            let first = columns[steady.start];
            let run = &mut target[first..first + steady.len()];
            run.iter_mut().zip(&line[steady.clone()]).for_each(|(to, from)| *to += *from);
            for (from, &column) in line[steady.end..].iter().zip(&columns[steady.end..]) {
                target[column] += *from;
            }
        }
    });
    result
}

/// The longest range over which the sources go up one by one.
fn longest_run(sources: &[usize]) -> std::ops::Range<usize> {
    let (mut best, mut start) = (0..sources.len().min(1), 0);
    for at in 1..=sources.len() {
        if at == sources.len() || sources[at] != sources[at - 1] + 1 {
            if at - start > best.len() {
                best = start..at;
            }
            start = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_each_mode() {
        assert_eq!(PadMode::Reflect.sources(4, [3, 2]), [3, 2, 1, 0, 1, 2, 3, 2, 1]);
        assert_eq!(PadMode::Replicate.sources(3, [2, 1]), [0, 0, 0, 1, 2, 2]);
        assert_eq!(PadMode::Circular.sources(3, [2, 3]), [1, 2, 0, 1, 2, 0, 1, 2]);
        assert!(!PadMode::Reflect.allows(3, 3) && PadMode::Circular.allows(3, 3) && PadMode::Replicate.allows(1, 9));
    }

    #[test]
    fn scatter_is_the_adjoint_of_gather() {
        let numbers = |count, seed| -> Vec<f64> {
            easel_runtime::Random::new(seed, 0).normals(count).into_iter().map(f64::from).collect()
        };
        for mode in [PadMode::Reflect, PadMode::Replicate, PadMode::Circular] {
            let (rows, columns) = (mode.sources(5, [2, 1]), mode.sources(4, [3, 3]));
            let (x, g) = (numbers(2 * 20, 1), numbers(2 * 80, 2));
            let padded = gather(&x, [5, 4], &rows, &columns);
            let back = scatter_add(&g, [5, 4], &rows, &columns);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            assert!((dot(&padded, &g) - dot(&x, &back)).abs() < 1e-10, "{mode:?}");
        }
    }
}
