//! Style transfer: the network, and the perceptual loss that trains it.

use easel_tests::golden::Case;
use easel_train::losses::perceptual::{CLAMP, Perceptual, PerceptualConfig, PerceptualWeights, ViewSample};
use easel_train::networks::features::Kind;
use easel_train::networks::style::{Sizes, Stylizer};
use easel_train::networks::vgg::{LAYERS, Vgg16};
use easel_train::{Params, Result};

/// VGG16's own width in its first block.
const VGG_WIDTH: usize = 64;

pub fn network(case: &mut Case) -> Result<()> {
    let params = super::params();
    let network = Stylizer::new(params.root(), Sizes { width: case.number("width") })?;
    params.load(&case.weights(""))?;
    for name in case.inputs() {
        let output = network.forward(case.input(&name))?;
        case.expect_output(&name, &output)?;
    }
    Ok(())
}

pub fn perceptual_loss(case: &mut Case) -> Result<()> {
    let clamp = CLAMP.map(serde_json::Value::from);
    assert_eq!(case.config()["clamp"].as_array().map(Vec::as_slice), Some(&clamp[..]));
    let (params, vgg) = (super::params(), vgg(case)?);
    let network = Stylizer::new(params.root(), Sizes { width: case.number("width") })?;
    let mut weights = case.weights("");
    weights.retain(|name, _| !name.starts_with("vgg."));
    params.load(&weights)?;

    let weights = PerceptualWeights {
        style: case.real("style_weight"),
        content: case.real("content_weight"),
        total_variation: case.real("tv_weight"),
    };
    let config = PerceptualConfig { weights, ..PerceptualConfig::of(Kind::Vgg16) };
    let loss = Perceptual::new(vgg, case.input("style"), &config)?;
    for (layer, gram) in LAYERS.iter().zip(loss.style()) {
        case.expect_output(&format!("gram_style.{layer}"), gram)?;
    }
    let content = case.input("content").clone();
    let losses = loss.compute(&network.forward(&content)?, &content, ViewSample { factor: 0, shift: [0, 0] })?;
    for (output, gradients, loss) in [
        ("style_loss", "style", &losses.style),
        ("content_loss", "content", &losses.content),
        ("tv_loss", "tv", &losses.total_variation),
        ("loss", "loss", &losses.total),
    ] {
        case.expect_output(output, loss)?;
        case.expect_gradients(gradients, &loss.backward()?, &params)?;
    }
    Ok(())
}

/// The case's VGG16, frozen, as narrow as its first weight says.
fn vgg(case: &Case) -> Result<Vgg16> {
    let params: Params = super::params();
    let weights = case.weights("vgg.");
    let width = weights["features.0.weight"].dim(0)?;
    let vgg = Vgg16::new(params.root(), VGG_WIDTH / width)?;
    params.load(&weights)?;
    params.set_frozen(true);
    Ok(vgg)
}
