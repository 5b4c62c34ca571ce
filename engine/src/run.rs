//! Running a plan.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use easel_kernels::{Affine, Binary, Epilogue, Level, Pictures, Target, View, combine, copy, map, moments, pixel_norm};

use crate::error::{Error, Result};
use crate::plan::{Output, Plan};
use crate::step::{BufferId, Convolve, Place, Source, Span, Storage, Vector, VectorOperation, Work};

/// The values in a cache line.
const LINE: usize = 16;

/// An input of a run.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// Known to the plan.
    Planned,
    Floats(Cow<'a, [f32]>),
    Ints(&'a [i64]),
}

/// Runs a plan. Returns the values of the computed outputs, empty for others, and notes the time of each step if asked to.
pub(crate) fn run(
    plan: &Plan,
    level: Level,
    inputs: &[Input],
    arena: &mut Vec<f32>,
    mut times: Option<&mut Vec<Duration>>,
) -> Result<Vec<Vec<f32>>> {
    let length = plan.arena + LINE;
    let out_of_memory =
        |_| Error::Runtime(easel_runtime::Error::OutOfMemory("not enough memory for inputs of this size".into()));
    if arena.len() < length {
        // Its values are not needed, and both would not fit into memory.
        *arena = Vec::new();
        arena.try_reserve_exact(length).map_err(out_of_memory)?;
        arena.resize(length, 0.0);
    }
    // Buffers begin at cache lines, so that no vector lies in two.
    let first = arena.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let mut outputs = Vec::new();
    for output in &plan.outputs {
        let mut values = Vec::new();
        if let Output::Computed(dims) = output {
            let length = dims.iter().product();
            values.try_reserve_exact(length).map_err(out_of_memory)?;
            values.resize(length, 0.0);
        }
        outputs.push(values);
    }
    for step in &plan.steps {
        // WebAssembly has no clock.
        let start = times.is_some().then(Instant::now);
        let mut run = Run { plan, level, inputs, arena: &mut arena[first..], outputs: &mut outputs };
        run.step(&step.work)?;
        if let (Some(times), Some(start)) = (&mut times, start) {
            times.push(start.elapsed());
        }
    }
    Ok(outputs)
}

struct Run<'a> {
    plan: &'a Plan,
    level: Level,
    inputs: &'a [Input<'a>],
    arena: &'a mut [f32],
    outputs: &'a mut [Vec<f32>],
}

/// What a step reads while it writes one buffer: all memory but that.
struct Readable<'a> {
    plan: &'a Plan,
    inputs: &'a [Input<'a>],
    before: &'a [f32],
    after: &'a [f32],
    /// Where `after` begins.
    end: usize,
}

