//! The ground: its height and cover.
//!
//! World coordinates are right, up and forward from below the camera; a unit is about five metres. Water is at height 0.

use easel_runtime::Random;

use super::colour::{Rgb, mix};
use super::light::Light;
use super::motif::Motif;
use super::noise::{Noise, lerp, smoothstep};

/// The season decides colours and snow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    Spring,
    Summer,
    Autumn,
    Winter,
}

/// The ground of a scene.
#[derive(Debug, Clone)]
pub struct Land {
    pub noise: Noise,
    pub season: Season,
    /// Height of the plain.
    base: f32,
    /// The mountains: height, the distances at which they begin and reach it, and size.
    mountains: [f32; 4],
    /// The hills: height and size.
    hills: [f32; 2],
    /// The valley between the mountains: direction (right over forward) and width.
    valley: [f32; 2],
    /// The distances at which a lake or the sea begins and ends.
    water: Option<[f32; 2]>,
    /// The headland in the sea: direction and height.
    headland: Option<[f32; 2]>,
    /// The fraction of the land under woods.
    pub wood: f32,
    /// The snow line.
    snow: f32,
    fields: bool,
    /// The path: position and phase of its bends.
    path: Option<[f32; 2]>,
    /// The colour of flowers in the meadow.
    flowers: Option<Rgb>,
}

/// The surface of the ground at a point.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    pub colour: Rgb,
    /// The fraction of the sky that it sees, for its own roughness only.
    pub open: f32,
}

impl Land {
    pub fn random(motif: Motif, random: &mut Random) -> Self {
        let seasons = [Season::Spring, Season::Summer, Season::Summer, Season::Autumn, Season::Autumn, Season::Winter];
        let season = seasons[random.below(6) as usize];
        let noise = Noise(random.next_u32());
        let mut u = |low, high| random.uniform(low, high);
        let mut land = Self {
            noise,
            season,
            base: u(1.0, 1.6),
            mountains: [0.0, 60.0, 160.0, u(38.0, 60.0)],
            hills: [u(1.0, 2.0), u(16.0, 30.0)],
            valley: [u(-0.3, 0.3), u(0.1, 0.25)],
            water: None,
            headland: None,
            wood: u(0.3, 0.6),
            snow: u(26.0, 40.0),
            fields: false,
            path: None,
            flowers: None,
        };
        let bloom = [0xc8283a, 0xe8c020, 0x8a5cc0, 0xf0f0f0][u(0.0, 3.99) as usize];
        if u(0.0, 1.0) < 0.5 && matches!(season, Season::Spring | Season::Summer) {
            land.flowers = Some(Rgb::hex(bloom));
        }
        match motif {
            Motif::Mountains => {
                land.mountains = [u(60.0, 95.0), u(25.0, 45.0), u(130.0, 190.0), u(50.0, 75.0)];
                land.snow = u(22.0, 42.0);
                land.hills = [u(1.5, 4.0), u(18.0, 34.0)];
            }
            Motif::Lake => {
                land.mountains = [u(22.0, 75.0), u(50.0, 80.0), u(130.0, 220.0), u(45.0, 70.0)];
                land.snow = u(24.0, 45.0);
                let begin = u(8.0, 13.0);
                land.water = Some([begin, begin + u(35.0, 80.0)]);
                land.hills = [u(1.5, 4.0), u(18.0, 30.0)];
                land.wood = u(0.4, 0.75);
            }
            Motif::Sea => {
                land.mountains = [0.0, 60.0, 160.0, 40.0];
                land.base = u(0.55, 0.95);
                land.water = Some([u(13.0, 22.0), 1e6]);
                let side = if u(0.0, 1.0) < 0.5 { -1.0 } else { 1.0 };
                land.headland = (u(0.0, 1.0) < 0.75).then(|| [side * u(0.18, 0.4), u(6.0, 16.0)]);
                land.hills = [u(0.4, 1.0), u(14.0, 22.0)];
                land.wood = u(0.1, 0.4);
                if land.season == Season::Winter {
                    land.season = Season::Summer;
                }
            }
            Motif::Forest => {
                land.mountains = [u(0.0, 40.0), u(60.0, 90.0), u(140.0, 200.0), u(45.0, 60.0)];
                land.hills = [u(3.0, 6.5), u(22.0, 36.0)];
                land.wood = u(0.62, 0.8);
                land.path = Some([u(-1.0, 1.0), u(0.0, 6.0)]);
            }
            Motif::Village => {
                land.mountains = [u(0.0, 60.0), u(50.0, 80.0), u(130.0, 200.0), u(45.0, 65.0)];
                land.hills = [u(1.5, 3.5), u(24.0, 36.0)];
                land.wood = u(0.25, 0.5);
                land.path = Some([u(-1.0, 1.0), u(0.0, 6.0)]);
                land.fields = u(0.0, 1.0) < 0.5;
            }
            Motif::Fields => {
                land.mountains = [u(0.0, 22.0), u(80.0, 120.0), u(180.0, 260.0), u(50.0, 70.0)];
                land.hills = [u(2.5, 5.5), u(26.0, 40.0)];
                land.wood = u(0.12, 0.3);
                land.fields = true;
                land.path = (u(0.0, 1.0) < 0.4).then(|| [u(-2.0, 2.0), u(0.0, 6.0)]);
                if land.season == Season::Winter {
                    land.season = Season::Summer;
                }
            }
        }
        land
    }

