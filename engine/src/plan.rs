//! The steps of a run for inputs of some sizes, and their memory.

use std::sync::Arc;

use easel_kernels::Order;

use crate::constant::Constant;
use crate::error::Result;
use crate::memory;
use crate::step::{Buffer, BufferId, Step, Storage, Work};

/// An output of the graph.
#[derive(Debug)]
pub(crate) enum Output {
    Known(Arc<Constant>),
    /// Floats of this shape.
    Computed(Vec<usize>),
}

/// What a run does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub buffers: Vec<Buffer>,
    pub outputs: Vec<Output>,
    /// The memory that all buffers need, in values.
    pub arena: usize,
}

impl Plan {
    /// Leaves out the steps that no output needs, and gives each buffer its place.
    pub(crate) fn new(mut steps: Vec<Step>, mut buffers: Vec<Buffer>, outputs: Vec<Output>) -> Result<Self> {
        for step in &mut steps {
            step.work.places(|buffer, order| resolve(&buffers, buffer, order));
        }
        let mut needed: Vec<_> = buffers.iter().map(|buffer| matches!(buffer.storage, Storage::Output(_))).collect();
        let mut kept = Vec::new();
        for mut step in steps.into_iter().rev() {
            if let Work::Convolve(work) = &mut step.work
                && work.moments.is_some_and(|spans| !spans.iter().any(|span| needed[span.buffer]))
            {
                work.moments = None;
            }
            let mut is_needed = false;
            step.work.writes(|buffer| is_needed |= needed[buffer]);
            if is_needed {
                step.work.reads(|buffer| needed[buffer] = true);
                kept.push(step);
            }
        }
        kept.reverse();
        let arena = memory::assign(&kept, &mut buffers);
        Ok(Self { steps: kept, buffers, outputs, arena })
    }
}

/// Replaces a buffer that is part of another one by that.
fn resolve(buffers: &[Buffer], buffer: &mut BufferId, order: &mut Order) {
    while let (Storage::Within { buffer: whole, first, stride }, Order::ChannelsLast { first: own, .. }) =
        (&buffers[*buffer].storage, *order)
    {
        *buffer = *whole;
        *order = Order::ChannelsLast { stride: *stride, first: own + first };
    }
}
