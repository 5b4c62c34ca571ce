//! What a run of style transfer can be told.

use easel_runtime::Device;
use serde::{Deserialize, Serialize};

use crate::losses::perceptual::{LayerWeights, PerceptualConfig, PerceptualWeights, View};
use crate::networks::features::Kind;
use crate::networks::style::{AT_LEAST, MULTIPLE};
use crate::optim::{Schedule, Shape};
use crate::{Error, Result};

/// The largest pictures to train on, in pixels a side.
const MOST_SIZE: usize = 2048;

/// The most steps, and epochs.
const MOST_STEPS: u64 = 1_000_000_000;

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrShape {
    /// It stays.
    Constant,
    /// It falls on a line to 0 at the run's end.
    Linear,
    /// It falls on half a cosine wave to 0 at the run's end.
    Cosine,
}

/// Everything that a run of style transfer can be told. Where something about the loss is `None`, it is what suits the
/// network that judges: [`PerceptualConfig::of`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleConfig {
    /// What `--content` names.
    pub data: Option<String>,
    /// The style picture's file.
    pub style: Option<String>,
    /// The file with the weights of the network that judges.
    pub features: Option<String>,
    /// The model's title; without one, the style picture's name.
    pub title: Option<String>,
    /// Photos to stylize in the sample sheets; without any, some of the content.
    pub preview: Vec<String>,
    /// Steps in all.
    pub steps: Option<u64>,
    /// In place of steps: how often all content pictures are seen.
    pub epochs: Option<u64>,
    /// The seed of everything random.
    pub seed: u64,
    /// Where to compute.
    #[serde(with = "crate::run::config::text")]
    pub device: Device,
    /// CPU threads of the model.
    pub threads: usize,
    /// Threads that make batches; 0 makes them between the steps. They do not change what comes out.
    pub workers: usize,
    /// Channels after the stylizer's first convolution.
    pub width: usize,
    /// Content pictures are this high and wide.
    pub size: usize,
    /// So is the style picture.
    pub style_size: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// Whether content is cut out at random places and mirrored at random; otherwise its middle is taken.
    pub augment: bool,
    /// The smallest part of a content picture's shorter side that is cut out at random.
    pub smallest_crop: f64,
    /// Whether the stylizer begins with upsampling that interpolates, and keeps it even: it draws no grid.
    pub even_upsampling: bool,
    /// Adam's learning rate at its highest.
    pub lr: f64,
    /// How it goes.
    pub lr_shape: LrShape,
    /// Decay of the averaged weights, which are what is sampled and exported.
    pub average: f64,
    /// The style's weight.
    pub style_weight: Option<f64>,
    /// The content's weight.
    pub content_weight: Option<f64>,
    /// The total variation's weight.
    pub tv_weight: Option<f64>,
    /// Whether the loss of each layer is divided by the mean square of what it is compared with.
    pub relative: Option<bool>,
    /// Whether content is compared whatever the strength of what is seen.
    pub normalised_content: Option<bool>,
    /// Pictures are enlarged so many times at least before they are judged.
    pub enlarge_from: Option<f64>,
    /// And so many times at most.
    pub enlarge: Option<f64>,
    /// They are then moved by up to so many pixels, at random in each step.
    pub jitter: Option<usize>,
    /// A sample sheet every so many steps.
    pub sample_every: u64,
    /// A checkpoint every so many steps.
    pub checkpoint_every: u64,
    /// A line of losses every so many steps.
    pub log_every: u64,
    /// The number of checkpoints that are kept.
    pub keep: usize,
    /// The layers that are the style, with their weights.
    pub style_layers: Option<LayerWeights>,
    /// The layers that are the content, with their weights.
    pub content_layers: Option<LayerWeights>,
}

impl StyleConfig {
    /// The settings of Johnson et al. 2016: 4 epochs at 256 pixels, batches of 4, Adam at 1e-3. They are meant for
    /// VGG16 and tens of thousands of photos on a GPU.
    pub fn classic() -> Self {
        Self {
            data: None,
            style: None,
            features: None,
            title: None,
            preview: vec![],
            steps: None,
            epochs: Some(4),
            seed: 0,
            device: Device::Auto,
            threads: 2,
            workers: 1,
            width: 32,
            size: 256,
            style_size: 256,
            batch: 4,
            augment: false,
            smallest_crop: 1.0,
            even_upsampling: false,
            lr: 1e-3,
            lr_shape: LrShape::Constant,
            average: 0.999,
            style_weight: None,
            content_weight: None,
            tv_weight: None,
            relative: None,
            normalised_content: None,
            enlarge_from: None,
            enlarge: None,
            jitter: None,
            sample_every: 200,
            checkpoint_every: 500,
            log_every: 50,
            keep: 3,
            style_layers: None,
            content_layers: None,
        }
    }

