//! A stylizer in eight bits: every convolution multiplies bytes.
//!
//! The network is recorded once more, on values that quantise ([`value`]): first in float32, to observe the ranges of
//! numbers on pictures, then with QuantizeLinear and DequantizeLinear around what is computed in bytes. Norms compute
//! their statistics in float32, and take them from outside as in float32. The result is judged on other pictures.

mod kernel;
mod pictures;
mod psnr;
mod ranges;
mod recorder;
mod step;
mod value;

use std::path::Path;
use std::rc::Rc;

use candle_onnx::onnx;
use easel_native::OrtEngine;
use easel_runtime::Tensor;
use easel_runtime::card::{Int8, Verification};
use easel_train::networks::style::Stylizer;
use prost::Message;

pub use pictures::Pictures;
pub use psnr::{Distance, psnr};

use crate::verify::{engine, verify};
use crate::{Dim, Error, Graph, NormForm, Result, Storage};
use ranges::{Ranges, SHARES};
use recorder::{Form, Place, Recorder};
use value::Quantised;

/// The decibels below which eight bits are too few.
pub const LEAST_PSNR: f64 = 30.0;

/// How many of the calibration's pictures tell how wide ranges are to be.
const TRIED_ON: usize = 8;

/// Records a stylizer in eight bits. `whole` is its file in float32, which it is judged by.
pub(crate) fn quantise(
    network: &Stylizer,
    whole: &[u8],
    pictures: &Pictures,
    library: Option<&Path>,
) -> Result<(Graph, Verification)> {
    let (graph, places) = record(network, Form::Observed)?;
    let observed = graph.to_model("observed", &[]);
    // What was rewritten on the way is exact.
    verify(&observed, network, library)?;
    let mut ranges = Ranges::new(&places);
    let mut engine = engine(&[observed, outputs(&places)].concat(), library)?;
    for picture in &pictures.calibration {
        ranges.observe(engine.run_blocking(&[("image", picture)])?.split_off(1))?;
    }

    let mut whole = self::engine(whole, library)?;
    let tried = &pictures.calibration[..TRIED_ON.min(pictures.calibration.len())];
    let expected = stylized(&mut whole, tried)?;
    let mut best: Option<(f64, Graph)> = None;
    for share in 0..SHARES.len() {
        let (graph, _) = record(network, Form::Quantised(ranges.leaving_out(share)))?;
        let found = stylized(&mut self::engine(&graph.to_model("tried", &[]), library)?, tried)?;
        let psnr = Distance::of(expected.iter().zip(&found))?.psnr;
        if best.as_ref().is_none_or(|(best, _)| psnr > *best) {
            best = Some((psnr, graph));
        }
    }
    let (_, graph) = best.ok_or_else(|| Error::Verification("the quantised model gives no numbers".into()))?;
    let mut engine = self::engine(&graph.to_model("judged", &[]), library)?;
    let (expected, found) = (stylized(&mut whole, &pictures.judged)?, stylized(&mut engine, &pictures.judged)?);
    let apart = Distance::of(expected.iter().zip(&found))?;
    let mut shapes: Vec<_> = pictures.judged.iter().map(|picture| picture.shape().to_vec()).collect();
    shapes.sort();
    shapes.dedup();
    let int8 = Int8 {
        calibrated_on: pictures.calibration.len(),
        judged_on: pictures.judged.len(),
        psnr: apart.psnr,
        worst_psnr: apart.worst,
    };
    let engine = format!("ONNX Runtime {}", engine.version());
    Ok((graph, Verification { engine, max_difference: apart.largest, shapes, rounding: None, int8: Some(int8) }))
}

fn record(network: &Stylizer, form: Form) -> Result<(Graph, Vec<Place>)> {
    let graph = Graph::new(NormForm::Statistics, Storage::Float32);
    let dims = [Dim::Named("batch"), Dim::Fixed(3), Dim::Named("height"), Dim::Named("width")];
    let recorder = Rc::new(Recorder::new(graph.clone(), form));
    let image = graph.input("image", &dims);
    let stylized = network.stylize(&Quantised::picture(recorder.clone(), &image))?.output()?;
    graph.output("stylized", &stylized, &dims);
    Ok((graph, recorder.places()))
}

/// What to append to a file so that it also gives its values at some places, in their order: protobuf messages that
/// follow each other are merged.
fn outputs(places: &[Place]) -> Vec<u8> {
    let tensor = onnx::type_proto::Tensor { elem_type: onnx::tensor_proto::DataType::Float as i32, shape: None };
    let kind = onnx::TypeProto { value: Some(onnx::type_proto::Value::TensorType(tensor)), ..Default::default() };
    let output = |place: &Place| onnx::ValueInfoProto {
        name: place.name.clone(),
        r#type: Some(kind.clone()),
        ..Default::default()
    };
    let graph = onnx::GraphProto { output: places.iter().map(output).collect(), ..Default::default() };
    onnx::ModelProto { graph: Some(graph), ..Default::default() }.encode_to_vec()
}

fn stylized(engine: &mut OrtEngine, pictures: &[Tensor]) -> Result<Vec<Tensor>> {
    pictures.iter().map(|picture| Ok(engine.run_blocking(&[("image", picture)])?.remove(0).1)).collect()
}
