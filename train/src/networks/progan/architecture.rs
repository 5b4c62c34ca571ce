//! The generator's sizes and growth in a checkpoint or a model's card.

use std::collections::BTreeMap;

use easel_runtime::card::{Architecture, Distribution, Latent};
use serde_json::Value as Json;

use super::{SMALLEST, Sizes, Stage};
use crate::networks::size;
use crate::{Error, Result};

/// The architecture's name in a checkpoint and a model card.
pub const ARCHITECTURE: &str = "progan";

impl Sizes {
    /// The architecture with these sizes, and with the stage as `step` and `alpha`.
    pub fn architecture(&self, stage: Stage) -> Architecture {
        let Self { z_dim, width, channels, resolution } = *self;
        let sizes = [("z_dim", z_dim), ("width", width), ("channels", channels), ("resolution", resolution)];
        let mut architecture = crate::networks::architecture(ARCHITECTURE, &sizes);
        architecture.sizes.insert("step".into(), stage.step.into());
        architecture.sizes.insert("alpha".into(), stage.alpha.into());
        architecture
    }

    /// The latent vector that the generator takes.
    pub fn latent(&self) -> Latent {
        Latent { dim: self.z_dim, distribution: Distribution::Normal }
    }

    /// The sizes and the stage of an architecture of this name. Fails where a network cannot have them.
    pub fn read(architecture: &Architecture) -> Result<(Self, Stage)> {
        let size = |name| size(architecture, name);
        let sizes = Self {
            z_dim: size("z_dim")?,
            width: size("width")?,
            channels: size("channels")?,
            resolution: size("resolution")?,
        };
        let number = |name: &str| architecture.sizes.get(name);
        let step = number("step").and_then(Json::as_u64).and_then(|step| usize::try_from(step).ok());
        let (Some(step), Some(alpha)) = (step, number("alpha").and_then(Json::as_f64)) else {
            return Err(Error::Checkpoint(format!(
                "the architecture {ARCHITECTURE} needs the numbers `step` and `alpha` of its stage"
            )));
        };
        let stage = Stage { step, alpha };
        stage.check(sizes.last_step()? + 1)?;
        Ok((sizes, stage))
    }

    /// Recognises a generator by its layers. Weights do not show the stage: the last one is assumed.
    pub fn recognise(shapes: &BTreeMap<String, Vec<usize>>) -> Option<(Self, Stage)> {
        let [z_dim, width, SMALLEST, SMALLEST] = shapes.get("initial.0.weight")?[..] else { return None };
        let [channels, _, 1, 1] = shapes.get("rgb_layers.0.conv.weight")?[..] else { return None };
        let block = |step: usize| shapes.get(&format!("prog_blocks.{step}.conv2.conv.weight"));
        let step = (0..=super::DIVISORS.len()).take_while(|&step| block(step).is_some()).count().checked_sub(1)?;
        let sizes = Self { z_dim, width, channels, resolution: SMALLEST << step };
        let last = sizes.last_step().ok()?;
        let here = sizes.width_at(last);
        (block(last)?[..] == [here, here, 3, 3]).then_some((sizes, Stage::grown(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::progan::{Critic, Generator};
    use crate::networks::{self, Network};
    use crate::param::Scope;
    use crate::{Params, Weights};
    use candle_core::{DType, Device};
    use easel_runtime::Random;

    const SIZES: Sizes = Sizes { z_dim: 3, width: 8, channels: 1, resolution: 64 };

    fn params<T>(make: impl FnOnce(Scope) -> Result<T>) -> Params {
        let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
        make(params.root()).unwrap();
        params
    }

    #[test]
    fn growth_survives_a_checkpoint() {
        let stage = Stage { step: 2, alpha: 0.375 };
        let tensors = params(|scope| Generator::new(scope, SIZES)).to_tensors();
        let weights = Weights { architecture: SIZES.architecture(stage), provenance: Default::default(), tensors };
        let weights = Weights::from_bytes(&weights.to_bytes().unwrap(), "w".as_ref()).unwrap();
        let Network::Progan { generator, stage: found } = weights.network().unwrap() else { panic!("another network") };
        assert_eq!((generator.sizes(), found), (SIZES, stage));
        let changed = |name: &str, value: Json| {
            let mut architecture = SIZES.architecture(stage);
            architecture.sizes.insert(name.into(), value);
            Sizes::read(&architecture).unwrap_err().to_string()
        };
        assert!(changed("step", 5.into()).contains("up to 4"));
        assert!(changed("alpha", 2.into()).contains("alpha 2"));
        assert!(changed("alpha", Json::Null).contains("`alpha`"));
        assert!(changed("resolution", 48.into()).contains("32 or 64"));
    }

    #[test]
    fn weights_alone_are_of_a_grown_generator() {
        let shapes = |params: Params| {
            params.to_tensors().into_iter().map(|(name, tensor)| (name, tensor.dims().to_vec())).collect()
        };
        for resolution in [4, 16, 64] {
            let sizes = Sizes { resolution, ..SIZES };
            let found = networks::recognise(&shapes(params(|scope| Generator::new(scope, sizes)))).unwrap();
            assert_eq!(Sizes::read(&found).unwrap(), (sizes, Stage::grown(sizes.last_step().unwrap())));
        }
        assert!(networks::recognise(&shapes(params(|scope| Critic::new(scope, SIZES)))).is_none());
    }
}
