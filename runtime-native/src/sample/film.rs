//! An animation as it is written.

use std::path::Path;
use std::time::Duration;

use easel_files::write_atomically;
use easel_pictures::animation::{AnimationFormat, AnimationSettings, AnimationWriter, Frame};
use easel_runtime::Picture;

use super::sheet::MAX_BYTES;
use crate::{Error, Result};

/// How long an animation's longer side is at least, unless told: viewers blur what they enlarge themselves.
const SIDE: u128 = 256;

/// By how much an animation of this width and height is enlarged, unless told.
pub fn default_scale([width, height]: [u128; 2]) -> usize {
    SIDE.div_ceil(width.max(height)) as usize
}

/// An animation and the file that it goes to.
pub struct Film<'a> {
    output: &'a Path,
    animation: AnimationWriter,
    fps: u32,
    /// How many frames long it is so far.
    frames: u64,
}

impl<'a> Film<'a> {
    /// An animation that repeats for ever, to be shown at `fps` frames in a second.
    pub fn new(output: &'a Path, format: AnimationFormat, fps: u32) -> Self {
        Self { output, animation: AnimationWriter::new(format, AnimationSettings::default()), fps, frames: 0 }
    }

    /// Adds a frame that is shown as long as so many. Fails where the file becomes too long.
    pub fn add(&mut self, frame: &Picture, frames: u16) -> Result<()> {
        self.frames += u64::from(frames);
        let until = Duration::from_nanos(self.frames * 1_000_000_000 / u64::from(self.fps));
        if self.animation.push(Frame::opaque(frame), until)? as u128 > MAX_BYTES {
            return Err(Error::Impossible(format!(
                "{}: the animation would be longer than 1 GiB; ask for fewer frames, a smaller --scale, or a folder",
                self.output.display()
            )));
        }
        Ok(())
    }

    /// Writes the file.
    pub fn finish(self) -> Result<()> {
        Ok(write_atomically(self.output, &self.animation.finish()?)?)
    }
}
