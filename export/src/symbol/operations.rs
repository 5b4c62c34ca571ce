//! [`Value`] by recording: each operation becomes nodes of the graph.

use easel_runtime::stylizer::statistics::{MEAN_PREFIX, VARIANCE_PREFIX};
use easel_train::value::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use easel_train::{Param, Result, Value};

use super::sub_pixel::WeightOrder;
use super::{Symbol, int, ints};
use crate::extent::Extent;
use crate::graph::NormForm;
use crate::proto::Attribute;

impl Symbol {
    /// A convolution-like node: this value, the weight, the bias.
    fn weighted(
        &self,
        operator: &'static str,
        weight: &Param,
        bias: Option<&Param>,
        attributes: &[(&str, Attribute)],
    ) -> Result<Self> {
        let mut inputs = vec![self.graph.param(weight)?];
        if let Some(bias) = bias {
            inputs.push(self.graph.param(bias)?);
        }
        Ok(self.node(operator, &inputs.iter().map(String::as_str).collect::<Vec<_>>(), attributes))
    }

    /// A transposed convolution of stride 1 as a convolution with the flipped kernel. Engines unfold the whole picture for
    /// the former: with a 9x9 kernel that is 1 KB a pixel, more than everything else together, and takes half as long
    /// again. The file holds the original weight, which engines flip once when they load it.
    fn same_size_transpose(
        &self,
        weight: &Param,
        bias: Option<&Param>,
        padding: usize,
        dilation: usize,
    ) -> Result<Self> {
        if dilation == 1
            && let Some(y) = self.sub_pixel_conv(weight, bias, padding, WeightOrder::Transposed)?
        {
            return Ok(y);
        }
        let graph = &self.graph;
        let last = weight.dims()[2] as i64 - 1;
        let backwards = graph.ints(&(0..=last).rev().collect::<Vec<_>>());
        let along = |axis| [("axis", Attribute::Int(axis))];
        let flipped = graph
            .node("Gather", &[&graph.param(weight)?, &backwards], &along(2))
            .node("Gather", &[&backwards], &along(3))
            .node("Transpose", &[], &[("perm", Attribute::Ints(vec![1, 0, 2, 3]))]);
        let bias = bias.map(|bias| graph.param(bias)).transpose()?;
        let others: Vec<&str> = std::iter::once(flipped.name()).chain(bias.as_deref()).collect();
        Ok(self.node(
            "Conv",
            &others,
            &[
                ("kernel_shape", kernel_shape(weight)),
                ("strides", ints::<2>(1)),
                ("pads", ints::<4>(padding)),
                ("dilations", ints::<2>(dilation)),
                ("group", int(1)),
            ],
        ))
    }

    /// What is known of the size after a convolution.
    fn conv_extent(&self, weight: &Param, config: Conv2dConfig) -> Extent {
        let Conv2dConfig { stride, padding, dilation, .. } = config;
        match weight.dims() {
            [_, _, side, width] if side == width => {
                self.extent.grown(2 * padding as isize).windows(dilation * (side - 1) + 1, stride)
            }
            _ => Extent::ANY,
        }
    }

    /// An operation that broadcasts.
    fn with_other(&self, operator: &'static str, other: &Self) -> Self {
        let same = self.extent == other.extent;
        self.node(operator, &[&other.name], &[]).with_extent(if same { self.extent } else { Extent::ANY })
    }

    /// The picture's height and width as an int64 vector.
    fn height_and_width(&self) -> Self {
        let ints = |values| self.graph.ints(values);
        self.node("Shape", &[], &[]).node("Slice", &[&ints(&[2]), &ints(&[4])], &[])
    }

    fn pool(&self, operator: &'static str, config: Pool2dConfig, more: &[(&str, Attribute)]) -> Self {
        let Pool2dConfig { kernel, stride, padding, ceil } = config;
        let mut attributes = vec![
            ("kernel_shape", ints::<2>(kernel)),
            ("strides", ints::<2>(stride)),
            ("pads", ints::<4>(padding)),
            ("ceil_mode", int(usize::from(ceil))),
        ];
        attributes.extend_from_slice(more);
        let extent = self.extent.grown(2 * padding as isize).windows(kernel, stride);
        // Rounded up, the number of windows depends on the size.
        self.node(operator, &[], &attributes).with_extent(if ceil { Extent::ANY } else { extent })
    }

