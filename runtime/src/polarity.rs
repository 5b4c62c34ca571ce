//! Polarity: whether pictures are light on dark or dark on light.
//!
//! A classifier that was trained on light digits on black does not recognise dark ones on paper. The border of a picture
//! shows its background. Where the training pictures have nearly the same border, one of the other polarity is recognised
//! by it and can be inverted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a border must be from mid-grey to be light or dark beyond doubt.
const MARGIN: f64 = 0.125;

/// How much the channels of a pixel of a grey picture may differ, as JPEG makes them.
const GREY: u8 = 24;

/// How many standard deviations from the mean no border of a training picture is.
const DEVIATIONS: f64 = 4.0;

/// The borders of a set of pictures: the means of their outermost pixels over all channels, from 0 (black) to 1 (white).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Border {
    /// The mean over all pictures.
    pub mean: f64,
    /// The standard deviation between pictures.
    pub std: f64,
}

impl Border {
    /// The borders of pictures of one size, each `[channel, row, column]`, with four decimals. `None` if there are none.
    pub fn of<'a>(pictures: impl IntoIterator<Item = &'a [u8]>, [height, width]: [usize; 2]) -> Option<Self> {
        let means: Vec<f64> = pictures.into_iter().map(|pixels| border_mean(pixels, [height, width])).collect();
        if means.is_empty() {
            return None;
        }
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let variance = means.iter().map(|found| (found - mean).powi(2)).sum::<f64>() / count;
        let rounded = |value: f64| (value * 1e4).round() / 1e4;
        Some(Self { mean: rounded(mean), std: rounded(variance.sqrt()) })
    }

    /// Compares the border of a picture with those of the set.
    fn compare(self, found: f64) -> Comparison {
        // As if the set were dark.
        let (mean, found) = if self.mean < 0.5 { (self.mean, found) } else { (1.0 - self.mean, 1.0 - found) };
        if mean > 0.5 - MARGIN || found <= 0.5 || found - mean <= DEVIATIONS * self.std {
            return Comparison::Alike;
        }
        if found >= 0.5 + MARGIN { Comparison::Opposite } else { Comparison::Doubtful }
    }
}

enum Comparison {
    Alike,
    Opposite,
    Doubtful,
}

/// The mean of the outermost pixels of all channels, from 0 to 1. Zero for a picture without pixels.
fn border_mean(pixels: &[u8], [height, width]: [usize; 2]) -> f64 {
    let (mut sum, mut count) = (0, 0);
    for (row, values) in pixels.chunks_exact(width.max(1)).enumerate() {
        let whole = row % height == 0 || row % height == height - 1;
        let step = if whole { 1 } else { (width - 1).max(1) };
        for &value in values.iter().step_by(step) {
            sum += u64::from(value);
            count += 1;
        }
    }
    sum as f64 / (255 * count.max(1)) as f64
}

/// Whether a picture `[channel, row, column]` has no colour.
fn is_grey(pixels: &[u8], [height, width]: [usize; 2]) -> bool {
    let plane = height * width;
    (plane..pixels.len()).all(|at| pixels[at].abs_diff(pixels[at % plane]) <= GREY)
}

/// Whether pictures are inverted before they are classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Invert {
    /// Those of the other polarity than the training pictures, where that is certain.
    #[default]
    Auto,
    /// All.
    On,
    /// None.
    Off,
}

impl FromStr for Invert {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err("expected auto, on or off".into()),
        }
    }
}

impl fmt::Display for Invert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        })
    }
}

/// Gives pictures the polarity of a classifier's training pictures, and counts them.
///
/// By default it inverts what is certain: a picture whose border is as far on the other side of mid-grey as no training
/// picture's is. The negative of a picture in colour shows other colours, so for a classifier of colour pictures those are
/// only counted.
#[derive(Debug, Clone)]
pub struct PolarityMatcher {
    invert: Invert,
    border: Option<Border>,
    in_colour: bool,
    total: usize,
    inverted: usize,
    doubtful: usize,
}

impl PolarityMatcher {
    /// For a classifier of 1 (grey) or 3 (RGB) channels whose training pictures have this border, if it is known.
    pub fn new(invert: Invert, border: Option<Border>, channels: usize) -> Self {
        Self { invert, border, in_colour: channels > 1, total: 0, inverted: 0, doubtful: 0 }
    }

    /// Inverts a picture, `[channel, row, column]`, if it has the other polarity. Returns whether it did.
    pub fn apply(&mut self, pixels: &mut [u8], size: [usize; 2]) -> bool {
        self.apply_to_set(pixels, 1, size)
    }

    /// Inverts all pictures of a set of one size if their mean border has the other polarity. Returns whether it did.
    pub fn apply_to_set(&mut self, pixels: &mut [u8], count: usize, size: [usize; 2]) -> bool {
        let length = (pixels.len() / count.max(1)).max(1);
        let pictures = || pixels.chunks_exact(length);
        let border = pictures().map(|picture| border_mean(picture, size)).sum::<f64>() / count.max(1) as f64;
        let comparison = self.border.map_or(Comparison::Alike, |training| training.compare(border));
        let inverts = match (self.invert, comparison) {
            (Invert::On, _) => true,
            (Invert::Auto, Comparison::Opposite)
                if !self.in_colour || pictures().all(|picture| is_grey(picture, size)) =>
            {
                true
            }
            (Invert::Auto, Comparison::Opposite | Comparison::Doubtful) => {
                self.doubtful += count;
                false
            }
            (Invert::Auto, Comparison::Alike) | (Invert::Off, _) => false,
        };
        self.total += count;
        if inverts {
            self.inverted += count;
            pixels.iter_mut().for_each(|value| *value = 255 - *value);
        }
        inverts
    }

