//! Weights, arranged for the kernels once, when a model is loaded.

use std::sync::Arc;

use easel_kernels::{Convolution, Level, Options};

use crate::constant::Constant;
use crate::error::{Failure, Result, malformed, unsupported};
use crate::network::{Network, Node, Weights};
use crate::operator::{ConvAttributes, Operator};

/// Arranges the weights of all convolutions and matrix products, and drops the constants that only they used.
pub(crate) fn arrange(network: &mut Network) -> Result<()> {
    let mut uses = network.uses();
    for at in 0..network.nodes.len() {
        let block = following_block(network, &uses, at);
        let node = &network.nodes[at];
        let arranged = arranged(network, node, block.map_or(1, |(block, _)| block));
        let Some(weights) = arranged.map_err(|failure| failure.at(&node.name, &node.kind))? else { continue };
        if let Some((_, rearrangement)) = block {
            network.nodes[rearrangement].operator = Operator::Identity;
        }
        let node = &mut network.nodes[at];
        node.weights = Some(Arc::new(weights));
        for value in node.inputs.drain(1..).flatten() {
            uses[value] -= 1;
            if uses[value] == 0 {
                network.constants[value] = None;
            }
        }
    }
    Ok(())
}

/// The side of the blocks into which a convolution's channels are rearranged at once, and the node that does so.
fn following_block(network: &Network, uses: &[usize], at: usize) -> Option<(usize, usize)> {
    let node = &network.nodes[at];
    if !matches!(node.operator, Operator::Conv(_)) || uses[node.output] != 1 {
        return None;
    }
    let next = network.nodes.iter().position(|next| next.inputs.first() == Some(&Some(node.output)))?;
    let Operator::DepthToSpace { block } = network.nodes[next].operator else { return None };
    Some((block, next))
}

/// The most rows or columns that a kernel reaches over: what lies under it is copied to memory of its own.
const MAX_REACH: usize = 256;

fn check_reach(dims: [usize; 4], attributes: &ConvAttributes) -> Result<(), Failure> {
    let reach = |axis: usize| attributes.dilation[axis].saturating_mul(dims[2 + axis] - 1);
    match reach(0).max(reach(1)) < MAX_REACH {
        true => Ok(()),
        false => unsupported(format!("a kernel that reaches over more than {MAX_REACH} rows or columns")),
    }
}

fn arranged(network: &Network, node: &Node, block: usize) -> Result<Option<Weights>, Failure> {
    let constant = |at: usize| -> Result<Option<&Constant>, Failure> {
        match node.inputs.get(at).copied().flatten() {
            None => Ok(None),
            Some(id) => match &network.constants[id] {
                Some(constant) => Ok(Some(constant)),
                None => unsupported("weights that are computed"),
            },
        }
    };
    if !matches!(node.operator, Operator::Conv(_) | Operator::ConvTranspose(..) | Operator::Gemm { .. }) {
        return Ok(None);
    }
    let Some(weight) = constant(1)? else { return malformed("it has no weights") };
    let bias = constant(2)?;
    let bias_values = bias.map(Constant::as_floats).transpose()?;
    let values = weight.as_floats()?;
    if weight.dims.contains(&0) {
        return malformed("its weights are empty");
    }
    match &node.operator {
        Operator::Conv(attributes) => {
            let dims = four(&weight.dims)?;
            check_reach(dims, attributes)?;
            check_bias(bias_values.map(|bias| bias.len()), dims[0])?;
            if dims[0] % (block * block) != 0 {
                return malformed(format!("{} channels do not fill blocks of {block}", dims[0]));
            }
            let kernel = Kernel { values, dims, bias: bias_values.map(|bias| &bias[..]) };
            Ok(Some(convolution(&kernel, attributes, block, network.level)))
        }
        Operator::ConvTranspose(attributes, output_padding) => {
            let dims = four(&weight.dims)?;
            check_reach(dims, attributes)?;
            check_bias(bias_values.map(|bias| bias.len()), dims[1])?;
            let bias = bias_values.map(|bias| &bias[..]);
            let options = options(attributes);
            let convolution = Convolution::transposed(values, dims, bias, options, *output_padding, network.level);
            Ok(Some(Weights { convolution, inputs: dims[0], multiple: 1 }))
        }
        Operator::Gemm { alpha, beta, transposed } => {
            let [rows, columns] = weight.dims[..] else { return unsupported("a product with other than a matrix") };
            let (inputs, outputs) = if *transposed { (columns, rows) } else { (rows, columns) };
            let at = |output: usize, input: usize| {
                values[if *transposed { output * inputs + input } else { input * outputs + output }]
            };
            let weights: Vec<_> =
                (0..outputs * inputs).map(|index| alpha * at(index / inputs, index % inputs)).collect();
            let bias = match bias_values {
                None => None,
                Some(bias) if bias.len() == 1 => Some(vec![beta * bias[0]; outputs]),
                Some(bias) if bias.len() == outputs => Some(bias.iter().map(|value| beta * value).collect::<Vec<_>>()),
                Some(bias) => return unsupported(format!("a summand of {} elements", bias.len())),
            };
            let dims = [outputs, inputs, 1, 1];
            let convolution = Convolution::new(&weights, dims, bias.as_deref(), Options::default(), network.level);
            Ok(Some(Weights { convolution, inputs, multiple: 1 }))
        }
        _ => Ok(None),
    }
}

