//! Handwritten digits.
//!
//! Each digit has a few hands (ways of writing it) of a few strokes. A stroke runs smoothly through its points (Catmull
//! and Rom 1974, "A Class of Local Interpolating Splines"), is bent by a slow random wave, slanted, stretched and rotated,
//! and drawn with a round pen of random width. As in MNIST, the digit fills a box of 20 of 28 pixels, has its centre of
//! mass in the middle, and is light on dark.

mod hands;

use easel_runtime::{Picture, Random};

use hands::{HANDS, Hand, Point};

/// Draws one digit in grey; returns it with its label. Digits take turns by index; everything else depends on the seed
/// and the index alone.
///
/// # Panics
/// If a side is 0.
pub fn digit(seed: u64, index: u64, height: usize, width: usize) -> (Picture, u32) {
    assert!(height > 0 && width > 0, "a picture has pixels");
    let label = index % 10;
    let pixels = write(HANDS[label as usize], &mut Random::new(seed, index), height, width);
    (Picture { width, height, channels: 1, pixels }, label as u32)
}

/// Writes a digit in one of its hands, rows from the top.
fn write(hands: &[Hand], random: &mut Random, height: usize, width: usize) -> Vec<u8> {
    let hand = hands[random.below(hands.len() as u32) as usize];
    let bend = Bend::new(random);
    let mut strokes: Vec<Vec<Point>> = hand.iter().map(|points| smooth(&wobbled(points, random))).collect();

    let aspect = random.uniform(0.55, 0.95);
    let slant = random.uniform(-0.15, 0.4);
    let turn = random.uniform(-0.15, 0.15);
    let (sine, cosine) = turn.sin_cos();
    for point in strokes.iter_mut().flatten() {
        let (x, y) = bend.of(*point);
        let (x, y) = ((x - 0.5) * aspect - (y - 0.5) * slant, y - 0.5);
        *point = (x * cosine - y * sine, x * sine + y * cosine);
    }

    let unit = height.min(width) as f32 / 28.0;
    let pen = random.uniform(0.75, 1.65) * unit;
    let size = random.uniform(18.0, 20.0) * unit - 2.0 * pen;
    let [(left, right), (top, bottom)] = bounds(&strokes);
    let scale = size / (right - left).max(bottom - top).max(1e-3);
    let (mut sum, mut length) = ((0.0, 0.0), 0.0);
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let weight = (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
        sum.0 += weight * (pair[0].0 + pair[1].0) / 2.0;
        sum.1 += weight * (pair[0].1 + pair[1].1) / 2.0;
        length += weight;
    }
    let centre = (sum.0 / length, sum.1 / length);
    let soft = random.uniform(0.9, 1.5) * unit;
    let margin = pen + soft + unit;
    // The centre of mass goes to the middle, or as far from it as the whole digit needs to fit.
    let mut place = |middle: f32, centre: f32, low: f32, high: f32| {
        let (least, most) = (margin + (centre - low) * scale, 2.0 * middle - margin - (high - centre) * scale);
        (middle + random.uniform(-0.7, 0.7) * unit).min(most).max(least)
    };
    let x = place(width as f32 / 2.0, centre.0, left, right);
    let y = place(height as f32 / 2.0, centre.1, top, bottom);
    for point in strokes.iter_mut().flatten() {
        *point = ((point.0 - centre.0) * scale + x, (point.1 - centre.1) * scale + y);
    }
    draw(&strokes, pen, soft, height, width)
}

/// A slow wave through the whole box, the same for all strokes, so that joined strokes stay joined.
struct Bend {
    waves: [[f32; 4]; 4],
}

impl Bend {
    fn new(random: &mut Random) -> Self {
        let mut wave = || {
            let [x, y] = [0; 2].map(|_| random.uniform(-4.5, 4.5));
            [x, y, random.uniform(0.0, std::f32::consts::TAU), random.uniform(0.0, 0.07)]
        };
        Self { waves: [wave(), wave(), wave(), wave()] }
    }

    fn of(&self, (x, y): Point) -> Point {
        let wave = |[along_x, along_y, phase, height]: [f32; 4]| height * (along_x * x + along_y * y + phase).sin();
        let [a, b, c, d] = self.waves;
        (x + wave(a) + wave(b), y + wave(c) + wave(d))
    }
}

/// Moves the inner points of a stroke a little; its ends may be joined to others.
fn wobbled(points: &[Point], random: &mut Random) -> Vec<Point> {
    let mut moved = points.to_vec();
    let last = moved.len() - 1;
    for point in &mut moved[1..last] {
        point.0 += random.uniform(-0.04, 0.04);
        point.1 += random.uniform(-0.04, 0.04);
    }
    moved
}

