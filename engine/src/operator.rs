//! The operators of ONNX that the engine knows, with their attributes.

mod attributes;

use easel_kernels::{Activation, Binary, PoolKind};
use easel_runtime::onnx::Node;

use crate::error::{Failure, unsupported};
use attributes::Attributes;

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operator {
    Conv(ConvAttributes),
    /// With the output's additional rows and columns.
    ConvTranspose(ConvAttributes, [usize; 2]),
    Gemm {
        alpha: f32,
        beta: f32,
        transposed: bool,
    },
    Pool(PoolAttributes),
    /// A mean over height and width.
    GlobalAverage,
    Pad {
        mode: PadMode,
        pads: Option<Vec<i64>>,
    },
    Slice {
        starts: Option<Vec<i64>>,
        ends: Vec<i64>,
        axes: Option<Vec<i64>>,
    },
    Resize {
        coordinates: Coordinates,
        rounding: Rounding,
    },
    Concat {
        axis: i64,
    },
    DepthToSpace {
        block: usize,
    },
    Activation(Activation),
    /// With limits in inputs.
    Clip,
    Unary(Unary),
    Binary(Binary),
    ReduceMean {
        axes: Option<Vec<i64>>,
        keep: bool,
    },
    InstanceNorm {
        epsilon: f32,
    },
    BatchNorm {
        epsilon: f32,
    },
    Where,
    Shape {
        start: i64,
        end: Option<i64>,
    },
    Gather {
        axis: i64,
    },
    Reshape {
        allow_zero: bool,
    },
    Flatten {
        axis: i64,
    },
    Transpose {
        perm: Option<Vec<i64>>,
    },
    Unsqueeze {
        axes: Option<Vec<i64>>,
    },
    Squeeze {
        axes: Option<Vec<i64>>,
    },
    Expand,
    Cast {
        to: Element,
    },
    Identity,
    ConstantOfShape {
        value: f32,
        ints: bool,
    },
    DequantizeLinear {
        axis: i64,
    },
    /// The mean of squares over height and width.
    MeanSquare {
        keep: bool,
    },
    /// A pixel norm over the channels.
    PixelNorm {
        epsilon: f32,
    },
}

/// What a convolution has besides its weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConvAttributes {
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Top, left, bottom, right.
    pub padding: [usize; 4],
}

/// A pool's attributes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PoolAttributes {
    pub kind: PoolKind,
    pub kernel: [usize; 2],
    pub window: ConvAttributes,
    pub ceil: bool,
}

/// What a border is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PadMode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

/// Where a pixel of an enlarged picture lies in the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coordinates {
    Asymmetric,
    HalfPixel,
    HalfPixelOrZero,
    AlignCorners,
}

/// The pixel that is taken for a place between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Floor,
    Ceil,
    HalfDown,
    HalfUp,
}

/// A function of one value that kernels do not fuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Sqrt,
    Neg,
    Exp,
    Abs,
    Reciprocal,
}

impl Unary {
    pub(crate) fn apply(self, x: f32) -> f32 {
        match self {
            Self::Sqrt => x.sqrt(),
            Self::Neg => -x,
            Self::Exp => x.exp(),
            Self::Abs => x.abs(),
            Self::Reciprocal => 1.0 / x,
        }
    }
}

/// The type that Cast makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Float,
    Int,
    Bool,
}

/// Before this version, operators on two values broadcast by attributes.
const FIRST_OPSET: i64 = 7;

/// Before this version, Resize has no attributes for coordinates and rounding, and another default.
const FIRST_OPSET_OF_RESIZE: i64 = 11;