    /// The height at a point, without details smaller than `grain`.
    pub fn height(&self, x: f32, z: f32, grain: f32) -> f32 {
        let octaves = |size: f32| (size / grain).log2().clamp(1.0, 8.0);
        let n = self.noise;
        let [hills, size] = self.hills;
        let swell = n.octaves(x / size, z / size, octaves(size).min(5.0)) - 0.5;
        let mut height = self.base + hills * 2.0 * swell * smoothstep(2.0, 24.0, z);
        let [tall, from, to, size] = self.mountains;
        if tall > 0.0 && z > from {
            let far = smoothstep(from, to, z);
            let [at, width] = self.valley;
            let open = ((x / z - at) / width).powi(2);
            let open = open / (1.0 + open);
            let crest = n.other(3).ridges(x / size, z / size, octaves(size));
            let broad = n.other(4).at(x / size * 0.6, z / size * 0.6);
            height += tall * far * (crest * (0.45 + 0.75 * broad)) * (0.4 + 0.6 * open);
        }
        if let Some([begin, end]) = self.water {
            let wobble = (n.other(5).octaves(x / 14.0, z / 14.0, 4.0) - 0.5) * 9.0;
            let wobble = wobble * smoothstep(4.0, 14.0, z);
            let sea = end > 1e5;
            let beach = if sea { 8.0 } else { 2.0 };
            let mut basin = smoothstep(begin - beach, begin + 5.0, z + wobble + (x * 0.1));
            basin *= 1.0 - smoothstep(end - 10.0, end + 22.0, z + 3.0 * wobble);
            if !sea {
                basin *= 1.0 - smoothstep(0.5, 1.1, (x / z.max(8.0)).abs() + wobble * 0.02);
            }
            if let Some([side, tall]) = self.headland {
                let reach = (x / z - side) * side.signum();
                let cliff = n.other(6).octaves(x / 17.0, z / 17.0, octaves(17.0).min(6.0));
                let ground = smoothstep(0.0, 0.30, reach + (cliff - 0.5) * 0.35)
                    * smoothstep(22.0, 46.0, z)
                    * smoothstep(150.0, 90.0, z);
                basin *= 1.0 - ground;
                height += ground * tall * (0.35 + cliff);
            }
            height = lerp(height, -2.5, basin);
        }
        height + self.canopy(x, z, height, grain)
    }

    /// Whether there is a lake or the sea.
    pub fn has_water(&self) -> bool {
        self.water.is_some()
    }

    /// The fraction of light that the shadows of clouds leave.
    pub fn shade(&self, x: f32, z: f32, light: &Light) -> f32 {
        let clouds = self.noise.other(40).octaves(x / 45.0, z / 45.0, 3.0);
        1.0 - 0.5 * smoothstep(0.62 - 0.2 * light.cover, 0.74 - 0.2 * light.cover, clouds) * smoothstep(6.0, 20.0, z)
    }

    /// The density of trees, 0 to 1.
    pub fn woods(&self, x: f32, z: f32, height: f32) -> f32 {
        let n = self.noise.other(7).octaves(x / 26.0, z / 26.0, 4.0);
        let limit = smoothstep(self.snow * 0.85, self.snow * 0.45, height + 10.0 * (n - 0.5));
        smoothstep(0.66 - 0.36 * self.wood, 0.72 - 0.36 * self.wood, n) * limit * smoothstep(0.25, 0.6, height)
    }

