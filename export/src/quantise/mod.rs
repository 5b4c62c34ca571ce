//! Stylizers in int8: every convolution multiplies bytes.
//!
//! The network is recorded on values that quantise ([`value`]): first in float32, to observe the ranges of activations on
//! calibration pictures, then with QuantizeLinear and DequantizeLinear around each integer operation. Norms compute their
//! statistics in float32, or take them from the same optional inputs as a float32 model. The result is evaluated on other
//! pictures.

mod calibration;
mod kernel;
mod params;
mod psnr;
mod ranges;
mod recorder;
mod value;

use std::path::Path;
use std::rc::Rc;

use easel_native::OrtEngine;
use easel_runtime::Tensor;
use easel_runtime::card::{Int8, Verification};
use easel_runtime::onnx::outputs;
use easel_train::networks::style::Stylizer;

pub use calibration::CalibrationSet;
pub use psnr::{PictureDifference, psnr};

use crate::error::Result;
use crate::graph::Graph;
use crate::proto::Dim;
use crate::verify::{engine, verify};
use ranges::{CLIPPED, Ranges};
use recorder::{Mode, QuantisationPoint, Recorder};
use value::QuantisedValue;

/// The PSNR in decibels below which an int8 model is refused by default.
pub const MIN_PSNR: f64 = 30.0;

/// The number of calibration pictures that each clipped fraction is tried on.
const TRIAL_PICTURES: usize = 8;

/// Records a stylizer in int8. `float32` is its file in float32, which the result is compared with.
pub(crate) fn quantise(
    network: &Stylizer,
    float32: &[u8],
    pictures: &CalibrationSet,
    library: Option<&Path>,
) -> Result<(Graph, Verification)> {
    let (graph, points) = record(network, Mode::Calibration)?;
    let calibration = graph.to_model("calibration", &[]);
    // The rewrites so far are exact.
    verify(&calibration, network, library)?;
    let mut ranges = Ranges::new(&points);
    let names: Vec<_> = points.iter().map(|point| point.name.clone()).collect();
    let mut observer = engine(&[calibration, outputs(&names)].concat(), library)?;
    for picture in &pictures.calibration {
        ranges.observe(observer.run_blocking(&[("image", picture)])?.split_off(1))?;
    }

    let mut float32 = engine(float32, library)?;
    let tried = &pictures.calibration[..TRIAL_PICTURES.min(pictures.calibration.len())];
    let expected = stylize(&mut float32, tried)?;
    let trial = |fraction| -> Result<(f64, Graph)> {
        let (graph, _) = record(network, Mode::Quantised(ranges.clipped(fraction)))?;
        let found = stylize(&mut engine(&graph.to_model("trial", &[]), library)?, tried)?;
        Ok((PictureDifference::between(expected.iter().zip(&found))?.psnr, graph))
    };
    let mut best = trial(0)?;
    for fraction in 1..CLIPPED.len() {
        let other = trial(fraction)?;
        if other.0 > best.0 {
            best = other;
        }
    }
    let (_, graph) = best;
    let mut int8 = engine(&graph.to_model("int8", &[]), library)?;
    let (expected, found) = (stylize(&mut float32, &pictures.evaluation)?, stylize(&mut int8, &pictures.evaluation)?);
    let difference = PictureDifference::between(expected.iter().zip(&found))?;
    let mut shapes: Vec<_> = pictures.evaluation.iter().map(|picture| picture.shape().to_vec()).collect();
    shapes.sort();
    shapes.dedup();
    let engine = format!("ONNX Runtime {}", int8.version());
    let int8 = Int8 {
        calibrated_on: pictures.calibration.len(),
        evaluated_on: pictures.evaluation.len(),
        psnr: difference.psnr,
        worst_psnr: difference.worst_psnr,
    };
    Ok((graph, Verification { engine, max_difference: difference.max, shapes, rounding: None, int8: Some(int8) }))
}

fn record(network: &Stylizer, mode: Mode) -> Result<(Graph, Vec<QuantisationPoint>)> {
    let graph = Graph::default();
    let dims = [Dim::Named("batch"), Dim::Fixed(3), Dim::Named("height"), Dim::Named("width")];
    let recorder = Rc::new(Recorder::new(graph.clone(), mode));
    let image = graph.input("image", &dims);
    let stylized = network.stylize(&QuantisedValue::picture(recorder.clone(), &image))?.output()?;
    graph.output("stylized", &stylized, &dims);
    Ok((graph, recorder.points()))
}

fn stylize(engine: &mut OrtEngine, pictures: &[Tensor]) -> Result<Vec<Tensor>> {
    pictures.iter().map(|picture| Ok(engine.run_blocking(&[("image", picture)])?.remove(0).1)).collect()
}
