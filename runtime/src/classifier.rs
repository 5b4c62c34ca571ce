//! Classification of pictures.

use crate::card::Kind;
use crate::{Engine, Error, ModelCard, Result, Tensor};

/// A class and its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassProbability {
    /// The class's label.
    pub label: usize,
    /// In [0, 1]; the probabilities of all classes add up to 1.
    pub probability: f32,
}

/// The number of classes of a classifier. Fails if the model is of another kind.
pub fn class_count(card: &ModelCard) -> Result<usize> {
    match &card.kind {
        Kind::Classifier { class_count } => Ok(*class_count),
        other => Err(Error::WrongKind { found: other.name(), wanted: "classifier" }),
    }
}

/// The name of a class: the card's, or the label as a number if the card has no names.
pub fn class_name(card: &ModelCard, label: usize) -> String {
    card.classes.get(label).cloned().unwrap_or_else(|| label.to_string())
}

/// Runs a classifier on pictures `[batch, channel, height, width]` in `[0, 1]`. Returns all classes for each picture, the
/// most likely first.
pub async fn classify<E: Engine>(
    engine: &mut E,
    card: &ModelCard,
    pictures: &Tensor,
) -> Result<Vec<Vec<ClassProbability>>> {
    let ([count, ..], classes) = (pictures.nchw()?, class_count(card)?);
    let outputs = engine.run(&[("image", pictures)]).await?;
    let (_, logits) = outputs
        .into_iter()
        .find(|(name, _)| name == "logits")
        .ok_or_else(|| Error::Engine("the model has no output named `logits`".into()))?;
    if logits.shape() != [count, classes] {
        return Err(Error::Shape(format!(
            "the model returned logits of shape {:?} for {count} pictures and {classes} classes",
            logits.shape()
        )));
    }
    Ok(logits.as_f32()?.chunks_exact(classes).map(ranked).collect())
}

/// The softmax of logits, sorted by falling probability; ties are sorted by label.
fn ranked(logits: &[f32]) -> Vec<ClassProbability> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|&logit| libm::exp(f64::from(logit) - f64::from(highest))).collect();
    let sum: f64 = exponentials.iter().sum();
    let class =
        |(label, exponential): (usize, &f64)| ClassProbability { label, probability: (exponential / sum) as f32 };
    let mut classes: Vec<ClassProbability> = exponentials.iter().enumerate().map(class).collect();
    classes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.label.cmp(&b.label)));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{PictureFormat, PictureSize};

    fn card() -> ModelCard {
        ModelCard {
            kind: Kind::Classifier { class_count: 4 },
            picture: Some(PictureFormat { channels: 1, size: PictureSize::Fixed { height: 2, width: 2 } }),
            classes: ["a", "b", "c", "d"].map(String::from).to_vec(),
            ..ModelCard::example()
        }
    }

    /// Returns the pixels as logits.
    struct Corners;

    impl Engine for Corners {
        fn describe(&self) -> String {
            "test".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let values = inputs[0].1.as_f32()?.to_vec();
            Ok(vec![("logits".into(), Tensor::new([values.len() / 4, 4], values)?)])
        }
    }

    #[test]
    fn classes_are_sorted_by_probability() {
        let pictures = Tensor::new([2, 1, 2, 2], vec![0.0, 1.0, 0.0, 0.5, 9.0, 0.0, 0.0, 0.0]).unwrap();
        let answers = pollster::block_on(classify(&mut Corners, &card(), &pictures)).unwrap();
        let labels = |index: usize| answers[index].iter().map(|answer| answer.label).collect::<Vec<_>>();
        assert_eq!((labels(0), labels(1)), (vec![1, 3, 0, 2], vec![0, 1, 2, 3]));
        let e = std::f64::consts::E;
        let expected = e / (e + 2.0 + e.sqrt());
        assert!((f64::from(answers[0][0].probability) - expected).abs() < 1e-6);
        for answers in answers {
            assert!((answers.iter().map(|answer| answer.probability).sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn other_models_are_refused() {
        let stylizer = ModelCard { kind: Kind::Stylizer, ..card() };
        assert!(class_count(&stylizer).unwrap_err().to_string().contains("a stylizer, not a classifier"));
        let more = ModelCard { kind: Kind::Classifier { class_count: 5 }, ..card() };
        let picture = Tensor::new([1, 1, 2, 2], vec![0.0; 4]).unwrap();
        assert!(pollster::block_on(classify(&mut Corners, &more, &picture)).is_err());
        assert_eq!((class_name(&card(), 2), class_name(&card(), 9)), ("c".to_string(), "9".to_string()));
    }
}
