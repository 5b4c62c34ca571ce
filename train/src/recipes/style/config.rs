//! The settings of style transfer.

use crate::losses::perceptual::{LayerWeights, PerceptualConfig, PerceptualWeights, View};
use crate::networks::features::Kind;
use crate::networks::style::{AT_LEAST, MULTIPLE};
use crate::optim::{LrSchedule, Schedule};
use crate::settings::{Epochs, Sampling, Shared, finite_from_zero, within};
use crate::{Error, Result, settings};

/// The largest pictures to train on, in pixels a side.
const MOST_SIZE: usize = 2048;

settings! {
    /// The settings of style transfer. Unset settings of the loss depend on its network: [`PerceptualConfig::of`].
    pub struct StyleConfig {
        /// The style picture
        #[arg(value_name = "PICTURE")]
        pub style: Option<String>,
        /// The weights of VGG16 or SqueezeNet 1.1
        #[arg(value_name = "WEIGHTS")]
        pub features: Option<String>,
        /// The part of the file of --features that holds the weights, where several do: the keys that lead to it, joined by dots
        #[arg(value_name = "KEY")]
        pub part: Option<String>,
        /// The model's title. Taken from the style picture's name if it is not set
        #[arg(value_name = "TITLE")]
        pub title: Option<String>,
        /// A photo to stylize as a sample; repeat it for several. Taken from the content if it is not set
        #[arg(value_name = "PHOTO")]
        #[serde(default)]
        pub preview: Vec<String>,
        /// Channels after the first convolution; 16 and 8 make smaller and faster models
        #[arg(value_name = "N")]
        pub width: usize,
        /// Pixels a side that content pictures are resized and cropped to, a multiple of 4
        #[arg(value_name = "N")]
        pub size: usize,
        /// Pixels a side of the style picture, which sets the size of its strokes on content
        #[arg(value_name = "N")]
        pub style_size: usize,
        /// Augmentation: crop content at random and mirror it at random, in place of its centre
        #[arg(value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        pub augment: bool,
        /// With augmentation: the smallest crop, as a part of a picture's shorter side
        #[was("smallest-crop")]
        #[arg(value_name = "X")]
        pub min_crop: f64,
        /// Initialise upsampling as bilinear and keep it free of checkerboard artefacts
        #[arg(value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        pub even_upsampling: bool,
        /// Weight of the style loss
        #[arg(value_name = "X")]
        pub style_weight: Option<f64>,
        /// Weight of the content loss
        #[arg(value_name = "X")]
        pub content_weight: Option<f64>,
        /// Weight of the total variation
        #[arg(value_name = "X")]
        pub tv_weight: Option<f64>,
        /// Layers of the style loss with their weights, as in `features.0=1,features.4=0.5`
        #[arg(value_name = "L=X,..")]
        pub style_layers: Option<LayerWeights>,
        /// Layers of the content loss with their weights
        #[arg(value_name = "L=X,..")]
        pub content_layers: Option<LayerWeights>,
        /// Divide each layer's loss by the mean square of its target
        #[was("relative")]
        #[arg(value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        pub relative_loss: Option<bool>,
        /// Instance-normalise features before content is compared
        #[arg(value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
        pub normalised_content: Option<bool>,
        /// Before the loss, enlarge pictures by a random factor of at least X
        #[was("enlarge-from")]
        #[arg(value_name = "X")]
        pub enlarge_min: Option<f64>,
        /// Before the loss, enlarge pictures by a random factor of at most X
        #[was("enlarge")]
        #[arg(value_name = "X")]
        pub enlarge_max: Option<f64>,
        /// Before the loss, shift pictures at random by up to N pixels
        #[arg(value_name = "N")]
        pub jitter: Option<usize>,
        ..epochs: Epochs,
        ..sampling: Sampling,
        ..shared: Shared,
    }
}

impl StyleConfig {
    /// The settings of Johnson et al. 2016: 4 epochs at 256 pixels, batches of 4, Adam at 1e-3. They are meant for
    /// VGG16 and tens of thousands of photos on a GPU.
    pub fn classic() -> Self {
        Self {
            style: None,
            features: None,
            part: None,
            title: None,
            preview: vec![],
            width: 32,
            size: 256,
            style_size: 256,
            augment: false,
            min_crop: 1.0,
            even_upsampling: false,
            style_weight: None,
            content_weight: None,
            tv_weight: None,
            style_layers: None,
            content_layers: None,
            relative_loss: None,
            normalised_content: None,
            enlarge_min: None,
            enlarge_max: None,
            jitter: None,
            epochs: Epochs { batch: 4, epochs: Some(4) },
            sampling: Sampling { sample_every: Some(200) },
            shared: Shared { lr: 1e-3, ..Shared::default() },
        }
    }

