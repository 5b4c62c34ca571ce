//! Transforms of pictures between reading and training.
//!
//! A [`Transform`] works on 8-bit pictures. Random transforms take their numbers from the item's own generator, so the
//! result does not depend on the thread. [`Normalise`] works on the values of a finished batch.

mod crop;
mod flip;
mod normalise;
mod resize;
mod square;

use easel_runtime::{Picture, Random};

pub use crop::CentreCrop;
pub use flip::RandomFlip;
pub use normalise::Normalise;
pub use resize::Resize;
pub use square::{CentreSquare, RandomSquare};

use crate::Result;

/// A transform of a picture.
pub trait Transform: Send + Sync + 'static {
    /// The transformed picture. The error does not name the picture.
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture>;
}

/// One after the other, in the tuple's or the list's order.
impl Transform for Vec<Box<dyn Transform>> {
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture> {
        self.iter().try_fold(picture, |picture, transform| transform.apply(picture, random))
    }
}

impl<A: Transform, B: Transform> Transform for (A, B) {
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture> {
        self.1.apply(self.0.apply(picture, random)?, random)
    }
}

impl<A: Transform, B: Transform, C: Transform> Transform for (A, B, C) {
    fn apply(&self, picture: Picture, random: &mut Random) -> Result<Picture> {
        let picture = self.1.apply(self.0.apply(picture, random)?, random)?;
        self.2.apply(picture, random)
    }
}
