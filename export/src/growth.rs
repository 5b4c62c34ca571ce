//! Which stage of its growth a ProGAN is exported at.

use easel_runtime::card::Architecture;
use easel_train::Weights;
use easel_train::networks::progan::{ARCHITECTURE, SMALLEST, Sizes, Stage};

use crate::{Error, Result};

/// The weights at a stage: a resolution that they have grown to, by default the last, and the share of its own block
/// in the picture, by default what it was at the last resolution and 1 below that.
///
/// Fails where one is given and the weights are those of another network, and where they have not grown so far.
pub fn at_stage(weights: Weights, resolution: Option<usize>, alpha: Option<f64>) -> Result<Weights> {
    let flag = match (resolution, alpha) {
        (None, None) => return Ok(weights),
        (Some(resolution), _) => format!("--resolution {resolution}"),
        (None, Some(alpha)) => format!("--alpha {alpha}"),
    };
    if weights.architecture.name != ARCHITECTURE {
        let name = &weights.architecture.name;
        return Err(Error::Source(format!("{flag}: only a {ARCHITECTURE} grows, and this is a {name}; leave it away")));
    }
    let (sizes, reached) = Sizes::read(&weights.architecture)?;
    let mut stage = reached;
    if let Some(resolution) = resolution {
        let grown: Vec<_> = (0..=reached.step).map(|step| SMALLEST << step).collect();
        let Some(step) = grown.iter().position(|&side| side == resolution) else {
            let grown = grown.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::Source(format!("{flag}: it has grown to {grown}; give one of these")));
        };
        if step < reached.step {
            stage = Stage::grown(step);
        }
    }
    if let Some(alpha) = alpha {
        if stage.step == 0 && alpha < 1.0 {
            return Err(Error::Source(format!(
                "--alpha {alpha}: at {SMALLEST}x{SMALLEST} there is nothing to fade from; leave it away"
            )));
        }
        stage.alpha = alpha;
    }
    Ok(Weights { architecture: sizes.architecture(stage), ..weights })
}

/// What is to be known of weights that are exported at a lower resolution than they have grown to.
pub fn warning(reached: &Architecture, chosen: &Architecture) -> Option<String> {
    let ((_, reached), (_, chosen)) = (Sizes::read(reached).ok()?, Sizes::read(chosen).ok()?);
    (chosen.step < reached.step).then(|| {
        format!(
            "since {0}x{0} was grown out of, its layers have gone on learning without the one that makes its pictures; \
             they are better from the run's checkpoint of that time",
            chosen.resolution()
        )
    })
}

/// The architecture for people: its name and, of a ProGAN, the stage.
pub fn describe(architecture: &Architecture) -> String {
    let name = &architecture.name;
    match Sizes::read(architecture) {
        Ok((_, stage)) => format!("{name} at {0}x{0}, alpha {1}", stage.resolution(), stage.alpha),
        Err(_) => name.clone(),
    }
}
