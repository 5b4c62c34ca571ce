//! The engine against ONNX Runtime, on every model that ships and on what export-onnx can write.

use std::sync::Arc;

use candle_core::{DType, Device};
use easel_engine::{Level, Model, Session, SessionOptions};
use easel_export::{ConvForm, Dim, Graph, NormForm, Storage, Symbol};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::onnx::{Dimension, ValueInfo, statistics_outputs};
use easel_runtime::tensor::Data;
use easel_runtime::{Random, Tensor};
use easel_train::param::{Init, Scope};
use easel_train::value::{Affine, Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use easel_train::{Param, Params, Value};

fn session(model: &[u8], level: Level) -> Session {
    let model = Model::load(model, level).unwrap_or_else(|error| panic!("{error}"));
    Session::new(Arc::new(model), &SessionOptions { threads: Some(1) }).unwrap()
}

fn shipped(name: &str) -> Vec<u8> {
    let path = easel_tests::data::root().join("models").join(format!("{name}.onnx"));
    std::fs::read(path).unwrap()
}

/// An input of a kind that the model takes; `sizes` are those of its named dimensions.
fn input(info: &ValueInfo, sizes: [usize; 3], seed: u64) -> Tensor {
    let [batch, height, width] = sizes;
    let size = |(axis, dim): (usize, &Dimension)| match dim {
        Dimension::Fixed(size) => *size,
        Dimension::Named(_) => [batch, 3, height, width][axis],
    };
    let dims: Vec<_> = info.dims.iter().enumerate().map(size).collect();
    let count = dims.iter().product();
    let mut random = Random::new(seed, 0);
    let data: Data = match info.element.as_str() {
        "int64" => random.uniforms(count, 0.0, 10.0).into_iter().map(|value| value as i64).collect::<Vec<_>>().into(),
        _ if info.name == "image" => random.uniforms(count, 0.0, 1.0).into(),
        _ => random.normals(count).into(),
    };
    Tensor::new(dims, data).unwrap()
}

/// Compares all outputs for some sizes.
fn compare(model: &[u8], level: Level, sizes: &[[usize; 3]], more: &[(&str, Tensor)]) {
    let mut reference =
        OrtEngine::load(model, &EngineOptions { threads: Some(1), ..EngineOptions::default() }).unwrap();
    let mut session = session(model, level);
    for &sizes in sizes {
        let infos: Vec<_> = session.model().inputs().iter().filter(|info| !info.optional).cloned().collect();
        let tensors: Vec<_> =
            infos.iter().zip(7..).map(|(info, seed)| (info.name.as_str(), input(info, sizes, seed))).collect();
        let inputs: Vec<_> = tensors.iter().chain(more).map(|(name, tensor)| (*name, tensor)).collect();
        let wanted = reference.run_blocking(&inputs).unwrap();
        // Twice: the second run finds the memory as the first one leaves it.
        session.run_blocking(&inputs).unwrap_or_else(|error| panic!("{sizes:?}: {error}"));
        let found = session.run_blocking(&inputs).unwrap();
        assert_eq!(found.len(), wanted.len());
        for ((name, wanted), (own, found)) in wanted.iter().zip(&found) {
            assert_eq!((name, wanted.shape()), (own, found.shape()), "{sizes:?}");
            let pairs = wanted.as_f32().unwrap().iter().zip(found.as_f32().unwrap());
            let apart = pairs.map(|(a, b)| (a - b).abs() / a.abs().max(1.0));
            let apart = apart.fold(0f32, |worst, apart| if apart.is_nan() { apart } else { worst.max(apart) });
            // Statistics of a picture of one colour hang on rounding: norms magnify what is left of a variance of zero.
            let allowed = if name.starts_with("statistics.") { 1e-3 } else { 1e-4 };
            assert!(apart <= allowed, "{name} at {sizes:?}: {apart}");
        }
    }
}

#[test]
fn generators_classifiers_and_denoisers_match() {
    for name in ["gan-mnist", "lenet-mnist", "progan-scenes", "ddpm-mnist"] {
        for level in Level::available() {
            compare(&shipped(name), level, &[[1, 0, 0], [3, 0, 0]], &[]);
        }
    }
}

/// The statistics of a picture, as the model takes them.
fn statistics_of(model: &[u8], sizes: [usize; 3]) -> Tensor {
    let mut session = session(model, Level::detect());
    let image = input(&session.model().inputs()[0].clone(), sizes, 1);
    let found = session.run_blocking(&[("image", &image)]).unwrap();
    let of = |prefix: &str| {
        found
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .flat_map(|(_, tensor)| tensor.as_f32().unwrap().to_vec())
            .collect::<Vec<_>>()
    };
    let rows = [of("statistics.mean."), of("statistics.variance.")].concat();
    Tensor::new([2, rows.len() / 2], rows).unwrap()
}

#[test]
fn stylizers_match_at_any_size() {
    let sizes = [[1, 1, 1], [1, 5, 9], [1, 61, 83], [3, 16, 40], [2, 96, 72]];
    for name in ["wave", "scream", "starry-night"] {
        let mut model = shipped(name);
        compare(&model, Level::detect(), &sizes, &[]);
        model.extend(statistics_outputs(&model).unwrap().unwrap());
        compare(&model, Level::detect(), &sizes, &[]);
        let statistics = statistics_of(&model, [1, 90, 120]);
        let given = [("use_statistics", Tensor::new([], vec![true]).unwrap()), ("statistics", statistics)];
        compare(&model, Level::detect(), &sizes, &given);
    }
}

/// A network of a picture of four channels, with weights by name and shape.
struct Network {
    graph: Graph,
    scope: Scope,
}

impl Network {
    fn param(&self, name: &str, shape: &[usize]) -> Param {
        self.scope.trained(name, shape, Init::Normal { std: 0.4 }).unwrap()
    }

    fn conv(&self, x: &Symbol, name: &str, dims: [usize; 3], config: Conv2dConfig) -> Symbol {
        let [inputs, outputs, side] = dims;
        let weight = self.param(&format!("{name}.weight"), &[outputs, inputs, side, side]);
        x.conv2d(&weight, Some(&self.param(&format!("{name}.bias"), &[outputs])), config).unwrap()
    }
}

type Write = fn(&Network, &Symbol) -> Symbol;

/// Everything that networks of ours are written in, alone and in the orders in which it is fused.
const OPERATIONS: &[(&str, usize, Write)] = &[
    ("a kernel of even height", 4, |n, x| n.conv(x, "c", [4, 5, 2], Conv2dConfig { padding: 1, ..Default::default() })),
    ("a dilated kernel of stride 2", 4, |n, x| {
        n.conv(x, "c", [4, 3, 3], Conv2dConfig { stride: 2, padding: 2, dilation: 2, groups: 1 })
    }),
    ("a transposed kernel", 4, |n, x| {
        let config = ConvTranspose2dConfig { stride: 3, padding: 1, output_padding: 2, ..Default::default() };
        x.conv_transpose2d(&n.param("w", &[4, 3, 4, 4]), Some(&n.param("b", &[3])), config).unwrap()
    }),
    ("a transposed kernel of stride 1", 4, |n, x| {
        let config = ConvTranspose2dConfig { padding: 2, ..Default::default() };
        x.conv_transpose2d(&n.param("w", &[4, 3, 9, 9]), None, config).unwrap().relu().unwrap()
    }),
    ("borders", 4, |_, x| {
        let padding = Padding { rows: [2, 1], columns: [3, 0] };
        let pad = |x: &Symbol, mode| x.pad2d(padding, mode).unwrap();
        let x = pad(&pad(x, Some(PadMode::Reflect)).relu().unwrap(), Some(PadMode::Replicate));
        pad(&pad(&x, None).shift(1.0).unwrap(), Some(PadMode::Circular)).tanh().unwrap()
    }),
    ("borders of a convolution", 4, |n, x| {
        let x = n.conv(x, "c", [4, 4, 3], Conv2dConfig::default()).leaky_relu(0.2).unwrap();
        let x = x.pad2d(Padding::all(1), None).unwrap().sigmoid().unwrap();
        n.conv(&x, "d", [4, 4, 3], Conv2dConfig { padding: 1, ..Default::default() })
    }),
    ("sums of convolutions", 4, |n, x| {
        let config = Conv2dConfig { padding: 1, ..Default::default() };
        let [a, b] = ["a", "b"].map(|name| n.conv(x, name, [4, 4, 3], config));
        let sum = a.add(&b).unwrap().relu().unwrap();
        let c = n.conv(&sum, "c", [4, 4, 3], config).add(&sum).unwrap();
        c.add(&sum.scale(0.5).unwrap()).unwrap().add(x).unwrap().clamp(-1.0, 2.0).unwrap()
    }),
    ("products and differences", 4, |n, x| {
        let y = n.conv(x, "c", [4, 4, 1], Conv2dConfig::default());
        let product = y.mul(x).unwrap().sub(&y).unwrap().mul(&y).unwrap();
        product.silu().unwrap().channel_affine(&[1.0, 2.0, 3.0, -4.0], &[0.5, 0.0, 1.0, 2.0]).unwrap()
    }),
    ("pools", 4, |_, x| {
        let pool = |kernel, stride, padding, ceil| Pool2dConfig { kernel, stride, padding, ceil };
        let x = x.max_pool2d(pool(3, 1, 1, false)).unwrap().relu().unwrap();
        x.avg_pool2d(pool(3, 2, 1, true)).unwrap().max_pool2d(pool(2, 2, 0, true)).unwrap()
    }),
    ("norms", 4, |n, x| {
        let (weight, bias) = (n.param("n.weight", &[4]), n.param("n.bias", &[4]));
        let affine = Some(Affine { weight: &weight, bias: &bias });
        let x = x.instance_norm2d(4, affine, 1e-5).unwrap().relu().unwrap();
        let y = n.conv(&x, "c", [4, 4, 3], Conv2dConfig::default()).instance_norm2d(4, affine, 1e-5).unwrap();
        let mean = n.param("m", &[4]);
        let variance = n.scope.constant("v", &[4], vec![0.5, 1.0, 2.0, 3.0]).unwrap();
        let y =
            n.conv(&y, "d", [4, 4, 3], Conv2dConfig::default()).batch_norm2d(&mean, &variance, affine, 1e-5).unwrap();
        y.relu().unwrap().batch_norm2d(&mean, &variance, None, 1e-5).unwrap().pixel_norm(1e-8).unwrap()
    }),
    ("pixel norms", 4, |n, x| {
        let x = x.pixel_norm(1e-3).unwrap();
        let y = n.conv(&x, "c", [4, 6, 3], Conv2dConfig::default()).relu().unwrap().pixel_norm(1e-8).unwrap();
        y.upsample2x().unwrap().upsample2x().unwrap()
    }),
    ("pixels into blocks and side by side", 4, |n, x| {
        let y = n.conv(x, "c", [4, 12, 1], Conv2dConfig::default()).pixel_shuffle2x().unwrap();
        let z = y.max_pool2d(Pool2dConfig::new(2)).unwrap().concat(x).unwrap();
        let z = z.concat(&z).unwrap().relu().unwrap();
        n.conv(&z, "d", [14, 4, 3], Conv2dConfig { padding: 1, ..Default::default() }).concat(&z).unwrap()
    }),
    ("dense blocks", 4, |n, x| {
        let config = Conv2dConfig { padding: 1, ..Default::default() };
        let a = n.conv(x, "a", [4, 4, 3], config).relu().unwrap();
        let b = a.concat(&n.conv(&a, "b", [4, 4, 3], config)).unwrap();
        b.concat(&n.conv(&b, "c", [8, 4, 3], config)).unwrap().relu().unwrap()
    }),
    ("sizes", 4, |n, x| {
        let y = n.conv(
            &x.pad_to_multiple(4, 8).unwrap(),
            "c",
            [4, 4, 3],
            Conv2dConfig { padding: 1, ..Default::default() },
        );
        y.crop_like(x).unwrap()
    }),
    ("flat", 2, |n, x| {
        let y = x.avg_pool2d(Pool2dConfig { kernel: 3, stride: 1, padding: 0, ceil: false }).unwrap();
        let y =
            y.max_pool2d(Pool2dConfig { kernel: 5, stride: 100, padding: 0, ceil: false }).unwrap().flatten().unwrap();
        let y = y.linear(&n.param("w", &[24, 4]), Some(&n.param("b", &[24]))).unwrap().leaky_relu(0.1).unwrap();
        let z = y.unflatten([6, 2, 2]).unwrap().tanh().unwrap();
        let z = n
            .conv(&z, "c", [6, 3, 2], Conv2dConfig { padding: 1, ..Default::default() })
            .upsample2x()
            .unwrap()
            .flatten()
            .unwrap();
        z.linear(&n.param("v", &[5, 108]), None).unwrap().sigmoid().unwrap()
    }),
];

fn recorded(write: Write, rank: usize, norms: NormForm) -> Vec<u8> {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
    let network = Network { graph: Graph::new(norms, ConvForm::SubPixel, Storage::Float32), scope: params.root() };
    let x =
        network.graph.input("image", &[Dim::Named("batch"), Dim::Fixed(4), Dim::Named("height"), Dim::Named("width")]);
    let dims = [Dim::Named("n"), Dim::Named("c"), Dim::Named("h"), Dim::Named("w")];
    network.graph.output("y", &write(&network, &x), &dims[..rank]);
    network.graph.to_model("test", &[])
}

#[test]
fn every_operation_matches() {
    for &(name, rank, write) in OPERATIONS {
        println!("{name}");
        for norms in [NormForm::Statistics, NormForm::Operator] {
            let model = recorded(write, rank, norms);
            for level in Level::available() {
                compare(&model, level, &[[1, 9, 7], [3, 8, 12]], &[]);
            }
        }
    }
}

/// The denoisers' maps of labels: planes of the label that are stretched over the picture, and vectors that fill it.
#[test]
fn conditions_match() {
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(2, 0));
    let network = Network { graph: Graph::default(), scope: params.root() };
    let batch = Dim::Named("batch");
    let x = network.graph.input("x", &[batch, Dim::Fixed(3), Dim::Named("height"), Dim::Named("width")]);
    let label = network.graph.int_input("label", &[batch]);
    let condition = label.lookup(&network.param("table", &[10, 6])).unwrap();
    let planes = condition
        .silu()
        .unwrap()
        .linear(&network.param("planes", &[18, 6]), None)
        .unwrap()
        .unflatten([2, 3, 3])
        .unwrap();
    let scale = condition.linear(&network.param("scale", &[2, 6]), None).unwrap().unflatten([2, 1, 1]).unwrap();
    let filled = x.concat(&condition.expand_like(&x).unwrap()).unwrap();
    let y = network.conv(&filled, "c", [9, 2, 3], Conv2dConfig { padding: 1, ..Default::default() });
    let y = y.mul(&scale.shift(1.0).unwrap()).unwrap().add(&planes.stretch_like(&y).unwrap()).unwrap().relu().unwrap();
    network.graph.output("y", &y, &[batch, Dim::Fixed(2), Dim::Named("height"), Dim::Named("width")]);
    let model = network.graph.to_model("test", &[]);
    compare(&model, Level::detect(), &[[1, 8, 8], [3, 9, 4]], &[]);
}

