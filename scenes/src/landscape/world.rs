//! The contents of a scene.

use easel_runtime::Random;

use super::buildings::Building;
use super::colour::Rgb;
use super::land::{Land, Season};
use super::light::Light;
use super::motif::Motif;
use super::noise::{Noise, smoothstep};
use super::sky::Sky;
use super::trees::{Growth, Tree};
use super::water::Water;

/// A scene, independent of the size at which it is drawn.
pub struct World {
    pub land: Land,
    pub light: Light,
    pub sky: Sky,
    pub water: Water,
    /// From far to near.
    pub objects: Vec<Object>,
    /// The height of the camera above the water.
    pub eye: f32,
    /// The row of the horizon as a fraction of the picture's height, from the top.
    pub horizon: f32,
    /// Focal length in picture heights.
    pub focal: f32,
}

/// An object that stands on the ground.
pub struct Object {
    pub at: [f32; 3],
    pub kind: ObjectKind,
}

pub enum ObjectKind {
    /// A tree and its height.
    Tree(Tree, f32),
    Building(Building),
}

/// The finest detail of the ground that matters for placing objects.
const GRAIN: f32 = 0.05;

impl World {
    pub fn random(motif: Motif, random: &mut Random) -> Self {
        let light = Light::random(random);
        let land = Land::random(motif, random);
        let mut u = |low, high| random.uniform(low, high);
        let sky =
            Sky { noise: Noise(u(0.0, 16e6) as u32), heaped: smoothstep(0.35, 0.55, u(0.0, 1.0)), size: u(0.7, 1.5) };
        let sea = motif == Motif::Sea;
        let hex = Rgb::hex;
        let seas = [[hex(0x0f4458), hex(0x3f9a94)], [hex(0x14506e), hex(0x55b5ac)], [hex(0x24505a), hex(0x7d9a80)]];
        let lakes = [[hex(0x183c40), hex(0x4d6a50)], [hex(0x1d4f5c), hex(0x5a8a80)]];
        let colours = if sea { seas[u(0.0, 2.99) as usize] } else { lakes[u(0.0, 1.99) as usize] };
        let wind = if sea { u(0.35, 0.9) } else { u(0.02, 0.3) };
        let water = Water { noise: Noise(u(0.0, 16e6) as u32), wind, colours, surf: sea };
        let (eye, horizon) = match motif {
            Motif::Mountains => (u(3.5, 6.0), u(0.56, 0.66)),
            Motif::Lake => (u(2.2, 3.6), u(0.46, 0.56)),
            Motif::Sea => (u(2.6, 4.5), u(0.38, 0.5)),
            Motif::Forest => (u(3.0, 5.5), u(0.42, 0.54)),
            Motif::Village => (u(4.0, 6.5), u(0.4, 0.5)),
            Motif::Fields => (u(4.5, 8.0), u(0.34, 0.46)),
        };
        let focal = u(1.0, 1.3);
        // The hill under the camera must not hide everything else.
        let ground = (1..8).map(|z| land.height(0.0, z as f32, GRAIN)).fold(0.0, f32::max);
        let eye = ground + eye;
        let mut world = Self { land, light, sky, water, objects: vec![], eye, horizon, focal };
        match motif {
            Motif::Mountains => world.wood(random, 170, 0.0),
            Motif::Lake => {
                world.wood(random, 150, 0.0);
                if random.unit() < 0.35 {
                    world.boats(random, 1, [14.0, 30.0]);
                }
            }
            Motif::Sea => {
                world.wood(random, 60, 0.0);
                let boats = random.below(4) as usize;
                world.boats(random, boats, [16.0, 80.0]);
            }
            Motif::Forest => world.wood(random, 700, 0.2),
            Motif::Village => {
                world.village(random);
                world.wood(random, 170, 0.0);
            }
            Motif::Fields => {
                world.farm(random);
                world.wood(random, 150, 0.0);
            }
        }
        if random.unit() < 0.4 && !matches!(motif, Motif::Sea) {
            world.frame(random);
        }
        world.objects.sort_by(|a, b| b.at[2].total_cmp(&a.at[2]));
        world
    }

    /// A random visible point, log-uniform in distance.
    fn visible_point(&self, random: &mut Random, [near, far]: [f32; 2]) -> [f32; 3] {
        let z = near * (far / near).powf(random.uniform(0.0, 1.0));
        let x = random.uniform(-0.75, 0.75) * z / self.focal;
        [x, self.land.height(x, z, GRAIN), z]
    }

    /// Whether a point keeps its distance from buildings and the path.
    fn is_free(&self, [x, _, z]: [f32; 3], room: f32) -> bool {
        let built = |object: &Object| match object.kind {
            ObjectKind::Building(_) => (object.at[0] - x).hypot(object.at[2] - z) < room,
            ObjectKind::Tree(..) => false,
        };
        !self.objects.iter().any(built) && self.land.path_at(z).is_none_or(|path| (path - x).abs() > room * 0.45)
    }

    fn tree(&mut self, at: [f32; 3], growth: Growth, tall: f32, random: &mut Random) {
        let leaves = self.land.leaves(random.uniform(0.0, 1.0), growth == Growth::Conifer) * random.uniform(0.85, 1.15);
        let tree = Tree::random(growth, leaves, self.land.season == Season::Winter, random);
        self.objects.push(Object { at, kind: ObjectKind::Tree(tree, tall) });
    }