impl<'a> Readable<'a> {
    fn buffer(&self, buffer: BufferId) -> &'a [f32] {
        let found = &self.plan.buffers[buffer];
        match &found.storage {
            Storage::Arena { offset } if *offset >= self.end => &self.after[offset - self.end..][..found.length],
            Storage::Arena { offset } => &self.before[*offset..][..found.length],
            Storage::Known(values) => values,
            Storage::Input(index) => match &self.inputs[*index] {
                Input::Floats(values) => values,
                _ => &[],
            },
            Storage::Within { .. } | Storage::Output(_) => unreachable!("no step reads it"),
        }
    }

    fn vector(&self, vector: &'a Vector) -> &'a [f32] {
        match vector {
            Vector::Known(values) => values,
            Vector::Stored(Span { buffer, offset, length }) => &self.buffer(*buffer)[*offset..][..*length],
            Vector::Splat(value) => std::slice::from_ref(value),
        }
    }

    fn affine(&self, affine: &'a Option<[Vector; 2]>) -> Option<Affine<'a>> {
        let [scale, shift] = affine.as_ref()?;
        Some(Affine { scale: self.vector(scale), shift: self.vector(shift) })
    }

    fn pictures(&self, source: &Source) -> Pictures<'a> {
        let Source { buffer, offset, order, batch, channels, size, .. } = *source;
        Pictures { data: &self.buffer(buffer)[offset..], order, batch, channels, size }
    }

    fn view(&self, source: &'a Source) -> View<'a> {
        View {
            pictures: self.pictures(source),
            rows: source.rows.as_deref(),
            columns: source.columns.as_deref(),
            affine: self.affine(&source.affine),
            activation: source.activation,
        }
    }
}

impl Run<'_> {
    /// A buffer to write, and everything else to read.
    fn writing(&mut self, buffer: BufferId) -> (&mut [f32], Readable<'_>) {
        let (plan, inputs) = (self.plan, self.inputs);
        let found = &plan.buffers[buffer];
        match found.storage {
            Storage::Arena { offset } => {
                let (before, rest) = self.arena.split_at_mut(offset);
                let (own, after) = rest.split_at_mut(found.length);
                (own, Readable { plan, inputs, before, after, end: offset + found.length })
            }
            Storage::Output(index) => {
                let all: &[f32] = self.arena;
                let readable = Readable { plan, inputs, before: all, after: &[], end: all.len() };
                (&mut self.outputs[index], readable)
            }
            _ => unreachable!("no step writes it"),
        }
    }

    fn step(&mut self, work: &Work) -> Result<()> {
        let level = self.level;
        match work {
            Work::Convolve(work) => self.convolve(work),
            Work::Copy { source, target } => {
                let (data, from) = self.writing(target.buffer);
                copy(&from.view(source), place(data, target), level);
            }
            Work::Combine { operation, sources: [a, b], target } => {
                let (data, from) = self.writing(target.buffer);
                combine(*operation, [&from.view(a), &from.view(b)], place(data, target), level);
            }
            Work::Map { function, source, target } => {
                let (data, from) = self.writing(target.buffer);
                map(&from.view(source), |value| function.apply(value), place(data, target), level);
            }
            Work::Pool { pool, source, target } => {
                let (data, from) = self.writing(target.buffer);
                pool.run(&from.view(source), place(data, target), level);
            }
            Work::PixelNorm { source, epsilon, target } => {
                let (data, from) = self.writing(target.buffer);
                pixel_norm(&from.view(source), *epsilon, place(data, target), level);
            }
            Work::Moments { source, moments: spans } => {
                let all: &[f32] = self.arena;
                let from = Readable { plan: self.plan, inputs: self.inputs, before: all, after: &[], end: all.len() };
                let found = moments(&from.view(source), level);
                self.keep_moments(spans, [&found.mean, &found.variance]);
            }
            Work::Vector { operation, operands, target } => {
                let (data, from) = self.writing(target.buffer);
                let data = &mut data[target.offset..][..target.length];
                let a = from.vector(&operands[0]);
                match operation {
                    VectorOperation::Repeat => repeat(data, a, |value| value),
                    VectorOperation::Unary(function) => repeat(data, a, |value| function.apply(value)),
                    VectorOperation::Binary(operation) => binary(*operation, data, a, from.vector(&operands[1])),
                }
            }
            Work::Lookup { table, width, input, target } => {
                let Input::Ints(indices) = self.inputs[*input] else { unreachable!("the plan is for integers") };
                let (data, _) = self.writing(target.buffer);
                let rows = (table.len() / width) as i64;
                for (to, &index) in data.chunks_exact_mut(*width).zip(indices) {
                    let row = if index < 0 { index.saturating_add(rows) } else { index };
                    if !(0..rows).contains(&row) {
                        let message = format!("index {index} is not within a table of {rows} rows");
                        return Err(Error::Runtime(easel_runtime::Error::Engine(message)));
                    }
                    to.copy_from_slice(&table[row as usize * width..][..*width]);
                }
            }
        }
        Ok(())
    }

    fn convolve(&mut self, work: &Convolve) {
        let (data, from) = self.writing(work.target.buffer);
        let epilogue = Epilogue {
            affine: from.affine(&work.affine),
            residual: work.residual.as_ref().map(|residual| from.pictures(residual)),
            activation: work.activation,
            pixel_norm: work.pixel_norm,
            moments: work.moments.is_some(),
        };
        let found = work.weights.convolution.run(&from.view(&work.source), &epilogue, place(data, &work.target));
        if let (Some(found), Some(spans)) = (found, &work.moments) {
            self.keep_moments(spans, [&found.mean, &found.variance]);
        }
    }

    fn keep_moments(&mut self, spans: &[Span; 2], moments: [&[f32]; 2]) {
        for (span, values) in spans.iter().zip(moments) {
            // Only one of the two may be needed.
            if let Storage::Arena { offset } = self.plan.buffers[span.buffer].storage {
                self.arena[offset..][..span.length].copy_from_slice(values);
            }
        }
    }
}

fn place<'a>(data: &'a mut [f32], place: &Place) -> Target<'a> {
    Target { data, order: place.order }
}

fn repeat(to: &mut [f32], from: &[f32], function: impl Fn(f32) -> f32) {
    for part in to.chunks_mut(from.len().max(1)) {
        part.iter_mut().zip(from).for_each(|(to, &from)| *to = function(from));
    }
}

fn binary(operation: Binary, to: &mut [f32], a: &[f32], b: &[f32]) {
    for (at, to) in to.iter_mut().enumerate() {
        *to = operation.apply(a[at % a.len()], b[at % b.len()]);
    }
}
