//! Convolution with 3x3 kernels by products of transformed blocks: F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", arXiv 1509.09308. It takes 36 products for 16 results instead of 144.

// The indices are those of the matrices.
#![allow(clippy::needless_range_loop)]

use crate::finish::{Finish, Sums, Values, normalise_rectangle, write_with};
use crate::panels::Panels;
use crate::parallel::with_scratch;
use crate::parts::{PARTS, Part, divide, even};
use crate::region::{Region, copy};
use crate::simd::{Simd, dispatch};
use crate::tile::{MAX_ROWS, Tile};
use crate::{Level, View};

/// The side of a block of results.
pub(crate) const SIDE: usize = 4;

/// The side of the block that it is computed from.
pub(crate) const INPUT_SIDE: usize = SIDE + 2;

/// The number of products for a block.
pub(crate) const POINTS: usize = INPUT_SIDE * INPUT_SIDE;

/// The transform of the kernel, which is computed in float64.
const KERNEL: [[f64; 3]; INPUT_SIDE] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// A convolution with 3x3 kernels of stride 1.
#[derive(Debug)]
pub(crate) struct Winograd {
    /// One matrix `[input, output]` for each point.
    points: Vec<Panels>,
    inputs: usize,
    padding: [usize; 2],
    level: Level,
}

/// The most values of transformed blocks that are kept at a time: a part of the second-level cache.
const BLOCK_VALUES: usize = 1 << 17;

/// The blocks that are finished at a time.
const RUN: usize = 4;

/// Sums of three vectors with a factor each.
fn combine<T>(factors: &[f64; 3], [a, b, c]: [&[f64]; 3], sums: &mut [T], convert: impl Fn(f64) -> T) {
    for ((sum, &a), (&b, &c)) in sums.iter_mut().zip(a).zip(b.iter().zip(c)) {
        *sum = convert(factors[0] * a + factors[1] * b + factors[2] * c);
    }
}

impl Winograd {
    /// `weight` is `[output, input, 3, 3]`; `padding` that at the top and on the left.
    pub(crate) fn new(weight: &[f32], outputs: usize, inputs: usize, padding: [usize; 2], level: Level) -> Self {
        let mut transformed = vec![0f32; POINTS * inputs * outputs];
        // The kernels of all outputs at once, which the compiler vectorises: their taps, then their columns transformed.
        let mut taps = vec![0f64; 9 * outputs];
        let mut columns = vec![0f64; 3 * outputs];
        for input in 0..inputs {
            for output in 0..outputs {
                let kernel = &weight[(output * inputs + input) * 9..][..9];
                kernel.iter().enumerate().for_each(|(tap, &value)| taps[tap * outputs + output] = value.into());
            }
            for y in 0..INPUT_SIDE {
                for x in 0..3 {
                    let above = [x, 3 + x, 6 + x].map(|tap| &taps[tap * outputs..][..outputs]);
                    combine(&KERNEL[y], above, &mut columns[x * outputs..][..outputs], |sum| sum);
                }
                let row = [0, 1, 2].map(|x| &columns[x * outputs..][..outputs]);
                for x in 0..INPUT_SIDE {
                    let point = y * INPUT_SIDE + x;
                    let to = &mut transformed[(point * inputs + input) * outputs..][..outputs];
                    combine(&KERNEL[x], row, to, |sum| sum as f32);
                }
            }
        }
        let points = transformed
            .chunks_exact((inputs * outputs).max(1))
            .map(|matrix| Panels::new(level, inputs, outputs, |input, output| matrix[input * outputs + output]))
            .collect();
        Self { points, inputs, padding, level }
    }

    /// Whether this is the quicker way for a weight of these dimensions and an output of this size: there are enough
    /// channels to pay for the transforms, blocks are mostly inside, and there are enough of them to pay for reading the
    /// transformed weights.
    pub(crate) fn is_worthwhile(
        [outputs, inputs, rows, columns]: [usize; 4],
        batch: usize,
        [height, width]: [usize; 2],
    ) -> bool {
        let blocks = height.div_ceil(SIDE) * width.div_ceil(SIDE);
        [rows, columns] == [3, 3]
            && inputs.min(outputs) >= 8
            && blocks * POINTS * 3 < height * width * 9 * 2
            && batch * blocks >= 4
    }

    fn stride(&self) -> usize {
        self.inputs.next_multiple_of(self.level.lanes())
    }

    /// Blocks of some pictures, which one thread computes.
    fn parts(&self, batch: usize, blocks: [usize; 2], alone: bool) -> Vec<Part> {
        let width = self.points[0].panels().iter().map(|panel| panel.width).max().unwrap_or(0);
        let room = (BLOCK_VALUES / (POINTS * (self.stride() + width))).max(MAX_ROWS);
        let all = blocks[0] * blocks[1];
        let parts = (batch * all / MAX_ROWS).clamp(1, PARTS);
        let pictures = if alone { 1 } else { (room / all).clamp(1, batch.div_ceil(parts)) };
        let columns = even(blocks[1], room);
        let rows = even(blocks[0], (room / columns).clamp(1, blocks[0]));
        let of_pictures = batch.div_ceil(pictures);
        let rows = if of_pictures < parts { rows.min(blocks[0].div_ceil(parts.div_ceil(of_pictures))) } else { rows };
        divide([batch, blocks[0], blocks[1]], [pictures, rows, columns])
    }