    /// Circular padding along one axis: the last `before` elements in front and the first `after` behind.
    fn wrap(&self, axis: i64, [before, after]: [usize; 2]) -> Self {
        let ints = |value: i64| self.graph.ints(&[value]);
        let part = |from: i64, to: i64| self.node("Slice", &[&ints(from), &ints(to), &ints(axis)], &[]);
        let front = (before > 0).then(|| part(-(before as i64), i64::MAX));
        let back = (after > 0).then(|| part(0, after as i64));
        let parts: Vec<_> =
            [front.as_ref(), Some(self), back.as_ref()].into_iter().flatten().map(|part| part.name.as_str()).collect();
        if parts.len() == 1 {
            return self.clone();
        }
        self.graph.node("Concat", &parts, &[("axis", Attribute::Int(axis))])
    }
}

fn kernel_shape(weight: &Param) -> Attribute {
    Attribute::Ints(weight.dims()[2..].iter().map(|&size| size as i64).collect())
}

impl Value for Symbol {
    fn linear(&self, weight: &Param, bias: Option<&Param>) -> Result<Self> {
        self.weighted("Gemm", weight, bias, &[("transB", Attribute::Int(1))])
    }

    fn conv2d(&self, weight: &Param, bias: Option<&Param>, config: Conv2dConfig) -> Result<Self> {
        let Conv2dConfig { stride, padding, dilation, groups } = config;
        if (stride, dilation, groups) == (1, 1, 1)
            && let Some(y) = self.sub_pixel_conv(weight, bias, padding, WeightOrder::Conv)?
        {
            return Ok(y);
        }
        let extent = self.conv_extent(weight, config);
        let y = self.weighted(
            "Conv",
            weight,
            bias,
            &[
                ("kernel_shape", kernel_shape(weight)),
                ("strides", ints::<2>(stride)),
                ("pads", ints::<4>(padding)),
                ("dilations", ints::<2>(dilation)),
                ("group", int(groups)),
            ],
        )?;
        Ok(y.with_extent(extent))
    }

    fn conv_transpose2d(&self, weight: &Param, bias: Option<&Param>, config: ConvTranspose2dConfig) -> Result<Self> {
        let ConvTranspose2dConfig { stride, padding, output_padding, dilation, groups } = config;
        let kernel = weight.dims()[2];
        if (stride, output_padding, groups) == (1, 0, 1)
            && weight.dims()[3] == kernel
            && padding <= dilation * (kernel - 1)
        {
            let padding = dilation * (kernel - 1) - padding;
            let y = self.same_size_transpose(weight, bias, padding, dilation)?;
            let same = Conv2dConfig { padding, dilation, ..Default::default() };
            return Ok(y.with_extent(self.conv_extent(weight, same)));
        }
        let span = dilation * (kernel - 1) + output_padding + 1;
        let extent = match weight.dims()[3] == kernel {
            true => self.extent.grown(-1).times(stride).grown(span as isize - 2 * padding as isize),
            false => Extent::ANY,
        };
        let y = self.weighted(
            "ConvTranspose",
            weight,
            bias,
            &[
                ("kernel_shape", kernel_shape(weight)),
                ("strides", ints::<2>(stride)),
                ("pads", ints::<4>(padding)),
                ("output_padding", ints::<2>(output_padding)),
                ("dilations", ints::<2>(dilation)),
                ("group", int(groups)),
            ],
        )?;
        Ok(y.with_extent(extent))
    }

    fn instance_norm2d(&self, channels: usize, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let graph = &self.graph;
        let [weight, bias] = self.weight_and_bias(channels, affine)?;
        if graph.norms() == NormForm::Operator {
            let epsilon = [("epsilon", Attribute::Float(epsilon as f32))];
            return Ok(self.node("InstanceNormalization", &[&weight, &bias], &epsilon));
        }
        let columns = graph.reserve_statistics(channels);
        let mean = self.mean_of_picture().or_fed(0, columns, MEAN_PREFIX);
        let centred = self.node("Sub", &[&mean.name], &[]);
        let variance = centred.node("Mul", &[&centred.name], &[]).mean_of_picture().or_fed(1, columns, VARIANCE_PREFIX);
        let deviation = variance.with_constant("Add", "epsilon", epsilon).node("Sqrt", &[], &[]);
        let scale = self.per_channel(&weight).node("Div", &[&deviation.name], &[]);
        Ok(centred.node("Mul", &[&scale.name], &[]).node("Add", &[&self.per_channel(&bias).name], &[]))
    }