    /// Single trees in the woods, and some elsewhere.
    fn wood(&mut self, random: &mut Random, tries: usize, elsewhere: f32) {
        let kinds = random.uniform(0.0, 1.0);
        let wild = elsewhere + 0.06;
        let winter = self.land.season == Season::Winter;
        for _ in 0..tries {
            let at = self.visible_point(random, [7.5, 70.0]);
            let [x, y, z] = at;
            let wooded = self.land.woods(x, z, y);
            let die = random.uniform(0.0, 1.0);
            let steep = (self.land.height(x, z + 0.5, 0.5) - self.land.height(x, z - 0.5, 0.5)).abs();
            // The foreground stays open in the middle.
            let open = smoothstep(0.0, 0.35, (x / z).abs()) + smoothstep(9.0, 26.0, z);
            if y < 0.4
                || steep > 1.5
                || die > (wooded + wild * (1.0 - wooded)) * open.min(1.0)
                || !self.is_free(at, 2.2)
            {
                continue;
            }
            let kind = self.land.noise.other(26).at(x / 30.0, z / 30.0) * 0.6 + kinds * 0.4 + random.uniform(-0.2, 0.2);
            let growth = match random.uniform(0.0, 1.0) {
                die if die < 0.12 && !winter => Growth::Bush,
                die if die < 0.16 && kind < 0.5 => Growth::Slender,
                _ if kind > 0.5 || (winter && die > 0.25) => Growth::Conifer,
                _ => Growth::Round,
            };
            let tall = match growth {
                Growth::Bush => random.uniform(0.5, 0.9),
                Growth::Conifer | Growth::Slender => random.uniform(2.0, 3.6),
                Growth::Round => random.uniform(1.7, 2.8),
            };
            self.tree(at, growth, tall, random);
        }
    }

    /// A tree in the foreground at one side of the picture.
    fn frame(&mut self, random: &mut Random) {
        let side = if random.unit() < 0.5 { -1.0 } else { 1.0 };
        let z = random.uniform(7.0, 10.0);
        let x = side * random.uniform(0.38, 0.5) * z / self.focal;
        let y = self.land.height(x, z, GRAIN);
        if y < 0.3 || !self.is_free([x, y, z], 2.5) {
            return;
        }
        let winter = self.land.season == Season::Winter;
        let growth = if random.unit() < 0.6 && !winter { Growth::Round } else { Growth::Conifer };
        let tall = (self.eye - y + z * random.uniform(-0.05, 0.25)).clamp(2.0, 5.5);
        self.tree([x, y, z], growth, tall, random);
    }

    fn village(&mut self, random: &mut Random) {
        let middle = random.uniform(17.0, 24.0);
        let aside = random.uniform(-0.12, 0.12) * middle;
        let (snow, lamps) = (self.land.season == Season::Winter, self.light.lamps);
        let church = [aside + random.uniform(-2.0, 2.0), 0.0, middle + random.uniform(2.0, 5.0)];
        let church = [church[0], self.land.height(church[0], church[2], 0.5), church[2]];
        let spire = Building::church(church, snow, lamps, random);
        self.objects.push(Object { at: church, kind: ObjectKind::Building(spire) });
        let count = 9 + random.below(9);
        for _ in 0..count * 4 {
            if self.objects.len() as u32 > count {
                break;
            }
            let (angle, out) = (random.uniform(0.0, 6.3), random.uniform(0.0, 1.0).sqrt());
            let (x, z) = (aside + 9.0 * out * angle.cos(), middle + 9.0 * out * angle.sin());
            let at = [x, self.land.height(x, z, 0.5), z];
            let room = if (x - church[0]).hypot(z - church[2]) < 4.2 { 9.0 } else { 2.7 };
            if at[1] > 0.3 && z > 10.0 && self.is_free(at, room) {
                let house = Building::house(at, snow, lamps, random);
                self.objects.push(Object { at, kind: ObjectKind::Building(house) });
            }
        }
    }

    fn farm(&mut self, random: &mut Random) {
        let count = random.below(4);
        let [x, _, z] = self.visible_point(random, [16.0, 34.0]);
        for _ in 0..count {
            let (x, z) = (x * 0.6 + random.uniform(-3.0, 3.0), z + random.uniform(-3.0, 3.0));
            let at = [x, self.land.height(x, z, 0.5), z];
            if self.is_free(at, 2.6) {
                let house = Building::house(at, false, self.light.lamps, random);
                self.objects.push(Object { at, kind: ObjectKind::Building(house) });
            }
        }
    }

    fn boats(&mut self, random: &mut Random, count: usize, distances: [f32; 2]) {
        for _ in 0..count * 8 {
            let boats = self.objects.iter().filter(|object| object.at[1] == 0.0).count();
            let [x, y, z] = self.visible_point(random, distances);
            if boats < count && y < -0.8 && (x / z).abs() < 0.45 {
                let at = [x, 0.0, z];
                self.objects.push(Object { at, kind: ObjectKind::Building(Building::boat(at, random)) });
            }
        }
    }
}
