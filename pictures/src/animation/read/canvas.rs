//! The canvas that frames are drawn on.

use image::metadata::Orientation;
use image::{DynamicImage, Pixel, Rgba, RgbaImage};

/// The disposal of a frame before the next one is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// The frame stays.
    Keep,
    /// Its area becomes transparent.
    Clear,
    /// The previous contents are restored.
    Restore,
}

/// A frame as it is stored, and its position. Pixels outside the canvas are not drawn.
pub struct Patch {
    pub left: u32,
    pub top: u32,
    pub pixels: RgbaImage,
    /// Whether it is blended with what is there, or replaces it.
    pub blend: bool,
    pub disposal: Disposal,
}

/// The picture so far; transparent at first.
pub struct Canvas(RgbaImage);

impl Canvas {
    pub fn new(width: u32, height: u32) -> Self {
        Self(RgbaImage::new(width, height))
    }

    /// Draws a frame. Returns the whole picture as it is shown.
    pub fn draw(&mut self, patch: &Patch) -> RgbaImage {
        let before = (patch.disposal == Disposal::Restore).then(|| self.0.clone());
        self.for_each_pixel(patch, |there, new| match patch.blend {
            true => there.blend(new),
            false => *there = *new,
        });
        if let Some(before) = before {
            return std::mem::replace(&mut self.0, before);
        }
        let shown = self.0.clone();
        if patch.disposal == Disposal::Clear {
            self.for_each_pixel(patch, |there, _| *there = Rgba([0; 4]));
        }
        shown
    }

    fn for_each_pixel(&mut self, patch: &Patch, change: impl Fn(&mut Rgba<u8>, &Rgba<u8>)) {
        let width = patch.pixels.width().min(self.0.width().saturating_sub(patch.left));
        let height = patch.pixels.height().min(self.0.height().saturating_sub(patch.top));
        for y in 0..height {
            for x in 0..width {
                change(self.0.get_pixel_mut(patch.left + x, patch.top + y), patch.pixels.get_pixel(x, y));
            }
        }
    }
}

/// Turns a frame upright.
pub fn upright(frame: RgbaImage, orientation: Orientation) -> RgbaImage {
    let mut frame = DynamicImage::from(frame);
    frame.apply_orientation(orientation);
    frame.into_rgba8()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
    const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);
    const NONE: Rgba<u8> = Rgba([0; 4]);

    fn patch(left: u32, colours: &[Rgba<u8>], blend: bool, disposal: Disposal) -> Patch {
        let pixels = RgbaImage::from_fn(colours.len() as u32, 1, |x, _| colours[x as usize]);
        Patch { left, top: 0, pixels, blend, disposal }
    }

    #[test]
    fn disposal_is_obeyed() {
        let mut canvas = Canvas::new(3, 1);
        let mut shown = |patch| canvas.draw(&patch).pixels().copied().collect::<Vec<_>>();
        assert_eq!(shown(patch(0, &[RED; 3], true, Disposal::Keep)), [RED; 3]);
        assert_eq!(shown(patch(1, &[BLUE, NONE], true, Disposal::Restore)), [RED, BLUE, RED]);
        assert_eq!(shown(patch(2, &[BLUE, BLUE], true, Disposal::Clear)), [RED, RED, BLUE]);
        assert_eq!(shown(patch(0, &[NONE], false, Disposal::Keep)), [NONE, RED, NONE]);
        assert_eq!(shown(patch(9, &[BLUE], true, Disposal::Clear)), [NONE, RED, NONE]);
        assert_eq!(shown(patch(1, &[Rgba([0, 0, 255, 51])], true, Disposal::Keep))[1], Rgba([204, 0, 51, 255]));
    }
}
