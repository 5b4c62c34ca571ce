//! A stylizer's I/O spec, and how pictures become its input and its output pictures.

use half::f16;

use super::Rectangle;
use super::layout::{FixedSize, Layout, PixelType};
use super::range::Range;
use super::statistics::{STATISTICS, USE_STATISTICS};
use crate::tensor::Data;
use crate::{Engine, Error, Picture, Result, Tensor};

/// The I/O spec of a stylizer.
#[derive(Debug, Clone, PartialEq)]
pub struct IoSpec {
    /// The name of the input.
    pub input: String,
    /// The name of the output.
    pub output: String,
    /// The range of the input.
    pub range: Range,
    /// The range of the output.
    pub output_range: Range,
    /// Whether the channel order is BGR, in both the input and the output.
    pub bgr: bool,
    /// Whether the model has the optional inputs and the intermediate values of [`super::statistics`].
    pub statistics: bool,
    /// The element type of the input.
    pub pixel_type: PixelType,
    /// The layout of the input.
    pub layout: Layout,
    /// The layout of the output.
    pub output_layout: Layout,
    /// Width and height must be a multiple of this. Other sizes are padded with the picture's reflection on the right and
    /// at the bottom, and the output is cropped.
    pub multiple: usize,
    /// The smallest width and height.
    pub min_size: usize,
    /// The only size that it takes, if there is one. Smaller pictures are padded to it.
    pub fixed_size: FixedSize,
    /// How many times as wide and high as the input the output is.
    pub scale: usize,
}

impl IoSpec {
    /// The spec of a model that export-onnx wrote with statistics. It pads its input itself.
    pub fn easel() -> Self {
        Self {
            input: "image".into(),
            output: "stylized".into(),
            range: Range::Unit,
            output_range: Range::Unit,
            bgr: false,
            statistics: true,
            pixel_type: PixelType::F32,
            layout: Layout::ChannelsFirst,
            output_layout: Layout::ChannelsFirst,
            multiple: 1,
            min_size: 1,
            fixed_size: FixedSize::default(),
            scale: 1,
        }
    }

    /// Runs the model on a part of an RGB picture, with the given statistics or its own.
    ///
    /// Returns the stylized part, RGB `[1, 3, height, width]` from 0 to 1, not clamped, and the model's other outputs. The
    /// part is `scale` times as large as in the picture unless the model changes its size in another way.
    ///
    /// Fails if the picture is not RGB, the engine fails, or the output is missing, is not such a picture, or has NaN or
    /// infinity.
    pub async fn run<E: Engine>(
        &self,
        engine: &mut E,
        picture: &Picture,
        part: Rectangle,
        statistics: Option<&Tensor>,
    ) -> Result<(Tensor, Vec<(String, Tensor)>)> {
        let (fed, mut outputs) = self.feed(engine, picture, part, statistics).await?;
        let place = outputs
            .iter()
            .position(|(name, _)| *name == self.output)
            .ok_or_else(|| Error::Engine(format!("the model has no output named `{}`", self.output)))?;
        let stylized = outputs.remove(place).1;
        Ok((self.stylized(stylized, fed, part)?, outputs))
    }

    /// Runs the model on a part of an RGB picture. Returns the padded height and width, and the model's outputs.
    pub(super) async fn feed<E: Engine>(
        &self,
        engine: &mut E,
        picture: &Picture,
        part: Rectangle,
        statistics: Option<&Tensor>,
    ) -> Result<([usize; 2], Vec<(String, Tensor)>)> {
        let (image, size) = self.image(picture, part)?;
        let enabled = Tensor::new([], vec![true])?;
        let mut inputs = vec![(self.input.as_str(), &image)];
        if let Some(statistics) = statistics {
            inputs.push((USE_STATISTICS, &enabled));
            inputs.push((STATISTICS, statistics));
        }
        Ok((size, engine.run(&inputs).await?))
    }

    fn padded(&self, size: usize, fixed: Option<usize>) -> usize {
        fixed.unwrap_or_else(|| size.max(self.min_size).next_multiple_of(self.multiple.max(1)))
    }

