//! The stage of growth that a ProGAN is exported at.

use easel_runtime::card::Architecture;
use easel_train::Weights;
use easel_train::networks::progan::{ARCHITECTURE, SMALLEST, Sizes, Stage};

use crate::error::{Error, Result};

/// The weights at a stage of growth.
///
/// `resolution` is one that they have grown to, by default the last. `alpha` is the share of its own block in the
/// picture, 0 to 1: by default the one in the weights at the last resolution, and 1 below that.
///
/// Fails with [`Error::NotProgressive`], [`Error::NotGrown`] or [`Error::NoFade`].
///
/// ```
/// use easel_export::growth::at_stage;
/// use easel_train::Weights;
/// use easel_train::networks::progan::{Sizes, Stage};
///
/// let architecture = Sizes::default().architecture(Stage { step: 2, alpha: 0.4 });
/// let weights = Weights { architecture, provenance: Default::default(), tensors: Default::default() };
/// let chosen = at_stage(weights, Some(8), None)?;
/// assert_eq!(chosen.architecture, Sizes::default().architecture(Stage::grown(1)));
/// # Ok::<(), easel_export::Error>(())
/// ```
pub fn at_stage(weights: Weights, resolution: Option<usize>, alpha: Option<f64>) -> Result<Weights> {
    let setting = match (resolution, alpha) {
        (None, None) => return Ok(weights),
        (Some(resolution), _) => format!("--resolution {resolution}"),
        (None, Some(alpha)) => format!("--alpha {alpha}"),
    };
    if weights.architecture.name != ARCHITECTURE {
        return Err(Error::NotProgressive { setting, architecture: weights.architecture.name });
    }
    let (sizes, reached) = Sizes::read(&weights.architecture)?;
    let mut stage = reached;
    if let Some(resolution) = resolution {
        let grown: Vec<_> = (0..=reached.step).map(|step| SMALLEST << step).collect();
        match grown.iter().position(|&side| side == resolution) {
            Some(step) if step < reached.step => stage = Stage::grown(step),
            Some(_) => {}
            None => return Err(Error::NotGrown { resolution, grown }),
        }
    }
    if let Some(alpha) = alpha {
        if stage.step == 0 && alpha < 1.0 {
            return Err(Error::NoFade { alpha });
        }
        stage.alpha = alpha;
    }
    Ok(Weights { architecture: sizes.architecture(stage), ..weights })
}

/// A warning where weights are exported at a lower resolution than they have grown to.
pub fn warning(reached: &Architecture, chosen: &Architecture) -> Option<String> {
    let ((_, reached), (_, chosen)) = (Sizes::read(reached).ok()?, Sizes::read(chosen).ok()?);
    (chosen.step < reached.step).then(|| {
        format!(
            "the layer that makes pictures of {0}x{0} has not been trained since the network grew beyond that resolution, \
             the layers before it have; the run's checkpoint of that time is better",
            chosen.resolution()
        )
    })
}

/// The architecture as text: its name and, for a ProGAN, the stage.
pub fn describe(architecture: &Architecture) -> String {
    let name = &architecture.name;
    match Sizes::read(architecture) {
        Ok((_, stage)) => format!("{name} at {0}x{0}, alpha {1}", stage.resolution(), stage.alpha),
        Err(_) => name.clone(),
    }
}
