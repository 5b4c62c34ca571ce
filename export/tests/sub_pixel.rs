//! Convolutions of few output channels in sub-pixel form: where they are written, and that they compute the same.

use std::path::Path;
use std::process::Command;

use candle_core::{DType, Device, Tensor};
use candle_onnx::onnx::{ModelProto, NodeProto};
use easel_export::export::{ExportOptions, export};
use easel_export::verify::verify_file;
use easel_export::{ConvForm, Dim, Graph, NormForm, Storage, models};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::Provenance;
use easel_runtime::{ModelCard, Random};
use easel_train::networks::style::{Sizes, Stylizer};
use easel_train::nn::{Conv2d, Conv2dOptions, ConvTranspose2d, ConvTranspose2dOptions};
use easel_train::value::{Conv2dConfig, ConvTranspose2dConfig, Pool2dConfig};
use easel_train::{Params, Result, Value, Weights};
use prost::Message;

fn params() -> Params {
    Params::new(DType::F32, &Device::Cpu, Random::new(5, 0))
}

fn small_stylizer() -> Weights {
    // At a width of 4 the first convolution has few outputs too.
    let (params, sizes) = (params(), Sizes { width: 8 });
    Stylizer::new(params.root(), sizes).unwrap();
    Weights { architecture: sizes.architecture(), provenance: Provenance::default(), tensors: params.to_tensors() }
}

fn nodes(model: &[u8], operator: &str) -> Vec<NodeProto> {
    let graph = ModelProto::decode(model).unwrap().graph.unwrap();
    graph.node.into_iter().filter(|node| node.op_type == operator).collect()
}

fn ints<'a>(node: &'a NodeProto, attribute: &str) -> &'a [i64] {
    &node.attribute.iter().find(|found| found.name == attribute).unwrap().ints
}

fn run(model: &[u8], input: &str, x: &Tensor) -> Tensor {
    let mut engine = OrtEngine::load(model, &EngineOptions { threads: Some(1), ..Default::default() }).unwrap();
    let values = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let x = easel_runtime::Tensor::new(x.dims(), values).unwrap();
    let y = engine.run_blocking(&[(input, &x)]).unwrap().remove(0).1;
    Tensor::from_slice(y.as_f32().unwrap(), y.shape(), &Device::Cpu).unwrap()
}

fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

fn uniforms(dims: [usize; 4]) -> Tensor {
    Tensor::from_vec(Random::new(3, 0).uniforms(dims.iter().product(), 0.0, 1.0), &dims, &Device::Cpu).unwrap()
}

#[test]
fn a_stylizers_last_convolution_computes_blocks_at_equal_pixels() {
    for (storage, norms) in [(Storage::Float32, NormForm::Statistics), (Storage::Half, NormForm::Operator)] {
        let weights = storage.round(&small_stylizer()).unwrap();
        let network = models::of_network(&weights.network().unwrap()).unwrap();
        let [blocks, plain] = [ConvForm::SubPixel, ConvForm::Plain].map(|convolutions| {
            let options = ExportOptions { convolutions, norms, storage, ..ExportOptions::default() };
            export(&*network, weights.architecture.clone(), Provenance::default(), &options).unwrap().bytes
        });
        let last = nodes(&blocks, "Conv").pop().unwrap();
        assert_eq!((ints(&last, "kernel_shape"), ints(&last, "strides")), (&[12, 12][..], &[4, 4][..]));
        assert_eq!(nodes(&blocks, "DepthToSpace").iter().map(|node| &node.input).collect::<Vec<_>>(), [&last.output]);
        assert!(nodes(&plain, "DepthToSpace").is_empty());
        assert!(nodes(&plain, "Conv").iter().all(|conv| ints(conv, "kernel_shape") != [12, 12]));

        // The weight is stored once, under its own name.
        assert!(blocks.len() < plain.len() + 2500, "{} and {}", blocks.len(), plain.len());
        assert!(verify_file(&blocks, None).unwrap().max_difference < 1e-4);
        let stored = Weights::from_model(&blocks, &ModelCard::from_model(&blocks).unwrap()).unwrap().tensors;
        assert_eq!(stored.keys().collect::<Vec<_>>(), weights.tensors.keys().collect::<Vec<_>>());
        assert_eq!(difference(&stored["unsample.6.weight"], &weights.tensors["unsample.6.weight"]), 0.0);

        for dims in [[1, 3, 1, 1], [1, 3, 2, 7], [2, 3, 61, 83], [1, 3, 64, 40]] {
            let image = uniforms(dims);
            let found = difference(&run(&blocks, "image", &image), &run(&plain, "image", &image));
            assert!(found < 1e-5, "{dims:?}: {found}");
        }
    }
}

