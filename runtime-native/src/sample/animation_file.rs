//! Writes an animation.

use std::io;
use std::path::Path;
use std::time::Duration;

use easel_pictures::animation::{AnimationFormat, AnimationSettings, AnimationWriter, Frame};
use easel_runtime::Picture;

use super::layout::MAX_BYTES;
use crate::error::{Error, Result};

/// The length to which an animation's longer side is enlarged by default: viewers blur what they enlarge themselves.
const SIDE: u128 = 256;

/// The default scale of an animation of this width and height.
pub fn default_scale([width, height]: [u128; 2]) -> usize {
    SIDE.div_ceil(width.max(height)) as usize
}

/// An animation for a file.
pub struct AnimationFile<'a> {
    output: &'a Path,
    animation: AnimationWriter,
    fps: u32,
    /// Its duration so far, in frames.
    frames: u64,
}

impl<'a> AnimationFile<'a> {
    /// An animation that loops forever, at `fps` frames per second.
    pub fn new(output: &'a Path, format: AnimationFormat, fps: u32) -> Self {
        Self { output, animation: AnimationWriter::new(format, AnimationSettings::default()), fps, frames: 0 }
    }

    /// Adds a frame that is shown for the time of `frames` frames. Fails if the file becomes too large.
    pub fn add(&mut self, frame: &Picture, frames: u16) -> Result<()> {
        self.frames += u64::from(frames);
        let until = Duration::from_nanos(self.frames * 1_000_000_000 / u64::from(self.fps));
        let bytes = self.animation.push(Frame::opaque(frame), until).map_err(|error| self.cannot_write(&error))?;
        if bytes as u128 > MAX_BYTES {
            return Err(Error::TooLarge {
                path: self.output.to_owned(),
                what: "the animation would be larger than 1 GiB".into(),
                advice: "ask for fewer frames, a smaller --scale, or a folder",
            });
        }
        Ok(())
    }

    /// The file's bytes.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.animation.finish().map_err(|error| Error::write(self.output, "cannot write", &error))
    }

    fn cannot_write(&self, error: &io::Error) -> Error {
        Error::write(self.output, "cannot write", error)
    }
}
