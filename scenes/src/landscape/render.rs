//! From a scene to pixels.

use super::camera::Camera;
use super::colour::{Rgb, mix};
use super::layer::Layer;
use super::light::Light;
use super::noise::{Noise, smoothstep};
use super::terrain::terrain;
use super::trees::Tree;
use super::world::{Object, ObjectKind, World};

/// Renders a scene: RGB, rows from the top.
pub fn render(world: &World, height: usize, width: usize) -> Vec<u8> {
    let camera = Camera { height: world.eye, horizon: world.horizon, focal: world.focal, size: [width, height] };
    let light = &world.light;
    let mut drawn = terrain(&world.land, light, &camera);

    if world.land.has_water() {
        draw_sky(&mut drawn.mirror, world, &camera, true);
        for object in &world.objects {
            draw_object(object, &mut drawn.mirror, light, &camera, true);
        }
        world.water.fill(&mut drawn, light, &camera);
    }
    let picture = &mut drawn.picture;
    draw_sky(picture, world, &camera, false);
    shadows(world, picture, &camera);
    for object in &world.objects {
        draw_object(object, picture, light, &camera, false);
    }
    develop(picture, world, &camera)
}

/// Fills uncovered pixels with sky, upside down in the mirror image.
fn draw_sky(layer: &mut Layer, world: &World, camera: &Camera, mirrored: bool) {
    let [width, _] = camera.size;
    for at in 0..layer.colour.len() {
        let left = 1.0 - layer.cover[at];
        if left <= 0.0 {
            continue;
        }
        let [right, up] = camera.direction((at % width) as f32 + 0.5, (at / width) as f32 + 0.5);
        let up = if mirrored { -up } else { up };
        layer.colour[at] += world.sky.at(&world.light, right, up, 0.6 / camera.scale()) * left;
        layer.cover[at] = 1.0;
    }
}

fn draw_object(object: &Object, layer: &mut Layer, light: &Light, camera: &Camera, mirrored: bool) {
    match &object.kind {
        ObjectKind::Tree(tree, tall) => draw_tree(tree, *tall, object.at, layer, light, camera, mirrored),
        ObjectKind::Building(building) => {
            for face in building.faces.iter().filter(|face| face.is_visible(camera.height)) {
                let flip = if mirrored { -1.0 } else { 1.0 };
                let points: Vec<[f32; 2]> =
                    face.corners.iter().map(|&[x, y, z]| camera.project([x, y * flip, z.max(0.5)])).collect();
                let [x, _, z] = object.at;
                let colour = light.through_air(face.lit(light), z, [x / z, 0.0, 1.0]);
                // The ground under a house must not hide its front.
                fill_polygon(layer, &points, colour, z - 2.5);
            }
        }
    }
}

fn draw_tree(
    tree: &Tree,
    tall: f32,
    [x, y, z]: [f32; 3],
    layer: &mut Layer,
    light: &Light,
    camera: &Camera,
    mirrored: bool,
) {
    let [width, height] = layer.size;
    let flip = if mirrored { -1.0 } else { 1.0 };
    let [middle, foot] = camera.project([x, y * flip, z]);
    let unit = camera.scale() / z * tall;
    let (reach, pixel) = (tree.reach() * unit + 1.0, 1.0 / unit);
    let columns = ((middle - reach).max(0.0) as usize)..((middle + reach + 1.0).clamp(0.0, width as f32) as usize);
    let (top, bottom) = if mirrored { (foot, foot + unit * 1.03) } else { (foot - unit * 1.03, foot) };
    let rows = (top.max(0.0) as usize)..((bottom + 1.0).clamp(0.0, height as f32) as usize);
    let [right, up] = [x / z, (y - camera.height) / z];
    for row in rows {
        for column in columns.clone() {
            let at = row * width + column;
            if layer.distance[at] < z - 1.0 {
                continue;
            }
            let local = [(column as f32 + 0.5 - middle) / unit, flip * (foot - row as f32 - 0.5) / unit];
            if local[1] < -0.01 {
                continue;
            }
            if let Some((colour, cover)) = tree.at(local[0], local[1], pixel, light) {
                let colour = light.through_air(colour, z, [right, up, 1.0]);
                layer.blend(at, colour, cover, z - 1.0);
            }
        }
    }
}

/// Darkens the ground in the shadows of objects. Overlapping shadows are no darker than one.
fn shadows(world: &World, layer: &mut Layer, camera: &Camera) {
    let (sun, sky) = (world.light.sunlight.luminance(), world.light.skylight.luminance());
    let depth = 0.65 * sun / (sun + sky) * smoothstep(-0.02, 0.14, world.light.sun[1]).max(0.45);
    let mut mask = vec![0.0; layer.colour.len()];
    for object in world.objects.iter().filter(|object| object.at[1] > 0.0 && object.at[2] < 45.0) {
        shadow(object, &world.light, camera, &layer.distance, &mut mask);
    }
    for (colour, dark) in layer.colour.iter_mut().zip(mask) {
        *colour = *colour * (1.0 - depth * dark);
    }
}

