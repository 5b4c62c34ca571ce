//! Golden outputs: a model's outputs for inputs that every runtime can generate. The card holds them, so that an engine
//! that computes wrongly, most often because of a GPU driver, is detected before its pictures are shown.

use crate::card::{Kind, ModelCard, PictureFormat, PictureSize, TabularTask};
use crate::{Engine, Error, Random, Result, Tensor, generator};

/// The card holds at most this many elements of the output, evenly spaced.
pub const MAX_ELEMENTS: usize = 64;

/// The tolerance, relative to the largest golden element or to 1, whichever is larger: ten times the differences seen
/// between float32 engines.
pub const TOLERANCE: f32 = 1e-2;

/// The tolerance for int8 models: about three times the differences measured between CPUs and WebAssembly. Where engines
/// round the last bit differently, the difference becomes a whole quantisation step, and steps accumulate.
pub const INT8_TOLERANCE: f32 = 5e-2;

/// The height and width for models that take any size: small, not square, and without padding.
const ANY_SIZE: [usize; 2] = [48, 64];

/// The named inputs, batches of one, and the name of the output to compare. By kind of model, the input is the first
/// latent vector of seed 0, its first noise at the middle timestep with label 0, its first uniform picture, or its first
/// row of normal numbers.
pub fn inputs(card: &ModelCard) -> Result<(Vec<(&'static str, Tensor)>, &'static str)> {
    let mut random = Random::new(0, 0);
    let shape = || -> Result<[usize; 4]> {
        let PictureFormat { channels, size } = *card.pictures()?;
        let [height, width] = match size {
            PictureSize::Fixed { height, width } => [height, width],
            PictureSize::Any { .. } => ANY_SIZE,
        };
        Ok([1, channels, height, width])
    };
    let mut picture = || {
        let shape = shape()?;
        Tensor::new(shape, random.uniforms(shape.iter().product(), 0.0, 1.0))
    };
    Ok(match &card.kind {
        Kind::Generator { .. } => (vec![("z", generator::latents(card, 0, 0, 1)?)], "image"),
        Kind::Stylizer => (vec![("image", picture()?)], "stylized"),
        Kind::Classifier { .. } => (vec![("image", picture()?)], "logits"),
        &Kind::Tabular { column_count, task } => {
            let features = Tensor::new([1, column_count], Random::new(0, 0).normals(column_count))?;
            let output = if task == TabularTask::Regression { "prediction" } else { "logits" };
            (vec![("features", features)], output)
        }
        Kind::Denoiser { schedule, .. } => {
            let (shape, middle) = (shape()?, i64::try_from(schedule.schedule()?.steps() / 2).unwrap_or_default());
            let x = Tensor::new(shape, Random::new(0, 0).normals(shape.iter().product()))?;
            (
                vec![("x", x), ("t", Tensor::new([1], vec![middle])?), ("label", Tensor::new([1], vec![0i64])?)],
                "prediction",
            )
        }
    })
}

/// Runs the model on its golden input and returns the output's elements that a card holds.
pub async fn output<E: Engine>(engine: &mut E, card: &ModelCard) -> Result<Vec<f32>> {
    let (inputs, wanted) = inputs(card)?;
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let outputs = engine.run(&inputs).await?;
    let found = outputs.into_iter().find(|(name, _)| name == wanted);
    let (_, output) = found.ok_or_else(|| Error::Engine(format!("the model has no output named `{wanted}`")))?;
    let values = output.as_f32()?;
    let kept = values.len().min(MAX_ELEMENTS);
    Ok((0..kept).map(|at| values[at * values.len() / kept]).collect())
}

/// Runs the model on its golden input and returns the largest difference from the card's output; `None` if the card has
/// none. Fails if the difference exceeds the tolerance.
pub async fn check<E: Engine>(engine: &mut E, card: &ModelCard) -> Result<Option<f32>> {
    let found = output(engine, card).await?;
    if card.golden.is_empty() {
        return Ok(None);
    }
    let difference = distance(&card.golden, &found);
    let largest = card.golden.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    let tolerance = if card.verification.int8.is_some() { INT8_TOLERANCE } else { TOLERANCE };
    match difference {
        Some(difference) if difference <= tolerance * largest => Ok(Some(difference)),
        Some(difference) => Err(Error::Engine(format!(
            "{} computes this model wrongly: its output differs from the card's by {difference:.3}",
            engine.describe()
        ))),
        None => Err(Error::Engine(format!(
            "{} returned {} elements; the card has {}",
            engine.describe(),
            found.len(),
            card.golden.len()
        ))),
    }
}

/// The largest absolute difference between elements, infinite if it is NaN; `None` if the lengths differ.
fn distance(golden: &[f32], found: &[f32]) -> Option<f32> {
    let difference = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    (golden.len() == found.len()).then(|| golden.iter().zip(found).map(difference).fold(0.0, f32::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Int8;

    /// Returns a multiple of its input.
    struct Scale(f32);

    impl Engine for Scale {
        fn describe(&self) -> String {
            "an engine".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let image = inputs[0].1;
            let values: Vec<f32> = image.as_f32()?.iter().map(|value| self.0 * value).collect();
            Ok(vec![
                ("other".into(), Tensor::new([], vec![1f32])?),
                ("stylized".into(), Tensor::new(image.shape(), values)?),
            ])
        }
    }

    #[test]
    fn engines_that_compute_wrongly_are_detected() {
        let mut card = ModelCard::example();
        card.kind = Kind::Stylizer;
        card.golden.clear();
        card.picture = Some(PictureFormat { channels: 3, size: PictureSize::Any { multiple: 4, at_least: 8 } });
        let check = |scale, card: &ModelCard| pollster::block_on(check(&mut Scale(scale), card));
        assert_eq!(check(1.0, &card).unwrap(), None);
        card.golden = pollster::block_on(output(&mut Scale(1.0), &card)).unwrap();
        assert_eq!((card.golden.len(), check(1.0, &card).unwrap()), (MAX_ELEMENTS, Some(0.0)));
        assert!(check(1.005, &card).unwrap().unwrap() > 0.004);
        for wrong in [0.0, 1.1, f32::NAN] {
            assert!(check(wrong, &card).unwrap_err().to_string().contains("computes this model wrongly"));
        }
        let mut int8 = card.clone();
        int8.verification.int8 = Some(Int8 { calibrated_on: 6, evaluated_on: 2, psnr: 35.0, worst_psnr: 31.0 });
        assert!(check(1.03, &card).is_err() && check(1.03, &int8).is_ok() && check(1.1, &int8).is_err());
        card.golden.pop();
        assert!(check(1.0, &card).unwrap_err().to_string().contains("64 elements"));
        let again = ModelCard::from_json(&card.to_json()).unwrap();
        assert_eq!(again.golden, card.golden);
    }
}
