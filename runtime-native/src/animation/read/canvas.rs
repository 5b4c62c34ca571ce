//! What an animation's frames are drawn on.

use image::{Pixel, RgbaImage};

/// What becomes of a frame before the next one is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposal {
    /// It stays.
    Keep,
    /// Its place becomes transparent.
    Clear,
    /// What was there before comes back.
    Restore,
}

/// A frame and where it belongs. What lies outside the canvas is not drawn.
pub struct Patch {
    pub left: u32,
    pub top: u32,
    pub pixels: RgbaImage,
    /// Whether it is laid over what is there, or replaces it.
    pub blend: bool,
    pub disposal: Disposal,
}

/// The picture so far, transparent at first.
pub struct Canvas(RgbaImage);

impl Canvas {
    pub fn new(width: u32, height: u32) -> Self {
        Self(RgbaImage::new(width, height))
    }

    /// Draws a frame and gives the whole picture as it is shown.
    pub fn show(&mut self, patch: &Patch) -> RgbaImage {
        let before = (patch.disposal == Disposal::Restore).then(|| self.0.clone());
        self.each(patch, |there, new| match patch.blend {
            true => there.blend(new),
            false => *there = *new,
        });
        if let Some(before) = before {
            return std::mem::replace(&mut self.0, before);
        }
        let shown = self.0.clone();
        if patch.disposal == Disposal::Clear {
            self.each(patch, |there, _| *there = image::Rgba([0; 4]));
        }
        shown
    }

    fn each(&mut self, patch: &Patch, change: impl Fn(&mut image::Rgba<u8>, &image::Rgba<u8>)) {
        let width = patch.pixels.width().min(self.0.width().saturating_sub(patch.left));
        let height = patch.pixels.height().min(self.0.height().saturating_sub(patch.top));
        for y in 0..height {
            for x in 0..width {
                change(self.0.get_pixel_mut(patch.left + x, patch.top + y), patch.pixels.get_pixel(x, y));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
    const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);
    const NONE: Rgba<u8> = Rgba([0; 4]);

    fn patch(left: u32, colours: &[Rgba<u8>], blend: bool, disposal: Disposal) -> Patch {
        let pixels = RgbaImage::from_fn(colours.len() as u32, 1, |x, _| colours[x as usize]);
        Patch { left, top: 0, pixels, blend, disposal }
    }

    #[test]
    fn frames_are_disposed_of_as_they_say() {
        let mut canvas = Canvas::new(3, 1);
        let mut shown = |patch| canvas.show(&patch).pixels().copied().collect::<Vec<_>>();
        assert_eq!(shown(patch(0, &[RED; 3], true, Disposal::Keep)), [RED; 3]);
        assert_eq!(shown(patch(1, &[BLUE, NONE], true, Disposal::Restore)), [RED, BLUE, RED]);
        assert_eq!(shown(patch(2, &[BLUE, BLUE], true, Disposal::Clear)), [RED, RED, BLUE]);
        assert_eq!(shown(patch(0, &[NONE], false, Disposal::Keep)), [NONE, RED, NONE]);
        assert_eq!(shown(patch(9, &[BLUE], true, Disposal::Clear)), [NONE, RED, NONE]);
        assert_eq!(shown(patch(1, &[Rgba([0, 0, 255, 51])], true, Disposal::Keep))[1], Rgba([204, 0, 51, 255]));
    }
}