    /// What a CPU core does in half an hour with SqueezeNet and a hundred photos: half the width, 176 pixels, batches
    /// of 2, random crops.
    pub fn light() -> Self {
        Self {
            steps: Some(6_000),
            epochs: None,
            width: 16,
            size: 176,
            batch: 2,
            augment: true,
            smallest_crop: 0.75,
            even_upsampling: true,
            lr_shape: LrShape::Cosine,
            average: 0.998,
            ..Self::classic()
        }
    }

    /// A first look: 300 steps of a narrow stylizer on small pictures.
    pub fn quick() -> Self {
        Self {
            steps: Some(300),
            width: 8,
            size: 128,
            style_size: 192,
            average: 0.98,
            sample_every: 100,
            ..Self::light()
        }
    }

    /// Fails on a value that makes no sense, naming it.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("batch", self.batch, 1, 1 << 12),
            ("threads", self.threads, 1, 1 << 10),
            ("workers", self.workers, 0, 1 << 8),
            ("width", self.width, 1, 1 << 10),
            ("size", self.size, AT_LEAST, MOST_SIZE),
            ("style_size", self.style_size, AT_LEAST, MOST_SIZE),
            ("jitter", self.jitter.unwrap_or(0), 0, 256),
            ("keep", self.keep, 1, usize::MAX),
        ];
        for (name, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                return Err(Error::Config(format!("{name} is {value}; give a number from {least} to {most}")));
            }
        }
        if !self.size.is_multiple_of(MULTIPLE) {
            return Err(Error::Config(format!("size is {}; give a multiple of {MULTIPLE}", self.size)));
        }
        if !(self.lr > 0.0 && self.lr.is_finite()) {
            return Err(Error::Config(format!("lr is {}; give a number above 0", self.lr)));
        }
        if !(0.0..1.0).contains(&self.average) {
            return Err(Error::Config(format!("average is {}; give a number from 0 up to below 1", self.average)));
        }
        if !(self.smallest_crop > 0.0 && self.smallest_crop <= 1.0) {
            return Err(Error::Config(format!(
                "smallest_crop is {}; give a part above 0, at most 1",
                self.smallest_crop
            )));
        }
        let weights = [
            ("style_weight", self.style_weight),
            ("content_weight", self.content_weight),
            ("tv_weight", self.tv_weight),
        ];
        for (name, weight) in weights {
            if let Some(weight) = weight.filter(|weight| !(*weight >= 0.0 && weight.is_finite())) {
                return Err(Error::Config(format!("{name} is {weight}; give a finite number that is not negative")));
            }
        }
        if [self.style_weight, self.content_weight, self.tv_weight] == [Some(0.0); 3] {
            return Err(Error::Config(
                "style_weight, content_weight and tv_weight are 0; give one of them more".into(),
            ));
        }
        for (name, factor) in [("enlarge_from", self.enlarge_from), ("enlarge", self.enlarge)] {
            if let Some(factor) = factor.filter(|factor| !(1.0..=8.0).contains(factor)) {
                return Err(Error::Config(format!("{name} is {factor}; give a number from 1 to 8")));
            }
        }
        if let (Some(from), Some(to)) = (self.enlarge_from, self.enlarge)
            && from > to
        {
            return Err(Error::Config(format!(
                "enlarge_from is {from}, above enlarge, {to}; give one that is not larger"
            )));
        }
        for (name, count) in [("steps", self.steps), ("epochs", self.epochs)] {
            if let Some(count) = count.filter(|count| !(1..=MOST_STEPS).contains(count)) {
                return Err(Error::Config(format!("{name} is {count}; give a number from 1 to {MOST_STEPS}")));
            }
        }
        if (self.steps, self.epochs) == (None, None) {
            return Err(Error::Config("neither steps nor epochs are given; give one of them".into()));
        }
        Ok(())
    }

    /// The loss, and with it fills in what suits the network that judges. Fails where pictures are too small for it.
    pub fn complete(&mut self, kind: Kind) -> Result<PerceptualConfig> {
        let default = PerceptualConfig::of(kind);
        let [from, to] = default.view.enlarge;
        let to = *self.enlarge.get_or_insert(to);
        let view = View {
            enlarge: [*self.enlarge_from.get_or_insert(from.min(to)), to],
            jitter: *self.jitter.get_or_insert(default.view.jitter),
        };
        for (name, size) in [("size", self.size), ("style_size", self.style_size)] {
            let least = kind.at_least().max(view.jitter + 1);
            if size < least {
                return Err(Error::Config(format!(
                    "{name} is {size}, too few pixels for {} and a jitter of {}; give {least} or more",
                    kind.name(),
                    view.jitter
                )));
            }
        }
        Ok(PerceptualConfig {
            weights: PerceptualWeights {
                style: *self.style_weight.get_or_insert(default.weights.style),
                content: *self.content_weight.get_or_insert(default.weights.content),
                total_variation: *self.tv_weight.get_or_insert(default.weights.total_variation),
            },
            style_layers: self.style_layers.get_or_insert(default.style_layers).clone(),
            content_layers: self.content_layers.get_or_insert(default.content_layers).clone(),
            relative: *self.relative.get_or_insert(default.relative),
            normalised_content: *self.normalised_content.get_or_insert(default.normalised_content),
            view,
        })
    }

    /// The number of steps over so many content pictures.
    pub fn total_steps(&self, pictures: usize) -> u64 {
        let epoch = pictures.div_ceil(self.batch) as u64;
        self.epochs.map_or(self.steps.unwrap_or_default(), |epochs| epochs.saturating_mul(epoch))
    }

    /// The learning rate's way through a run of so many steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        let shape = match self.lr_shape {
            LrShape::Constant => Shape::Constant,
            LrShape::Linear => Shape::Linear { steps, floor: 0.0 },
            LrShape::Cosine => Shape::Cosine { steps, floor: 0.0 },
        };
        Schedule { warmup: 0, shape }
    }
}

