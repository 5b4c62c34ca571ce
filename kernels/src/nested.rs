//! Convolution with kernels of several times 3x3, such as 9x9, by products of transformed blocks.
//!
//! A 9x9 kernel is 3x3 kernels of 3x3. With F(3x3, 3x3) of arXiv 1509.09308 the blocks of all of them fall on one grid, so
//! each block of the input is transformed once, and each of the 25 points is a small convolution over blocks. It takes
//! 25 products for 9 results and each 3x3 part, instead of 81.

mod transforms;

use crate::few::{FewOutputs, sums_of};
use crate::finish::{Finish, Sums, Values, normalise_rectangle, write_with};
use crate::panels::Panels;
use crate::parallel::with_scratch;
use crate::parts::{Part, divide, even};
use crate::region::{Region, copy};
use crate::simd::{Simd, dispatch};
use crate::tile::{MAX_COLUMNS, MAX_ROWS, Tile};
use crate::{Level, View};
use transforms::{back, transform_all};

/// The side of a block of results, and of a part of the kernel.
const SIDE: usize = 3;

/// The side of the block that it is computed from.
const INPUT_SIDE: usize = 5;

const POINTS: usize = INPUT_SIDE * INPUT_SIDE;

/// The transform of a part of the kernel, which is computed in float64.
const KERNEL: [[f64; SIDE]; INPUT_SIDE] = [
    [1.0 / 2.0, 0.0, 0.0],
    [-1.0 / 2.0, -1.0 / 2.0, -1.0 / 2.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 6.0, 1.0 / 3.0, 2.0 / 3.0],
    [0.0, 0.0, 1.0],
];

/// A convolution of stride 1.
#[derive(Debug)]
pub(crate) struct Nested {
    weights: Weights,
    /// The 3x3 parts of the kernel, vertically and horizontally.
    kernel_parts: [usize; 2],
    inputs: usize,
    outputs: usize,
    padding: [usize; 2],
    level: Level,
}

/// The weights of each point, `[row part, column part, input]` by output.
#[derive(Debug)]
enum Weights {
    Panels(Vec<Panels>),
    Few(Vec<FewOutputs>),
}

/// The most values of transformed blocks that are kept at a time: a part of the second-level cache.
const BLOCK_VALUES: usize = 1 << 17;

impl Nested {
    /// Whether this is possible for a weight of these dimensions, which has at most [`MAX_ROWS`] rows of parts, and the
    /// quicker way for an output of this size: its blocks are mostly inside.
    pub(crate) fn is_worthwhile([_, _, height, width]: [usize; 4], size: [usize; 2]) -> bool {
        let fits = |side: usize| side > SIDE && side.is_multiple_of(SIDE);
        fits(height) && fits(width) && height <= MAX_ROWS * SIDE && size.iter().all(|&size| size >= 4 * SIDE)
    }

