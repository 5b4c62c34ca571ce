//! Digits drawn by the program, for trying everything without a data set.
//!
//! Each digit has a few hands (ways of writing it), each a few pen strokes. A stroke runs smoothly through its points
//! (Catmull and Rom 1974, "A Class of Local Interpolating Splines"), is bent by a slow random wave, slanted, stretched
//! and turned, and drawn with a round pen of random width. As in MNIST the digit fills a box of 20 of 28 pixels and
//! stands with its centre of mass in the middle, light on dark.

use easel_runtime::Random;
use rayon::prelude::*;

use super::{PictureFormat, Pictures};

/// The pictures of `--data synthetic`.
pub const COUNT: usize = 20_000;

/// The seed of `--data synthetic`. It is the set's own, so that runs of different seeds see the same pictures.
pub const SEED: u64 = 0;

type Point = (f32, f32);
type Hand = &'static [&'static [Point]];

/// The hands of the ten digits in a box of 1 by 1, y downwards. Strokes that share an end stay joined there.
#[rustfmt::skip]
const HANDS: [&[Hand]; 10] = [
    &[
        &[&[
            (0.52, 0.0), (0.2, 0.12), (0.02, 0.5), (0.2, 0.9), (0.52, 1.0), (0.84, 0.86), (0.98, 0.5), (0.84, 0.12),
            (0.5, 0.0),
        ]],
        &[&[
            (0.7, 0.05), (0.35, 0.02), (0.06, 0.4), (0.12, 0.85), (0.45, 1.0), (0.82, 0.8), (0.95, 0.4), (0.75, 0.08),
            (0.45, 0.06),
        ]],
    ],
    &[
        &[&[(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)]],
        &[&[(0.28, 0.24), (0.4, 0.15), (0.54, 0.0)], &[(0.54, 0.0), (0.52, 0.5), (0.5, 1.0)]],
        &[
            &[(0.28, 0.22), (0.4, 0.14), (0.52, 0.0)],
            &[(0.52, 0.0), (0.52, 0.5), (0.5, 1.0)],
            &[(0.24, 1.0), (0.5, 1.0), (0.78, 1.0)],
        ],
    ],
    &[
        &[
            &[(0.06, 0.22), (0.26, 0.04), (0.58, 0.0), (0.86, 0.18), (0.8, 0.46), (0.42, 0.76), (0.02, 1.0)],
            &[(0.02, 1.0), (0.5, 0.97), (1.0, 0.98)],
        ],
        &[&[
            (0.08, 0.2), (0.36, 0.0), (0.74, 0.08), (0.82, 0.34), (0.5, 0.7), (0.16, 0.96), (0.04, 0.86), (0.22, 0.74),
            (0.5, 0.9), (0.76, 1.0), (1.0, 0.9),
        ]],
    ],
    &[
        &[
            &[(0.08, 0.12), (0.42, 0.0), (0.8, 0.14), (0.7, 0.38), (0.36, 0.47)],
            &[(0.36, 0.47), (0.8, 0.56), (0.9, 0.82), (0.5, 1.0), (0.04, 0.9)],
        ],
        &[
            &[(0.1, 0.02), (0.46, 0.0), (0.84, 0.02)],
            &[(0.84, 0.02), (0.64, 0.22), (0.42, 0.42)],
            &[(0.42, 0.42), (0.8, 0.5), (0.92, 0.76), (0.56, 1.0), (0.06, 0.94)],
        ],
    ],
    &[
        &[
            &[(0.18, 0.02), (0.12, 0.28), (0.06, 0.56)],
            &[(0.06, 0.56), (0.5, 0.57), (0.96, 0.52)],
            &[(0.8, 0.0), (0.76, 0.5), (0.7, 1.0)],
        ],
        &[
            &[(0.66, 0.0), (0.34, 0.32), (0.0, 0.66)],
            &[(0.0, 0.66), (0.5, 0.67), (1.0, 0.64)],
            &[(0.66, 0.0), (0.68, 0.5), (0.66, 1.0)],
        ],
        &[
            &[(0.1, 0.0), (0.08, 0.3), (0.24, 0.5), (0.54, 0.48), (0.86, 0.36)],
            &[(0.9, 0.0), (0.84, 0.5), (0.8, 1.0)],
        ],
    ],
    &[
        &[
            &[(0.9, 0.0), (0.55, 0.01), (0.22, 0.03)],
            &[(0.22, 0.03), (0.18, 0.22), (0.14, 0.46)],
            &[(0.14, 0.46), (0.46, 0.36), (0.84, 0.52), (0.84, 0.84), (0.46, 1.0), (0.04, 0.92)],
        ],
        &[
            &[(0.96, 0.02), (0.66, 0.04), (0.38, 0.0)],
            &[(0.38, 0.0), (0.22, 0.18), (0.18, 0.4), (0.46, 0.46), (0.72, 0.64), (0.66, 0.92), (0.3, 1.0), (0.02, 0.9)],
        ],
    ],
    &[
        &[&[
            (0.74, 0.0), (0.36, 0.2), (0.08, 0.56), (0.14, 0.9), (0.48, 1.0), (0.82, 0.88), (0.82, 0.62), (0.5, 0.54),
            (0.14, 0.74),
        ]],
        &[&[
            (0.5, 0.0), (0.24, 0.3), (0.1, 0.7), (0.3, 0.98), (0.62, 0.96), (0.74, 0.74), (0.56, 0.58), (0.26, 0.68),
            (0.2, 0.84),
        ]],
    ],
    &[
        &[&[(0.02, 0.06), (0.5, 0.04), (0.94, 0.02)], &[(0.94, 0.02), (0.66, 0.42), (0.42, 1.0)]],
        &[
            &[(0.02, 0.2), (0.05, 0.1), (0.08, 0.04)],
            &[(0.08, 0.04), (0.5, 0.05), (0.92, 0.0)],
            &[(0.92, 0.0), (0.78, 0.46), (0.62, 1.0)],
        ],
        &[
            &[(0.06, 0.04), (0.5, 0.05), (0.96, 0.0)],
            &[(0.96, 0.0), (0.68, 0.4), (0.4, 1.0)],
            &[(0.34, 0.5), (0.62, 0.5), (0.9, 0.48)],
        ],
    ],
    &[
        &[&[
            (0.84, 0.14), (0.54, 0.0), (0.18, 0.14), (0.34, 0.42), (0.7, 0.6), (0.84, 0.82), (0.5, 1.0), (0.14, 0.84),
            (0.3, 0.58), (0.66, 0.4), (0.86, 0.18), (0.78, 0.06),
        ]],
        &[
            &[(0.5, 0.46), (0.2, 0.34), (0.2, 0.1), (0.5, 0.0), (0.8, 0.1), (0.8, 0.34), (0.5, 0.46)],
            &[(0.5, 0.46), (0.12, 0.62), (0.14, 0.92), (0.5, 1.0), (0.88, 0.9), (0.86, 0.6), (0.5, 0.46)],
        ],
    ],
    &[
        &[
            &[(0.86, 0.22), (0.58, 0.0), (0.2, 0.1), (0.14, 0.38), (0.46, 0.5), (0.8, 0.34), (0.86, 0.22)],
            &[(0.86, 0.22), (0.84, 0.6), (0.72, 1.0)],
        ],
        &[&[
            (0.78, 0.1), (0.44, 0.0), (0.14, 0.2), (0.24, 0.46), (0.6, 0.44), (0.82, 0.14), (0.82, 0.46), (0.74, 0.82),
            (0.46, 1.0), (0.16, 0.92),
        ]],
    ],
];

