//! Diffusion: the schedule, the denoiser, and two samplers.

use candle_core::Tensor;
use easel_runtime::samplers::{DdimOptions, ancestral, ddim};
use easel_runtime::{Random, Schedule};
use easel_tests::golden::{Case, device};
use easel_train::losses::{Reduction, mse};
use easel_train::networks::denoiser::{Denoiser, Sizes};
use easel_train::nn::{Eval, Train};
use easel_train::{Params, Result};

fn linear(case: &Case, steps: &str) -> Schedule {
    Schedule::linear(case.number(steps), case.real("beta_start"), case.real("beta_end")).expect("a schedule")
}

pub fn schedule(case: &mut Case) -> Result<()> {
    let schedule = linear(case, "time_steps");
    let alphas: Vec<f64> = (0..schedule.steps()).map(|t| schedule.alpha(t)).collect();
    let vector = |values: &[f64]| Tensor::new(values, device());
    case.expect_output("betas", &vector(schedule.betas())?)?;
    case.expect_output("alphas", &vector(&alphas)?)?;
    case.expect_output("alphas_cumprod", &vector(schedule.alpha_bars())?)
}

fn denoiser(case: &Case, timesteps: usize) -> Result<(Denoiser, Params)> {
    let params = super::params();
    let sizes = Sizes {
        channels: case.number("ch"),
        labels: case.number("classes"),
        timesteps,
        base_channels: case.number("base"),
        embedding_size: case.number("embed"),
        hidden: case.number("hidden"),
        ..Sizes::default()
    };
    let network = Denoiser::new(params.root(), sizes)?;
    params.load(&case.weights(""))?;
    Ok((network, params))
}

pub fn unet(case: &mut Case) -> Result<()> {
    let steps = case.number("time_steps");
    let (network, params) = denoiser(case, steps)?;
    // The case does not give the betas: they are those of the classic schedule.
    let schedule = Schedule::linear(steps, 1e-4, 0.02).expect("a schedule");
    let (t, label) = (case.input("t").clone(), case.input("label").clone());
    let shares = |of: fn(f64) -> f64| -> Result<Tensor> {
        let bars = t.to_vec1::<i64>()?.into_iter().map(|t| of(schedule.alpha_bars()[t as usize]).sqrt() as f32);
        Ok(Tensor::from_vec(bars.collect(), (t.dim(0)?, 1, 1, 1), device())?)
    };
    let picture = case.input("x0").broadcast_mul(&shares(|bar| bar)?)?;
    let noisy = (picture + case.input("noise").broadcast_mul(&shares(|bar| 1.0 - bar)?)?)?;
    case.expect_output("xt", &noisy)?;

    case.expect_output("eps_eval", &network.forward(&noisy, &t, &label, &mut Eval)?)?;
    let mut random = Random::new(0, 0);
    let mut pass = Train::new(&mut random);
    let found = network.forward(&noisy, &t, &label, &mut pass)?;
    pass.store_statistics()?;
    case.expect_output("eps_train", &found)?;
    let loss = mse(&found, case.input("noise"), Reduction::Mean)?;
    case.expect_output("loss", &loss)?;
    case.expect_gradients("loss", &loss.backward()?, &params)?;
    for (name, tensor) in params.to_tensors() {
        if name.contains(".running_") {
            case.expect_output(&format!("after.{name}"), &tensor)?;
        }
    }
    Ok(())
}

pub fn sampler(case: &mut Case) -> Result<()> {
    let label = case.input("label").clone();
    let batch = label.dim(0)?;
    let start = to_runtime(case.input("x_T"))?;
    let denoise = |network: &Denoiser, x: &easel_runtime::Tensor, t: usize| -> Result<easel_runtime::Tensor> {
        let t = Tensor::full(t as i64, batch, device())?;
        to_runtime(&network.forward(&to_candle(x)?, &t, &label, &mut Eval)?)
    };
    let run = |case: &Case, timesteps: usize| -> Result<_> {
        let (network, _) = denoiser(case, timesteps)?;
        Ok(async move |x: &easel_runtime::Tensor, t: usize| {
            denoise(&network, x, t).map_err(|error| easel_runtime::Error::Engine(error.to_string()))
        })
    };

    let schedule = linear(case, "ddpm_time_steps");
    let noise = case.input("noise").clone();
    let fresh = |t: usize| {
        let values = noise.get(t).and_then(|noise| noise.flatten_all()?.to_vec1());
        values.map_err(|error| easel_runtime::Error::Engine(error.to_string()))
    };
    let mut trajectory = Vec::new();
    let on_step = |progress: easel_runtime::samplers::SamplerProgress| trajectory.push(progress.x.clone());
    let last = pollster::block_on(ancestral(&schedule, start.clone(), run(case, schedule.steps())?, fresh, on_step));
    let last = to_candle(&last.expect("the sampler runs"))?;
    case.expect_output("final_unit_range", &((last + 1.0)? / 2.0)?.clamp(0.0, 1.0)?)?;
    for (index, x) in trajectory.iter().enumerate() {
        let name = format!("x_after_step_{}", schedule.steps() - 1 - index);
        if case.has_output(&name) {
            case.expect_output(&name, &to_candle(x)?)?;
        }
    }

    let schedule = linear(case, "ddim_time_steps");
    let timesteps: Vec<usize> =
        serde_json::from_value(case.config()["ddim_timesteps"].clone()).expect("the timesteps are whole numbers");
    assert_eq!(schedule.spaced(timesteps.len()).expect("fewer timesteps than steps"), timesteps);
    let options = DdimOptions { timesteps, eta: 0.0 };
    let none = |_| -> easel_runtime::Result<Vec<f32>> { panic!("eta 0 takes no fresh noise") };
    let found = pollster::block_on(ddim(&schedule, &options, start, run(case, schedule.steps())?, none, |_| {}));
    case.expect_output("ddim10", &to_candle(&found.expect("the sampler runs"))?)
}

fn to_runtime(x: &Tensor) -> Result<easel_runtime::Tensor> {
    let values: Vec<f32> = x.flatten_all()?.to_vec1()?;
    Ok(easel_runtime::Tensor::new(x.dims(), values).expect("as many elements as the shape has"))
}

fn to_candle(x: &easel_runtime::Tensor) -> Result<Tensor> {
    Ok(Tensor::new(x.as_f32().expect("float32"), device())?.reshape(x.shape())?)
}