    /// For a CPU core, half an hour with SqueezeNet and a hundred photos: half the width, 176 pixels, batches of 2, random
    /// crops.
    pub fn light() -> Self {
        let classic = Self::classic();
        Self {
            width: 16,
            size: 176,
            augment: true,
            min_crop: 0.75,
            even_upsampling: true,
            epochs: Epochs { batch: 2, epochs: None },
            shared: Shared { steps: Some(6_000), lr_schedule: LrSchedule::Cosine, ema_decay: 0.998, ..classic.shared },
            ..classic
        }
    }

    /// A first try: 300 steps of a narrow stylizer on small pictures.
    pub fn quick() -> Self {
        let light = Self::light();
        Self {
            width: 8,
            size: 128,
            style_size: 192,
            sampling: Sampling { sample_every: Some(100) },
            shared: Shared { steps: Some(300), ema_decay: 0.98, ..light.shared },
            ..light
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        within("batch", self.epochs.batch, 1..=1 << 12)?;
        within("width", self.width, 1..=1 << 10)?;
        within("size", self.size, AT_LEAST..=MOST_SIZE)?;
        within("style_size", self.style_size, AT_LEAST..=MOST_SIZE)?;
        within("jitter", self.jitter.unwrap_or(0), 0..=256)?;
        within("min_crop", self.min_crop, f64::MIN_POSITIVE..=1.0)?;
        if !self.size.is_multiple_of(MULTIPLE) {
            let expected = format!("a multiple of {MULTIPLE}");
            return Err(Error::Setting { name: "size", value: self.size.to_string(), expected });
        }
        finite_from_zero("style_weight", self.style_weight.unwrap_or(0.0))?;
        finite_from_zero("content_weight", self.content_weight.unwrap_or(0.0))?;
        finite_from_zero("tv_weight", self.tv_weight.unwrap_or(0.0))?;
        if [self.style_weight, self.content_weight, self.tv_weight] == [Some(0.0); 3] {
            return Err(Error::Config("style_weight, content_weight and tv_weight are 0; raise one of them".into()));
        }
        let most = self.enlarge_max.unwrap_or(8.0);
        within("enlarge_max", most, 1.0..=8.0)?;
        within("enlarge_min", self.enlarge_min.unwrap_or(1.0), 1.0..=most)
    }

    /// The loss; its unset settings are filled in for the network. Fails where pictures are too small for the network.
    pub fn complete(&mut self, kind: Kind) -> Result<PerceptualConfig> {
        let default = PerceptualConfig::of(kind);
        let [from, to] = default.view.enlarge;
        let to = *self.enlarge_max.get_or_insert(to);
        let view = View {
            enlarge: [*self.enlarge_min.get_or_insert(from.min(to)), to],
            jitter: *self.jitter.get_or_insert(default.view.jitter),
        };
        for (name, size) in [("size", self.size), ("style_size", self.style_size)] {
            let least = kind.at_least().max(view.jitter + 1);
            if size < least {
                let jitter = view.jitter;
                let expected = format!("at least {least} pixels for {} with a jitter of {jitter}", kind.name());
                return Err(Error::Setting { name, value: size.to_string(), expected });
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
            relative: *self.relative_loss.get_or_insert(default.relative),
            normalised_content: *self.normalised_content.get_or_insert(default.normalised_content),
            view,
        })
    }

    /// The learning rate over a run of this many steps. It has no warm-up.
    pub(super) fn schedule(&self, steps: u64) -> Schedule {
        self.shared.lr_schedule.over(steps, 0)
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
        assert!(error(StyleConfig { size: 130, ..classic() }).contains("size is 130; expected a multiple of 4"));
        assert!(error(StyleConfig { size: 4, ..classic() }).contains("size is 4"));
        for weight in [f64::NAN, -1.0, f64::INFINITY] {
            assert!(error(StyleConfig { style_weight: Some(weight), ..classic() }).contains("style_weight is"));
        }
        assert!(error(StyleConfig { enlarge_max: Some(0.5), ..classic() }).contains("enlarge_max is 0.5"));
        assert!(error(StyleConfig { min_crop: 0.0, ..classic() }).contains("min_crop is 0"));
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
