//! Stylizers of other programs: their I/O spec, from the file and from trying sizes.

use super::Rectangle;
use super::io_spec::IoSpec;
use super::layout::{FixedSize, Layout, PixelType};
use super::range::Range;
use crate::onnx::{self, Dimension, Signature, ValueInfo};
use crate::{Engine, Error, Picture, Result};

/// What the caller knows of a model without a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoOptions {
    /// The range of its input; by default the one that its metadata names, or 0..1. That of bytes is 0..255.
    pub range: Option<Range>,
    /// The range of its output; by default that of its input.
    pub output_range: Option<Range>,
    /// Whether its channels are in the order blue, green, red.
    pub bgr: bool,
}

/// What a model's file says about its I/O spec.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignSpec {
    /// The spec, in which the multiple, the smallest size, the scale and the output's layout are still to be found.
    pub io_spec: IoSpec,
    /// Whether the range is a guess: neither the file nor the caller gave one.
    pub guessed_range: bool,
    /// Whether the layout is a guess.
    guessed_layout: bool,
}

/// The smallest side that is tried.
const SMALLEST: usize = 16;

/// Sides to try, as a multiple and two factors: powers of two first, then networks that also divide by 3, 5 or 7. The
/// factors are such that no larger multiple divides both sides, so a model that needs one fails or changes the size.
const TRIALS: [(usize, [usize; 2]); 33] = [
    (1, [67, 71]),
    (2, [37, 41]),
    (4, [17, 19]),
    (8, [11, 13]),
    (16, [5, 7]),
    (32, [3, 5]),
    (64, [3, 5]),
    (3, [37, 41]),
    (6, [11, 13]),
    (12, [7, 11]),
    (24, [5, 7]),
    (48, [5, 7]),
    (5, [17, 19]),
    (10, [11, 13]),
    (20, [7, 11]),
    (40, [3, 7]),
    (7, [11, 13]),
    (14, [5, 11]),
    (28, [3, 5]),
    (56, [3, 5]),
    (9, [11, 13]),
    (11, [7, 9]),
    (13, [7, 9]),
    (18, [5, 7]),
    (36, [5, 7]),
    (72, [3, 5]),
    (80, [3, 5]),
    (96, [3, 5]),
    (112, [3, 5]),
    (160, [3, 5]),
    (192, [1, 3]),
    (128, [1, 3]),
    (256, [1, 3]),
];

impl ForeignSpec {
    /// Reads the spec of a model without a card, or of one whose card says nothing on it.
    ///
    /// Fails with [`Error::Interface`] if the model does not turn one RGB picture of floats or bytes into one, and if the
    /// range given is not that of bytes, which it takes.
    pub fn read(model: &[u8], options: IoOptions) -> Result<Self> {
        let signature = onnx::signature(model)?;
        let (input, output) = picture_values(&signature)?;
        let layouts = [input, output].map(layout);
        let layout = layouts[0].or(layouts[1]);
        let input_type = pixel_type(input);
        let metadata = onnx::metadata(model)?;
        let value = |key: &str| metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        let bytes = input_type == PixelType::U8;
        if let (true, Some(range)) = (bytes, options.range.filter(|&range| range != Range::Byte)) {
            return Err(Error::Interface(format!(
                "its picture {input} has bytes, whose range is 0..255, not {range}; remove the range"
            )));
        }
        let named = options.range.or(value("Image.NominalPixelRange").and_then(Range::from_metadata));
        let range = if bytes { Some(Range::Byte) } else { named };
        let (rows, columns) = if layout == Some(Layout::ChannelsLast) { (1, 2) } else { (2, 3) };
        let fixed = |axis: usize| input.dims.get(axis).and_then(Dimension::fixed);
        let io_spec = IoSpec {
            input: input.name.clone(),
            output: output.name.clone(),
            range: range.unwrap_or_default(),
            output_range: options.output_range.or(range).unwrap_or_default(),
            bgr: options.bgr || value("Image.BitmapPixelFormat").is_some_and(|format| format.starts_with("Bgr")),
            statistics: false,
            pixel_type: input_type,
            layout: layout.unwrap_or_default(),
            output_layout: layouts[1].or(layout).unwrap_or_default(),
            fixed_size: FixedSize { width: fixed(columns), height: fixed(rows) },
            ..IoSpec::easel()
        };
        // The range of bytes says nothing about floats that are made of them.
        let guessed_output = bytes && options.output_range.is_none() && pixel_type(output) != PixelType::U8;
        Ok(Self { io_spec, guessed_range: range.is_none() || guessed_output, guessed_layout: layout.is_none() })
    }