/// The file gives the last convolution in blocks; the engine computes single pixels, and the same.
#[test]
fn a_convolution_in_blocks_of_shifted_kernels_matches() {
    fn blocks(n: &Network, x: &Symbol, spoilt: bool) -> Symbol {
        let (block, side) = (2, 3);
        let values = Random::new(5, 0).normals(3 * 4 * side * side);
        let mut wide = vec![0.0; 3 * block * block * 4 * 16];
        for (at, value) in values.iter().enumerate() {
            let [output, input, row, column] = [at / 36, at / 9 % 4, at / 3 % 3, at % 3];
            for pixel in 0..block * block {
                let place = [row + pixel / block, column + pixel % block];
                wide[(((output * 4 + pixel) * 4 + input) * 4 + place[0]) * 4 + place[1]] = *value;
            }
        }
        wide[17] += f32::from(u8::from(spoilt));
        let weight = n.scope.constant("w", &[12, 4, 4, 4], wide).unwrap();
        let config = Conv2dConfig { stride: block, padding: 1, ..Default::default() };
        x.conv2d(&weight, None, config).unwrap().pixel_shuffle2x().unwrap().clamp(-1.0, 1.0).unwrap()
    }
    for write in [|n: &Network, x: &Symbol| blocks(n, x, false), |n: &Network, x: &Symbol| blocks(n, x, true)] {
        compare(&recorded(write, 4, NormForm::Statistics), Level::detect(), &[[1, 8, 10], [2, 9, 7]], &[]);
    }
}