    /// `weight` has the dimensions `[output, input, height, width]`; `padding` is that at the top and on the left.
    pub(crate) fn new(weight: &[f32], dims: [usize; 4], padding: [usize; 2], level: Level) -> Self {
        let [outputs, inputs, height, width] = dims;
        let parts = [height / SIDE, width / SIDE];
        let depth = parts[0] * parts[1] * inputs;
        let at = |point: usize, k: usize, output: usize| {
            let (part, input) = (k / inputs, k % inputs);
            let (row, column) = (part / parts[1] * SIDE, part % parts[1] * SIDE);
            let kernel = &weight[(output * inputs + input) * height * width..];
            let mut sum = 0.0;
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let factor = KERNEL[point / INPUT_SIDE][y] * KERNEL[point % INPUT_SIDE][x];
                    sum += factor * f64::from(kernel[(row + y) * width + column + x]);
                }
            }
            sum as f32
        };
        let points = 0..POINTS;
        let weights = match FewOutputs::are(level, inputs, outputs) {
            true => Weights::Few(points.map(|p| FewOutputs::new(level, depth, outputs, |k, o| at(p, k, o))).collect()),
            false => Weights::Panels(points.map(|p| Panels::new(level, depth, outputs, |k, o| at(p, k, o))).collect()),
        };
        Self { weights, kernel_parts: parts, inputs, outputs, padding, level }
    }

    /// Blocks of a picture, which one thread computes.
    fn parts(&self, batch: usize, blocks: [usize; 2]) -> Vec<Part> {
        let room = BLOCK_VALUES / (POINTS * self.inputs.max(self.level.lanes() / 2));
        let side = (room as f64).sqrt() as usize;
        let [rows, columns] = std::array::from_fn(|axis| {
            even(blocks[axis], side.saturating_sub(self.kernel_parts[axis] - 1).max(2 * self.kernel_parts[axis]))
        });
        divide([batch, blocks[0], blocks[1]], [1, rows, columns])
    }

    /// Convolves, and returns the sums of the parts if they are asked for.
    pub(crate) fn run(&self, view: &View, finish: &Finish, size: [usize; 2]) -> Vec<Sums> {
        let parts = self.parts(view.pictures.batch, size.map(|size| size.div_ceil(SIDE)));
        finish.parts(&parts, |part| part.pictures.start, |part, sums| self.part(view, finish, size, part, sums))
    }

    fn part(&self, view: &View, finish: &Finish, size: [usize; 2], part: &Part, sums: Option<&mut Sums>) {
        // The blocks of the input.
        let rows = part.rows.len() + self.kernel_parts[0] - 1;
        let columns = part.columns.len() + self.kernel_parts[1] - 1;
        let region = Region {
            picture: part.pictures.start,
            pictures: 1,
            origin: [
                (part.rows.start * SIDE) as isize - self.padding[0] as isize,
                (part.columns.start * SIDE) as isize - self.padding[1] as isize,
            ],
            // Filled up to whole blocks, so that it can be sorted by columns.
            size: [rows * SIDE + 2, (columns + 1) * SIDE],
        };
        let line = (columns * self.inputs).next_multiple_of(self.level.lanes());
        let values = region.size[0] * region.size[1] * self.inputs;
        let across = part.columns.len().next_multiple_of(MAX_ROWS) + MAX_ROWS;
        let width = match &self.weights {
            Weights::Panels(points) => points[0].panels().iter().map(|panel| panel.width).max().unwrap_or(0),
            Weights::Few(_) => self.outputs * self.level.lanes(),
        };
        let lengths = [
            values,
            // Sorting by columns reads a vector beyond the end.
            values + MAX_COLUMNS,
            POINTS * rows * line + MAX_ROWS * self.inputs,
            POINTS * across * width,
            SIDE * across * SIDE * width.max(self.level.lanes()),
        ];
        with_scratch(lengths.iter().sum(), |scratch| {
            let (data, rest) = scratch.split_at_mut(lengths[0]);
            let (sorted, rest) = rest.split_at_mut(lengths[1]);
            let (blocks, rest) = rest.split_at_mut(lengths[2]);
            let (products, values) = rest.split_at_mut(lengths[3]);
            copy(self.level, view, &region, self.inputs, data);
            let mut work = Work { nested: self, part, size, rows, columns, line, across, data, width: region.size[1] };
            // A vector of channels is read at once; fewer channels are sorted so that those of several blocks make one.
            if !self.inputs.is_multiple_of(self.level.lanes()) {
                sort_columns(data, sorted, region.size[1], self.inputs);
                work.data = sorted;
            }
            // SAFETY: the slices have the lengths that are read and written, and the machine has the level.
            unsafe { convolve(self.level, &work, [blocks, products, values], finish, sums) }
            let [rows, columns] = [&part.rows, &part.columns].map(|range| range.start * SIDE..range.end * SIDE);
            // SAFETY: this part wrote these pixels.
            unsafe { normalise_rectangle(self.level, finish, [part.pictures.clone(), rows, columns], size) }
        });
    }
}

/// Sorts the pixels of each line by their column modulo the side of a block.
fn sort_columns(data: &[f32], sorted: &mut [f32], width: usize, channels: usize) {
    let lines = data.chunks_exact(width * channels).zip(sorted.chunks_exact_mut(width * channels));
    for (line, sorted) in lines {
        for (column, pixel) in line.chunks_exact(channels).enumerate() {
            let to = column % SIDE * (width / SIDE) + column / SIDE;
            sorted[to * channels..][..channels].copy_from_slice(pixel);
        }
    }
}

struct Work<'a> {
    nested: &'a Nested,
    part: &'a Part,
    size: [usize; 2],
    /// The blocks of the input.
    rows: usize,
    columns: usize,
    /// The values of a row of transformed blocks.
    line: usize,
    /// The blocks of a row of products, filled up.
    across: usize,
    data: &'a [f32],
    /// The pixels in a line of the data.
    width: usize,
}

dispatch!(unsafe fn convolve(
    work: &Work,
    memory: [&mut [f32]; 3],
    finish: &Finish,
    sums: Option<&mut Sums>,
) = convolve_with);

