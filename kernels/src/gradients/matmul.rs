//! The product of two matrices on one thread: the core of convolutions.

use gemm::Parallelism;

use super::Float;

/// A view of a matrix in a slice: element (i, j) lies at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    /// The elements.
    pub values: &'a [T],
    /// The distance between two rows.
    pub row_stride: usize,
    /// The distance between two columns.
    pub column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// Rows one after the other, `columns` long.
    pub fn rows(values: &'a [T], columns: usize) -> Self {
        Self { values, row_stride: columns, column_stride: 1 }
    }

    /// The transposed matrix.
    pub fn transposed(self) -> Self {
        Self { values: self.values, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || {
            (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
        }
    }
}

/// `out = [out +] a b` for a `[m, k]` and b `[k, n]`; out's rows are `out_stride` apart.
///
/// # Panics
/// Where a matrix does not lie within its slice.
pub fn matmul<T: Float>(
    [m, n, k]: [usize; 3],
    out: &mut [T],
    out_stride: usize,
    accumulate: bool,
    a: View<'_, T>,
    b: View<'_, T>,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(a.holds(m, k) && b.holds(k, n) && (m - 1) * out_stride + n <= out.len(), "a matrix beyond its slice");
    // SAFETY: all three matrices lie within their slices, and `out` is borrowed for this call alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
