//! The balance of classes.

use super::features::Features;

/// The total variation distance between the class distributions of two sets, by the classes that the classifier predicts:
/// the share of pictures, from 0 to 1, that would need another class for the distributions to be equal.
pub fn distance(a: &Features, b: &Features) -> f64 {
    let classes = a.predictions().iter().chain(b.predictions()).max().map_or(0, |most| *most as usize + 1);
    let shares = |features: &Features| {
        let counts = features.class_counts(classes);
        counts.into_iter().map(|count| count as f64 / features.count() as f64).collect::<Vec<_>>()
    };
    shares(a).iter().zip(shares(b)).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_that_would_have_to_change() {
        let predicted =
            |classes: &[u32]| Features::new(vec![0.0; classes.len()], 1).unwrap().with_predictions(classes.to_vec());
        let even = predicted(&[0, 1, 2, 3]);
        assert_eq!(distance(&even, &even), 0.0);
        assert_eq!(distance(&even, &predicted(&[0, 0, 1, 2])), 0.25);
        assert_eq!(distance(&predicted(&[0, 0]), &predicted(&[7, 7, 7])), 1.0);
    }
}
