//! Reading and writing animations.

mod format;
mod frame;
mod gif;
mod palette;
mod png;
pub(crate) mod read;
mod riff;
mod settings;
mod ticks;
mod webp;
mod writer;

pub use format::AnimationFormat;
pub use frame::Frame;
pub use palette::Palette;
pub(crate) use png::write_png;
pub use settings::AnimationSettings;
pub use writer::AnimationWriter;
