//! From the world to the picture.

/// A camera that looks forward and level; shifting the horizon stands in for tilting.
#[derive(Debug, Clone, Copy)]
pub struct Camera {
    /// Height above the water.
    pub height: f32,
    /// The row of the horizon as a fraction of the picture's height, from the top.
    pub horizon: f32,
    /// Focal length in picture heights.
    pub focal: f32,
    /// Width and height of the picture in pixels.
    pub size: [usize; 2],
}

impl Camera {
    /// Pixels per unit at distance 1.
    pub fn scale(&self) -> f32 {
        self.focal * self.size[1] as f32
    }

    /// The position in the picture, in pixels from the upper left corner.
    pub fn project(&self, [x, y, z]: [f32; 3]) -> [f32; 2] {
        let scale = self.scale() / z;
        [self.size[0] as f32 / 2.0 + scale * x, self.horizon * self.size[1] as f32 - scale * (y - self.height)]
    }

    /// The direction of a pixel: right and up over forward.
    pub fn direction(&self, column: f32, row: f32) -> [f32; 2] {
        let scale = self.scale();
        [(column - self.size[0] as f32 / 2.0) / scale, (self.horizon * self.size[1] as f32 - row) / scale]
    }

    /// The camera of the mirror image in the water.
    pub fn mirrored(&self) -> Mirror {
        Mirror(*self)
    }
}

/// A camera mirrored in the surface of the water; its picture is upside down.
#[derive(Debug, Clone, Copy)]
pub struct Mirror(Camera);

impl Mirror {
    /// The row of a point.
    pub fn row(&self, y: f32, z: f32) -> f32 {
        self.0.project([0.0, -y, z])[1]
    }
}
