//! Each operation of `Value`: ONNX Runtime must compute the same with the recorded graph as candle.

use candle_core::{DType, Device, Tensor};
use easel_export::{ConvForm, Dim, Graph, NormForm, Storage, Symbol};
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::Random;
use easel_train::nn::{
    Activation, BatchNorm2d, BatchNorm2dOptions, Conv2d, Conv2dOptions, ConvTranspose2d, ConvTranspose2dOptions,
    Embedding, Eval, InstanceNorm2d, Layer, Linear, LinearOptions,
};
use easel_train::value::{Conv2dConfig, ConvTranspose2dConfig, PadMode, Padding, Pool2dConfig};
use easel_train::{Params, Result, Value};

/// Graphs have dynamic sizes, so each is run on inputs of two sizes.
const BATCHES: [usize; 2] = [1, 3];

/// An operation: a layer, or an operation that no layer has.
enum Operation {
    Layer(Layer),
    Add,
    Sub,
    Mul,
    Scale,
    Shift,
    Clamp,
    ChannelAffine,
    Pad(Option<PadMode>),
    PadToMultiple,
    CropLike,
    ExpandLike,
    Concat,
    Unflatten,
    StretchLike,
    PixelShuffle,
}

impl Operation {
    fn apply<V: Value>(&self, x: &[V]) -> Result<V> {
        match self {
            Self::Layer(layer) => layer.forward(&x[0], &mut Eval),
            Self::Add => x[0].add(&x[1]),
            Self::Sub => x[0].sub(&x[1]),
            Self::Mul => x[0].mul(&x[1]),
            Self::Scale => x[0].scale(-1.5)?.scale(3.0),
            Self::Shift => x[0].shift(0.25)?.shift(-4.0),
            Self::Clamp => x[0].clamp(-0.5, 0.75),
            Self::ChannelAffine => x[0].channel_affine(&[2.0, -3.0], &[0.5, 0.25]),
            Self::Pad(mode) => x[0].pad2d(Padding { rows: [1, 2], columns: [0, 3] }, *mode),
            Self::PadToMultiple => x[0].pad_to_multiple(4, 8),
            Self::CropLike => x[0].crop_like(&x[1]),
            Self::ExpandLike => x[0].expand_like(&x[1]),
            Self::Concat => x[0].concat(&x[1]),
            Self::Unflatten => x[0].unflatten([2, 3, 4]),
            Self::StretchLike => x[0].unflatten([2, 3, 3])?.stretch_like(&x[1]),
            Self::PixelShuffle => x[0].pixel_shuffle2x(),
        }
    }
}

/// An input's dimensions without the batch. The heights and widths of pictures are dynamic and change from run to run.
#[derive(Clone, Copy)]
enum Input {
    Picture(usize, usize, usize),
    Vector(usize),
    /// int64 labels below a bound.
    Labels(usize),
}

impl Input {
    fn dims(self, run: usize) -> Vec<usize> {
        let batch = BATCHES[run];
        match self {
            // The second picture is larger by a number that no stride divides.
            Self::Picture(channels, height, width) => vec![batch, channels, height + 5 * run, width + 7 * run],
            Self::Vector(size) => vec![batch, size],
            Self::Labels(_) => vec![batch],
        }
    }

    fn tensor(self, run: usize, seed: u64) -> Tensor {
        let dims = self.dims(run);
        let count = dims.iter().product();
        let mut random = Random::new(seed, run as u64);
        match self {
            Self::Labels(below) => {
                let labels: Vec<i64> = (0..count).map(|_| i64::from(random.below(below as u32))).collect();
                Tensor::from_vec(labels, dims, &Device::Cpu).unwrap()
            }
            _ => Tensor::from_vec(random.normals(count), dims, &Device::Cpu).unwrap(),
        }
    }

    fn record(self, graph: &Graph, name: &str) -> Symbol {
        let batch = Dim::Named("batch");
        match self {
            Self::Picture(channels, ..) => {
                // Two pictures of a graph may differ in size.
                let sizes = if name == "x0" { ["height", "width"] } else { ["other_height", "other_width"] };
                graph.input(name, &[batch, Dim::Fixed(channels), Dim::Named(sizes[0]), Dim::Named(sizes[1])])
            }
            Self::Vector(size) => graph.input(name, &[batch, Dim::Fixed(size)]),
            Self::Labels(_) => graph.int_input(name, &[batch]),
        }
    }
}

