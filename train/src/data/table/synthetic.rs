//! Tables that the program draws.

use std::f64::consts::PI;

use easel_runtime::Random;

use super::{Table, Targets};

/// The arms of the [`spirals`].
const ARMS: [&str; 3] = ["first", "second", "third"];

/// Three classes, the interleaved arms of a spiral in the plane of `x` and `y`. No straight line separates them.
pub fn spirals(rows: usize, seed: u64) -> Table {
    let mut random = Random::new(seed, 0);
    let mut features = Vec::with_capacity(2 * rows);
    let labels: Vec<u32> = (0..rows as u32).map(|row| row % ARMS.len() as u32).collect();
    for &label in &labels {
        let (along, noise) = (f64::from(random.uniforms(1, 0.1, 1.0)[0]), random.normals(2));
        let angle = 2.0 * PI * (along + f64::from(label) / ARMS.len() as f64);
        let at = |direction: f64, noise: f32| (along * direction + 0.02 * f64::from(noise)) as f32;
        features.extend([at(angle.cos(), noise[0]), at(angle.sin(), noise[1])]);
    }
    Table {
        columns: ["x", "y"].map(String::from).to_vec(),
        target: "arm".into(),
        features,
        targets: Targets::Classes { labels, names: ARMS.map(String::from).to_vec() },
        name: "synthetic".into(),
    }
}

/// `10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5` and normal noise of deviation 1, for ten columns uniform in
/// (0, 1), of which five are irrelevant (Friedman 1991, "Multivariate Adaptive Regression Splines").
pub fn friedman(rows: usize, seed: u64) -> Table {
    let mut random = Random::new(seed, 0);
    let features = random.uniforms(10 * rows, 0.0, 1.0);
    let noise = random.normals(rows);
    let number = |(row, noise): (&[f32], &f32)| {
        let x = |at: usize| f64::from(row[at - 1]);
        let curve = 10.0 * (PI * x(1) * x(2)).sin() + 20.0 * (x(3) - 0.5).powi(2);
        (curve + 10.0 * x(4) + 5.0 * x(5) + f64::from(*noise)) as f32
    };
    Table {
        columns: (1..=10).map(|column| format!("x{column}")).collect(),
        target: "y".into(),
        targets: Targets::Numbers(features.chunks(10).zip(&noise).map(number).collect()),
        features,
        name: "synthetic".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_table() {
        for draw in [spirals, friedman] {
            let table = draw(30, 1);
            assert_eq!((table.rows(), table.features.len()), (30, 30 * table.columns.len()));
            assert_eq!(table, draw(30, 1));
            assert_ne!(table, draw(30, 2));
            assert!(table.features.iter().all(|value| value.is_finite()));
        }
    }
}