    /// The height of treetops in woods too distant for single trees.
    fn canopy(&self, x: f32, z: f32, height: f32, grain: f32) -> f32 {
        let far = smoothstep(22.0, 40.0, z);
        if far <= 0.0 || grain > 1.6 {
            return 0.0;
        }
        let crowns = self.noise.other(8).at(x * 0.9, z * 0.9);
        self.woods(x, z, height) * far * (0.7 + 1.3 * crowns) * smoothstep(1.6, 0.5, grain)
    }

    /// The surface at a point with a normal.
    pub fn ground(&self, x: f32, height: f32, z: f32, normal: [f32; 3], grain: f32) -> Ground {
        let n = self.noise;
        // Details smaller than a pixel fade.
        let detail = |size: f32| smoothstep(size, size * 0.3, grain);
        let broad = n.other(20).octaves(x / 8.0, z / 8.0, 4.0);
        let fine = 1.0 + (n.other(21).octaves(x * 3.0, z * 2.0, 3.0) - 0.5) * 1.1 * detail(0.6);
        let tufts = (n.other(29).octaves(x * 7.0, z * 4.0, 2.0) - 0.5) * detail(0.16);
        let blades = 1.0 + 1.3 * tufts + (n.other(22).at(x * 26.0, z * 7.0) - 0.5) * detail(0.1);
        let hex = Rgb::hex;

        let [lush, dry] = match self.season {
            Season::Spring => [hex(0x67953a), hex(0x93a850)],
            Season::Summer => [hex(0x5b8436), hex(0xa39a55)],
            Season::Autumn => [hex(0x7f8040), hex(0xab8f4e)],
            Season::Winter => [hex(0xe9eef6), hex(0xdfe6ee)],
        };
        let winter = self.season == Season::Winter;
        let mut colour = mix(lush, dry, smoothstep(0.35, 0.68, broad));
        colour = colour * if winter { 1.0 + (fine - 1.0) * 0.15 } else { fine * blades };
        let mut open = 1.0;

        if self.fields && z > 7.0 && height > 0.3 {
            let (crop, edge) = self.crop(x, z, grain);
            colour = mix(crop * (0.85 + 0.15 * fine), hex(0x35512a) * fine, edge);
        }
        if let Some(flowers) = self.flowers {
            let patch =
                smoothstep(0.45, 0.62, n.other(23).octaves(x / 6.0, z / 6.0, 3.0)) * smoothstep(0.2, 0.5, height);
            let (_, _, distance, _) = n.other(24).worley(x * 3.2, z * 3.2);
            let single = smoothstep(0.30, 0.2, distance) * detail(0.28);
            let from_afar = 0.28 * (1.0 - detail(0.28)) * smoothstep(60.0, 20.0, z);
            let not_field = if self.fields && z > 7.0 { 0.0 } else { 1.0 };
            colour = mix(colour, flowers, patch * (single + from_afar).min(1.0) * 0.9 * not_field);
        }

        let woods = self.woods(x, z, height) * smoothstep(20.0, 38.0, z);
        if woods > 0.0 {
            let (c, r, distance, _) = n.other(8).worley(x * 0.9, z * 0.9);
            let leaf = self.leaves(n.other(25).cell(c, r), n.other(26).at(x / 30.0, z / 30.0) > 0.5);
            let round = detail(1.6);
            let tree = leaf * (1.0 + (0.35 - 0.75 * distance) * round) * (0.75 + 0.25 * fine);
            colour = mix(colour, tree, woods);
            open = lerp(1.0, 0.85 - 0.3 * distance * round, woods);
        }

        let steep = 1.0 - normal[1];
        let rough = n.other(27).octaves(x / 5.0 + height * 0.3, z / 5.0, 5.0);
        let high = self.snow;
        let bare = smoothstep(0.42, 0.62, steep + 0.25 * (rough - 0.5)).max(smoothstep(
            high * 0.5,
            high * 0.95,
            height + (rough - 0.5) * high * 0.5,
        ));
        let strata = n.other(28).at(height * 1.1 + x * 0.04, z * 0.05);
        let rock = mix(hex(0x6a625c), hex(0x93887c), rough) * (0.8 + 0.4 * strata);
        colour = mix(colour, rock, bare * smoothstep(0.5, 2.0, height));
        let lying = smoothstep(high * 0.85, high * 1.15, height + (broad - 0.5) * high * 0.5 + (rough - 0.5) * 6.0)
            * smoothstep(0.62, 0.42, steep + 0.2 * (rough - 0.5));
        let lying = if winter { lying.max(bare * smoothstep(0.6, 0.4, steep) * 0.9) } else { lying };
        colour = mix(colour, hex(0xf2f6fb), lying);

        if self.water.is_some() {
            let sea = self.mountains[0] == 0.0;
            let reach = if sea { 0.62 } else { 0.4 };
            let beach = smoothstep(reach + 0.12, reach - 0.06, height + (broad - 0.5) * 0.7);
            let sand = if sea { hex(0xdcc79c) } else { hex(0x9d9384) };
            let wet = 0.62 + 0.38 * smoothstep(0.02, 0.2, height);
            colour = mix(colour, sand * ((0.8 + 0.2 * fine + 0.35 * tufts) * wet), beach);
        }
        if let Some(middle) = self.path_at(z) {
            let width = 0.35 + 0.08 * broad;
            let track = smoothstep(width + 0.12 + grain, width - 0.1, (x - middle).abs() + (fine - 1.0) * 0.1);
            let earth = if winter { hex(0xb9b6b3) } else { hex(0xb09873) };
            colour = mix(
                colour,
                earth * (0.8 + 0.2 * fine),
                track * smoothstep(0.25, 0.5, height) * smoothstep(34.0, 22.0, z),
            );
        }
        Ground { colour, open }
    }

