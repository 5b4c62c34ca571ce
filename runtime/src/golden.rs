//! Golden output: what a model gives on inputs that every runtime can draw by itself. It stands in the card, so that an
//! engine that computes wrongly (a GPU's driver, most often) is found out before its pictures are seen.

use crate::card::{Kind, ModelCard, PictureFormat, PictureSize, Task};
use crate::{Engine, Error, Random, Result, Tensor, generator};

/// The most elements of the output that are kept, evenly spaced.
pub const MOST: usize = 64;

/// What engines may differ by, as a part of the largest golden element or of 1, whichever is more: ten times what those
/// that compute in float32 do.
pub const TOLERANCE: f32 = 1e-2;

/// The same for models that compute in eight bits, where a last bit that engines round otherwise becomes a step, and
/// steps add up: some three times what was found between CPUs and WebAssembly.
pub const INT8_TOLERANCE: f32 = 5e-2;

/// The picture that a model of any size is given, height and width: small, oblong, and nothing needs padding.
const ANY_SIZE: [usize; 2] = [48, 64];

/// The inputs by name, batches of one: seed 0's first latent vector, its first noise at the middle time with label 0, its
/// first uniform picture, or its first row of normal numbers. And the output that is looked at.
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
            let output = if task == Task::Regression { "prediction" } else { "logits" };
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

/// What an engine gives: the elements that a card keeps.
pub async fn output<E: Engine>(engine: &mut E, card: &ModelCard) -> Result<Vec<f32>> {
    let (inputs, wanted) = inputs(card)?;
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let outputs = engine.run(&inputs).await?;
    let found = outputs.into_iter().find(|(name, _)| name == wanted);
    let (_, output) = found.ok_or_else(|| Error::Engine(format!("the model has no output named `{wanted}`")))?;
    let values = output.as_f32()?;
    let kept = values.len().min(MOST);
    Ok((0..kept).map(|at| values[at * values.len() / kept]).collect())
}

/// Runs the model on its golden input. Gives how far the output is from the card's, `None` where the card has none; fails
/// where that is too far.
pub async fn check<E: Engine>(engine: &mut E, card: &ModelCard) -> Result<Option<f32>> {
    let found = output(engine, card).await?;
    if card.golden.is_empty() {
        return Ok(None);
    }
    let apart = distance(&card.golden, &found);
    let largest = card.golden.iter().fold(1f32, |most, value| most.max(value.abs()));
    let tolerance = if card.verification.int8.is_some() { INT8_TOLERANCE } else { TOLERANCE };
    match apart {
        Some(apart) if apart <= tolerance * largest => Ok(Some(apart)),
        Some(apart) => Err(Error::Engine(format!(
            "{} computes this model wrongly: its output is {apart:.3} off what the card says",
            engine.describe()
        ))),
        None => Err(Error::Engine(format!(
            "{} gives {} elements where the card says {}",
            engine.describe(),
            found.len(),
            card.golden.len()
        ))),
    }
}

/// The largest difference of any two elements, infinite where one is no number; `None` where there are not as many.
fn distance(golden: &[f32], found: &[f32]) -> Option<f32> {
    let apart = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    (golden.len() == found.len()).then(|| golden.iter().zip(found).map(apart).fold(0.0, f32::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Int8;

    /// Gives a multiple of what goes in.
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
    fn engines_that_compute_wrongly_are_found_out() {
        let mut card = ModelCard::example();
        card.kind = Kind::Stylizer;
        card.golden.clear();
        card.picture = Some(PictureFormat { channels: 3, size: PictureSize::Any { multiple: 4, at_least: 8 } });
        let check = |scale, card: &ModelCard| pollster::block_on(check(&mut Scale(scale), card));
        assert_eq!(check(1.0, &card).unwrap(), None);
        card.golden = pollster::block_on(output(&mut Scale(1.0), &card)).unwrap();
        assert_eq!((card.golden.len(), check(1.0, &card).unwrap()), (MOST, Some(0.0)));
        assert!(check(1.005, &card).unwrap().unwrap() > 0.004);
        for wrong in [0.0, 1.1, f32::NAN] {
            assert!(check(wrong, &card).unwrap_err().to_string().contains("computes this model wrongly"));
        }
        let mut int8 = card.clone();
        int8.verification.int8 = Some(Int8 { calibrated_on: 6, judged_on: 2, psnr: 35.0, worst_psnr: 31.0 });
        assert!(check(1.03, &card).is_err() && check(1.03, &int8).is_ok() && check(1.1, &int8).is_err());
        card.golden.pop();
        assert!(check(1.0, &card).unwrap_err().to_string().contains("64 elements"));
        let again = ModelCard::from_json(&card.to_json()).unwrap();
        assert_eq!(again.golden, card.golden);
    }
}
