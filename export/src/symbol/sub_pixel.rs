//! Convolutions of few output channels in sub-pixel form (Shi et al. 2016, arXiv 1609.05158).
//!
//! Engines compute output channels in vectors, most of which a convolution of 3 channels leaves empty. Blocks of 4x4 pixels
//! as 48 channels fill them: a kernel that is 3 pixels larger moves with stride 4, each channel holds the kernel at another
//! place in it with zeros around, and DepthToSpace rearranges the channels. The file keeps the plain weight, from which
//! engines compute the larger one when they load the file.

use easel_train::Param;

use super::{Symbol, int, ints};
use crate::error::Result;
use crate::graph::{ConvForm, Graph};
use crate::proto::Attribute;

/// The block's side.
const BLOCK: usize = 4;
/// The most output channels of the sub-pixel form: as many as engines compute at once with vectors of 64 bytes.
pub(crate) const MAX_BLOCK_CHANNELS: usize = 64;
/// The smallest kernel: the larger one has `((side + 3) / side)^2` times its products, which is 4 for a side of 3.
const MIN_SIDE: usize = 7;

/// The order of a weight's dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeightOrder {
    /// `[outputs, inputs, side, side]`.
    Conv,
    /// `[inputs, outputs, side, side]`, with the kernel flipped.
    Transposed,
}

impl Symbol {
    /// A convolution of stride 1 without dilation and groups, in sub-pixel form. `None` where that is not known to be
    /// possible and quicker. `padding` is that of the convolution, also for a transposed weight.
    pub(super) fn sub_pixel_conv(
        &self,
        weight: &Param,
        bias: Option<&Param>,
        padding: usize,
        order: WeightOrder,
    ) -> Result<Option<Self>> {
        let graph = &self.graph;
        let [first, second, side, width] = weight.dims()[..] else { return Ok(None) };
        let outputs = if order == WeightOrder::Conv { first } else { second };
        let channels = outputs * BLOCK * BLOCK;
        if graph.convolutions() == ConvForm::Plain
            || side != width
            || side < MIN_SIDE
            || channels > MAX_BLOCK_CHANNELS
            || !self.extent.grown(2 * padding as isize).windows(side, 1).is_multiple_of(BLOCK)
        {
            return Ok(None);
        }
        let mut others = vec![block_weight(graph, &graph.param(weight)?, outputs, side, order)];
        if let Some(bias) = bias {
            let repeated: Vec<_> = (0..channels).map(|channel| (channel / (BLOCK * BLOCK)) as i64).collect();
            let repeated = graph.integers(&format!("blocks_{outputs}"), &[channels], &repeated);
            others.push(graph.node("Gather", &[&graph.param(bias)?, &repeated], &along(0)));
        }
        let blocks = self.node(
            "Conv",
            &others.iter().map(Self::name).collect::<Vec<_>>(),
            &[
                ("kernel_shape", ints::<2>(side + BLOCK - 1)),
                ("strides", ints::<2>(BLOCK)),
                ("pads", ints::<4>(padding)),
                ("dilations", ints::<2>(1)),
                ("group", int(1)),
            ],
        );
        Ok(Some(blocks.depth_to_space(BLOCK)))
    }
}

/// The weight of the sub-pixel form, with output channels `(c * 4 + row) * 4 + column`.
fn block_weight(graph: &Graph, weight: &str, outputs: usize, side: usize, order: WeightOrder) -> Symbol {
    let large = side + BLOCK - 1;
    // The kernel's row at each place in the larger kernel, for each row of a block; the row of zeros elsewhere. Columns
    // are like rows.
    let tap = |row: usize, place: usize| match place.checked_sub(row) {
        Some(tap) if tap < side && order == WeightOrder::Conv => tap,
        Some(tap) if tap < side => side - 1 - tap,
        _ => side,
    };
    let taps: Vec<_> = (0..BLOCK * large).map(|at| tap(at / large, at % large) as i64).collect();
    let (name, perm) = match order {
        WeightOrder::Conv => (format!("taps_{side}"), vec![0, 2, 4, 1, 3, 5]),
        WeightOrder::Transposed => (format!("flipped_taps_{side}"), vec![1, 2, 4, 0, 3, 5]),
    };
    let taps = graph.integers(&name, &[BLOCK, large], &taps);
    let row_and_column_of_zeros = graph.ints(&[0, 0, 0, 0, 0, 0, 1, 1]);
    let shape = graph.ints(&[(outputs * BLOCK * BLOCK) as i64, -1, large as i64, large as i64]);
    graph
        .node("Pad", &[weight, &row_and_column_of_zeros], &[("mode", Attribute::Text("constant"))])
        .node("Gather", &[&taps], &along(2))
        .node("Gather", &[&taps], &along(4))
        .node("Transpose", &[], &[("perm", Attribute::Ints(perm))])
        .node("Reshape", &[&shape], &[])
}

fn along(axis: i64) -> [(&'static str, Attribute); 1] {
    [("axis", Attribute::Int(axis))]
}