    /// Convolves, and returns the sums of the parts if they are asked for.
    pub(crate) fn run(&self, view: &View, finish: &Finish, size: [usize; 2]) -> Vec<Sums> {
        let blocks = size.map(|size| size.div_ceil(SIDE));
        let parts = self.parts(view.pictures.batch, blocks, finish.epilogue.moments);
        finish.parts(&parts, |part| part.pictures.start, |part, sums| self.part(view, finish, size, part, sums))
    }

    fn part(&self, view: &View, finish: &Finish, size: [usize; 2], part: &Part, sums: Option<&mut Sums>) {
        let (stride, pictures) = (self.stride(), part.pictures.len());
        let region = Region {
            picture: part.pictures.start,
            pictures,
            origin: [
                (part.rows.start * SIDE) as isize - self.padding[0] as isize,
                (part.columns.start * SIDE) as isize - self.padding[1] as isize,
            ],
            size: [part.rows.len() * SIDE + 2, part.columns.len() * SIDE + 2],
        };
        let count = pictures * part.rows.len() * part.columns.len();
        // Filled up, so that each tile of products is whole.
        let rows = count.next_multiple_of(MAX_ROWS) + MAX_ROWS;
        let width = self.points[0].panels().iter().map(|panel| panel.width).max().unwrap_or(0);
        let lengths = [
            pictures * region.size[0] * region.size[1] * stride,
            POINTS * rows * stride,
            POINTS * rows * width,
            RUN * SIDE * SIDE * width,
        ];
        with_scratch(lengths.iter().sum(), |scratch| {
            let (data, rest) = scratch.split_at_mut(lengths[0]);
            let (inputs, rest) = rest.split_at_mut(lengths[1]);
            let (products, values) = rest.split_at_mut(lengths[2]);
            copy(self.level, view, &region, stride, data);
            let work = Work { winograd: self, part, region: &region, size, rows };
            // SAFETY: the slices have the lengths that are read and written, and the machine has the level.
            unsafe { convolve(self.level, &work, [data, inputs, products, values], finish, sums) }
            let [rows, columns] = [&part.rows, &part.columns].map(|range| range.start * SIDE..range.end * SIDE);
            // SAFETY: this part wrote these pixels.
            unsafe { normalise_rectangle(self.level, finish, [part.pictures.clone(), rows, columns], size) }
        });
    }
}

struct Work<'a> {
    winograd: &'a Winograd,
    part: &'a Part,
    region: &'a Region,
    size: [usize; 2],
    rows: usize,
}

dispatch!(unsafe fn convolve(
    work: &Work,
    memory: [&mut [f32]; 4],
    finish: &Finish,
    sums: Option<&mut Sums>,
) = convolve_with);

#[inline(always)]
unsafe fn convolve_with<S: Simd>(work: &Work, memory: [&mut [f32]; 4], finish: &Finish, mut sums: Option<&mut Sums>) {
    let [data, inputs, products, values] = memory;
    let Work { winograd, part, region, size, rows } = *work;
    let (stride, depth) = (winograd.stride(), winograd.inputs);
    let row_length = region.size[1] * stride;
    let across = part.columns.len();
    let in_picture = part.rows.len() * across;
    let count = part.pictures.len() * in_picture;
    // SAFETY: the caller's.
    unsafe {
        for block in 0..count {
            let (picture, at) = (block / in_picture, block % in_picture);
            let line = picture * region.size[0] + at / across * SIDE;
            let from = data.as_ptr().add(line * row_length + at % across * SIDE * stride);
            let to = inputs.as_mut_ptr().add(block * stride);
            for channel in (0..stride).step_by(S::LANES) {
                transform_input::<S>(from.add(channel), [row_length, stride], to.add(channel), rows * stride);
            }
        }
        for (index, panel) in winograd.points[0].panels().iter().enumerate() {
            let tile_rows = S::ROWS[panel.vectors - 1];
            for (point, matrix) in winograd.points.iter().enumerate() {
                let mut first = 0;
                while first < count {
                    let starts: [usize; MAX_ROWS] = std::array::from_fn(|row| (first + row) * stride);
                    let tile = Tile {
                        left: inputs.as_ptr().add(point * rows * stride),
                        rows: &starts,
                        runs: &[0],
                        length: depth,
                        panel: matrix.values(&matrix.panels()[index]).as_ptr(),
                        result: products.as_mut_ptr().add((point * rows + first) * panel.width),
                        stride: panel.width,
                    };
                    S::tile(panel.vectors, count - first, &tile);
                    first += tile_rows;
                }
            }
            let line = RUN * SIDE * panel.width;
            let mut first = 0;
            while first < count {
                let (picture, at) = (part.pictures.start + first / in_picture, first % in_picture);
                let [row, column] = [at / across, at % across];
                let run = RUN.min(across - column);
                for block in first..first + run {
                    let from = products.as_ptr().add(block * panel.width);
                    let to = values.as_mut_ptr().add((block - first) * SIDE * panel.width);
                    for column in (0..panel.width).step_by(S::LANES) {
                        transform_output::<S>(
                            from.add(column),
                            rows * panel.width,
                            to.add(column),
                            [line, panel.width],
                        );
                    }
                }
                let (y, x) = ((part.rows.start + row) * SIDE, (part.columns.start + column) * SIDE);
                for row in 0..SIDE.min(size[0] - y) {
                    let pixel = (picture * size[0] + y + row) * size[1] + x;
                    let pixels: [usize; RUN * SIDE] = std::array::from_fn(|column| pixel + column);
                    let inside = (run * SIDE).min(size[1] - x);
                    let values = Values {
                        sums: values.as_ptr().add(row * line),
                        stride: panel.width,
                        channels: [panel.columns.start, panel.columns.len()],
                        pixels: &pixels[..inside],
                    };
                    write_with::<S>(finish, &values, sums.as_deref_mut());
                    if let (Some(sums), 0) = (&mut sums, index) {
                        sums.count += inside;
                    }
                }
                first += run;
            }
        }
    }
}