    /// Completes the spec by running the model on small pictures: the multiple that its sides must be of, its smallest
    /// size, how much it enlarges, and its layouts. Takes a handful of runs for most models.
    ///
    /// Fails with [`Error::Interface`] if the model keeps or enlarges none of the sizes tried.
    pub async fn complete<E: Engine>(&self, engine: &mut E) -> Result<IoSpec> {
        let first = complete(&self.io_spec, engine).await;
        if !self.guessed_layout || !matches!(first, Err(Error::Interface(_))) {
            return first;
        }
        let last = IoSpec { layout: Layout::ChannelsLast, output_layout: Layout::ChannelsLast, ..self.io_spec.clone() };
        complete(&last, engine).await.or(first)
    }
}

/// What became of a trial.
enum Trial {
    /// The scale factor of the result, and its layout.
    Works(usize, Layout),
    /// It returned another size.
    Changed(String),
    /// It failed, with the engine's text.
    Failed(String),
}

async fn complete<E: Engine>(io_spec: &IoSpec, engine: &mut E) -> Result<IoSpec> {
    let FixedSize { width, height } = io_spec.fixed_size;
    let trials = if io_spec.fixed_size.is_complete() { &TRIALS[..1] } else { &TRIALS[..] };
    let (mut changed, mut failed) = (None, None);
    for (multiple, factors) in trials {
        let [high, wide] = factors.map(|factor| multiple * factor);
        let (high, wide) = (height.unwrap_or(high), width.unwrap_or(wide));
        match try_size(io_spec, engine, [high, wide]).await? {
            Trial::Works(scale, output_layout) => {
                let works = IoSpec { multiple: *multiple, scale, output_layout, ..io_spec.clone() };
                let min_size = smallest(&works, engine, high.max(wide)).await?;
                return Ok(IoSpec { min_size, ..works });
            }
            Trial::Changed(sizes) => changed = Some(sizes),
            Trial::Failed(reason) => failed = failed.or(Some(reason)),
        }
    }
    Err(Error::Interface(match (changed, failed) {
        (Some(sizes), _) => {
            format!("it makes {sizes}; a stylizer keeps a picture's size or multiplies it by a whole number")
        }
        (None, reason) => {
            let reason = reason.unwrap_or_default();
            format!("it runs at none of the sizes tried, 63 to 800 pixels a side; export it for any size ({reason})")
        }
    }))
}

/// The smallest side, a multiple, with which the model runs; `works` is one that does.
async fn smallest<E: Engine>(io_spec: &IoSpec, engine: &mut E, works: usize) -> Result<usize> {
    let FixedSize { width, height } = io_spec.fixed_size;
    let mut side = SMALLEST.next_multiple_of(io_spec.multiple);
    while side < works && !io_spec.fixed_size.is_complete() {
        let size = [height.unwrap_or(side), width.unwrap_or(side)];
        if let Trial::Works(scale, _) = try_size(io_spec, engine, size).await?
            && scale == io_spec.scale
        {
            return Ok(side);
        }
        side *= 2;
    }
    Ok(works)
}