#[inline(always)]
unsafe fn convolve_with<S: Simd>(work: &Work, memory: [&mut [f32]; 3], finish: &Finish, mut sums: Option<&mut Sums>) {
    let [blocks, products, values] = memory;
    let nested = work.nested;
    // SAFETY: the caller's.
    unsafe {
        transform_all::<S>(work, blocks);
        for row in 0..work.part.rows.len() {
            match &nested.weights {
                Weights::Panels(points) => {
                    for (index, panel) in points[0].panels().iter().enumerate() {
                        multiply::<S>(work, points, index, blocks, products, row);
                        back::<S>(work, products, values, panel.width, panel.vectors, None);
                        let channels = [panel.columns.start, panel.columns.len()];
                        write_lines::<S>(work, finish, values, panel.width, channels, row, sums.as_deref_mut());
                    }
                }
                Weights::Few(points) => {
                    multiply_few::<S>(work, points, blocks, products, row);
                    let width = nested.outputs * S::LANES;
                    back::<S>(work, products, values, width, nested.outputs, Some(S::LANES));
                    write_lines::<S>(work, finish, values, S::LANES, [0, nested.outputs], row, sums.as_deref_mut());
                }
            }
        }
    }
}

/// The products of a row of blocks, `[point, block, output]`.
#[inline(always)]
unsafe fn multiply<S: Simd>(
    work: &Work,
    points: &[Panels],
    index: usize,
    blocks: &[f32],
    products: &mut [f32],
    row: usize,
) {
    let inputs = work.nested.inputs;
    let mut runs = [0; MAX_ROWS];
    let of_parts = work.nested.kernel_parts[0];
    for (part, run) in runs[..of_parts].iter_mut().enumerate() {
        *run = part * work.line;
    }
    // SAFETY: the caller's.
    unsafe {
        for (point, panels) in points.iter().enumerate() {
            let panel = &panels.panels()[index];
            let mut first = 0;
            while first < work.part.columns.len() {
                let starts: [usize; MAX_ROWS] = std::array::from_fn(|at| (first + at) * inputs);
                let tile = Tile {
                    left: blocks.as_ptr().add((point * work.rows + row) * work.line),
                    rows: &starts,
                    runs: &runs[..of_parts],
                    length: work.nested.kernel_parts[1] * inputs,
                    panel: panels.values(panel).as_ptr(),
                    result: products.as_mut_ptr().add((point * work.across + first) * panel.width),
                    stride: panel.width,
                };
                S::tile(panel.vectors, work.part.columns.len() - first, &tile);
                first += S::ROWS[panel.vectors - 1];
            }
        }
    }
}

/// The products of a row of blocks, `[point, block, output, lane]`, whose lanes are yet to be summed.
#[inline(always)]
unsafe fn multiply_few<S: Simd>(work: &Work, points: &[FewOutputs], blocks: &[f32], products: &mut [f32], row: usize) {
    let inputs = work.nested.inputs;
    let width = work.nested.outputs * S::LANES;
    let mut runs = [0; MAX_ROWS];
    let of_parts = work.nested.kernel_parts[0];
    for (part, run) in runs[..of_parts].iter_mut().enumerate() {
        *run = part * work.line;
    }
    // SAFETY: the caller's.
    unsafe {
        for (point, few) in points.iter().enumerate() {
            let left = blocks.as_ptr().add((point * work.rows + row) * work.line);
            let mut first = 0;
            while first < work.part.columns.len() {
                let starts = std::array::from_fn(|at| (first + at) * inputs);
                let to = products.as_mut_ptr().add((point * work.across + first) * width);
                let length = work.nested.kernel_parts[1] * inputs;
                first += sums_of::<S>(few, left, &runs[..of_parts], length, &starts, to);
            }
        }
    }
}

/// Finishes the three lines of a row of blocks.
#[inline(always)]
unsafe fn write_lines<S: Simd>(
    work: &Work,
    finish: &Finish,
    values: &[f32],
    stride: usize,
    channels: [usize; 2],
    row: usize,
    mut sums: Option<&mut Sums>,
) {
    /// The pixels that are finished at a time.
    const RUN: usize = 64;
    let (y, x) = ((work.part.rows.start + row) * SIDE, work.part.columns.start * SIDE);
    let width = (work.part.columns.len() * SIDE).min(work.size[1] - x);
    for line in 0..SIDE.min(work.size[0] - y) {
        for first in (0..width).step_by(RUN) {
            let pixel = (work.part.pictures.start * work.size[0] + y + line) * work.size[1] + x + first;
            let pixels: [usize; RUN] = std::array::from_fn(|at| pixel + at);
            let count = RUN.min(width - first);
            let at = (line * work.across * SIDE + first) * stride;
            let values = Values { sums: values[at..].as_ptr(), stride, channels, pixels: &pixels[..count] };
            // SAFETY: the caller's.
            unsafe { write_with::<S>(finish, &values, sums.as_deref_mut()) };
            if let (Some(sums), 0) = (&mut sums, channels[0]) {
                sums.count += count;
            }
        }
    }
}