fn to_runtime(tensor: &Tensor) -> easel_runtime::Tensor {
    let flat = tensor.flatten_all().unwrap();
    match tensor.dtype() {
        DType::I64 => easel_runtime::Tensor::new(tensor.dims(), flat.to_vec1::<i64>().unwrap()),
        _ => easel_runtime::Tensor::new(tensor.dims(), flat.to_vec1::<f32>().unwrap()),
    }
    .unwrap()
}

fn check(name: &str, inputs: &[Input], operation: &Operation, norms: NormForm) {
    let tensors = |run| -> Vec<Tensor> {
        inputs.iter().enumerate().map(|(index, input)| input.tensor(run, index as u64 + 1)).collect()
    };
    let compute = |x: &[Tensor]| operation.apply(x).unwrap_or_else(|error| panic!("{name}: {error}"));
    let graph = Graph::new(norms, ConvForm::default(), Storage::Float32);
    let names: Vec<_> = (0..inputs.len()).map(|index| format!("x{index}")).collect();
    let symbols: Vec<_> = inputs.iter().zip(&names).map(|(input, name)| input.record(&graph, name)).collect();
    let rank = compute(&tensors(0)).rank();
    let free = ["d0", "d1", "d2", "d3"].map(Dim::Named);
    graph.output("y", &operation.apply(&symbols).unwrap(), &free[..rank]);
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let mut engine =
        OrtEngine::load(&graph.to_model("operation", &[]), &options).unwrap_or_else(|error| panic!("{name}: {error}"));
    for run in 0..BATCHES.len() {
        let given = tensors(run);
        let expected = compute(&given);
        let given: Vec<_> = given.iter().map(to_runtime).collect();
        let feeds: Vec<_> = names.iter().map(String::as_str).zip(&given).collect();
        let found = engine.run_blocking(&feeds).unwrap_or_else(|error| panic!("{name}: {error}")).remove(0).1;
        assert_eq!(found.shape(), expected.dims(), "{name}");
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.as_f32().unwrap().iter().zip(expected) {
            // Written so that NaN fails.
            assert!((found - expected).abs() <= 2e-5, "{name}: {found} for {expected}");
        }
    }
}

/// Randomises all weights and statistics, whose initial values may hide errors.
fn randomise(params: &Params) {
    for (index, param) in params.all().iter().enumerate() {
        let count = param.dims().iter().product();
        // Positive, as some are variances.
        let values = Random::new(index as u64, 1).uniforms(count, 0.1, 1.0);
        param.var().set(&Tensor::from_vec(values, param.dims(), &Device::Cpu).unwrap()).unwrap();
    }
}

