//! A variational autoencoder from its training to pictures in ONNX Runtime.

use candle_core::{Device, Tensor};
use easel_export::export::{ExportOptions, export};
use easel_export::models;
use easel_export::verify::verify_file;
use easel_native::{EngineOptions, OrtEngine};
use easel_runtime::card::{Distribution, Kind, Latent};
use easel_runtime::generator::{generate, latents_of_seeds};
use easel_runtime::walk::Walk;
use easel_train::recipes::vae::VaeConfig;
use easel_train::run::Checkpoint;
use easel_train::{TrainOptions, Weights, train};

#[test]
fn a_trained_decoder_is_exported_sampled_and_walked_in() {
    let runs = tempfile::tempdir().unwrap();
    let mut config = VaeConfig { size: 16, channels: 3, base_channels: 4, z_dim: 6, ..VaeConfig::quick() };
    config.shared.data = Some("synthetic".into());
    config.shared.steps = Some(10);
    let run = train(config, TrainOptions::new(runs.path())).unwrap();
    let (checkpoint, _) = Checkpoint::latest(&run.folder.join("checkpoints")).unwrap();
    let Checkpoint { architecture, weights, record, .. } = checkpoint;
    let weights = Weights { architecture, provenance: record.provenance, tensors: weights };

    let network = models::of_network(&weights.network().unwrap()).unwrap();
    let architecture = weights.architecture.clone();
    let file = export(&*network, architecture, weights.provenance.clone(), &ExportOptions::default()).unwrap();
    assert_eq!(file.card.kind, Kind::Generator { latent: Latent { dim: 6, distribution: Distribution::Normal } });
    assert!(verify_file(&file.bytes, None).unwrap().max_difference < 1e-5);
    assert_eq!(Weights::from_model(&file.bytes, &file.card).unwrap().tensors.len(), 8);

    let mut engine = OrtEngine::load(&file.bytes, &EngineOptions::default()).unwrap();
    let stops = latents_of_seeds(&file.card, &[3, 1, 4]).unwrap();
    let walk = Walk::new(file.card.latent().unwrap(), stops, 4, false).unwrap();
    let z = walk.frames(0, walk.len()).unwrap();
    let pictures = pollster::block_on(generate(&mut engine, &z)).unwrap();
    assert_eq!(pictures.shape(), [walk.len(), 3, 16, 16]);
    let own = Tensor::from_slice(z.as_f32().unwrap(), (walk.len(), 6), &Device::Cpu).unwrap();
    let expected = network.compute(&[("z", own)]).unwrap().remove(0).1.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let found = pictures.as_f32().unwrap();
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5 && (0.0..=1.0).contains(a)));
}
