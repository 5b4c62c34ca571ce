//! The networks and losses against PyTorch's numbers: one test a folder, over every file in it.

#[path = "golden/ddpm.rs"]
mod ddpm;
#[path = "golden/loss.rs"]
mod loss;
#[path = "golden/nn.rs"]
mod nn;
#[path = "golden/optim.rs"]
mod optim;
#[path = "golden/progan.rs"]
mod progan;
#[path = "golden/style.rs"]
mod style;
#[path = "golden/vae.rs"]
mod vae;

use candle_core::DType;
use easel_runtime::Random;
use easel_tests::golden::{Case, device, folder};
use easel_train::losses::gan::{GeneratorLoss, discriminator_loss};
use easel_train::networks::gan::{Discriminator, Generator, Sizes};
use easel_train::{Params, Result, Value};

fn params() -> Params {
    Params::new(DType::F32, device(), Random::new(0, 0))
}

fn run(name: &str, check: impl Fn(&mut Case) -> Result<()>) -> Result<()> {
    for mut case in folder(name)? {
        check(&mut case)?;
        case.finish();
    }
    Ok(())
}

#[test]
fn gan() -> Result<()> {
    run("gan", |case| match case.kind() {
        "gan/mlp" => gan_mlp(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    })
}

fn gan_mlp(case: &mut Case) -> Result<()> {
    let side = case.number("image");
    let sizes = Sizes { z_dim: case.number("z_dim"), hidden: case.number("hidden"), picture: [1, side, side] };
    let (generator_params, discriminator_params) = (params(), params());
    let generator = Generator::new(generator_params.root(), sizes)?;
    let discriminator = Discriminator::new(discriminator_params.root(), sizes)?;
    generator_params.load(&case.weights("generator."))?;
    discriminator_params.load(&case.weights("discriminator."))?;

    let fake = generator.forward(case.input("z"))?;
    let real_logits = discriminator.forward(case.input("real"))?;
    let fake_logits = discriminator.forward(&fake)?;
    case.expect_output("fake", &fake)?;
    case.expect_output("d_real", &Value::sigmoid(&real_logits)?)?;
    case.expect_output("d_fake", &Value::sigmoid(&fake_logits)?)?;

    let loss = discriminator_loss(&real_logits, &discriminator.forward(&fake.detach())?)?;
    case.expect_output("loss_d", &loss)?;
    case.expect_gradients("loss_d", &loss.backward()?, &discriminator_params)?;
    for (name, kind) in
        [("loss_g_minimax", GeneratorLoss::Minimax), ("loss_g_non_saturating", GeneratorLoss::NonSaturating)]
    {
        let loss = kind.compute(&fake_logits)?;
        case.expect_output(name, &loss)?;
        case.expect_gradients(name, &loss.backward()?, &generator_params)?;
    }
    Ok(())
}

#[test]
fn style() -> Result<()> {
    run("style", |case| match case.kind() {
        "style/imfw" => style::network(case),
        "style/perceptual_loss" => style::perceptual_loss(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    })
}

#[test]
fn progan() -> Result<()> {
    run("progan", |case| match case.kind() {
        "progan" => progan::check(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    })
}

#[test]
fn ddpm() -> Result<()> {
    run("ddpm", |case| match case.kind() {
        "ddpm/schedule" => ddpm::schedule(case),
        "ddpm/unet" => ddpm::unet(case),
        "ddpm/sampler" => ddpm::sampler(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    })
}

#[test]
fn vae() -> Result<()> {
    run("vae", |case| match case.kind() {
        "vae" => vae::check(case),
        other => panic!("{}: unknown kind `{other}`", case.path().display()),
    })
}

#[test]
fn nn() -> Result<()> {
    run("nn", nn::check)
}

#[test]
fn optim() -> Result<()> {
    run("optim", optim::check)
}

#[test]
fn loss() -> Result<()> {
    run("loss", loss::check)
}