    /// How many pictures were inverted so far.
    pub fn inverted(&self) -> usize {
        self.inverted
    }

    /// What to tell about the pictures so far, if they were not inverted as the user said.
    pub fn notes(&self) -> Vec<String> {
        let Self { invert: Invert::Auto, border: Some(border), .. } = self else { return vec![] };
        let (theirs, training) = match border.mean < 0.5 {
            true => ("dark on light", "light on dark"),
            false => ("light on dark", "dark on light"),
        };
        let total = self.total;
        let why = format!("the classifier was trained on {training}");
        let inverted = |count| {
            format!("{count} of {total} pictures are {theirs}, and {why}; they were inverted: --invert off keeps them")
        };
        let doubtful =
            |count| format!("{count} of {total} pictures may be {theirs}, and {why}; --invert on inverts all pictures");
        let mut notes = vec![];
        notes.extend((self.inverted > 0).then(|| inverted(self.inverted)));
        notes.extend((self.doubtful > 0).then(|| doubtful(self.doubtful)));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 6x5 with a border of one value and another inside.
    fn picture(border: u8, inside: u8) -> Vec<u8> {
        let is_inside = |at: usize| (1..4).contains(&(at / 6)) && (1..5).contains(&(at % 6));
        (0..30).map(|at| if is_inside(at) { inside } else { border }).collect()
    }

    const SIZE: [usize; 2] = [5, 6];

    #[test]
    fn the_border_is_one_pixel_wide_in_every_channel() {
        assert_eq!(border_mean(&picture(51, 255), SIZE), 0.2);
        assert_eq!(border_mean(&[picture(0, 9), picture(255, 9), picture(0, 9)].concat(), SIZE), 1.0 / 3.0);
        assert_eq!(border_mean(&[255], [1, 1]), 1.0);
        assert_eq!(border_mean(&[0, 255, 0, 255], [4, 1]), 0.5);
        assert_eq!(border_mean(&[], [0, 0]), 0.0);
        let pictures = [picture(0, 200), picture(51, 200)];
        let found = Border::of(pictures.iter().map(Vec::as_slice), SIZE).unwrap();
        assert_eq!(found, Border { mean: 0.1, std: 0.1 });
        assert_eq!(Border::of([], SIZE), None);
    }

    #[test]
    fn only_what_is_certain_is_inverted() {
        let dark = Border { mean: 0.01, std: 0.02 };
        let light = Border { mean: 0.98, std: 0.02 };
        let photos = Border { mean: 0.4, std: 0.2 };
        // The border of the picture, whether it is inverted, and how many notes there are.
        for (training, border, inverted, notes) in [
            (Some(dark), 255, true, 1),
            (Some(dark), 170, true, 1),
            (Some(dark), 140, false, 1),
            (Some(dark), 100, false, 0),
            (Some(light), 0, true, 1),
            (Some(light), 255, false, 0),
            (Some(photos), 255, false, 0),
            (None, 255, false, 0),
        ] {
            let mut matcher = PolarityMatcher::new(Invert::Auto, training, 1);
            let mut pixels = picture(border, 60);
            let case = format!("{training:?} {border}");
            assert_eq!(matcher.apply(&mut pixels, SIZE), inverted, "{case}");
            let wanted = if inverted { picture(255 - border, 195) } else { picture(border, 60) };
            assert_eq!((pixels, matcher.notes().len()), (wanted, notes), "{case}");
        }
    }

    #[test]
    fn a_negative_keeps_no_colours() {
        let dark = Some(Border { mean: 0.0, std: 0.0 });
        let colour = [picture(255, 0), picture(250, 9), picture(240, 99)].concat();
        let grey = [picture(255, 0), picture(250, 9), picture(240, 10)].concat();
        for (pixels, channels, inverted) in [(&colour, 3, false), (&grey, 3, true), (&colour, 1, true)] {
            let mut matcher = PolarityMatcher::new(Invert::Auto, dark, channels);
            assert_eq!(matcher.apply(&mut pixels.clone(), SIZE), inverted);
            assert_eq!(matcher.notes().len(), 1);
        }
    }

    #[test]
    fn the_user_decides() {
        for (invert, inverts) in [(Invert::On, true), (Invert::Off, false)] {
            for border in [0, 255] {
                let mut matcher = PolarityMatcher::new(invert, Some(Border { mean: 0.0, std: 0.0 }), 3);
                assert_eq!(matcher.apply(&mut picture(border, 9), SIZE), inverts);
                assert!(matcher.notes().is_empty());
            }
            assert_eq!(invert.to_string().parse(), Ok(invert));
        }
        assert!("yes".parse::<Invert>().is_err());
    }

    #[test]
    fn a_set_is_inverted_as_a_whole() {
        let mut matcher = PolarityMatcher::new(Invert::Auto, Some(Border { mean: 0.0, std: 0.0 }), 1);
        let mut pixels = [picture(255, 0), picture(250, 0), picture(0, 255), picture(255, 0)].concat();
        assert!(matcher.apply_to_set(&mut pixels, 4, SIZE));
        assert_eq!(pixels, [picture(0, 255), picture(5, 255), picture(255, 0), picture(0, 255)].concat());
        assert!(matcher.notes()[0].starts_with("4 of 4 pictures are dark on light"), "{:?}", matcher.notes());
        assert!(!matcher.apply_to_set(&mut [], 0, SIZE));
    }
}