/// A layer of few output channels, and what comes before it.
enum Case {
    Conv(Conv2d, Before),
    Transposed(ConvTranspose2d, Before),
}

enum Before {
    Nothing,
    Padding,
    /// A multiple of 8 is halved.
    PaddingAndPooling,
    /// A multiple of 2 is doubled.
    PaddingAndUpsampling,
}

impl Case {
    fn apply<V: Value>(&self, x: &V) -> Result<V> {
        let (Self::Conv(_, before) | Self::Transposed(_, before)) = self;
        let x = match before {
            Before::Nothing => x.clone(),
            Before::Padding => x.pad_to_multiple(4, 16)?,
            Before::PaddingAndPooling => x.pad_to_multiple(8, 32)?.max_pool2d(Pool2dConfig::new(2))?,
            Before::PaddingAndUpsampling => x.pad_to_multiple(2, 8)?.upsample2x()?,
        };
        match self {
            Self::Conv(conv, _) => conv.forward(&x),
            Self::Transposed(conv, _) => conv.forward(&x),
        }
    }
}

#[test]
fn the_form_is_written_where_it_fits_and_is_quicker() {
    use Before::{Nothing, Padding, PaddingAndPooling, PaddingAndUpsampling};
    let params = params();
    let conv = |name: &str, outputs, side, options: Conv2dOptions, before| {
        Case::Conv(Conv2d::new(params.root().sub(name), 2, outputs, side, options).unwrap(), before)
    };
    let padded = |padding| Conv2dOptions::from(Conv2dConfig { padding, ..Default::default() });
    let transposed = |name: &str, bias, padding| {
        let options = ConvTranspose2dOptions { bias, config: ConvTranspose2dConfig { padding, ..Default::default() } };
        Case::Transposed(ConvTranspose2d::new(params.root().sub(name), 2, 3, 7, options).unwrap(), Padding)
    };
    let strided = Conv2dConfig { padding: 3, stride: 2, ..Default::default() };
    let grouped = Conv2dConfig { padding: 3, groups: 2, ..Default::default() };
    let dilated = Conv2dConfig { padding: 6, dilation: 2, ..Default::default() };
    let table = [
        ("same size", true, conv("same", 3, 7, padded(3), Padding)),
        ("without bias", true, conv("bare", 1, 7, Conv2dOptions { bias: false, ..padded(3) }, Padding)),
        ("four outputs, larger picture", true, conv("larger", 4, 9, padded(6), Padding)),
        ("after a pooling", true, conv("pooled", 2, 9, padded(4), PaddingAndPooling)),
        ("after an upsampling", true, conv("upsampled", 2, 9, padded(4), PaddingAndUpsampling)),
        ("transposed", true, transposed("transposed", true, 3)),
        ("transposed, larger picture", true, transposed("transposed_larger", false, 1)),
        ("any size", false, conv("any", 3, 7, padded(3), Nothing)),
        ("no multiple any more", false, conv("shrunk", 3, 7, padded(2), Padding)),
        ("small kernel", false, conv("small", 3, 5, padded(2), Padding)),
        ("many outputs", false, conv("many", 5, 7, padded(3), Padding)),
        ("stride", false, conv("strided", 3, 7, strided.into(), Padding)),
        ("groups", false, conv("grouped", 2, 7, grouped.into(), Padding)),
        ("dilation", false, conv("dilated", 3, 7, dilated.into(), Padding)),
    ];
    for (name, rewritten, case) in &table {
        let graph = Graph::default();
        let [batch, height, width] = ["batch", "height", "width"].map(Dim::Named);
        let x = graph.input("x", &[batch, Dim::Fixed(2), height, width]);
        graph.output("y", &case.apply(&x).unwrap(), &["n", "c", "h", "w"].map(Dim::Named));
        let model = graph.to_model("layer", &[]);
        assert_eq!(nodes(&model, "DepthToSpace").len(), usize::from(*rewritten), "{name}");
        for dims in [[1, 2, 17, 22], [2, 2, 16, 32]] {
            let x = uniforms(dims);
            let found = difference(&run(&model, "x", &x), &case.apply(&x).unwrap());
            assert!(found < 1e-5, "{name}, {dims:?}: {found}");
        }
    }
}

#[test]
fn plain_is_a_flag() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, model) = (folder.path().join("w.safetensors"), folder.path().join("m.onnx"));
    std::fs::write(&weights, small_stylizer().to_bytes().unwrap()).unwrap();
    for (flags, count) in [(&[][..], 1), (&[Path::new("--plain")][..], 0)] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_export-onnx"));
        let output = program.args([&weights, Path::new("-o"), &model]).args(flags).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(nodes(&std::fs::read(&model).unwrap(), "DepthToSpace").len(), count, "{flags:?}");
    }
}
