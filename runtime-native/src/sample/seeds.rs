//! Lists of seeds.

use std::str::FromStr;

/// The most seeds that a list may have.
const MOST: u64 = 1_000_000;

/// Seeds, parsed from numbers and ranges that include both ends: `1-8,12,20`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            part.trim().parse::<u64>().map_err(|_| format!("`{part}` is not a seed; expected a list as 1-8,12,20"))
        };
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(format!("the range {part} runs backwards; write {last}-{first}"));
            }
            if last - first >= MOST - seeds.len() as u64 {
                return Err(format!("more than {MOST} seeds; ask for fewer at once"));
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(seeds("7").unwrap(), [7]);
        assert_eq!(seeds("1-3,12, 20,5-5").unwrap(), [1, 2, 3, 12, 20, 5]);
        assert_eq!(seeds("18446744073709551615").unwrap(), [u64::MAX]);
        assert_eq!(seeds("18446744073709551614-18446744073709551615").unwrap().len(), 2);
        assert_eq!(seeds("1-1000000").unwrap().len(), 1_000_000);
        for (text, expected) in [
            ("8-1", "write 1-8"),
            ("0-18446744073709551615", "more than 1000000 seeds"),
            ("1-1000000,1", "more than 1000000 seeds"),
            ("", "`` is not a seed"),
            ("1,,2", "`` is not a seed"),
            ("-5", "`` is not a seed"),
            ("1-", "`` is not a seed"),
            ("1-2-3", "`2-3` is not a seed"),
            ("1.5", "`1.5` is not a seed"),
            ("18446744073709551616", "is not a seed"),
        ] {
            let error = seeds(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
