//! The attributes of a node, read for its operator.

use easel_kernels::PoolKind;
use easel_runtime::onnx::{Attribute, Node};

use super::{ConvAttributes, Coordinates, Operator, PoolAttributes, Rounding};
use crate::error::{Failure, malformed, unsupported};

/// A node's attributes by their types.
pub(super) struct Attributes<'a>(pub(super) &'a Node);

impl<'a> Attributes<'a> {
    fn wrong<T>(&self, name: &str) -> Result<T, Failure> {
        malformed(format!("its attribute `{name}` is missing or of a wrong kind"))
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => self.wrong(name),
        }
    }

    pub(super) fn required_int(&self, name: &str) -> Result<i64, Failure> {
        if self.0.attribute(name).is_none() { self.wrong(name) } else { self.int(name, 0) }
    }

    pub(super) fn size(&self, name: &str) -> Result<usize, Failure> {
        usize::try_from(self.required_int(name)?)
            .ok()
            .filter(|&size| (1..1 << 16).contains(&size))
            .map_or_else(|| self.wrong(name), Ok)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => self.wrong(name),
        }
    }

    pub(super) fn text(&self, name: &str, default: &'static str) -> Result<&'a str, Failure> {
        match self.0.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(_) => self.wrong(name),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Failure> {
        match self.0.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => self.wrong(name),
        }
    }

    /// Fails unless an attribute is 0 or missing.
    pub(super) fn zero(&self, name: &str) -> Result<(), Failure> {
        match self.int(name, 0)? {
            0 => Ok(()),
            value => unsupported(format!("{name} = {value}")),
        }
    }

    pub(super) fn absent(&self, name: &str) -> Result<(), Failure> {
        if self.0.attribute(name).is_some() { unsupported(name) } else { Ok(()) }
    }

    /// Small numbers for two or four sides.
    pub(super) fn sizes<const N: usize>(
        &self,
        name: &str,
        default: usize,
        least: usize,
    ) -> Result<[usize; N], Failure> {
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

    pub(super) fn pair(&self, name: &str, least: usize) -> Result<[usize; 2], Failure> {
        self.sizes(name, least, least)
    }

    pub(super) fn conv(&self) -> Result<ConvAttributes, Failure> {
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

    pub(super) fn pool(&self, kind: PoolKind) -> Result<Operator, Failure> {
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

    pub(super) fn resize(&self) -> Result<Operator, Failure> {
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

    pub(super) fn constant_of_shape(&self) -> Result<Operator, Failure> {
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
