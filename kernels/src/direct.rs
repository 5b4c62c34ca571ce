//! Convolution as products of the pixels under the kernel with panels of weights, without unfolding.

use std::ops::Range;

use crate::few::{self, FewOutputs};
use crate::finish::{Finish, Sums, Values, normalise_pixels, write_with};
use crate::panels::Panels;
use crate::parallel::with_scratch;
use crate::parts::{PARTS, Part, divide, even};
use crate::region::{Region, copy};
use crate::simd::{Simd, dispatch};
use crate::tile::{MAX_COLUMNS, MAX_ROWS, Tile};
use crate::{Level, View};

/// A convolution that writes every `step`-th row and column of the output.
#[derive(Debug)]
pub(crate) struct Phase {
    /// The first row and column that it writes.
    pub origin: [usize; 2],
    /// The rows and columns of the view under the kernel, from the position's own: rows times columns.
    pub taps: [Vec<isize>; 2],
    pub weights: Weights,
    pub bias: Vec<f32>,
}

/// Weights, `[row tap, column tap, input]` by output.
#[derive(Debug)]
pub(crate) enum Weights {
    /// For vectors of outputs.
    Panels(Panels),
    /// For vectors of inputs.
    Few(FewOutputs),
}

impl Weights {
    /// `at(tap, input, output)` is a weight.
    pub(crate) fn new(
        level: Level,
        taps: usize,
        inputs: usize,
        outputs: usize,
        at: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        match FewOutputs::are(level, inputs, outputs) {
            true => Self::Few(FewOutputs::new(level, taps * inputs, outputs, |k, output| {
                at(k / inputs, k % inputs, output)
            })),
            false => {
                Self::Panels(Panels::new(level, taps * inputs, outputs, |k, output| at(k / inputs, k % inputs, output)))
            }
        }
    }

    /// The number of parts that can be computed apart.
    fn panels(&self) -> usize {
        match self {
            Self::Panels(panels) => panels.panels().len(),
            Self::Few(_) => 1,
        }
    }
}

/// Phases that together write each pixel once.
#[derive(Debug)]
pub(crate) struct Direct {
    pub phases: Vec<Phase>,
    /// Rows and columns of the view between two positions.
    pub input_step: [usize; 2],
    /// Rows and columns of the output between two positions.
    pub output_step: [usize; 2],
    pub inputs: usize,
    pub outputs: usize,
    pub level: Level,
}

/// The most values of a region: half of a small second-level cache.
const REGION_VALUES: usize = 1 << 15;

/// The pixels that are finished at a time; a multiple of the rows of each tile.
const GROUP: usize = 48;

/// The products below which work is not divided.
const SMALL_WORK: usize = 1 << 19;

/// What one thread computes at a time.
struct Piece {
    part: Part,
    panels: Range<usize>,
}

impl Direct {
    /// The taps that reach furthest up and left, and height and width of what all taps cover.
    fn reach(&self) -> ([isize; 2], [usize; 2]) {
        let mut first = [0; 2];
        let mut size = [0; 2];
        for axis in 0..2 {
            let taps = || self.phases.iter().flat_map(|phase| phase.taps[axis].iter().copied());
            let (low, high) = (taps().min().unwrap_or(0), taps().max().unwrap_or(0));
            (first[axis], size[axis]) = (low, (high - low) as usize + 1);
        }
        (first, size)
    }

