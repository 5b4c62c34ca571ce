//! Sampling with tensors that stay on the model's device. The CPU is a device like any other to I/O binding.

mod common;

use easel_native::{EngineOptions, OnDevice, OrtEngine};
use easel_runtime::card::Prediction;
use easel_runtime::denoiser::{Denoiser, Draw, SampleRequest, Sampler};
use easel_runtime::predictor::Predictor;
use easel_runtime::samplers::SamplerTensor;
use easel_runtime::{Device, Error, ModelCard, Result, Tensor};

fn engine(model: &[u8]) -> OrtEngine {
    OrtEngine::load(model, &EngineOptions { device: Device::Cpu, ..EngineOptions::default() }).unwrap()
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
        let (request, denoiser) =
            (SampleRequest { draws, sampler, steps, guidance }, Denoiser { prediction, ..denoiser() });
        let (mut host, mut device) = (Vec::new(), Vec::new());
        let sampled = denoiser.sample(&mut engine, &request, |step| host.push(step.x.clone()));
        let expected = pollster::block_on(sampled).unwrap();
        let mut on_device = OnDevice::new(&mut engine).unwrap();
        let sampled = denoiser.sample_on(&mut on_device, &request, |step| device.push(step.x.to_tensor().unwrap()));
        let found = pollster::block_on(sampled).unwrap();
        assert!(largest_difference(&found, &expected) < 1e-6, "{sampler}: {found:?} {expected:?}");
        assert_eq!(device.len(), host.len());
        let furthest = host.iter().zip(&device).map(|(a, b)| largest_difference(a, b)).fold(0.0, f32::max);
        assert!(furthest < 1e-5, "{sampler}: {furthest}");
        assert!(host[0] != host[steps]);
    }
}

#[test]
fn tensors_that_do_not_fit_are_errors_of_one_line() {
    let mut other = engine(&common::generator());
    let pictures = |count: usize| Tensor::new([count, 1, 2, 2], vec![0.5; 4 * count]).unwrap();
    let predict = |engine: &mut OrtEngine, labels: Vec<i64>| -> Result<Tensor> {
        let mut device = OnDevice::new(engine)?;
        let x = device.to_device(pictures(2))?;
        let ints = |values: Vec<i64>| Tensor::new([values.len()], values);
        pollster::block_on(device.predict(&x, &ints(vec![0, 1])?, &ints(labels)?))?.to_tensor()
    };
    let mut engine = engine(&common::denoiser(&[], None));
    assert_eq!(predict(&mut engine, vec![0, 3]).unwrap().shape(), [2, 1, 2, 2]);
    for error in
        [predict(&mut engine, vec![0, 9]), predict(&mut engine, vec![0, 1, 2]), predict(&mut other, vec![0, 1])]
    {
        match error.unwrap_err() {
            Error::Engine(reason) => assert!(!reason.contains('\n'), "{reason}"),
            other => panic!("{other}"),
        }
    }

    let mut device = OnDevice::new(&mut engine).unwrap();
    let (two, three) = (device.to_device(pictures(2)).unwrap(), device.to_device(pictures(3)).unwrap());
    assert!(matches!(SamplerTensor::combine(&[(1.0, &two), (1.0, &three)]), Err(Error::Shape(_))));
    assert!(matches!(two.with_values(vec![0.0; 7]), Err(Error::Shape(_))));
    let sum = SamplerTensor::combine(&[(3.0, &two), (-1.0, &two), (0.5, &two)]).unwrap();
    assert_eq!(sum.to_tensor().unwrap().into_f32().unwrap(), vec![1.25; 8]);
}