/// Adds one shadow to a mask, given the distance of each pixel.
fn shadow(object: &Object, light: &Light, camera: &Camera, distance: &[f32], mask: &mut [f32]) {
    let [x, y, z] = object.at;
    let (tall, wide) = match &object.kind {
        ObjectKind::Tree(tree, tall) => (*tall, tree.reach() * tall * 0.75),
        ObjectKind::Building(building) => (building.reach[1] * 0.7, building.reach[0] * 0.6),
    };
    let [sx, sy, sz] = light.sun;
    let long = (tall / sy.max(0.12)).min(3.5 * tall);
    let flat = sx.hypot(sz).max(1e-3);
    let (ex, ez) = (-sx / flat, -sz / flat);
    let [width, height] = camera.size;
    let (near, far) = (z - wide - long * (-ez).max(0.0), z + wide + long * ez.max(0.0));
    if near < 2.0 {
        return;
    }
    let [_, low] = camera.project([0.0, y, near]);
    let [_, high] = camera.project([0.0, y, far]);
    let scale = camera.scale();
    // The ground is seldom level, so a shadow may reach a few more rows.
    let slack = 0.3 * (low - high);
    let [rows, columns] = [height, width].map(|size| size as f32);
    for row in ((high - slack).max(0.0) as usize)..((low + slack + 1.0).clamp(0.0, rows) as usize) {
        let reach = (wide + long) * scale / near;
        let middle = columns / 2.0 + x * scale / z;
        for column in ((middle - reach).max(0.0) as usize)..((middle + reach + 1.0).clamp(0.0, columns) as usize) {
            let at = row * width + column;
            let there = distance[at];
            if there < near || there > far {
                continue;
            }
            let dx = (column as f32 + 0.5 - width as f32 / 2.0) * there / scale - x;
            let dz = there - z;
            let (along, aside) = (dx * ex + dz * ez, dx * ez - dz * ex);
            let part = if along < 0.0 { along / wide } else { along / (long + wide) };
            let inside = part * part + (aside / wide).powi(2);
            mask[at] = f32::max(mask[at], smoothstep(1.15, 0.35, inside));
        }
    }
}

/// Fills a convex polygon with smooth edges.
fn fill_polygon(layer: &mut Layer, points: &[[f32; 2]], colour: Rgb, distance: f32) {
    let [width, height] = layer.size;
    let bounds = |axis: usize| {
        points.iter().fold((f32::MAX, f32::MIN), |(low, high), point| (low.min(point[axis]), high.max(point[axis])))
    };
    let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
    let edges: Vec<_> = (0..points.len()).map(|at| (points[at], points[(at + 1) % points.len()])).collect();
    let area: f32 = edges.iter().map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    let turn = area.signum();
    for row in ((top - 1.0).max(0.0) as usize)..((bottom + 1.0).clamp(0.0, height as f32) as usize) {
        for column in ((left - 1.0).max(0.0) as usize)..((right + 1.0).clamp(0.0, width as f32) as usize) {
            let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
            let mut cover = 1.0f32;
            for (a, b) in &edges {
                let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
                let length = dx.hypot(dy);
                if length > 1e-3 {
                    let inside = turn * (dx * (y - a[1]) - dy * (x - a[0])) / length;
                    cover = cover.min(inside + 0.5);
                }
            }
            // A polygon thinner than a pixel covers only a part of it.
            let cover =
                cover.clamp(0.0, 1.0) * (area.abs() / 2.0 / (right - left).max(bottom - top).max(1e-3)).min(1.0);
            if cover > 0.0 {
                layer.blend(row * width + column, colour, cover, distance);
            }
        }
    }
}

/// The effects of lens and film: glare around the sun, dark corners, grain.
fn develop(picture: &Layer, world: &World, camera: &Camera) -> Vec<u8> {
    let [width, height] = camera.size;
    let light = &world.light;
    let mut bytes = Vec::with_capacity(width * height * 3);
    for at in 0..width * height {
        let (column, row) = ((at % width) as f32 + 0.5, (at / width) as f32 + 0.5);
        let [right, up] = camera.direction(column, row);
        let towards = light.towards_sun([right, up, 1.0]);
        let mut colour = picture.colour[at] + light.glow * (0.22 * towards.powi(12) * light.disc);
        let (x, y) = (column / width as f32 - 0.5, row / height as f32 - 0.5);
        colour = colour * (1.0 - 0.38 * (x * x + y * y));
        let bright = colour.luminance();
        // A little more saturation.
        colour = mix(Rgb(bright, bright, bright), colour, 1.12);
        let grain = Noise(77).cell(at as i32, 3) - 0.5;
        colour = colour * (1.0 + 0.025 * grain);
        bytes.extend(colour.to_bytes());
    }
    bytes
}