/// One dimension of the input's transform.
#[inline(always)]
unsafe fn input_points<S: Simd>(d: [S::Vector; INPUT_SIDE]) -> [S::Vector; INPUT_SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let [two, four, minus_four, minus_five] = [S::splat(2.0), S::splat(4.0), S::splat(-4.0), S::splat(-5.0)];
        let (even, odd) = (S::fma(minus_four, d[2], d[4]), S::fma(minus_four, d[1], d[3]));
        let (near, far) = (S::sub(d[4], d[2]), S::mul(two, S::sub(d[3], d[1])));
        [
            S::fma(four, d[0], S::fma(minus_five, d[2], d[4])),
            S::add(even, odd),
            S::sub(even, odd),
            S::add(near, far),
            S::sub(near, far),
            S::fma(four, d[1], S::fma(minus_five, d[3], d[5])),
        ]
    }
}

/// One dimension of the output's transform.
#[inline(always)]
unsafe fn output_points<S: Simd>(m: [S::Vector; INPUT_SIDE]) -> [S::Vector; SIDE] {
    // SAFETY: the caller's.
    unsafe {
        let [two, four, eight] = [S::splat(2.0), S::splat(4.0), S::splat(8.0)];
        let (sum, difference) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (far_sum, far_difference) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], sum), far_sum),
            S::fma(two, far_difference, difference),
            S::fma(four, far_sum, sum),
            S::add(S::fma(eight, far_difference, difference), m[5]),
        ]
    }
}

/// Transforms a block of one vector of channels; `to` is `[point, ..]` with this distance between two points.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) unsafe fn transform_input<S: Simd>(
    from: *const f32,
    [row, column]: [usize; 2],
    to: *mut f32,
    distance: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[S::splat(0.0); INPUT_SIDE]; INPUT_SIDE];
        for x in 0..INPUT_SIDE {
            let at = from.add(x * column);
            let d = [
                S::load(at),
                S::load(at.add(row)),
                S::load(at.add(2 * row)),
                S::load(at.add(3 * row)),
                S::load(at.add(4 * row)),
                S::load(at.add(5 * row)),
            ];
            half[x] = input_points::<S>(d);
        }
        for y in 0..INPUT_SIDE {
            let points = input_points::<S>([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]]);
            for x in 0..INPUT_SIDE {
                S::store(to.add((y * INPUT_SIDE + x) * distance), points[x]);
            }
        }
    }
}

/// Transforms the products of a block back; `to` is `[row, column, ..]` with these distances.
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) unsafe fn transform_output<S: Simd>(
    from: *const f32,
    distance: usize,
    to: *mut f32,
    [row, column]: [usize; 2],
) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = [[S::splat(0.0); SIDE]; INPUT_SIDE];
        for x in 0..INPUT_SIDE {
            let m = [
                S::load(from.add(x * distance)),
                S::load(from.add((INPUT_SIDE + x) * distance)),
                S::load(from.add((2 * INPUT_SIDE + x) * distance)),
                S::load(from.add((3 * INPUT_SIDE + x) * distance)),
                S::load(from.add((4 * INPUT_SIDE + x) * distance)),
                S::load(from.add((5 * INPUT_SIDE + x) * distance)),
            ];
            half[x] = output_points::<S>(m);
        }
        for y in 0..SIDE {
            let results = output_points::<S>([half[0][y], half[1][y], half[2][y], half[3][y], half[4][y], half[5][y]]);
            for x in 0..SIDE {
                S::store(to.add(y * row + x * column), results[x]);
            }
        }
    }
}