    fn batch_norm2d(&self, mean: &Param, variance: &Param, affine: Option<Affine>, epsilon: f64) -> Result<Self> {
        let [weight, bias] = self.weight_and_bias(mean.dims()[0], affine)?;
        let (mean, variance) = (self.graph.param(mean)?, self.graph.param(variance)?);
        let epsilon = [("epsilon", Attribute::Float(epsilon as f32))];
        Ok(self.node("BatchNormalization", &[&weight, &bias, &mean, &variance], &epsilon))
    }

    fn pixel_norm(&self, epsilon: f64) -> Result<Self> {
        let squares = self.node("Mul", &[&self.name], &[]);
        let over_channels = [("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(1))];
        let mean = squares.node("ReduceMean", &[], &over_channels).with_constant("Add", "epsilon", epsilon);
        Ok(self.node("Div", &[&mean.node("Sqrt", &[], &[]).name], &[]))
    }

    fn relu(&self) -> Result<Self> {
        Ok(self.node("Relu", &[], &[]))
    }

    fn leaky_relu(&self, slope: f64) -> Result<Self> {
        Ok(self.node("LeakyRelu", &[], &[("alpha", Attribute::Float(slope as f32))]))
    }

    fn sigmoid(&self) -> Result<Self> {
        Ok(self.node("Sigmoid", &[], &[]))
    }

    fn tanh(&self) -> Result<Self> {
        Ok(self.node("Tanh", &[], &[]))
    }

    fn silu(&self) -> Result<Self> {
        Ok(self.node("Mul", &[&self.node("Sigmoid", &[], &[]).name], &[]))
    }

    fn clamp(&self, low: f32, high: f32) -> Result<Self> {
        let low = self.graph.floats("low", &[], &[low]);
        let high = self.graph.floats("high", &[], &[high]);
        Ok(self.node("Clip", &[&low, &high], &[]))
    }

    fn add(&self, other: &Self) -> Result<Self> {
        Ok(self.with_other("Add", other))
    }

    fn sub(&self, other: &Self) -> Result<Self> {
        Ok(self.with_other("Sub", other))
    }

    fn mul(&self, other: &Self) -> Result<Self> {
        Ok(self.with_other("Mul", other))
    }

    fn scale(&self, by: f64) -> Result<Self> {
        Ok(self.with_constant("Mul", "scale", by))
    }

    fn shift(&self, by: f64) -> Result<Self> {
        Ok(self.with_constant("Add", "shift", by))
    }

    fn channel_affine(&self, scale: &[f32], shift: &[f32]) -> Result<Self> {
        let scale = self.graph.floats("channel_scale", &[1, scale.len(), 1, 1], scale);
        let shift = self.graph.floats("channel_shift", &[1, shift.len(), 1, 1], shift);
        Ok(self.node("Mul", &[&scale], &[]).node("Add", &[&shift], &[]))
    }

    fn max_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        Ok(self.pool("MaxPool", config, &[]))
    }

    fn avg_pool2d(&self, config: Pool2dConfig) -> Result<Self> {
        Ok(self.pool("AveragePool", config, &[("count_include_pad", Attribute::Int(1))]))
    }

    fn upsample2x(&self) -> Result<Self> {
        let scales = self.graph.floats("upsample2x", &[4], &[1.0, 1.0, 2.0, 2.0]);
        let resized = self.node(
            "Resize",
            &["", &scales],
            &[
                ("mode", Attribute::Text("nearest")),
                ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
                ("nearest_mode", Attribute::Text("floor")),
            ],
        );
        Ok(resized.with_extent(self.extent.times(2)))
    }

    fn pad2d(&self, padding: Padding, mode: Option<PadMode>) -> Result<Self> {
        let Padding { rows, columns } = padding;
        let added = |[before, after]: [usize; 2]| self.extent.grown((before + after) as isize);
        let extent = if added(rows) == added(columns) { added(rows) } else { Extent::ANY };
        let mode = match mode {
            None => "constant",
            Some(PadMode::Reflect) => "reflect",
            Some(PadMode::Replicate) => "edge",
            // Pad has no such mode before opset 19.
            Some(PadMode::Circular) => return Ok(self.wrap(2, rows).wrap(3, columns).with_extent(extent)),
        };
        let pads = [0, 0, rows[0], columns[0], 0, 0, rows[1], columns[1]].map(|count| count as i64);
        let padded = self.node("Pad", &[&self.graph.ints(&pads)], &[("mode", Attribute::Text(mode))]);
        Ok(padded.with_extent(extent))
    }

    fn pad_to_multiple(&self, multiple: usize, at_least: usize) -> Result<Self> {
        let graph = &self.graph;
        let size = self.height_and_width();
        let one = graph.ints(&[multiple as i64]);
        let target = size
            .node("Add", &[&graph.ints(&[multiple as i64 - 1])], &[])
            .node("Div", &[&one], &[])
            .node("Mul", &[&one], &[])
            .node("Max", &[&graph.ints(&[at_least as i64])], &[]);
        let missing = target.node("Sub", &[&size.name], &[]);
        let pads = graph.node("Concat", &[&graph.ints(&[0; 6]), &missing.name], &[("axis", Attribute::Int(0))]);
        let padded = self.node("Pad", &[&pads.name], &[("mode", Attribute::Text("edge"))]);
        Ok(padded.with_extent(Extent::padded_to(multiple, at_least)))
    }

    fn crop_like(&self, other: &Self) -> Result<Self> {
        let ints = |values| self.graph.ints(values);
        let cropped = self.node("Slice", &[&ints(&[0, 0]), &other.height_and_width().name, &ints(&[2, 3])], &[]);
        Ok(cropped.with_extent(other.extent))
    }

    fn expand_like(&self, other: &Self) -> Result<Self> {
        let ints = |values| self.graph.ints(values);
        let size = self.graph.node(
            "Concat",
            &[&ints(&[1, 1]), &other.height_and_width().name],
            &[("axis", Attribute::Int(0))],
        );
        Ok(self.node("Unsqueeze", &[&ints(&[2, 3])], &[]).node("Expand", &[&size.name], &[]))
    }

    fn stretch_like(&self, other: &Self) -> Result<Self> {
        let ints = |values: &[i64]| self.graph.ints(values);
        let size = other.height_and_width();
        let between = |axis: i64| {
            let length = size.node("Slice", &[&ints(&[axis - 2]), &ints(&[axis - 1])], &[]);
            length.node("Sub", &[&ints(&[2])], &[])
        };
        let stretch = |map: &Self, axis: i64| {
            let part = |at: i64| map.node("Slice", &[&ints(&[at]), &ints(&[at + 1]), &ints(&[axis])], &[]);
            let ones = |count| ints(&vec![1; count]);
            let (before, after) = (ones(axis as usize), ones(3 - axis as usize));
            let mut sizes = vec![before.as_str()];
            let length = between(axis);
            sizes.push(length.name());
            if axis < 3 {
                sizes.push(after.as_str());
            }
            let sizes = self.graph.node("Concat", &sizes, &[("axis", Attribute::Int(0))]);
            let middle = part(1).node("Expand", &[sizes.name()], &[]);
            part(0).node("Concat", &[middle.name(), part(2).name()], &[("axis", Attribute::Int(axis))])
        };
        Ok(stretch(&stretch(self, 2), 3))
    }

    fn pixel_shuffle2x(&self) -> Result<Self> {
        Ok(self.depth_to_space(2))
    }

    fn concat(&self, other: &Self) -> Result<Self> {
        Ok(self.node("Concat", &[&other.name], &[("axis", Attribute::Int(1))]).with_extent(self.extent))
    }

    fn lookup(&self, table: &Param) -> Result<Self> {
        let table = self.graph.param(table)?;
        Ok(self.graph.node("Gather", &[&table, &self.name], &[("axis", Attribute::Int(0))]))
    }

    fn param(&self, param: &Param) -> Result<Self> {
        Ok(Self::new(self.graph.clone(), self.graph.param(param)?))
    }

    fn flatten(&self) -> Result<Self> {
        Ok(self.node("Flatten", &[], &[("axis", Attribute::Int(1))]))
    }

    fn unflatten(&self, [channels, height, width]: [usize; 3]) -> Result<Self> {
        // 0 keeps the input's own first dimension.
        let shape = self.graph.ints(&[0, channels as i64, height as i64, width as i64]);
        Ok(self.node("Reshape", &[&shape], &[]).with_extent(Extent::fixed(height, width)))
    }
}