/// Runs the model on a picture of a size, without padding. Fails if that is no fault of the size.
async fn try_size<E: Engine>(io_spec: &IoSpec, engine: &mut E, [height, width]: [usize; 2]) -> Result<Trial> {
    let exact = IoSpec { multiple: 1, min_size: 1, ..io_spec.clone() };
    let pixels = (0..3 * width * height).map(|at| (at * 255 / (3 * width * height)) as u8).collect();
    let picture = Picture { width, height, channels: 3, pixels };
    let whole = Rectangle { left: 0, top: 0, width, height };
    let outputs = match exact.feed(engine, &picture, whole, None).await {
        Ok((_, outputs)) => outputs,
        Err(Error::Engine(reason)) => return Ok(Trial::Failed(reason)),
        Err(other) => return Err(other),
    };
    let output = outputs.iter().find(|(name, _)| *name == io_spec.output);
    let shape =
        output.ok_or_else(|| Error::Engine(format!("the model has no output named `{}`", io_spec.output)))?.1.shape();
    let layouts = [io_spec.output_layout, Layout::ChannelsFirst, Layout::ChannelsLast];
    let Some((layout, [high, wide])) = layouts.into_iter().find_map(|layout| Some((layout, layout.size(shape)?)))
    else {
        return Err(Error::Interface(format!(
            "it makes {shape:?} of one picture; stylize needs one picture of three channels"
        )));
    };
    let scale = high / height;
    Ok(match scale > 0 && [high, wide] == [scale * height, scale * width] {
        true => Trial::Works(scale, layout),
        false => Trial::Changed(format!("{wide}x{high} of {width}x{height}")),
    })
}

/// The model's picture input and output.
fn picture_values(Signature { inputs, outputs }: &Signature) -> Result<(&ValueInfo, &ValueInfo)> {
    let listed = |values: &[&ValueInfo]| values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join("; ");
    let needed: Vec<&ValueInfo> = inputs.iter().filter(|input| !input.optional).collect();
    let given: Vec<&ValueInfo> = outputs.iter().collect();
    let pictures =
        |values: &[&ValueInfo]| -> Vec<usize> { (0..values.len()).filter(|&at| is_picture(values[at])).collect() };
    let (taken, made) = (pictures(&needed), pictures(&given));
    let refused = |reason: String| Err(Error::Interface(reason));
    match (&taken[..], &made[..]) {
        (&[input, ..], _) if needed.len() > 1 => {
            let mut others = needed.clone();
            let input = others.remove(input);
            refused(format!(
                "besides the picture {input} it needs {}, which stylize cannot give; export it with that as a constant",
                listed(&others)
            ))
        }
        (&[_], &[_, _, ..]) => refused(format!(
            "it makes {} pictures of one ({}), and stylize takes one; export it with a single output",
            made.len(),
            listed(&made.iter().map(|&at| given[at]).collect::<Vec<_>>())
        )),
        (&[input], &[output]) => {
            for value in [needed[input], given[output]] {
                if let Some(batch) = value.dims.first().and_then(Dimension::fixed).filter(|&batch| batch != 1) {
                    return refused(format!(
                        "its batch is fixed at {batch} pictures ({value}), and stylize gives one; export it with a batch of 1 \
                         or of any size"
                    ));
                }
            }
            Ok((needed[input], given[output]))
        }
        _ => refused(format!(
            "stylize needs a model with one picture in and one out, float32, float16 or uint8 of three channels; this one \
             takes {} and gives {}",
            listed(&needed),
            listed(&given)
        )),
    }
}

/// Whether a value can be pictures of three channels.
fn is_picture(value: &ValueInfo) -> bool {
    let has_type = matches!(value.element.as_str(), "float32" | "float16" | "uint8");
    let has_shape = match value.dims.as_slice() {
        [] => true,
        [_, second, _, last] => second.fixed().is_none_or(|size| size == 3) || last.fixed() == Some(3),
        _ => false,
    };
    has_type && has_shape
}

fn pixel_type(value: &ValueInfo) -> PixelType {
    match value.element.as_str() {
        "float16" => PixelType::F16,
        "uint8" => PixelType::U8,
        _ => PixelType::F32,
    }
}

/// The layout of pictures; none if the dimensions do not tell.
fn layout(value: &ValueInfo) -> Option<Layout> {
    let [_, second, _, last] = value.dims.as_slice() else { return None };
    match (second.fixed(), last.fixed()) {
        (Some(3), _) => Some(Layout::ChannelsFirst),
        (_, Some(3)) => Some(Layout::ChannelsLast),
        _ => None,
    }
}
