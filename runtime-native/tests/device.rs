//! Sampling with tensors that stay where the model computes. On the CPU, which is a device as any other to I/O binding.

mod common;

use easel_native::{OnDevice, Options, OrtEngine};
use easel_runtime::card::Prediction;
use easel_runtime::denoiser::{Denoiser, Draw, Request, Sampler};
use easel_runtime::predictor::Predictor;
use easel_runtime::samplers::Linear;
use easel_runtime::{Device, ModelCard, Result, Tensor};

fn engine(model: &[u8]) -> OrtEngine {
    OrtEngine::load(model, &Options { device: Device::Cpu, ..Options::default() }).unwrap()
}

fn denoiser() -> Denoiser {
    Denoiser::new(&ModelCard::from_model(&common::denoiser(&[], Some(4))).unwrap()).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    let pairs = a.as_f32().unwrap().iter().zip(b.as_f32().unwrap());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_pictures_are_those_of_the_host() {
    let mut engine = engine(&common::denoiser(&[], Some(4)));
    for (sampler, steps, guidance, prediction) in [
        (Sampler::Ancestral, 50, 1.0, Prediction::Noise),
        (Sampler::Ddim { eta: 0.0 }, 10, 2.0, Prediction::Noise),
        (Sampler::Ddim { eta: 0.5 }, 10, 1.0, Prediction::Velocity),
        (Sampler::DpmSolver, 10, 1.5, Prediction::Velocity),
    ] {
        let draws = (0..3).map(|label| Draw { label, seed: 5, number: 2 }).collect();
        let (request, denoiser) = (Request { draws, sampler, steps, guidance }, Denoiser { prediction, ..denoiser() });
        let (mut host, mut device) = (Vec::new(), Vec::new());
        let made = denoiser.sample(&mut engine, &request, |step| host.push(step.x.clone()));
        let expected = pollster::block_on(made).unwrap();
        let mut on_device = OnDevice::new(&mut engine).unwrap();
        let made = denoiser.sample_on(&mut on_device, &request, |step| device.push(step.x.to_tensor().unwrap()));
        let found = pollster::block_on(made).unwrap();
        assert!(largest_difference(&found, &expected) < 1e-6, "{sampler}: {found:?} {expected:?}");
        assert_eq!(device.len(), host.len());
        let furthest = host.iter().zip(&device).map(|(a, b)| largest_difference(a, b)).fold(0.0, f32::max);
        assert!(furthest < 1e-5, "{sampler}: {furthest}");
        assert!(host[0] != host[steps]);
    }
}

#[test]
fn what_does_not_fit_is_one_line() {
    let mut other = engine(&common::generator());
    let pictures = |count: usize| Tensor::new([count, 1, 2, 2], vec![0.5; 4 * count]).unwrap();
    let predict = |engine: &mut OrtEngine, labels: Vec<i64>| -> Result<Tensor> {
        let mut device = OnDevice::new(engine)?;
        let x = device.place(pictures(2))?;
        let ints = |values: Vec<i64>| Tensor::new([values.len()], values);
        pollster::block_on(device.predict(&x, &ints(vec![0, 1])?, &ints(labels)?))?.to_tensor()
    };
    let mut engine = engine(&common::denoiser(&[], None));
    assert_eq!(predict(&mut engine, vec![0, 3]).unwrap().shape(), [2, 1, 2, 2]);
    for error in
        [predict(&mut engine, vec![0, 9]), predict(&mut engine, vec![0, 1, 2]), predict(&mut other, vec![0, 1])]
    {
        let text = error.unwrap_err().to_string();
        assert!(text.starts_with("ONNX Runtime: ") && !text.contains('\n'), "{text}");
    }

    let mut device = OnDevice::new(&mut engine).unwrap();
    let (two, three) = (device.place(pictures(2)).unwrap(), device.place(pictures(3)).unwrap());
    assert!(Linear::combine(&[(1.0, &two), (1.0, &three)]).is_err());
    assert!(two.filled(vec![0.0; 7]).is_err());
    let sum = Linear::combine(&[(3.0, &two), (-1.0, &two), (0.5, &two)]).unwrap();
    assert_eq!(sum.to_tensor().unwrap().into_f32().unwrap(), vec![1.25; 8]);
}