/// Reads a node's attributes. Fails if the engine has no such operator, or not in this form or version.
pub(crate) fn read(node: &Node, opset: i64) -> Result<Operator, Failure> {
    if !node.domain.is_empty() {
        return unsupported(format!("an operator of `{}`", node.domain));
    }
    if opset < FIRST_OPSET || (node.operator == "Resize" && opset < FIRST_OPSET_OF_RESIZE) {
        return unsupported(format!("an operator of version {opset}"));
    }
    let at = Attributes(node);
    Ok(match node.operator.as_str() {
        "Conv" => Operator::Conv(at.conv()?),
        "ConvTranspose" => {
            at.absent("output_shape")?;
            Operator::ConvTranspose(at.conv()?, at.pair("output_padding", 0)?)
        }
        "Gemm" => {
            at.zero("transA")?;
            let transposed = at.int("transB", 0)? != 0;
            Operator::Gemm { alpha: at.float("alpha", 1.0)?, beta: at.float("beta", 1.0)?, transposed }
        }
        "MatMul" => Operator::Gemm { alpha: 1.0, beta: 1.0, transposed: false },
        "MaxPool" => {
            at.zero("storage_order")?;
            at.pool(PoolKind::Max)?
        }
        "AveragePool" if at.int("count_include_pad", 0)? != 0 => at.pool(PoolKind::AverageWithPadding)?,
        "AveragePool" => at.pool(PoolKind::Average)?,
        "GlobalAveragePool" => Operator::GlobalAverage,
        "Pad" => {
            let mode = match at.text("mode", "constant")? {
                "constant" => PadMode::Constant,
                "reflect" => PadMode::Reflect,
                "edge" => PadMode::Edge,
                "wrap" => PadMode::Wrap,
                other => return unsupported(format!("mode {other}")),
            };
            if at.float("value", 0.0)? != 0.0 {
                return unsupported("a border that is not 0");
            }
            Operator::Pad { mode, pads: at.ints("pads")? }
        }
        "Slice" => {
            let ends = at.ints("ends")?.unwrap_or_default();
            Operator::Slice { starts: at.ints("starts")?, ends, axes: at.ints("axes")? }
        }
        "Resize" => at.resize()?,
        "Concat" => Operator::Concat { axis: at.required_int("axis")? },
        "DepthToSpace" => {
            if at.text("mode", "DCR")? != "CRD" {
                return unsupported("mode DCR");
            }
            Operator::DepthToSpace { block: at.size("blocksize")? }
        }
        "Relu" => Operator::Activation(Activation::Relu),
        "LeakyRelu" => Operator::Activation(Activation::LeakyRelu(at.float("alpha", 0.01)?)),
        "Sigmoid" => Operator::Activation(Activation::Sigmoid),
        "Tanh" => Operator::Activation(Activation::Tanh),
        "Clip" if node.attribute("min").or(node.attribute("max")).is_some() => {
            let (low, high) = (at.float("min", f32::NEG_INFINITY)?, at.float("max", f32::INFINITY)?);
            Operator::Activation(Activation::Clip(low, high))
        }
        "Clip" => Operator::Clip,
        "Sqrt" => Operator::Unary(Unary::Sqrt),
        "Neg" => Operator::Unary(Unary::Neg),
        "Exp" => Operator::Unary(Unary::Exp),
        "Abs" => Operator::Unary(Unary::Abs),
        "Reciprocal" => Operator::Unary(Unary::Reciprocal),
        "Add" => Operator::Binary(Binary::Add),
        "Sub" => Operator::Binary(Binary::Sub),
        "Mul" => Operator::Binary(Binary::Mul),
        "Div" => Operator::Binary(Binary::Div),
        "Max" if node.inputs.len() == 2 => Operator::Binary(Binary::Max),
        "Min" if node.inputs.len() == 2 => Operator::Binary(Binary::Min),
        "ReduceMean" => {
            at.zero("noop_with_empty_axes")?;
            Operator::ReduceMean { axes: at.ints("axes")?, keep: at.int("keepdims", 1)? != 0 }
        }
        "InstanceNormalization" => Operator::InstanceNorm { epsilon: at.float("epsilon", 1e-5)? },
        "BatchNormalization" => {
            at.zero("training_mode")?;
            Operator::BatchNorm { epsilon: at.float("epsilon", 1e-5)? }
        }
        "Where" => Operator::Where,
        "Shape" => {
            let end = node.attribute("end").is_some().then(|| at.int("end", 0)).transpose()?;
            Operator::Shape { start: at.int("start", 0)?, end }
        }
        "Gather" => Operator::Gather { axis: at.int("axis", 0)? },
        "Reshape" => Operator::Reshape { allow_zero: at.int("allowzero", 0)? != 0 },
        "Flatten" => Operator::Flatten { axis: at.int("axis", 1)? },
        "Transpose" => Operator::Transpose { perm: at.ints("perm")? },
        "Unsqueeze" => Operator::Unsqueeze { axes: at.ints("axes")? },
        "Squeeze" => Operator::Squeeze { axes: at.ints("axes")? },
        "Expand" => Operator::Expand,
        "Cast" => {
            let to = match at.required_int("to")? {
                1 | 10 => Element::Float,
                6 | 7 => Element::Int,
                9 => Element::Bool,
                other => return unsupported(format!("element type {other}")),
            };
            Operator::Cast { to }
        }
        "Identity" | "Dropout" => Operator::Identity,
        "ConstantOfShape" => at.constant_of_shape()?,
        "DequantizeLinear" => Operator::DequantizeLinear { axis: at.int("axis", 1)? },
        _ => return unsupported("an operator"),
    })
}