    /// Preprocesses a part of a picture. Returns the model's input, and its height and width.
    fn image(&self, picture: &Picture, part: Rectangle) -> Result<(Tensor, [usize; 2])> {
        if picture.channels != 3 {
            return Err(Error::Shape(format!(
                "a stylizer takes RGB pictures; this one has {} channels",
                picture.channels
            )));
        }
        let width = self.padded(part.width, self.fixed_size.width);
        let height = self.padded(part.height, self.fixed_size.height);
        if part.width > width || part.height > height {
            return Err(Error::Shape(format!(
                "a part of {}x{} pixels, for a model that takes {width}x{height} only",
                part.width, part.height
            )));
        }
        let channels = self.channels();
        let values = channels.map(|channel| {
            let (low, span) = self.range.low_and_span(channel);
            std::array::from_fn::<f32, 256, _>(|byte| low + span * (byte as f32 / 255.0))
        });
        let columns: Vec<usize> = (0..width).map(|x| 3 * (part.left + reflected(x, part.width))).collect();
        let row = |y: usize| &picture.pixels[3 * (part.top + reflected(y, part.height)) * picture.width..];
        let value = |row: &[u8], column: usize, place: usize| values[place][usize::from(row[column + channels[place]])];
        let mut image = Vec::with_capacity(3 * width * height);
        match self.layout {
            Layout::ChannelsFirst => {
                for (place, y) in (0..3).flat_map(|place| (0..height).map(move |y| (place, y))) {
                    let row = row(y);
                    image.extend(columns.iter().map(|&column| value(row, column, place)));
                }
            }
            Layout::ChannelsLast => {
                for row in (0..height).map(row) {
                    image.extend(columns.iter().flat_map(|&column| [0, 1, 2].map(|place| value(row, column, place))));
                }
            }
        }
        let data = match self.pixel_type {
            PixelType::F32 => Data::F32(image),
            PixelType::F16 => Data::F16(image.into_iter().map(f16::from_f32).collect()),
            PixelType::U8 => Data::U8(image.into_iter().map(|value| (value + 0.5) as u8).collect()),
        };
        Ok((Tensor::new(self.layout.shape([height, width]), data)?, [height, width]))
    }

    /// Converts the output to RGB from 0 to 1, and crops the padding if the model kept or scaled the size.
    fn stylized(&self, output: Tensor, fed: [usize; 2], part: Rectangle) -> Result<Tensor> {
        let Some([high, wide]) = self.output_layout.size(output.shape()) else {
            return Err(Error::Shape(format!(
                "the model returned the shape {:?}; a stylizer returns one picture of three channels",
                output.shape()
            )));
        };
        let scaled = |size: usize| size * self.scale;
        let kept = [high, wide] == fed.map(scaled);
        let (height, width) = if kept { (scaled(part.height), scaled(part.width)) } else { (high, wide) };
        let (mut values, range) = match output.into_data() {
            Data::F32(values) => (values, self.output_range),
            Data::F16(values) => (values.into_iter().map(f16::to_f32).collect(), self.output_range),
            Data::U8(values) => (values.into_iter().map(f32::from).collect(), Range::Byte),
            other => {
                return Err(Error::Shape(format!(
                    "the model returned {} elements; a stylizer returns float32, float16 or uint8",
                    other.type_name()
                )));
            }
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Engine(
                "the model's output has NaN or infinity: its weights are damaged; get another copy".into(),
            ));
        }
        let planar = self.output_layout == Layout::ChannelsFirst;
        if (range, self.bgr, [height, width], planar) != (Range::Unit, false, [high, wide], true) {
            let (of_place, step) = if planar { (high * wide, 1) } else { (1, 3) };
            let mut inner = Vec::with_capacity(3 * width * height);
            for (channel, place) in self.channels().into_iter().enumerate() {
                let (low, span) = range.low_and_span(channel);
                for y in 0..height {
                    let row = values[place * of_place + y * wide * step..].iter().step_by(step).take(width);
                    inner.extend(row.map(|value| (value - low) / span));
                }
            }
            values = inner;
        }
        Tensor::new([1, 3, height, width], values)
    }

    fn channels(&self) -> [usize; 3] {
        if self.bgr { [2, 1, 0] } else { [0, 1, 2] }
    }
}

/// The index of a row or column of an endless reflection: `0 1 2 1 0 1` of three.
fn reflected(index: usize, size: usize) -> usize {
    let period = (2 * (size - 1)).max(1);
    let index = index % period;
    if index < size { index } else { period - index }
}

#[cfg(test)]
mod tests {
    use super::super::range::IMAGENET;
    use super::*;

    /// Records its inputs and returns them.
    struct Mirror(Vec<Tensor>);

