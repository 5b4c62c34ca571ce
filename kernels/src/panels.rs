//! Weights in the order in which tiles read them.

use std::ops::Range;

use crate::Level;

/// A matrix `[depth, column]` whose columns are divided into panels of a few vectors each, the last one filled up with
/// zeros.
#[derive(Debug)]
pub(crate) struct Panels {
    values: Vec<f32>,
    depth: usize,
    panels: Vec<Panel>,
}

/// Some columns of the matrix.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// The columns, without those that are filled up.
    pub columns: Range<usize>,
    /// The number of vectors.
    pub vectors: usize,
    /// The number of columns with those that are filled up.
    pub width: usize,
    first: usize,
}

impl Panels {
    pub(crate) fn new(level: Level, depth: usize, columns: usize, at: impl Fn(usize, usize) -> f32) -> Self {
        let lanes = level.lanes();
        let vectors = columns.div_ceil(lanes);
        let count = vectors.div_ceil(level.vectors());
        let (mut values, mut panels) = (Vec::with_capacity(depth * vectors * lanes), Vec::with_capacity(count));
        for index in 0..count {
            // Panels of nearly the same width, since narrow ones are slower.
            let range = vectors * index / count..vectors * (index + 1) / count;
            let (first, width) = (range.start * lanes, range.len() * lanes);
            let own = first..(first + width).min(columns);
            panels.push(Panel { columns: own.clone(), vectors: range.len(), width, first: values.len() });
            for k in 0..depth {
                values.extend(own.clone().map(|column| at(k, column)));
                values.resize(values.len() + width - own.len(), 0.0);
            }
        }
        Self { values, depth, panels }
    }

    pub(crate) fn panels(&self) -> &[Panel] {
        &self.panels
    }

    /// The values of a panel, `[depth, width]`.
    pub(crate) fn values(&self, panel: &Panel) -> &[f32] {
        &self.values[panel.first..][..self.depth * panel.width]
    }
}