/// Draws `count` digits in the order 0 to 9 over and over. A picture depends on the seed and its index alone.
pub fn digits(count: usize, seed: u64, format: PictureFormat) -> Pictures {
    let mut pixels = vec![0; count * format.len()];
    pixels.par_chunks_mut(format.len()).enumerate().for_each(|(index, picture)| {
        let plane = digit(index % 10, &mut Random::new(seed, index as u64), format.height, format.width);
        picture.chunks_exact_mut(plane.len()).for_each(|channel| channel.copy_from_slice(&plane));
    });
    Pictures {
        format,
        pixels,
        labels: (0..count).map(|index| (index % 10) as u32).collect(),
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        name: "synthetic".into(),
        skipped: 0,
        reasons: vec![],
    }
}

/// Draws one digit, rows from the top.
fn digit(digit: usize, random: &mut Random, height: usize, width: usize) -> Vec<u8> {
    let hands = HANDS[digit];
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
    // Where the centre of mass goes: the middle, or so far from it that the whole digit is in the picture.
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

/// A slow wave through the whole box, the same for every stroke, so that joined strokes stay joined.
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

/// Moves a stroke's inner points a little; its ends may be joined to another's.
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
    use super::super::tests::DIGIT;
    use super::*;

    #[test]
    fn a_picture_depends_on_seed_and_index() {
        let some = digits(30, 7, DIGIT);
        assert_eq!(digits(12, 7, DIGIT).pixels, some.pixels[..12 * 784]);
        assert_ne!(digits(12, 8, DIGIT).pixels, some.pixels[..12 * 784]);
        assert_eq!(some.labels[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn ink_and_margin_are_those_of_mnist() {
        let pictures = digits(500, 1, DIGIT);
        let mean = pictures.pixels.iter().map(|&byte| f64::from(byte)).sum::<f64>() / pictures.pixels.len() as f64;
        // MNIST's mean is 33.3.
        assert!((25.0..42.0).contains(&mean), "{mean}");
        for index in 0..pictures.len() {
            let picture = pictures.pixels_of(index);
            assert!(picture.iter().any(|&byte| byte > 200), "picture {index} has no stroke");
            assert!(picture[..28].iter().chain(&picture[784 - 28..]).all(|&byte| byte == 0), "picture {index} is cut");
        }
    }

    /// Digits of one class must look more like each other than like other classes: the nearest of the class means
    /// tells most of them apart.
    #[test]
    fn classes_can_be_told_apart() {
        let (seen, new) = (digits(2_000, 1, DIGIT), digits(500, 2, DIGIT));
        let mut means = vec![[0f32; 784]; 10];
        for index in 0..seen.len() {
            let mean = &mut means[seen.labels[index] as usize];
            mean.iter_mut().zip(seen.pixels_of(index)).for_each(|(m, &byte)| *m += f32::from(byte) / 200.0);
        }
        let right = (0..new.len()).filter(|&index| {
            let distance = |mean: &[f32; 784]| -> f32 {
                mean.iter().zip(new.pixels_of(index)).map(|(m, &byte)| (m - f32::from(byte)).powi(2)).sum()
            };
            let nearest = (0..10).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b]))).unwrap();
            nearest as u32 == new.labels[index]
        });
        let right = right.count();
        assert!(right > 350, "{right} of 500");
    }

    #[test]
    fn other_formats() {
        let pictures = digits(10, 0, PictureFormat { channels: 3, height: 64, width: 48 });
        assert_eq!(pictures.pixels.len(), 10 * 3 * 64 * 48);
        let planes: Vec<_> = pictures.pixels_of(3).chunks_exact(64 * 48).collect();
        assert!(planes[0] == planes[1] && planes[1] == planes[2]);
    }
}