    impl Engine for Mirror {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            self.0.push(inputs[0].1.clone());
            Ok(vec![("y".into(), inputs[0].1.clone())])
        }
    }

    fn io_spec(range: Range, bgr: bool) -> IoSpec {
        let names = IoSpec { input: "x".into(), output: "y".into(), ..IoSpec::easel() };
        IoSpec { range, output_range: range, bgr, multiple: 4, min_size: 8, ..names }
    }

    #[test]
    fn the_output_inverts_the_input() {
        let (width, height) = (9, 6);
        let pixels: Vec<u8> = (0..3 * width * height).map(|at| (at * 37 % 256) as u8).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let part = Rectangle { left: 1, top: 2, width: 5, height: 3 };
        for (range, white) in [(Range::Unit, 1.0), (Range::Byte, 255.0), (Range::Signed, 1.0), (Range::ImageNet, 2.65)]
        {
            for bgr in [false, true] {
                let mut mirror = Mirror(vec![]);
                let io_spec = io_spec(range, bgr);
                let run = io_spec.run(&mut mirror, &picture, part, None);
                let (stylized, _) = pollster::block_on(run).unwrap();
                let fed = &mirror.0[0];
                assert_eq!(fed.shape(), [1, 3, 8, 8]);
                assert!(fed.as_f32().unwrap().iter().all(|value| value.abs() <= white));
                let found = &Picture::from_batch(&stylized).unwrap()[0];
                assert_eq!((found.width, found.height), (5, 3));
                let row = 3 * (2 * width + 1);
                assert_eq!(found.pixels[..15], picture.pixels[row..row + 15]);
                // The columns are reflected; the first plane is red or blue.
                let plane = &fed.as_f32().unwrap()[..8];
                assert_eq!(plane[5..], [plane[3], plane[2], plane[1]]);
                let channel = if bgr { 2 } else { 0 };
                let (low, span) = range.low_and_span(channel);
                let first = f32::from(picture.pixels[row + channel]) / 255.0 * span + low;
                assert!((plane[0] - first).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn input_and_output_may_differ_in_range() {
        let picture = Picture::filled(8, 8, 3, 51);
        let part = Rectangle { left: 0, top: 0, width: 8, height: 8 };
        let io_spec = IoSpec { output_range: Range::Byte, ..io_spec(Range::ImageNet, false) };
        let stylized = pollster::block_on(io_spec.run(&mut Mirror(vec![]), &picture, part, None)).unwrap().0;
        // The input, (0.2 - mean) / deviation, is read as a byte.
        let wanted = IMAGENET.map(|(mean, deviation)| (0.2 - mean) / deviation / 255.0);
        for (plane, wanted) in stylized.as_f32().unwrap().chunks_exact(64).zip(wanted) {
            assert!(plane.iter().all(|value| (value - wanted).abs() < 1e-6));
        }
    }

    #[test]
    fn layouts_and_element_types_are_converted() {
        let (width, height) = (9, 6);
        let pixels: Vec<u8> = (0..3 * width * height).map(|at| (at * 37 % 256) as u8).collect();
        let picture = Picture { width, height, channels: 3, pixels };
        let part = Rectangle { left: 1, top: 2, width: 5, height: 3 };
        let cases = [
            (PixelType::F16, Layout::ChannelsFirst, Range::Unit),
            (PixelType::F16, Layout::ChannelsLast, Range::Signed),
            (PixelType::F32, Layout::ChannelsLast, Range::ImageNet),
            (PixelType::U8, Layout::ChannelsFirst, Range::Byte),
            (PixelType::U8, Layout::ChannelsLast, Range::Byte),
        ];
        for (pixel_type, layout, range) in cases {
            for bgr in [false, true] {
                let mut mirror = Mirror(vec![]);
                let io_spec = IoSpec { pixel_type, layout, output_layout: layout, ..io_spec(range, bgr) };
                let run = io_spec.run(&mut mirror, &picture, part, None);
                let found = Picture::from_batch(&pollster::block_on(run).unwrap().0).unwrap().remove(0);
                let row = 3 * (2 * width + 1);
                assert_eq!((found.width, found.height), (5, 3));
                assert_eq!(found.pixels[..15], picture.pixels[row..row + 15], "{pixel_type:?} {layout:?} {bgr}");
                let fed = &mirror.0[0];
                assert_eq!(fed.shape(), layout.shape([8, 8]));
                match (fed.data(), pixel_type) {
                    (Data::F32(_), PixelType::F32) | (Data::F16(_), PixelType::F16) => {}
                    (Data::U8(bytes), PixelType::U8) => {
                        let second =
                            if layout == Layout::ChannelsLast { row + 1 } else { row + 3 + 2 * usize::from(bgr) };
                        assert_eq!(bytes[1], picture.pixels[second]);
                    }
                    (other, _) => panic!("{}", other.type_name()),
                }
            }
        }
    }

    #[test]
    fn the_reflection_goes_on_and_on() {
        assert_eq!((0..8).map(|index| reflected(index, 3)).collect::<Vec<_>>(), [0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!((0..3).map(|index| reflected(index, 1)).collect::<Vec<_>>(), [0, 0, 0]);
        assert_eq!((0..4).map(|index| reflected(index, 2)).collect::<Vec<_>>(), [0, 1, 0, 1]);
    }

    /// Returns NaN.
    struct Broken;

    impl Engine for Broken {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let shape = inputs[0].1.shape();
            Ok(vec![("y".into(), Tensor::new(shape, vec![f32::NAN; shape.iter().product()])?)])
        }
    }

    #[test]
    fn nan_is_an_error() {
        let picture = Picture::filled(4, 4, 3, 7);
        let part = Rectangle { left: 0, top: 0, width: 4, height: 4 };
        let (mut broken, io_spec) = (Broken, io_spec(Range::Unit, false));
        let run = io_spec.run(&mut broken, &picture, part, None);
        assert!(pollster::block_on(run).unwrap_err().to_string().contains("NaN"));
    }
}