#[test]
fn each_computes_the_same_in_onnx_runtime() {
    use Input::{Labels, Picture, Vector};
    let picture = [Picture(2, 9, 8)];
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(5, 0));
    let scope = |name: &str| params.root().sub(name);

    let conv = Conv2dConfig { stride: 2, padding: 2, dilation: 2, groups: 2 };
    let convs = [None, Some(PadMode::Reflect), Some(PadMode::Replicate), Some(PadMode::Circular)].map(|padding_mode| {
        let options = Conv2dOptions { padding_mode, bias: padding_mode.is_none(), ..conv.into() };
        let name = format!("conv2d {padding_mode:?}");
        let layer = Conv2d::new(scope(&name), 2, 4, 3, options).unwrap();
        (name, picture.to_vec(), Operation::Layer(layer.into()))
    });
    let transposed = |name: &str, bias, config| {
        let options = ConvTranspose2dOptions { bias, config };
        Operation::Layer(ConvTranspose2d::new(scope(name), 2, 4, 3, options).unwrap().into())
    };
    let doubling = ConvTranspose2dConfig { stride: 2, padding: 1, output_padding: 1, ..Default::default() };
    let grouped = ConvTranspose2dConfig { stride: 2, dilation: 2, groups: 2, ..Default::default() };
    // At stride 1 it is recorded as a convolution.
    let same = ConvTranspose2dConfig { padding: 1, ..Default::default() };
    let wide = ConvTranspose2dConfig { padding: 1, dilation: 2, ..Default::default() };
    let linear = |name: &str, bias| {
        let options = LinearOptions { bias, ..Default::default() };
        Operation::Layer(Linear::new(scope(name), 5, 3, options).unwrap().into())
    };
    let batch_norm = |name: &str, affine| {
        let options = BatchNorm2dOptions { affine, ..Default::default() };
        Operation::Layer(BatchNorm2d::new(scope(name), 2, options).unwrap().into())
    };
    let pool = Pool2dConfig::new(2);
    let pools = [
        pool,
        Pool2dConfig { kernel: 3, stride: 2, padding: 1, ..pool },
        Pool2dConfig { stride: 1, ..pool },
        Pool2dConfig { kernel: 3, stride: 2, ceil: true, ..pool },
        Pool2dConfig { kernel: 3, stride: 3, padding: 1, ceil: true },
        // Here the last window would begin in the padding.
        Pool2dConfig { padding: 1, ceil: true, ..pool },
    ];
    let pools = pools.iter().flat_map(|config| {
        [("max", Layer::MaxPool2d(*config)), ("average", Layer::AvgPool2d(*config))]
            .map(|(name, layer)| (format!("{name} pool {config:?}"), picture.to_vec(), Operation::Layer(layer)))
    });
    let activations = [
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.2 },
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
    ]
    .map(|activation| (format!("{activation:?}"), picture.to_vec(), Operation::Layer(activation.into())));

    let mut table: Vec<(String, Vec<Input>, Operation)> = convs.into_iter().chain(pools).chain(activations).collect();
    let instance_norm = InstanceNorm2d::new(scope("instance"), 2).unwrap();
    let mut add = |name: &str, inputs: &[Input], operation| table.push((name.into(), inputs.to_vec(), operation));
    add("transposed", &picture, transposed("transposed", true, doubling));
    add("transposed, groups", &picture, transposed("grouped", false, grouped));
    add("transposed, same size", &picture, transposed("same", true, same));
    add("transposed, dilated", &picture, transposed("wide", false, wide));
    add("linear", &[Vector(5)], linear("linear", true));
    add("linear without bias", &[Vector(5)], linear("unbiased", false));
    add("embedding", &[Labels(7)], Operation::Layer(Embedding::new(scope("embedding"), 7, 3).unwrap().into()));
    add("batch norm", &picture, batch_norm("batch", true));
    add("batch norm without affine", &picture, batch_norm("plain_batch", false));
    add("instance norm", &picture, Operation::Layer(instance_norm.into()));
    add("instance norm without affine", &picture, Operation::Layer(InstanceNorm2d::plain(2).into()));
    add("pixel norm", &picture, Operation::Layer(Layer::PixelNorm { epsilon: 1e-8 }));
    add("reflection pad", &picture, Operation::Layer(Layer::ReflectionPad2d { padding: 3 }));
    add("upsample", &picture, Operation::Layer(Layer::Upsample2x));
    add("flatten", &picture, Operation::Layer(Layer::Flatten));
    for mode in [None, Some(PadMode::Reflect), Some(PadMode::Replicate), Some(PadMode::Circular)] {
        add(&format!("pad {mode:?}"), &picture, Operation::Pad(mode));
    }
    add("add", &[Picture(2, 3, 4), Picture(2, 3, 4)], Operation::Add);
    add("add, broadcasting", &[Vector(3), Vector(1)], Operation::Add);
    add("sub, broadcasting", &[Vector(1), Vector(3)], Operation::Sub);
    add("mul, broadcasting", &[Picture(2, 3, 4), Picture(1, 3, 4)], Operation::Mul);
    add("scale", &picture, Operation::Scale);
    add("shift", &picture, Operation::Shift);
    add("clamp", &picture, Operation::Clamp);
    add("channel affine", &picture, Operation::ChannelAffine);
    add("pad to multiple", &[Picture(2, 1, 8)], Operation::PadToMultiple);
    add("crop like", &[Picture(2, 9, 8), Picture(1, 3, 4)], Operation::CropLike);
    add("expand like", &[Vector(3), Picture(2, 3, 4)], Operation::ExpandLike);
    add("concat", &[Picture(2, 3, 4), Picture(3, 3, 4)], Operation::Concat);
    add("stretch_like", &[Vector(18), Picture(1, 3, 4)], Operation::StretchLike);
    add("pixel_shuffle2x", &[Picture(8, 3, 4)], Operation::PixelShuffle);
    add("unflatten", &[Vector(24)], Operation::Unflatten);
    randomise(&params);
    for (name, inputs, operation) in &table {
        for norms in [NormForm::Statistics, NormForm::Operator] {
            check(name, inputs, operation, norms);
        }
    }
}
