//! What a run does, step by step, and the memory that it uses.

use std::sync::Arc;

use easel_kernels::{Activation, Binary, Order, Pool};

use crate::network::Weights;
use crate::operator::Unary;

/// Memory of a plan.
pub(crate) type BufferId = usize;

/// Where a buffer lies.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// In the memory of the plan.
    Arena {
        offset: usize,
    },
    /// Part of the channels of another buffer, from one on.
    Within {
        buffer: BufferId,
        first: usize,
        stride: usize,
    },
    Known(Arc<[f32]>),
    /// An input of the graph.
    Input(usize),
    /// An output of the graph.
    Output(usize),
}

/// A buffer.
#[derive(Debug, Clone)]
pub(crate) struct Buffer {
    pub storage: Storage,
    pub length: usize,
}

/// Values in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub buffer: BufferId,
    pub offset: usize,
    pub length: usize,
}

/// A value for each channel, or for each channel of each picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Vector {
    /// The same for all. No step reads it.
    Splat(f32),
    Known(Arc<[f32]>),
    Stored(Span),
}

/// Pictures that a step reads: stored ones, and how they are changed while they are read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub buffer: BufferId,
    pub offset: usize,
    pub order: Order,
    pub batch: usize,
    pub channels: usize,
    pub size: [usize; 2],
    pub rows: Option<Arc<[u32]>>,
    pub columns: Option<Arc<[u32]>>,
    /// Factors and summands, as many.
    pub affine: Option<[Vector; 2]>,
    pub activation: Activation,
}

impl Source {
    /// Height and width as they are read.
    pub(crate) fn read_size(&self) -> [usize; 2] {
        let of = |map: &Option<Arc<[u32]>>, size| map.as_ref().map_or(size, |map| map.len());
        [of(&self.rows, self.size[0]), of(&self.columns, self.size[1])]
    }

    /// Whether it is read as it is stored.
    pub(crate) fn is_plain(&self) -> bool {
        self.rows.is_none() && self.columns.is_none() && self.affine.is_none() && self.activation == Activation::None
    }

    /// Whether its pixels lie side by side, with nothing between them, in this order or, of one pixel, in any.
    pub(crate) fn is_rows(&self) -> bool {
        let one = self.size == [1, 1];
        match self.order {
            Order::ChannelsFirst => true,
            Order::ChannelsLast { stride, .. } if self.channels == 1 || one => {
                stride == self.channels || (one && self.batch == 1)
            }
            Order::ChannelsLast { .. } => false,
        }
    }

    /// The number of values that are stored.
    pub(crate) fn stored_len(&self) -> usize {
        self.batch * self.channels * self.size[0] * self.size[1]
    }
}

/// Pictures that a step writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub buffer: BufferId,
    pub order: Order,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Convolve(Box<Convolve>),
    Copy {
        source: Source,
        target: Place,
    },
    Combine {
        operation: Binary,
        sources: [Source; 2],
        target: Place,
    },
    Map {
        function: Unary,
        source: Source,
        target: Place,
    },
    Pool {
        pool: Pool,
        source: Source,
        target: Place,
    },
    Moments {
        source: Source,
        moments: [Span; 2],
    },
    PixelNorm {
        source: Source,
        epsilon: f32,
        target: Place,
    },
    Vector {
        operation: VectorOperation,
        operands: Vec<Vector>,
        target: Span,
    },
    /// Rows of a table, chosen by an input of integers.
    Lookup {
        table: Arc<[f32]>,
        width: usize,
        input: usize,
        target: Span,
    },
}

/// A convolution and what follows it in the same pass.
#[derive(Debug, Clone)]
pub(crate) struct Convolve {
    pub weights: Arc<Weights>,
    pub source: Source,
    pub affine: Option<[Vector; 2]>,
    pub residual: Option<Source>,
    pub activation: Activation,
    pub pixel_norm: Option<f32>,
    pub moments: Option<[Span; 2]>,
    pub target: Place,
    /// Height and width of the result.
    pub size: [usize; 2],
}

/// An operation on small vectors, which repeat up to the result's length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum VectorOperation {
    Binary(Binary),
    Unary(Unary),
    Repeat,
}

/// A step of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The node that it computes.
    pub node: usize,
    pub work: Work,
}

impl Work {
    /// Calls `visit` with each buffer that it reads.
    pub(crate) fn reads(&self, mut visit: impl FnMut(BufferId)) {
        let vectors = |vectors: &[Vector], visit: &mut dyn FnMut(BufferId)| {
            for vector in vectors {
                if let Vector::Stored(span) = vector {
                    visit(span.buffer);
                }
            }
        };
        let source = |source: &Source, visit: &mut dyn FnMut(BufferId)| {
            visit(source.buffer);
            vectors(source.affine.as_ref().map_or(&[][..], |affine| affine), visit);
        };
        match self {
            Self::Convolve(work) => {
                source(&work.source, &mut visit);
                work.residual.iter().for_each(|residual| source(residual, &mut visit));
                vectors(work.affine.as_ref().map_or(&[][..], |affine| affine), &mut visit);
            }
            Self::Combine { sources, .. } => sources.iter().for_each(|one| source(one, &mut visit)),
            Self::Copy { source: from, .. }
            | Self::Map { source: from, .. }
            | Self::Pool { source: from, .. }
            | Self::Moments { source: from, .. }
            | Self::PixelNorm { source: from, .. } => source(from, &mut visit),
            Self::Vector { operands, .. } => vectors(operands, &mut visit),
            Self::Lookup { .. } => {}
        }
    }

    /// Calls `visit` with each buffer that it writes.
    pub(crate) fn writes(&self, mut visit: impl FnMut(BufferId)) {
        match self {
            Self::Convolve(work) => {
                visit(work.target.buffer);
                work.moments.iter().flatten().for_each(|span| visit(span.buffer));
            }
            Self::Moments { moments, .. } => moments.iter().for_each(|span| visit(span.buffer)),
            Self::Copy { target, .. }
            | Self::Combine { target, .. }
            | Self::Map { target, .. }
            | Self::Pool { target, .. }
            | Self::PixelNorm { target, .. } => visit(target.buffer),
            Self::Vector { target, .. } | Self::Lookup { target, .. } => visit(target.buffer),
        }
    }

    /// Calls `visit` with each buffer and order of pictures that it reads or writes.
    pub(crate) fn places(&mut self, mut visit: impl FnMut(&mut BufferId, &mut Order)) {
        let mut source = |source: &mut Source| visit(&mut source.buffer, &mut source.order);
        let target = match self {
            Self::Convolve(work) => {
                source(&mut work.source);
                work.residual.iter_mut().for_each(&mut source);
                &mut work.target
            }
            Self::Combine { sources, target, .. } => {
                sources.iter_mut().for_each(&mut source);
                target
            }
            Self::Copy { source: from, target }
            | Self::Map { source: from, target, .. }
            | Self::Pool { source: from, target, .. }
            | Self::PixelNorm { source: from, target, .. } => {
                source(from);
                target
            }
            Self::Moments { source: from, .. } => return source(from),
            Self::Vector { .. } | Self::Lookup { .. } => return,
        };
        visit(&mut target.buffer, &mut target.order);
    }

    /// What it does, for a profile.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Convolve(_) => "convolution",
            Self::Copy { .. } => "copy",
            Self::Combine { .. } => "sum or product",
            Self::Map { .. } => "function",
            Self::Pool { .. } => "pool",
            Self::Moments { .. } => "moments",
            Self::PixelNorm { .. } => "pixel norm",
            Self::Vector { .. } => "vector",
            Self::Lookup { .. } => "lookup",
        }
    }
}
