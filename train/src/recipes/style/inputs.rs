//! The input files of style transfer.

use std::path::Path;

use candle_core::Device;
use easel_pictures::{fit, on_white};
use easel_runtime::{Picture, Random};

use super::StyleConfig;
use crate::data::fit::open;
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
    /// What a user should know of the choice of its weights.
    pub notes: Vec<String>,
    /// The loss.
    pub loss: PerceptualConfig,
    /// Pictures to stylize as samples; if there are none, content pictures are taken.
    pub previews: Vec<Picture>,
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
        let style = style_picture(style.as_ref(), config.style_size)?;
        let previews = config.preview.iter().map(|path| preview(path.as_ref())).collect::<Result<_>>()?;
        let part = config.part.as_deref();
        let (features, notes) = Features::load_part(features.as_ref(), part, device)?;
        let loss = config.complete(features.kind())?;
        let content = Content::open(source, config.size)?;
        Ok(Self { content, style, features, notes, loss, previews })
    }
}

/// The largest centred square of a style picture, resized. Fails on a picture that is too small to show a style.
fn style_picture(path: &Path, size: usize) -> Result<Picture> {
    const AT_LEAST: u32 = 16;
    let bad = |what: String| Error::Data(format!("{}: {what}; give another style picture", path.display()));
    let picture = open(path).map_err(|why| bad(format!("not readable as a picture: {why}")))?;
    let (width, height) = (picture.width(), picture.height());
    if width.min(height) < AT_LEAST {
        return Err(bad(format!("{width}x{height} pixels are too few for a style, which takes {AT_LEAST}x{AT_LEAST}")));
    }
    let planes = fit(&picture, [3, size, size]);
    let pixels = (0..planes.len()).map(|at| planes[at % 3 * size * size + at / 3]).collect();
    Ok(Picture { width: size, height: size, channels: 3, pixels })
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
