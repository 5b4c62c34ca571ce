//! Motion estimation between two frames.
//!
//! Blocks are matched by diamond search (Zhu and Ma 2000, "A New Diamond Search Algorithm for Fast Block-Matching Motion
//! Estimation"): starting from the vectors of neighbouring blocks, of the same block in the frame before, and from zero, a
//! diamond with steps of two pixels descends to the smallest sum of absolute differences, then one with steps of one.
//! Large motion is found in frames of half and quarter size first.

use easel_runtime::Picture;

/// The side of a block in pixels.
const BLOCK: usize = 16;

/// How often frames are halved, and the smallest side of a frame that is.
const HALVINGS: usize = 2;
const SMALLEST_HALVED: usize = 4 * BLOCK;

/// The longest motion vector, along each axis.
const LONGEST: isize = 48;

/// A vector must be better than zero by this many levels for each pixel, or it follows noise.
const ZERO_BONUS: u32 = 1;

const LARGE: [(isize, isize); 8] = [(0, -2), (1, -1), (2, 0), (1, 1), (0, 2), (-1, 1), (-2, 0), (-1, -1)];
const SMALL: [(isize, isize); 4] = [(0, -1), (1, 0), (0, 1), (-1, 0)];

/// A frame in greyscale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Grey {
    /// The BT.601 luma of a picture.
    pub fn of(picture: &Picture) -> Self {
        let luma =
            |rgb: &[u8]| ((77 * u32::from(rgb[0]) + 150 * u32::from(rgb[1]) + 29 * u32::from(rgb[2]) + 128) >> 8) as u8;
        let pixels = picture.pixels.chunks_exact(3).map(luma).collect();
        Self { width: picture.width, height: picture.height, pixels }
    }

    /// Half the size: the mean of four pixels.
    fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mean = |at: usize| {
            let first = 2 * (at / width * self.width + at % width);
            let sum = [0, 1, self.width, self.width + 1].map(|next| u16::from(self.pixels[first + next]));
            ((sum.iter().sum::<u16>() + 2) / 4) as u8
        };
        Self { width, height, pixels: (0..width * height).map(mean).collect() }
    }
}

/// The motion vectors of a frame's blocks, to where they were in the frame before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Motion {
    width: usize,
    height: usize,
    /// Right and down, in pixels; rows of blocks from the top.
    vectors: Vec<(isize, isize)>,
}

impl Motion {
    /// Estimates the motion from the frame before. `guess` is the motion between the two frames before.
    pub fn find(frame: &Grey, before: &Grey, guess: Option<&Self>) -> Self {
        Self::find_from(frame, before, guess, HALVINGS)
    }

    fn find_from(frame: &Grey, before: &Grey, guess: Option<&Self>, halved: usize) -> Self {
        let goes_on = halved > 0 && frame.width.min(frame.height) >= SMALLEST_HALVED;
        let coarse = goes_on.then(|| Self::find_from(&frame.half(), &before.half(), None, halved - 1));
        let (columns, rows) = (frame.width.div_ceil(BLOCK), frame.height.div_ceil(BLOCK));
        let mut vectors: Vec<(isize, isize)> = Vec::with_capacity(columns * rows);
        for index in 0..columns * rows {
            let block = Block::new(frame, before, index);
            let left = (index % columns > 0).then(|| vectors[index - 1]);
            let above = index.checked_sub(columns).map(|above| vectors[above]);
            let last = guess.map(|guess| guess.vectors[index]);
            let far = coarse.as_ref().map(|coarse| {
                let (right, down) = coarse.of_block(index % columns / 2, index / columns / 2);
                (2 * right, 2 * down)
            });
            vectors.push(block.search([far, left, above, last]));
        }
        Self { width: frame.width, height: frame.height, vectors }
    }

    /// The vector of a block, or of the nearest one.
    fn of_block(&self, column: usize, row: usize) -> (isize, isize) {
        let (columns, rows) = (self.width.div_ceil(BLOCK), self.height.div_ceil(BLOCK));
        self.vectors[row.min(rows - 1) * columns + column.min(columns - 1)]
    }

    /// Motion compensation: the values of the frame before, moved to where they are now.
    pub fn compensate<T: Copy + Default>(&self, before: &[T], channels: usize) -> Vec<T> {
        let mut moved = vec![T::default(); before.len()];
        let columns = self.width.div_ceil(BLOCK);
        for (index, &(right, down)) in self.vectors.iter().enumerate() {
            let (left, top) = (index % columns * BLOCK, index / columns * BLOCK);
            let length = channels * BLOCK.min(self.width - left);
            for y in top..(top + BLOCK).min(self.height) {
                let to = channels * (y * self.width + left);
                let from = channels * ((y as isize + down) as usize * self.width + (left as isize + right) as usize);
                moved[to..to + length].copy_from_slice(&before[from..from + length]);
            }
        }
        moved
    }
}

