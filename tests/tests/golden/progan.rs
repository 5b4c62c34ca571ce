//! ProGAN: both players, the penalty and all gradients, at one stage of growth.

use easel_tests::golden::Case;
use easel_train::losses::wgan_gp::{critic_loss, generator_loss, gradient_penalty};
use easel_train::networks::progan::{Critic, Generator, Sizes, Stage};
use easel_train::ops::check_second_order;
use easel_train::optim::{Sgd, SgdConfig};
use easel_train::threads::on_own_threads;
use easel_train::{Params, Result};

/// Checks a case on a thread where gradients can be differentiated again.
pub fn check(case: &mut Case) -> Result<()> {
    on_own_threads(1, true, || {
        check_second_order()?;
        compare(case)
    })
}

fn compare(case: &mut Case) -> Result<()> {
    let sizes = Sizes {
        z_dim: case.number("z_dim"),
        width: case.number("in_channels"),
        channels: case.input("real").dim(1)?,
        resolution: case.number("img_size"),
    };
    let stage = Stage { step: case.number("step"), alpha: case.real("alpha") };
    let (generator_params, critic_params) = (super::params(), super::params());
    let generator = Generator::new(generator_params.root(), sizes)?;
    let critic = Critic::new(critic_params.root(), sizes)?;
    generator_params.load(&case.weights("gen."))?;
    critic_params.load(&case.weights("critic."))?;

    let real = case.input("real").clone();
    let fake = generator.forward(&case.input("z").flatten_from(1)?, stage)?;
    let score = |pictures: &_| critic.forward(pictures, stage);
    let (real_scores, fake_scores) = (score(&real)?, score(&fake.detach())?);
    case.expect_output("fake", &fake)?;
    case.expect_output("critic_real", &real_scores)?;
    case.expect_output("critic_fake", &fake_scores)?;

    let penalty = gradient_penalty(score, &real, &fake, case.input("beta"))?;
    case.expect_output("gradient_penalty", &penalty.penalty)?;
    case.expect_output("input_gradient", &penalty.input_gradient)?;
    // The largest case gives no gradients.
    let differentiated = case.has_gradients("loss_critic");
    if differentiated {
        case.expect_gradients("gradient_penalty", &penalty.penalty.backward()?, &critic_params)?;
    }

    let loss = (critic_loss(&real_scores, &fake_scores)? + (&penalty.penalty * case.real("lambda_gp"))?)?;
    case.expect_output("loss_critic", &loss)?;
    let critic_gradients = loss.backward()?;
    if differentiated {
        case.expect_gradients("loss_critic", &critic_gradients, &critic_params)?;
    }

    let judge = |case: &mut Case, name: &str| -> Result<()> {
        let loss = frozen(&critic_params, || generator_loss(&score(&fake)?))?;
        case.expect_output(name, &loss)?;
        if differentiated {
            case.expect_gradients(name, &loss.backward()?, &generator_params)?;
        }
        Ok(())
    };
    judge(case, "loss_gen")?;
    if case.config().get("critic_sgd_step").is_some() {
        let rate = case.real("critic_sgd_step");
        Sgd::new(critic_params.trained(), SgdConfig::new(rate))?.step(&critic_gradients)?;
        judge(case, "loss_gen_after_critic_step")?;
    }
    Ok(())
}

/// What is computed while the parameters take no gradients.
fn frozen<R>(params: &Params, compute: impl FnOnce() -> R) -> R {
    params.set_frozen(true);
    let result = compute();
    params.set_frozen(false);
    result
}