/// A title from a file's name: `the_scream.jpg` is The Scream.
pub fn title(file_stem: &str) -> String {
    const SMALL: [&str; 9] = ["a", "an", "the", "of", "in", "on", "at", "and", "with"];
    let words = file_stem.split(|c: char| c == '_' || c == '-' || c.is_whitespace()).filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .enumerate()
        .map(|(place, word)| {
            if place > 0 && SMALL.contains(&word) {
                return word.to_string();
            }
            if word.chars().all(|c| "ivx".contains(c)) {
                return word.to_uppercase();
            }
            let mut letters = word.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
        })
        .collect();
    if words.is_empty() { "Style".into() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_readable() {
        for (stem, wanted) in [
            ("the_scream", "The Scream"),
            ("the_shipwreck_of_the_minotaur", "The Shipwreck of the Minotaur"),
            ("composition_vii", "Composition VII"),
            ("Starry-Night", "Starry Night"),
            ("écume", "Écume"),
            ("__", "Style"),
        ] {
            assert_eq!(title(stem), wanted);
        }
    }

    #[test]
    fn nonsense_is_named() {
        let classic = StyleConfig::classic;
        let error = |config: StyleConfig| config.check().unwrap_err().to_string();
        for preset in [classic(), StyleConfig::light(), StyleConfig::quick()] {
            preset.check().unwrap();
        }
        assert!(error(StyleConfig { size: 130, ..classic() }).contains("size is 130; give a multiple of 4"));
        assert!(error(StyleConfig { size: 4, ..classic() }).contains("size is 4"));
        for weight in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(error(StyleConfig { style_weight: Some(weight), ..classic() }).contains("style_weight is"));
        }
        assert!(error(StyleConfig { enlarge: Some(0.5), ..classic() }).contains("enlarge is 0.5"));
        assert!(error(StyleConfig { smallest_crop: 0.0, ..classic() }).contains("smallest_crop is 0"));
        let small = StyleConfig { size: 8, ..classic() }.complete(Kind::SqueezeNet).unwrap_err().to_string();
        assert!(small.contains("size is 8") && small.contains("SqueezeNet 1.1"), "{small}");
    }

    #[test]
    fn what_is_not_said_suits_the_network() {
        let mut config = StyleConfig { content_weight: Some(3.0), ..StyleConfig::classic() };
        let loss = config.complete(Kind::SqueezeNet).unwrap();
        assert_eq!((loss.weights.content, loss.relative, loss.view.jitter), (3.0, true, 15));
        let again = config.clone().complete(Kind::SqueezeNet).unwrap();
        assert_eq!(again, loss);
        let vgg = StyleConfig::classic().complete(Kind::Vgg16).unwrap();
        assert_eq!((vgg.weights, vgg.view), (PerceptualWeights::default(), View::PLAIN));
    }
}