fn four(dims: &[usize]) -> Result<[usize; 4], Failure> {
    dims.try_into().or_else(|_| unsupported(format!("weights of {} dimensions", dims.len())))
}

fn check_bias(length: Option<usize>, outputs: usize) -> Result<(), Failure> {
    match length.filter(|&length| length != outputs) {
        Some(length) => malformed(format!("a bias of {length} for {outputs} channels")),
        None => Ok(()),
    }
}

fn options(attributes: &ConvAttributes) -> Options {
    let ConvAttributes { stride, dilation, padding } = *attributes;
    Options { stride, dilation, padding }
}

/// A kernel with its dimensions and its bias.
type Pixels = (Vec<f32>, [usize; 4], Option<Vec<f32>>);

struct Kernel<'a> {
    /// `[output, input, height, width]`.
    values: &'a [f32],
    dims: [usize; 4],
    bias: Option<&'a [f32]>,
}

fn convolution(kernel: &Kernel, attributes: &ConvAttributes, block: usize, level: Level) -> Weights {
    let inputs = kernel.dims[1];
    if let Some((values, dims, bias)) = kernel.single_pixels(attributes, block) {
        // The kernel of one pixel reads as many rows and columns around the pictures as that of a block.
        let options = Options { padding: attributes.padding, ..Options::default() };
        let convolution = Convolution::new(&values, dims, bias.as_deref(), options, level);
        return Weights { convolution, inputs, multiple: block };
    }
    let Kernel { values, dims, bias } = *kernel;
    let convolution = Convolution::into_blocks(values, dims, bias, options(attributes), block, level);
    Weights { convolution, inputs, multiple: 1 }
}

impl Kernel<'_> {
    fn at(&self, output: usize, input: usize, row: usize, column: usize) -> f32 {
        let [_, inputs, rows, columns] = self.dims;
        self.values[((output * inputs + input) * rows + row) * columns + column]
    }

    /// The convolution of stride 1 that this one computes in blocks of pixels, if it does: the kernel of each pixel is the
    /// same, shifted by the pixel's place in the block (sub-pixel convolution, arXiv 1609.05158). It is quicker, since the
    /// kernels of a block are mostly zeros.
    fn single_pixels(&self, attributes: &ConvAttributes, block: usize) -> Option<Pixels> {
        let [all, inputs, rows, columns] = self.dims;
        let blocks = block > 1 && attributes.stride == [block; 2] && attributes.dilation == [1, 1];
        if !blocks || rows < block || columns < block {
            return None;
        }
        let [height, width] = [rows - (block - 1), columns - (block - 1)];
        let outputs = all / (block * block);
        let first = |output: usize| output * block * block;
        for output in 0..all {
            let (down, right) = (output % (block * block) / block, output % block);
            let own = first(output / (block * block));
            if self.bias.is_some_and(|bias| bias[output] != bias[own]) {
                return None;
            }
            for input in 0..inputs {
                for row in 0..rows {
                    for column in 0..columns {
                        let inside = (down..down + height).contains(&row) && (right..right + width).contains(&column);
                        let wanted = if inside { self.at(own, input, row - down, column - right) } else { 0.0 };
                        if self.at(output, input, row, column) != wanted {
                            return None;
                        }
                    }
                }
            }
        }
        let mut values = Vec::with_capacity(outputs * inputs * height * width);
        for output in 0..outputs {
            for input in 0..inputs {
                let taps = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
                values.extend(taps.map(|(row, column)| self.at(first(output), input, row, column)));
            }
        }
        let bias = self.bias.map(|bias| (0..outputs).map(|output| bias[first(output)]).collect());
        Some((values, [outputs, inputs, height, width], bias))
    }
}
