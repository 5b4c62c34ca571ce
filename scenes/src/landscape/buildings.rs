//! Houses, churches and boats, made of flat faces.

use easel_runtime::Random;

use super::colour::Rgb;
use super::light::Light;

/// A flat convex polygon in world coordinates.
#[derive(Debug, Clone)]
pub struct Face {
    pub corners: Vec<[f32; 3]>,
    pub normal: [f32; 3],
    pub colour: Rgb,
    /// Emitted light.
    pub glow: Rgb,
    /// Whether both sides are visible.
    pub thin: bool,
}

/// A set of faces in painting order.
#[derive(Debug, Clone)]
pub struct Building {
    pub faces: Vec<Face>,
    /// The extent to either side and up.
    pub reach: [f32; 2],
}

struct Builder {
    at: [f32; 3],
    turn: [f32; 2],
    faces: Vec<Face>,
}

impl Builder {
    fn place(&self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        let [sine, cosine] = self.turn;
        [self.at[0] + x * cosine - z * sine, self.at[1] + y, self.at[2] + x * sine + z * cosine]
    }

    fn face(&mut self, corners: &[[f32; 3]], normal: [f32; 3], colour: Rgb, glow: Rgb) {
        let corners = corners.iter().map(|&corner| self.place(corner)).collect();
        let [sine, cosine] = self.turn;
        let [x, y, z] = normal;
        let normal = [x * cosine - z * sine, y, x * sine + z * cosine];
        self.faces.push(Face { corners, normal, colour, glow, thin: false });
    }

    /// The four walls of a box; `windows` is the number of windows along the long and the short wall, and of floors.
    fn walls(&mut self, [w, h, d]: [f32; 3], wall: Rgb, windows: [usize; 3], glow: &mut impl FnMut() -> Rgb) {
        let sides = [
            ([-w, -d], [w, -d], [0.0, 0.0, -1.0], windows[0]),
            ([w, -d], [w, d], [1.0, 0.0, 0.0], windows[1]),
            ([w, d], [-w, d], [0.0, 0.0, 1.0], windows[0]),
            ([-w, d], [-w, -d], [-1.0, 0.0, 0.0], windows[1]),
        ];
        for (from, to, normal, count) in sides {
            let point = |part: f32, y: f32| [from[0] + (to[0] - from[0]) * part, y, from[1] + (to[1] - from[1]) * part];
            self.face(
                &[point(0.0, -0.6), point(1.0, -0.6), point(1.0, h), point(0.0, h)],
                normal,
                wall,
                Rgb::default(),
            );
            for storey in 0..windows[2] {
                let (low, high) =
                    ((storey as f32 + 0.32) / windows[2] as f32 * h, (storey as f32 + 0.78) / windows[2] as f32 * h);
                for window in 0..count {
                    let middle = (window as f32 + 0.5) / count as f32;
                    let half = 0.19 / count as f32;
                    let door = storey == 0 && window == count / 2 && count > 1;
                    let (low, colour, light) = match door {
                        true => (0.0, Rgb::hex(0x5b3d2a), Rgb::default()),
                        false => (low, Rgb::hex(0x3a4654), glow()),
                    };
                    let corners = [
                        point(middle - half, low),
                        point(middle + half, low),
                        point(middle + half, high),
                        point(middle - half, high),
                    ];
                    self.face(&corners, normal, colour, light);
                }
            }
        }
    }

    /// A gable roof with its ridge along the long side.
    fn gable(&mut self, [w, h, d]: [f32; 3], rise: f32, roof: Rgb, wall: Rgb) {
        let none = Rgb::default();
        self.face(&[[w, h, -d], [w, h, d], [w, h + rise, 0.0]], [1.0, 0.0, 0.0], wall, none);
        self.face(&[[-w, h, d], [-w, h, -d], [-w, h + rise, 0.0]], [-1.0, 0.0, 0.0], wall, none);
        let (over, eave) = (w + 0.10, d + 0.12);
        let low = h - 0.12 * rise / d;
        let length = (rise * rise + d * d).sqrt();
        let (up, out) = (d / length, rise / length);
        let slope = |side: f32| {
            [[-over, low, side * eave], [over, low, side * eave], [over, h + rise, 0.0], [-over, h + rise, 0.0]]
        };
        // The far slope first: only the near one can hide it.
        self.face(&slope(1.0), [0.0, up, out], roof, none);
        self.face(&slope(-1.0), [0.0, up, -out], roof, none);
    }
}