    /// The position of the path at a distance.
    pub fn path_at(&self, z: f32) -> Option<f32> {
        self.path.map(|[at, bend]| at + 0.10 * z * (z * 0.11 + bend).sin() + 0.8 * (z * 0.3 + bend).sin())
    }

    /// The colour of the crop at a point, and how much of it is hedge.
    fn crop(&self, x: f32, z: f32, grain: f32) -> (Rgb, f32) {
        let n = self.noise.other(30);
        let bent = (n.at(x / 20.0, z / 20.0) - 0.5) * 8.0;
        let (c, r, _, edge) = n.worley((x + bent) / 13.0, (z - bent) / 9.0);
        let crops: [u32; 7] = match self.season {
            Season::Spring => [0x7fa844, 0xd9c32c, 0x5f8f3a, 0x8a6a4a, 0x93b455, 0xe0cc3a, 0x6f9c3f],
            Season::Autumn => [0x8a6a48, 0xb8974f, 0x7c8442, 0xa3703f, 0xc2a25a, 0x6c7a3c, 0x745a40],
            _ => [0xd9b65a, 0x6f9440, 0xc9a548, 0x8a74b8, 0x86a34a, 0xe2c778, 0x9a7b52],
        };
        let pick = n.other(1).cell(c, r);
        let colour = Rgb::hex(crops[(pick * 7.0) as usize]);
        let angle = n.other(2).cell(c, r) * std::f32::consts::PI;
        let across = x * angle.cos() + z * angle.sin();
        let width = 0.55;
        let rows = (across * std::f32::consts::TAU / width).sin() * smoothstep(width, width * 0.25, grain * 2.0);
        (colour * (1.0 + 0.22 * rows), smoothstep(0.05 + grain / 20.0, 0.02, edge))
    }

    /// The colour of leaves; `die` in `[0, 1)` chooses among those of the season.
    pub fn leaves(&self, die: f32, conifer: bool) -> Rgb {
        let pick = |colours: [u32; 4]| {
            let at = die * 3.0;
            let low = (at as usize).min(2);
            mix(Rgb::hex(colours[low]), Rgb::hex(colours[low + 1]), at - low as f32)
        };
        match (self.season, conifer) {
            (Season::Winter, true) => pick([0x4a5c58, 0x5c6c68, 0x8b979b, 0xb9c3c9]),
            (_, true) => pick([0x22402c, 0x2b4a30, 0x34563a, 0x3d5a34]),
            (Season::Spring, _) => pick([0x6d9a38, 0x86ad48, 0x5a8a38, 0x9aba58]),
            (Season::Summer, _) => pick([0x3a6428, 0x4c7630, 0x5a8236, 0x456f34]),
            (Season::Autumn, _) => pick([0xb8461c, 0xd08324, 0xd9a930, 0x8a7a30]),
            (Season::Winter, _) => pick([0x5a4c42, 0x6a5c52, 0x7a6e66, 0x5e5048]),
        }
    }
}