    /// Height and width of a region for a number of positions.
    fn region_size(&self, positions: [usize; 2], reach: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| (positions[axis] - 1) * self.input_step[axis] + reach[axis])
    }

    fn pieces(&self, batch: usize, positions: [usize; 2], alone: bool, whole: bool) -> Vec<Piece> {
        let (_, reach) = self.reach();
        let area = REGION_VALUES / self.inputs;
        let whole_size = self.region_size(positions, reach);
        let panels = self.phases[0].weights.panels();
        let taps = self.phases.iter().map(|phase| phase.taps[0].len() * phase.taps[1].len()).sum::<usize>();
        let work = taps * self.inputs * self.outputs;
        let parts = (work * batch * positions[0] * positions[1] / SMALL_WORK).clamp(1, PARTS);
        let pictures = if alone { 1 } else { (area / (whole_size[0] * whole_size[1])).clamp(1, batch.div_ceil(parts)) };
        let side = (area as f64).sqrt() as usize;
        // Wide regions, since rows are copied at once.
        let fit = |room: usize, axis: usize| {
            (room.saturating_sub(reach[axis]) / self.input_step[axis] + 1).clamp(1, positions[axis])
        };
        let columns = fit((2 * side).max(reach[1] + 8 * self.input_step[1]), 1);
        let columns = even(positions[1], columns);
        let width = self.region_size([1, columns], reach)[1];
        let rows = fit((area / width).max(reach[0] + 3 * self.input_step[0]), 0);
        let rows = even(positions[0], rows);
        let of_pictures = batch.div_ceil(pictures);
        let rows =
            if of_pictures < parts { rows.min(positions[0].div_ceil(parts.div_ceil(of_pictures))) } else { rows };
        let blocks = divide([batch, positions[0], positions[1]], [pictures, rows, columns]);
        let groups = if whole { 1 } else { parts.div_ceil(blocks.len()).min(panels) };
        let of_group = |group: usize| panels * group / groups..panels * (group + 1) / groups;
        let pieces = blocks
            .into_iter()
            .flat_map(|part| (0..groups).map(move |group| Piece { part: part.clone(), panels: of_group(group) }));
        pieces.collect()
    }

    /// Convolves, and returns the sums of the parts if they are asked for.
    pub(crate) fn run(&self, view: &View, finish: &Finish, size: [usize; 2]) -> Vec<Sums> {
        let positions = std::array::from_fn(|axis| size[axis].div_ceil(self.output_step[axis]));
        let epilogue = &finish.epilogue;
        let pieces = self.pieces(
            view.pictures.batch,
            positions,
            epilogue.moments,
            epilogue.moments || epilogue.pixel_norm.is_some(),
        );
        finish.parts(
            &pieces,
            |piece| piece.part.pictures.start,
            |piece, sums| self.piece(view, finish, size, piece, sums),
        )
    }

    fn piece(&self, view: &View, finish: &Finish, size: [usize; 2], piece: &Piece, mut sums: Option<&mut Sums>) {
        let Piece { part, panels: of_piece } = piece;
        let (first, reach) = self.reach();
        let (inputs, pictures) = (self.inputs, part.pictures.len());
        let region_size = self.region_size([part.rows.len(), part.columns.len()], reach);
        let origin = [part.rows.start, part.columns.start];
        let region = Region {
            picture: part.pictures.start,
            pictures,
            origin: std::array::from_fn(|axis| (origin[axis] * self.input_step[axis]) as isize + first[axis]),
            size: region_size,
        };
        let values = pictures * region_size[0] * region_size[1] * inputs;
        let (mut starts, mut pixels, mut runs) = (Vec::new(), Vec::new(), Vec::new());
        with_scratch(values + (GROUP + MAX_ROWS) * MAX_COLUMNS, |scratch| {
            let (data, products) = scratch.split_at_mut(values);
            copy(self.level, view, &region, inputs, data);
            for phase in &self.phases {
                starts.clear();
                pixels.clear();
                for picture in 0..pictures {
                    for row in part.rows.clone() {
                        let y = row * self.output_step[0] + phase.origin[0];
                        let line = (picture * region_size[0] + (row - origin[0]) * self.input_step[0]) * region_size[1];
                        for column in part.columns.clone() {
                            let x = column * self.output_step[1] + phase.origin[1];
                            if y < size[0] && x < size[1] {
                                starts.push((line + (column - origin[1]) * self.input_step[1]) * inputs);
                                pixels.push(((part.pictures.start + picture) * size[0] + y) * size[1] + x);
                            }
                        }
                    }
                }
                runs.clear();
                let start = |row: isize, column: isize| {
                    ((row - first[0]) as usize * region_size[1] + (column - first[1]) as usize) * inputs
                };
                let [rows, columns] = &phase.taps;
                let side_by_side = columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
                for row in rows {
                    for column in columns.iter().take(if side_by_side { 1 } else { columns.len() }) {
                        runs.push(start(*row, *column));
                    }
                }
                let length = if side_by_side { columns.len() * inputs } else { inputs };
                let work = Work { runs: &runs, length, starts: &starts, pixels: &pixels };
                // SAFETY: starts and runs lie within the region, and the machine has the level.
                unsafe {
                    let (sums, finish) = (sums.as_deref_mut(), &Finish { bias: &phase.bias, ..*finish });
                    match &phase.weights {
                        Weights::Panels(panels) => {
                            let panels = (panels, of_piece.clone());
                            multiply(self.level, &work, panels, data, products, finish, sums)
                        }
                        Weights::Few(few) => few::multiply(self.level, &work, few, data, products, finish, sums),
                    }
                }
                if let Some(sums) = &mut sums {
                    sums.count += pixels.len();
                }
                if let Some(epsilon) = finish.epilogue.pixel_norm {
                    // SAFETY: this part wrote these pixels with all their channels.
                    unsafe { normalise_pixels(self.level, finish, &pixels, epsilon) }
                }
            }
        });
    }
}

/// The pixels of a phase in a part.
pub(crate) struct Work<'a> {
    pub runs: &'a [usize],
    pub length: usize,
    pub starts: &'a [usize],
    pub pixels: &'a [usize],
}

dispatch!(unsafe fn multiply(
    work: &Work,
    panels: (&Panels, Range<usize>),
    data: &[f32],
    products: &mut [f32],
    finish: &Finish,
    sums: Option<&mut Sums>,
) = multiply_with);

#[inline(always)]
unsafe fn multiply_with<S: Simd>(
    work: &Work,
    (panels, range): (&Panels, Range<usize>),
    data: &[f32],
    products: &mut [f32],
    finish: &Finish,
    mut sums: Option<&mut Sums>,
) {
    for panel in &panels.panels()[range] {
        for (starts, pixels) in work.starts.chunks(GROUP).zip(work.pixels.chunks(GROUP)) {
            let mut first = 0;
            while first < pixels.len() {
                let count = S::ROWS[panel.vectors - 1].min(pixels.len() - first);
                let mut rows = [starts[first]; MAX_ROWS];
                rows[..count].copy_from_slice(&starts[first..first + count]);
                let tile = Tile {
                    left: data.as_ptr(),
                    rows: &rows,
                    runs: work.runs,
                    length: work.length,
                    panel: panels.values(panel).as_ptr(),
                    result: products[first * panel.width..].as_mut_ptr(),
                    stride: panel.width,
                };
                // SAFETY: the caller's.
                unsafe { S::tile(panel.vectors, count, &tile) };
                first += count;
            }
            let channels = [panel.columns.start, panel.columns.len()];
            let values = Values { sums: products.as_ptr(), stride: panel.width, channels, pixels };
            // SAFETY: the caller's.
            unsafe { write_with::<S>(finish, &values, sums.as_deref_mut()) };
        }
    }
}
