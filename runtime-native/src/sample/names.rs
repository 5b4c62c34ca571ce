//! The names of pictures in a folder. They sort like their numbers.

/// The name of a number up to `largest`: `00007.png`.
pub fn of_number(number: u64, largest: u64) -> String {
    format!("{number:0digits$}.png", digits = largest.to_string().len().max(5))
}

/// The name of the first picture of one of these seeds: `seed-00007.png`.
pub fn of_seed(seed: u64, seeds: &[u64]) -> String {
    format!("seed-{}", of_number(seed, seeds.iter().copied().max().unwrap_or(seed)))
}
