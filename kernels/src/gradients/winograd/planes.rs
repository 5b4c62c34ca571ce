//! Channels-first planes to vectors of channels and back.

use crate::simd::Simd;

/// Copies a window of some planes, zeros outside of them, to `[row, column, lane]`.
///
/// # Safety
/// There are `lanes` planes, at most a vector's, one after the other; the window has room. The machine has the
/// instructions.
#[inline(always)]
pub(super) unsafe fn read<S: Simd>(
    planes: *const f32,
    [height, width]: [usize; 2],
    lanes: usize,
    origin: [isize; 2],
    size: [usize; 2],
    to: *mut f32,
) {
    // SAFETY: the caller's.
    unsafe {
        let length = size[1] * S::LANES;
        if lanes < S::LANES {
            to.write_bytes(0, size[0] * length);
        }
        let left = (-origin[1]).clamp(0, size[1] as isize) as usize;
        let right = (width as isize - origin[1]).clamp(left as isize, size[1] as isize) as usize;
        for row in 0..size[0] {
            let line = to.add(row * length);
            let y = origin[0] + row as isize;
            if y < 0 || y >= height as isize {
                line.write_bytes(0, length);
                continue;
            }
            line.write_bytes(0, left * S::LANES);
            line.add(right * S::LANES).write_bytes(0, (size[1] - right) * S::LANES);
            let from = planes.offset(y * width as isize + origin[1]);
            for column in (left..right).step_by(S::LANES) {
                let count = S::LANES.min(right - column);
                let to = line.add(column * S::LANES);
                S::transpose(from.add(column), height * width, [lanes, count], to, S::LANES);
            }
        }
    }
}

/// Writes pixels, `[row, column, lane]` with rows of `columns`, to some planes that lie `plane` apart.
///
/// # Safety
/// As for [`read`]; the planes have room.
#[inline(always)]
pub(super) unsafe fn write<S: Simd>(
    from: *const f32,
    columns: usize,
    size: [usize; 2],
    lanes: usize,
    to: *mut f32,
    plane: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        for row in 0..size[0] {
            for column in (0..size[1]).step_by(S::LANES) {
                let count = S::LANES.min(size[1] - column);
                let from = from.add((row * columns + column) * S::LANES);
                S::transpose(from, S::LANES, [count, lanes], to.add(row * size[1] + column), plane);
            }
        }
    }
}
