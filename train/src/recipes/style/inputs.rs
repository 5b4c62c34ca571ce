//! The input files of style transfer.

use std::path::Path;

use candle_core::Device;
use easel_pictures::{fit, on_white};
use easel_runtime::{Picture, Random};

use super::StyleConfig;
use crate::data::fit::open;
use crate::data::levels::Levels;
use crate::data::transform::{Resize, Transform};
use crate::data::{Content, Source};
use crate::losses::perceptual::PerceptualConfig;
use crate::networks::features::{Features, advice};
use crate::{Error, Result};

/// The longest side of a preview, in pixels.
const PREVIEW: usize = 512;

/// The inputs of a run.
pub struct Inputs {
    /// The content pictures.
    pub content: Content,
    /// The style picture, in the configuration's style size.
    pub style: Picture,
    /// The loss network.
    pub features: Features,
    /// The loss.
    pub loss: PerceptualConfig,
    /// Pictures to stylize as samples; if there are none, content pictures are taken.
    pub previews: Vec<Picture>,
    /// What a user should know of the choice of the loss network's weights.
    choice: Vec<String>,
    /// Warnings about the style picture.
    style_warnings: Vec<String>,
}

impl Inputs {
    /// Reads the files of the configuration, the loss network to the device, and fills in the settings of the loss. The
    /// error names the file.
    pub fn load(config: &mut StyleConfig, source: &Source, device: &Device) -> Result<Self> {
        let Some(style) = &config.style else {
            return Err(Error::Config("no style picture; set it with --style or in the settings file".into()));
        };
        let Some(features) = &config.features else {
            return Err(Error::Config(format!("no features; {}", advice(Path::new("")))));
        };
        let file: &Path = style.as_ref();
        let (style, levels) = style_picture(file, config.style_size)?;
        let dark = usize::from(Levels::is_dark(&style.pixels));
        let style_warnings =
            levels.warnings(dark, 1).into_iter().map(|warning| format!("{}: {warning}", file.display())).collect();
        let previews = config.preview.iter().map(|path| preview(path.as_ref())).collect::<Result<_>>()?;
        let part = config.part.as_deref();
        let (features, choice) = Features::load_part(features.as_ref(), part, device)?;
        let loss = config.complete(features.kind())?;
        let content = Content::open(source, config.size)?;
        Ok(Self { content, style, features, choice, loss, previews, style_warnings })
    }

    /// Lines about the content and the weights of the loss network, to show before the training.
    pub fn notes(&self) -> Vec<String> {
        let content = self.content.about().map_or_else(Vec::new, |about| about.notes.clone());
        content.into_iter().chain(self.choice.iter().cloned()).collect()
    }

    /// Warnings about the content and the style picture, to show before the training.
    pub fn warnings(&self) -> Vec<String> {
        self.content.warnings().into_iter().chain(self.style_warnings.clone()).collect()
    }
}

/// The largest centred square of a style picture, resized, and the range of the file's values. Fails on a picture that is too small to show a style.
fn style_picture(path: &Path, size: usize) -> Result<(Picture, Levels)> {
    const AT_LEAST: u32 = 16;
    let bad = |what: String| Error::Data(format!("{}: {what}; give another style picture", path.display()));
    let picture = open(path).map_err(|why| bad(format!("not readable as a picture: {why}")))?;
    let (width, height) = (picture.width(), picture.height());
    if width.min(height) < AT_LEAST {
        return Err(bad(format!("{width}x{height} pixels are too few for a style, which takes {AT_LEAST}x{AT_LEAST}")));
    }
    let planes = fit(&picture, [3, size, size]);
    let pixels = (0..planes.len()).map(|at| planes[at % 3 * size * size + at / 3]).collect();
    Ok((Picture { width: size, height: size, channels: 3, pixels }, Levels::of(&picture)))
}

fn preview(path: &Path) -> Result<Picture> {
    let bad = |why: String| Error::Data(format!("{}: not readable as a picture: {why}", path.display()));
    let picture = open(path).map_err(bad)?;
    let picture = if picture.color().has_alpha() { on_white(&picture) } else { picture };
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let picture = Picture { width, height, channels: 3, pixels: picture.into_rgb8().into_raw() };
    let longest = width.max(height);
    if longest <= PREVIEW {
        return Ok(picture);
    }
    let side = |pixels: usize| (pixels * PREVIEW / longest).max(1);
    Resize::Exactly { height: side(height), width: side(width) }.apply(picture, &mut Random::new(0, 0))
}
