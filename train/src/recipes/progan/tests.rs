use super::super::testing::{all_bits, bits, checkpoint};
use super::*;
use crate::threads::on_own_threads;

fn config() -> ProganConfig {
    ProganConfig {
        resolution: 8,
        channels: Some(3),
        batches: vec![4, 3],
        pictures: Some(vec![16, 60]),
        width: 8,
        z_dim: 5,
        eval_samples: 3,
        ..ProganConfig::quick()
    }
}

/// On a thread where gradients can be differentiated.
fn on_a_thread(work: impl FnOnce() + Send) {
    on_own_threads(1, true, || {
        work();
        Ok(())
    })
    .unwrap();
}

fn trainer(config: &ProganConfig) -> ProganTrainer {
    let pictures = Store::open(&Source::Scenes(Some(10)), 3, config.resolution, &[]).unwrap();
    ProganTrainer::new(config, pictures, &Device::Cpu).unwrap()
}

#[test]
fn resumes_in_the_middle_of_a_fade_with_the_same_bits() {
    on_a_thread(|| {
        let config = ProganConfig { critic_steps: 2, penalty_every: 3, mirror: true, ..config() };
        let mut whole = trainer(&config);
        // Two steps at 4x4, then ten at 8x8, five of which fade.
        (0..4).for_each(|_| drop(whole.step().unwrap()));
        let saved = checkpoint(&whole, whole.step);
        let (_, stage) = Sizes::read(&saved.architecture).unwrap();
        assert!(stage.step == 1 && (0.1..0.4).contains(&stage.alpha), "{stage:?}");
        let mut without_workers = config.clone();
        without_workers.shared.workers = 0;
        let mut again = trainer(&without_workers);
        again.restore(&saved).unwrap();
        for _ in 0..4 {
            // Samples and evaluations in between change nothing.
            whole.samples().unwrap();
            assert!(!whole.evaluate().unwrap().is_empty());
            assert_eq!(whole.step().unwrap(), again.step().unwrap());
            assert_eq!(whole.stage(), again.stage());
        }
        assert_eq!(all_bits(&whole), all_bits(&again));

        let other = ProganConfig { z_dim: 6, ..config.clone() };
        assert!(trainer(&other).restore(&saved).unwrap_err().to_string().contains("other sizes"));
        let other = ProganConfig { batches: vec![2], ..config };
        assert!(trainer(&other).restore(&saved).unwrap_err().to_string().contains("batch size"));
    });
}

#[test]
fn each_player_learns_in_its_own_step() {
    on_a_thread(|| {
        let mut trainer = trainer(&config());
        // Layers that are not used, or not any more, do not change.
        let changed = |before: &[(String, Vec<u32>)], after: &[(String, Vec<u32>)]| -> Vec<String> {
            let pairs = before.iter().zip(after).filter(|(before, after)| before != after);
            pairs.map(|((name, _), _)| name.clone()).collect()
        };
        let critic = |trainer: &ProganTrainer| bits(&trainer.players.critic.params.to_tensors());
        let generator = |trainer: &ProganTrainer| bits(&trainer.players.generator.params.to_tensors());
        let (c, g) = (critic(&trainer), generator(&trainer));
        let point = trainer.growth.at(0);
        let fake = trainer.critic_step(point, true).unwrap().fake;
        assert_eq!(generator(&trainer), g);
        let trained = changed(&c, &critic(&trainer));
        assert!(trained.contains(&"rgb_layers.0.conv.weight".into()), "{trained:?}");
        assert!(!trained.iter().any(|name| name.contains(".1.")), "{trained:?}");
        let c = critic(&trainer);
        trainer.generator_step(point.stage, &fake).unwrap();
        assert_eq!(critic(&trainer), c);
        let trained = changed(&g, &generator(&trainer));
        assert!(trained.contains(&"initial.0.weight".into()), "{trained:?}");
        assert!(!trained.iter().any(|name| name.contains(".1.")), "{trained:?}");
    });
}

#[test]
fn penalties_come_when_they_are_due() {
    on_a_thread(|| {
        let mut trainer = trainer(&ProganConfig { penalty_every: 3, ..config() });
        let penalties: Vec<f64> = (0..6).map(|_| trainer.step().unwrap()[3].1).collect();
        assert!(penalties[0] > 0.0 && penalties[..3].iter().all(|penalty| *penalty == penalties[0]));
        assert!(penalties[3] != penalties[0] && penalties[3..].iter().all(|penalty| *penalty == penalties[3]));
    });
}

#[test]
fn an_explosion_is_told() {
    on_a_thread(|| {
        let mut exploding = config();
        exploding.shared.lr = 30.0;
        let mut trainer = trainer(&exploding);
        let error = (0..12).find_map(|_| trainer.step().err()).expect("it explodes").to_string();
        assert!(error.contains("the critic has exploded") && error.contains("learning rate"), "{error}");
    });
}

#[test]
fn samples_are_rows_of_the_present_resolution() {
    on_a_thread(|| {
        let mut trainer = trainer(&config());
        for steps in [1, 4] {
            (0..steps).for_each(|_| drop(trainer.step().unwrap()));
            let sets = trainer.samples().unwrap();
            assert_eq!(sets.iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), ["samples/real", "samples/fake"]);
            assert!(sets.iter().all(|(_, pictures)| pictures.len() == SAMPLES && pictures[0].width == 64));
        }
        let names: Vec<_> = trainer.evaluate().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["swd_8", "swd_8_baseline", "swd", "swd_baseline", "ms_ssim", "ms_ssim_baseline"]);
    });
}
