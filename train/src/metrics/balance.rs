//! How evenly the classes come up.

use super::features::Features;

/// The total variation distance between two sets' shares of classes, by what the classifier takes their pictures for:
/// the part of the pictures, from 0 to 1, that would have to be of another class for the shares to be the same.
pub fn distance(a: &Features, b: &Features) -> f64 {
    let classes = a.answers().iter().chain(b.answers()).max().map_or(0, |most| *most as usize + 1);
    let shares = |features: &Features| {
        let mut counts = vec![0u64; classes];
        features.answers().iter().for_each(|answer| counts[*answer as usize] += 1);
        counts.into_iter().map(|count| count as f64 / features.answers().len() as f64).collect::<Vec<_>>()
    };
    shares(a).iter().zip(shares(b)).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_have_to_change() {
        let answered = |answers: &[u32]| Features::new(vec![0.0; answers.len()], 1).unwrap().answered(answers.to_vec());
        let even = answered(&[0, 1, 2, 3]);
        assert_eq!(distance(&even, &even), 0.0);
        assert_eq!(distance(&even, &answered(&[0, 0, 1, 2])), 0.25);
        assert_eq!(distance(&answered(&[0, 0]), &answered(&[7, 7, 7])), 1.0);
    }
}