/// A block to match.
struct Block<'a> {
    frame: &'a Grey,
    before: &'a Grey,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl<'a> Block<'a> {
    fn new(frame: &'a Grey, before: &'a Grey, index: usize) -> Self {
        let columns = frame.width.div_ceil(BLOCK);
        let (left, top) = (index % columns * BLOCK, index / columns * BLOCK);
        let (width, height) = (BLOCK.min(frame.width - left), BLOCK.min(frame.height - top));
        Self { frame, before, left, top, width, height }
    }

    fn search(&self, guesses: [Option<(isize, isize)>; 4]) -> (isize, isize) {
        let still = self.difference((0, 0), u32::MAX);
        let mut best = (still.saturating_sub(ZERO_BONUS * (self.width * self.height) as u32), (0, 0));
        for guess in guesses.into_iter().flatten() {
            self.improve(&mut best, guess);
        }
        for steps in [&LARGE[..], &SMALL[..]] {
            loop {
                let (from, (right, down)) = best;
                steps.iter().for_each(|(x, y)| self.improve(&mut best, (right + x, down + y)));
                if best.0 == from {
                    break;
                }
            }
        }
        best.1
    }

    fn improve(&self, best: &mut (u32, (isize, isize)), vector: (isize, isize)) {
        if self.is_inside(vector) {
            let difference = self.difference(vector, best.0);
            if difference < best.0 {
                *best = (difference, vector);
            }
        }
    }

    /// Whether the whole block was inside the frame there, and not too far away.
    fn is_inside(&self, (right, down): (isize, isize)) -> bool {
        let fits = |from: usize, shift: isize, length: usize, all: usize| {
            let to = from as isize + shift;
            shift.abs() <= LONGEST && to >= 0 && to as usize + length <= all
        };
        fits(self.left, right, self.width, self.frame.width) && fits(self.top, down, self.height, self.frame.height)
    }

    /// The sum of absolute differences; it stops once it reaches `least`.
    fn difference(&self, (right, down): (isize, isize), least: u32) -> u32 {
        let mut sum = 0;
        for y in self.top..self.top + self.height {
            let now = y * self.frame.width + self.left;
            let then = (y as isize + down) as usize * self.frame.width + (self.left as isize + right) as usize;
            let now = &self.frame.pixels[now..now + self.width];
            let then = &self.before.pixels[then..then + self.width];
            sum += now.iter().zip(then).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
            if sum >= least {
                break;
            }
        }
        sum
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use easel_runtime::Random;

    /// A crop of a smooth random pattern.
    pub fn pattern(left: usize, top: usize, width: usize, height: usize) -> Picture {
        const KNOTS: usize = 40;
        let mut random = Random::new(7, 0);
        let knots = random.uniforms(KNOTS * KNOTS, 0.0, 1.0);
        let value = |x: usize, y: usize| {
            let (x, y) = (x as f32 / 6.0, y as f32 / 6.0);
            let (column, row) = (x as usize, y as usize);
            let at = |right: usize, down: usize| knots[(row + down) * KNOTS + column + right];
            let across = |down| at(0, down) + x.fract() * (at(1, down) - at(0, down));
            (255.0 * (across(0) + y.fract() * (across(1) - across(0)))) as u8
        };
        let places = (0..width * height).map(|at| (left + at % width, top + at / width));
        let pixels = places.flat_map(|(x, y)| [value(x, y), value(y, x), 128]).collect();
        Picture { width, height, channels: 3, pixels }
    }

    #[test]
    fn motion_is_compensated() {
        for (right, down) in [(0, 0), (3, 0), (-5, 4), (9, -7)] {
            let before = pattern(30, 30, 90, 60);
            let now = pattern((30 + right) as usize, (30 + down) as usize, 90, 60);
            let motion = Motion::find(&Grey::of(&now), &Grey::of(&before), None);
            let moved = motion.compensate(&before.pixels, 3);
            // The edges were outside the frame before.
            let inner = (16..60 * 90).filter(|at| (16..74).contains(&(at % 90)) && (16..44).contains(&(at / 90)));
            let (inner, mut same): (Vec<_>, usize) = (inner.collect(), 0);
            for &at in &inner {
                same += usize::from(moved[3 * at..3 * at + 3] == now.pixels[3 * at..3 * at + 3]);
            }
            assert!(same * 10 >= inner.len() * 9, "{right} {down}: {same} of {}", inner.len());
        }
    }

    #[test]
    fn noise_does_not_move() {
        let mut random = Random::new(1, 0);
        let mut noise = || {
            let pixels = (0..3 * 64 * 48).map(|_| 128 + random.below(5) as u8).collect();
            Grey::of(&Picture { width: 64, height: 48, channels: 3, pixels })
        };
        let motion = Motion::find(&noise(), &noise(), None);
        assert!(motion.vectors.iter().all(|&vector| vector == (0, 0)), "{motion:?}");
    }
}