/// A Catmull-Rom spline through the points, as a polyline.
fn smooth(points: &[Point]) -> Vec<Point> {
    const PIECES: usize = 8;
    let at = |index: isize| points[index.clamp(0, points.len() as isize - 1) as usize];
    let mut line = Vec::with_capacity((points.len() - 1) * PIECES + 1);
    for span in 0..points.len() as isize - 1 {
        let [p, q, r, s] = [at(span - 1), at(span), at(span + 1), at(span + 2)];
        for piece in 0..PIECES {
            let t = piece as f32 / PIECES as f32;
            let along = |p: f32, q: f32, r: f32, s: f32| {
                q + 0.5 * t * (r - p + t * (2.0 * p - 5.0 * q + 4.0 * r - s + t * (3.0 * (q - r) + s - p)))
            };
            line.push((along(p.0, q.0, r.0, s.0), along(p.1, q.1, r.1, s.1)));
        }
    }
    line.push(points[points.len() - 1]);
    line
}

fn bounds(strokes: &[Vec<Point>]) -> [(f32, f32); 2] {
    let over = |pick: fn(&Point) -> f32| {
        strokes.iter().flatten().map(pick).fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    [over(|point| point.0), over(|point| point.1)]
}

/// Draws polylines with a round pen of radius `pen` whose edge fades over `soft` pixels.
fn draw(strokes: &[Vec<Point>], pen: f32, soft: f32, height: usize, width: usize) -> Vec<u8> {
    let reach = pen + soft;
    let mut nearest = vec![reach * reach; height * width];
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let [(ax, ay), (bx, by)] = [pair[0], pair[1]];
        let (dx, dy) = (bx - ax, by - ay);
        let squared = (dx * dx + dy * dy).max(1e-12);
        let range = |a: f32, b: f32, size: usize| {
            ((a.min(b) - reach).max(0.0) as usize)..(((a.max(b) + reach).max(0.0) as usize) + 1).min(size)
        };
        for row in range(ay, by, height) {
            for column in range(ax, bx, width) {
                let (x, y) = (column as f32 + 0.5 - ax, row as f32 + 0.5 - ay);
                let along = ((x * dx + y * dy) / squared).clamp(0.0, 1.0);
                let (x, y) = (x - along * dx, y - along * dy);
                let distance = &mut nearest[row * width + column];
                *distance = distance.min(x * x + y * y);
            }
        }
    }
    let ink = |squared: f32| ((pen - squared.sqrt()) / soft + 0.5).clamp(0.0, 1.0);
    nearest.iter().map(|&squared| (ink(squared) * 255.0 + 0.5) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(seed: u64, count: u64) -> Vec<(Picture, u32)> {
        (0..count).map(|index| digit(seed, index, 28, 28)).collect()
    }

    #[test]
    fn a_digit_depends_on_seed_and_index() {
        let some = digits(7, 12);
        assert_eq!(digits(7, 12), some);
        assert_ne!(digits(8, 12), some);
        assert_ne!(some[0].0, some[10].0);
        let labels: Vec<u32> = some.iter().map(|(_, label)| *label).collect();
        assert_eq!(labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    }

    #[test]
    fn ink_and_margin_are_those_of_mnist() {
        let digits = digits(1, 500);
        let pixels = digits.iter().flat_map(|(picture, _)| &picture.pixels);
        let mean = pixels.map(|&byte| f64::from(byte)).sum::<f64>() / (digits.len() * 784) as f64;
        // MNIST's mean is 33.3.
        assert!((25.0..42.0).contains(&mean), "{mean}");
        for (index, (Picture { pixels, .. }, _)) in digits.iter().enumerate() {
            assert!(pixels.iter().any(|&byte| byte > 200), "digit {index} has no stroke");
            assert!(pixels[..28].iter().chain(&pixels[784 - 28..]).all(|&byte| byte == 0), "digit {index} is cut");
        }
    }

    /// Digits resemble their own class more than others: the nearest class mean is the right one for most.
    #[test]
    fn classes_are_separable() {
        let (seen, new) = (digits(1, 2_000), digits(2, 500));
        let mut means = vec![[0f32; 784]; 10];
        for (picture, label) in &seen {
            let mean = &mut means[*label as usize];
            mean.iter_mut().zip(&picture.pixels).for_each(|(mean, &byte)| *mean += f32::from(byte) / 200.0);
        }
        let is_right = |(picture, label): &&(Picture, u32)| {
            let distance = |mean: &[f32; 784]| -> f32 {
                mean.iter().zip(&picture.pixels).map(|(mean, &byte)| (mean - f32::from(byte)).powi(2)).sum()
            };
            let nearest = (0..10).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b]))).unwrap();
            nearest as u32 == *label
        };
        let right = new.iter().filter(is_right).count();
        assert!(right > 350, "{right} of 500");
    }

    #[test]
    fn any_size_can_be_drawn() {
        for (height, width) in [(1, 1), (64, 48), (5, 90)] {
            assert_eq!(digit(0, 3, height, width).0.pixels.len(), height * width);
        }
    }
}
