//! The operators of ONNX that the engine knows, with their attributes.

use easel_kernels::{Activation, Binary, PoolKind};
use easel_runtime::onnx::{Attribute, Node};

use crate::error::{Failure, malformed, unsupported};

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

/// A node's attributes by their types.
struct Attributes<'a>(&'a Node);

impl<'a> Attributes<'a> {
    fn wrong<T>(&self, name: &str) -> Result<T, Failure> {
        malformed(format!("its attribute `{name}` is missing or of a wrong kind"))
    }

    fn int(&self, name: &str, default: i64) -> Result<i64, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => self.wrong(name),
        }
    }

    fn required_int(&self, name: &str) -> Result<i64, Failure> {
        if self.0.attribute(name).is_none() { self.wrong(name) } else { self.int(name, 0) }
    }

    fn size(&self, name: &str) -> Result<usize, Failure> {
        usize::try_from(self.required_int(name)?)
            .ok()
            .filter(|&size| (1..1 << 16).contains(&size))
            .map_or_else(|| self.wrong(name), Ok)
    }

    fn float(&self, name: &str, default: f32) -> Result<f32, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => self.wrong(name),
        }
    }

    fn text(&self, name: &str, default: &'static str) -> Result<&'a str, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(_) => self.wrong(name),
        }
    }

    fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Failure> {
        match self.0.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name),
        }
    }

    /// Fails unless an attribute is 0 or missing.
    fn zero(&self, name: &str) -> Result<(), Failure> {
        match self.int(name, 0)? {
            0 => Ok(()),
            value => unsupported(format!("{name} = {value}")),
        }
    }

    fn absent(&self, name: &str) -> Result<(), Failure> {
        if self.0.attribute(name).is_some() { unsupported(name) } else { Ok(()) }
    }

    /// Small numbers for two or four sides.
    fn sizes<const N: usize>(&self, name: &str, default: usize, least: usize) -> Result<[usize; N], Failure> {
        let Some(values) = self.ints(name)? else { return Ok([default; N]) };
        if values.len() != N {
            return unsupported(format!("{name} for {} sides", values.len()));
        }
        let mut sizes = [0; N];
        for (size, value) in sizes.iter_mut().zip(values) {
            match usize::try_from(value).ok().filter(|&value| (least..1 << 16).contains(&value)) {
                Some(value) => *size = value,
                None => return unsupported(format!("{value} in {name}")),
            }
        }
        Ok(sizes)
    }

    fn pair(&self, name: &str, least: usize) -> Result<[usize; 2], Failure> {
        self.sizes(name, least, least)
    }

    fn conv(&self) -> Result<ConvAttributes, Failure> {
        match self.int("group", 1)? {
            1 => {}
            groups => return unsupported(format!("{groups} groups")),
        }
        let padding = match self.text("auto_pad", "NOTSET")? {
            "NOTSET" => self.sizes("pads", 0, 0)?,
            "VALID" => [0; 4],
            other => return unsupported(format!("auto_pad {other}")),
        };
        Ok(ConvAttributes { stride: self.pair("strides", 1)?, dilation: self.pair("dilations", 1)?, padding })
    }

    fn pool(&self, kind: PoolKind) -> Result<Operator, Failure> {
        let Some(_) = self.ints("kernel_shape")? else { return self.wrong("kernel_shape") };
        let (kernel, window) = (self.pair("kernel_shape", 1)?, self.conv()?);
        if window.dilation != [1, 1] {
            return unsupported("dilations");
        }
        let reaches = (0..4).any(|side| window.padding[side] >= kernel[side % 2]);
        if reaches {
            return malformed("padding as large as the window");
        }
        Ok(Operator::Pool(PoolAttributes { kind, kernel, window, ceil: self.int("ceil_mode", 0)? != 0 }))
    }

    fn resize(&self) -> Result<Operator, Failure> {
        match self.text("mode", "nearest")? {
            "nearest" => {}
            other => return unsupported(format!("mode {other}")),
        }
        self.zero("antialias")?;
        self.absent("axes")?;
        if self.text("keep_aspect_ratio_policy", "stretch")? != "stretch" {
            return unsupported("keep_aspect_ratio_policy");
        }
        let coordinates = match self.text("coordinate_transformation_mode", "half_pixel")? {
            "asymmetric" => Coordinates::Asymmetric,
            "half_pixel" => Coordinates::HalfPixel,
            "pytorch_half_pixel" => Coordinates::HalfPixelOrZero,
            "align_corners" => Coordinates::AlignCorners,
            other => return unsupported(format!("coordinates {other}")),
        };
        let rounding = match self.text("nearest_mode", "round_prefer_floor")? {
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            "round_prefer_floor" => Rounding::HalfDown,
            "round_prefer_ceil" => Rounding::HalfUp,
            other => return unsupported(format!("nearest_mode {other}")),
        };
        Ok(Operator::Resize { coordinates, rounding })
    }

    fn constant_of_shape(&self) -> Result<Operator, Failure> {
        match self.0.attribute("value") {
            None => Ok(Operator::ConstantOfShape { value: 0.0, ints: false }),
            Some(Attribute::Tensor(tensor)) => {
                let constant = crate::constant::Constant::read(tensor.clone())?;
                match (&constant.as_floats(), &constant.as_ints()) {
                    (Ok(values), _) if values.len() == 1 => {
                        Ok(Operator::ConstantOfShape { value: values[0], ints: false })
                    }
                    (_, Ok(values)) if values.len() == 1 => {
                        Ok(Operator::ConstantOfShape { value: values[0] as f32, ints: true })
                    }
                    _ => self.wrong("value"),
                }
            }
            Some(_) => self.wrong("value"),
        }
    }
}
