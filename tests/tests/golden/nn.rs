//! Layers and LeNet.

use candle_core::{DType, Tensor};
use easel_runtime::Random;
use easel_tests::golden::Case;
use easel_train::losses::cross_entropy;
use easel_train::networks::lenet::{Lenet, Sizes};
use easel_train::nn::{
    Activation, BatchNorm2d, BatchNorm2dOptions, Conv2d, Conv2dOptions, ConvTranspose2d, ConvTranspose2dOptions,
    Dropout, Embedding, Eval, InstanceNorm2d, Layer, Linear, LinearOptions, Train,
};
use easel_train::param::{Init, Scope};
use easel_train::value::{Conv2dConfig, ConvTranspose2dConfig, PadMode, Pool2dConfig};
use easel_train::{Error, Result};
use serde_json::{Map, Value as Json};

use super::params;

pub fn check(case: &mut Case) -> Result<()> {
    match case.kind() {
        "nn/lenet" => lenet(case),
        "nn/layer" => layer(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    }
}

fn lenet(case: &mut Case) -> Result<()> {
    let params = params();
    let weights = case.weights("");
    let classes = weights["fc3.bias"].dims()[0];
    let network = Lenet::new(params.root(), Sizes { channels: case.number("in_channels"), classes })?;
    params.load(&weights)?;
    let logits = network.forward(case.input("x"))?;
    case.expect_output("logits", &logits)?;
    let loss = cross_entropy(&logits, case.input("y"))?;
    case.expect_output("loss", &loss)?;
    case.expect_gradients("loss", &loss.backward()?, &params)
}

fn layer(case: &mut Case) -> Result<()> {
    let params = params();
    let layer =
        build(case, params.root()).map_err(|error| Error::Config(format!("{}: {error}", case.path().display())))?;
    let mut weights = case.weights("");
    for (name, initial) in params.to_tensors() {
        // A buffer that is said to be before the step what it is after was written down too late, and the layer was new.
        let after = format!("after.{name}");
        if case.has_output(&after) && values(case.output(&after))? == values(&weights[&name])? {
            weights.insert(name, initial.copy()?);
        }
    }
    params.load(&weights)?;
    let x = case.input("x").clone();
    // The input takes part as a parameter of its own, so that its gradient is found by name.
    let x = if x.dtype() == DType::I64 {
        x
    } else {
        let input = params.root().trained("input", x.dims(), Init::Constant(0.0))?;
        input.var().set(&x)?;
        input.tensor()
    };
    // Batch statistics come out of a case that expects them; dropout could not be compared.
    let trains = case.has_output("after.running_mean");
    let y = if trains {
        let mut random = Random::new(0, 0);
        let mut train = Train::new(&mut random);
        let y = layer.forward(&x, &mut train)?;
        train.store_statistics()?;
        for name in ["running_mean", "running_var"] {
            case.expect_output(&format!("after.{name}"), &params.to_tensors()[name])?;
        }
        y
    } else {
        layer.forward(&x, &mut Eval)?
    };
    case.expect_output("y", &y)?;
    if !case.has_gradients("square") {
        return Ok(());
    }
    let loss = y.sqr()?.sum_all()?;
    // A norm's output has the same sum of squares whatever its input.
    let value = loss.to_dtype(DType::F64)?.to_scalar()?;
    case.expect_gradients_or_rounding("square", value, &loss.backward()?, &params)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

/// The layer that a case names, with its options under PyTorch's names. Fails on an option that nothing asks for.
fn build(case: &Case, scope: Scope) -> Result<Layer> {
    let config = case.config();
    let unknown: Vec<_> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !["kind", "layer", "options"].contains(&key.as_str()))
        .collect();
    if !unknown.is_empty() {
        return Err(Error::Config(format!("unknown entries {unknown:?}")));
    }
    let name = config["layer"].as_str().unwrap_or_default();
    let mut options = Options { left: config["options"].as_object().cloned().unwrap_or_default() };
    let layer = options.layer(name, scope)?;
    if !options.left.is_empty() {
        return Err(Error::Config(format!("{name} has unknown options {:?}", options.left)));
    }
    Ok(layer)
}

/// The options that were not asked for yet.
struct Options {
    left: Map<String, Json>,
}

impl Options {
    fn layer(&mut self, name: &str, scope: Scope) -> Result<Layer> {
        Ok(match name {
            "Conv2d" => {
                let [inputs, outputs, kernel] = self.sizes(["in_channels", "out_channels", "kernel_size"])?;
                let options = Conv2dOptions {
                    config: Conv2dConfig {
                        stride: self.number("stride", 1)?,
                        padding: self.number("padding", 0)?,
                        dilation: self.number("dilation", 1)?,
                        groups: self.number("groups", 1)?,
                    },
                    padding_mode: self.padding_mode()?,
                    bias: self.switch("bias", true)?,
                };
                Conv2d::new(scope, inputs, outputs, kernel, options)?.into()
            }
            "ConvTranspose2d" => {
                let [inputs, outputs, kernel] = self.sizes(["in_channels", "out_channels", "kernel_size"])?;
                let config = ConvTranspose2dConfig {
                    stride: self.number("stride", 1)?,
                    padding: self.number("padding", 0)?,
                    output_padding: self.number("output_padding", 0)?,
                    dilation: self.number("dilation", 1)?,
                    groups: self.number("groups", 1)?,
                };
                let options = ConvTranspose2dOptions { config, bias: self.switch("bias", true)? };
                ConvTranspose2d::new(scope, inputs, outputs, kernel, options)?.into()
            }
            "Linear" => {
                let [inputs, outputs] = self.sizes(["in_features", "out_features"])?;
                let options = LinearOptions { bias: self.switch("bias", true)?, ..Default::default() };
                Linear::new(scope, inputs, outputs, options)?.into()
            }
            "Embedding" => {
                let [labels, size] = self.sizes(["num_embeddings", "embedding_dim"])?;
                Embedding::new(scope, labels, size)?.into()
            }
            "BatchNorm2d" => {
                let [channels] = self.sizes(["num_features"])?;
                let options = BatchNorm2dOptions {
                    epsilon: self.real("eps", 1e-5)?,
                    momentum: self.real("momentum", 0.1)?,
                    affine: self.switch("affine", true)?,
                };
                BatchNorm2d::new(scope, channels, options)?.into()
            }
            "InstanceNorm2d" => {
                let [channels] = self.sizes(["num_features"])?;
                let affine = self.switch("affine", false)?;
                let norm = if affine { InstanceNorm2d::new(scope, channels)? } else { InstanceNorm2d::plain(channels) };
                norm.with_epsilon(self.real("eps", 1e-5)?).into()
            }
            "PixelNorm" => Layer::PixelNorm { epsilon: self.real("eps", 1e-8)? },
            "Dropout" => Dropout::new(self.real("p", 0.5)?)?.into(),
            "MaxPool2d" => Layer::MaxPool2d(self.pool()?),
            "AvgPool2d" => Layer::AvgPool2d(self.pool()?),
            "ReLU" => Activation::Relu.into(),
            "LeakyReLU" => Activation::LeakyRelu { slope: self.real("negative_slope", 0.01)? }.into(),
            "Sigmoid" => Activation::Sigmoid.into(),
            "Tanh" => Activation::Tanh.into(),
            "SiLU" => Activation::Silu.into(),
            "ReflectionPad2d" => Layer::ReflectionPad2d { padding: self.sizes(["padding"])?[0] },
            "Upsample" => {
                let mode = self.left.remove("mode").unwrap_or("nearest".into());
                let factor = self.real("scale_factor", 0.0)?;
                if mode != "nearest" || factor != 2.0 {
                    return Err(Error::Config(format!("upsampling by {factor}, {mode}")));
                }
                Layer::Upsample2x
            }
            "Flatten" => Layer::Flatten,
            other => return Err(Error::Config(format!("unknown layer `{other}`"))),
        })
    }

    fn pool(&mut self) -> Result<Pool2dConfig> {
        let [kernel] = self.sizes(["kernel_size"])?;
        Ok(Pool2dConfig {
            kernel,
            stride: self.number("stride", kernel)?,
            padding: self.number("padding", 0)?,
            ceil: self.switch("ceil_mode", false)?,
        })
    }

    fn padding_mode(&mut self) -> Result<Option<PadMode>> {
        match self.left.remove("padding_mode").as_ref().map(Json::as_str) {
            None | Some(Some("zeros")) => Ok(None),
            Some(Some("reflect")) => Ok(Some(PadMode::Reflect)),
            Some(Some("replicate")) => Ok(Some(PadMode::Replicate)),
            Some(Some("circular")) => Ok(Some(PadMode::Circular)),
            Some(other) => Err(Error::Config(format!("unknown padding mode {other:?}"))),
        }
    }

    fn sizes<const N: usize>(&mut self, keys: [&str; N]) -> Result<[usize; N]> {
        let mut sizes = [0; N];
        for (size, key) in sizes.iter_mut().zip(keys) {
            *size = self.take(key)?.ok_or_else(|| Error::Config(format!("the option `{key}` is missing")))?;
        }
        Ok(sizes)
    }

    fn number(&mut self, key: &str, default: usize) -> Result<usize> {
        Ok(self.take(key)?.unwrap_or(default))
    }

    fn real(&mut self, key: &str, default: f64) -> Result<f64> {
        Ok(self.take(key)?.unwrap_or(default))
    }

    fn switch(&mut self, key: &str, default: bool) -> Result<bool> {
        Ok(self.take(key)?.unwrap_or(default))
    }

    fn take<T: serde::de::DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>> {
        let Some(mut value) = self.left.remove(key) else { return Ok(None) };
        // `[2, 2]` is what PyTorch makes of 2.
        if let Json::Array(pair) = &value
            && let [first, second] = &pair[..]
            && first == second
        {
            value = first.clone();
        }
        let wrong = |error| Error::Config(format!("the option `{key}` is {value}: {error}"));
        serde_json::from_value(value.clone()).map(Some).map_err(wrong)
    }
}