impl Building {
    /// A house or barn.
    pub fn house(at: [f32; 3], snow: bool, lamps: f32, random: &mut Random) -> Self {
        let mut u = |low, high| random.uniform(low, high);
        let turn = u(-0.9, 0.9);
        let walls = [0xf2ece0, 0xe9dcc0, 0xd9b98c, 0xb8604a, 0xe6e2da, 0xcfa27a, 0xf4efe6, 0xa9504a];
        let roofs = [0xa8492f, 0x8c3f2e, 0x6e4b3c, 0x59606a, 0xb5573a];
        let wall = Rgb::hex(walls[u(0.0, 7.99) as usize]) * u(0.9, 1.02);
        let roof = if snow { Rgb::hex(0xe9eff7) } else { Rgb::hex(roofs[u(0.0, 4.99) as usize]) * u(0.85, 1.1) };
        let floors = 1 + (u(0.0, 1.0) < 0.45) as usize;
        let size = [u(0.75, 1.15), 0.62 * floors as f32 + 0.15, u(0.5, 0.7)];
        let rise = u(0.5, 0.8);
        let mut builder = Builder { at, turn: [turn.sin(), turn.cos()], faces: vec![] };
        let chimney = u(-0.5, 0.5);
        let windows = [2 + (u(0.0, 1.0) < 0.6) as usize, 1 + (u(0.0, 1.0) < 0.4) as usize, floors];
        let mut glow = || if u(0.0, 1.0) < 0.7 * lamps { Rgb(1.5, 0.85, 0.3) } else { Rgb::default() };
        builder.walls(size, wall, windows, &mut glow);
        builder.gable(size, rise, roof, wall);
        let (top, x) = (size[1] + rise, chimney * size[0]);
        let brick = Rgb::hex(0x8a5a48);
        let none = Rgb::default();
        builder.face(
            &[
                [x - 0.1, top - 0.3, -0.2],
                [x + 0.1, top - 0.3, -0.2],
                [x + 0.1, top + 0.22, -0.2],
                [x - 0.1, top + 0.22, -0.2],
            ],
            [0.0, 0.0, -1.0],
            brick,
            none,
        );
        Self { faces: builder.faces, reach: [size[0] + 0.9, top + 0.4] }
    }

    /// A church with a spire.
    pub fn church(at: [f32; 3], snow: bool, lamps: f32, random: &mut Random) -> Self {
        let mut u = |low, high| random.uniform(low, high);
        let turn = u(-0.8, 0.8);
        let wall = Rgb::hex(if u(0.0, 1.0) < 0.6 { 0xf1ede4 } else { 0xb5a78f });
        let tiles = Rgb::hex(if u(0.0, 1.0) < 0.5 { 0x5d4a44 } else { 0x4f5f5c });
        let roof = if snow { Rgb::hex(0xe9eff7) } else { tiles };
        let mut builder = Builder { at, turn: [turn.sin(), turn.cos()], faces: vec![] };
        let size = [1.5, 1.15, 0.7];
        let lit = Rgb(1.5, 0.85, 0.3) * lamps;
        builder.walls(size, wall, [4, 1, 1], &mut || lit);
        builder.gable(size, 0.9, roof, wall);
        let nave = builder.faces;
        let mut tower = Builder {
            at: Builder { at, turn: builder.turn, faces: vec![] }.place([-1.6, 0.0, 0.0]),
            turn: builder.turn,
            faces: vec![],
        };
        let (w, h, spire) = (0.48, u(2.3, 2.8), u(1.8, 2.6));
        tower.walls([w, h, w], wall, [1, 1, 3], &mut || Rgb::default());
        let (e, tip) = (w + 0.08, [0.0, h + spire, 0.0]);
        let none = Rgb::default();
        for (a, b, normal) in [
            ([e, h, e], [-e, h, e], [0.0, 0.3, 0.95]),
            ([-e, h, e], [-e, h, -e], [-0.95, 0.3, 0.0]),
            ([e, h, -e], [e, h, e], [0.95, 0.3, 0.0]),
            ([-e, h, -e], [e, h, -e], [0.0, 0.3, -0.95]),
        ] {
            tower.face(&[a, b, tip], normal, tiles, none);
        }
        // The nearer part comes last.
        let faces = if tower.at[2] > at[2] { [tower.faces, nave].concat() } else { [nave, tower.faces].concat() };
        Self { faces, reach: [3.2, h + spire + 0.2] }
    }

    /// A sailing boat seen from the side.
    pub fn boat(at: [f32; 3], random: &mut Random) -> Self {
        let mut u = |low, high| random.uniform(low, high);
        let way = if u(0.0, 1.0) < 0.5 { -1.0 } else { 1.0 };
        let heel = u(-0.12, 0.12);
        let tall = u(1.5, 2.1);
        let hull = Rgb::hex([0xf4f4f0, 0x8a3a30, 0x2d4a6e, 0x6e4a30][u(0.0, 3.99) as usize]);
        let sail = Rgb::hex([0xfbf8ef, 0xf6efe0, 0xc8553d, 0xf2e6c8][u(0.0, 3.99) as usize]);
        let point = |x: f32, y: f32| [at[0] + way * x + heel * y, at[1] + y, at[2]];
        let face = |points: &[[f32; 2]], colour: Rgb, side: f32| Face {
            corners: points.iter().map(|&[x, y]| point(x, y)).collect(),
            normal: [side, 0.25, -0.8],
            colour,
            glow: Rgb::default(),
            thin: true,
        };
        let faces = vec![
            face(&[[-0.02, 0.1], [0.02, 0.1], [0.02, tall + 0.25], [-0.02, tall + 0.25]], Rgb::hex(0x54483c), 0.0),
            face(&[[-0.05, 0.35], [-0.75, 0.38], [-0.05, tall + 0.2]], sail, 0.4 * way),
            face(&[[0.05, 0.35], [0.72, 0.3], [0.05, tall]], sail * 0.93, -0.4 * way),
            face(&[[-0.85, 0.22], [-0.7, -0.02], [0.7, -0.02], [0.95, 0.26]], hull, 0.0),
        ];
        Self { faces, reach: [1.3, tall + 0.4] }
    }
}

impl Face {
    /// Whether its front is visible from a height above the origin.
    pub fn is_visible(&self, eye: f32) -> bool {
        let [x, y, z] = self.corners[0];
        let [nx, ny, nz] = self.normal;
        self.thin || nx * -x + ny * (eye - y) + nz * -z > 0.0
    }

    /// The colour in the light.
    pub fn lit(&self, light: &Light) -> Rgb {
        self.colour * light.on(self.normal, 0.9) + self.glow
    }
}
