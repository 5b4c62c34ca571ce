//! The norms' statistics over time.
//!
//! A stylizer's instance norms see one frame, so what comes into the picture on one side changes the tone of the other.
//! Here every frame is computed with an average of its own statistics and those before: exponential, with a time constant
//! of [`SECONDS`], begun anew at a cut. They are those of a smaller copy, as large pictures have them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use easel_runtime::stylizer::statistics::thumbnail;
use easel_runtime::{Picture, Tensor};

/// After so long, what was seen counts for 1/e.
const SECONDS: f64 = 0.5;

/// The copies that statistics are of have one pixel for so many of the frame, and at least so many.
const PIXELS_FOR_ONE: usize = 4;
const SMALLEST: usize = 128 * 128;

/// The pixels of the copies that tell a cut.
const COPY_PIXELS: usize = 32 * 32;

/// A mean change of the copies, in levels of 255, that is a cut.
const CUT: f64 = 25.0;

/// A frame's statistics: for each model, where it takes any.
pub(super) type Statistics = Vec<Option<Tensor>>;

/// The average so far. Frames come from several threads; each waits for the one before, so the result does not depend on
/// how many there are.
pub(super) struct Tone {
    /// What the average so far counts for.
    keep: f32,
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    /// The frame whose turn it is.
    turn: u64,
    stopped: bool,
    copy: Option<Picture>,
    average: Statistics,
}

/// A thread's place among those that wait. Dropped before [`Place::leave`], it ends the waiting of all.
pub(super) struct Place<'a>(Option<&'a Tone>);

impl Place<'_> {
    /// None of its frames is still to come.
    pub fn leave(mut self) {
        self.0 = None;
    }
}

impl Tone {
    pub fn new(frames_per_second: f64) -> Self {
        let keep = (-1.0 / (SECONDS * frames_per_second)).exp() as f32;
        Self { keep, state: Mutex::default(), turned: Condvar::new() }
    }

    /// What a frame's statistics are to be of.
    pub fn copy(frame: &Picture) -> Picture {
        thumbnail(frame, (frame.width * frame.height / PIXELS_FOR_ONE).max(SMALLEST))
    }

    /// The average up to a frame with these statistics; none where a frame before it never comes.
    pub fn averaged(&self, index: u64, frame: &Picture, own: Statistics) -> Option<Statistics> {
        let copy = thumbnail(frame, COPY_PIXELS);
        let waits = |state: &mut State| state.turn != index && !state.stopped;
        let mut state = self.turned.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        if state.turn != index {
            return None;
        }
        let goes_on = state.copy.as_ref().is_some_and(|before| mean_change(before, &copy) < CUT);
        state.average = match goes_on {
            true => own.into_iter().zip(&state.average).map(|(own, before)| self.mixed(own, before.as_ref())).collect(),
            false => own,
        };
        state.copy = Some(copy);
        state.turn += 1;
        self.turned.notify_all();
        Some(state.average.clone())
    }

    pub fn place(&self) -> Place<'_> {
        Place(Some(self))
    }

    fn mixed(&self, own: Option<Tensor>, before: Option<&Tensor>) -> Option<Tensor> {
        let (own, Some(before)) = (own?, before) else { return None };
        let pairs = own.as_f32().ok()?.iter().zip(before.as_f32().ok()?);
        Tensor::new(own.shape(), pairs.map(|(own, before)| own + self.keep * (before - own)).collect::<Vec<_>>()).ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(tone) = self.0 {
            tone.state().stopped = true;
            tone.turned.notify_all();
        }
    }
}

fn mean_change(a: &Picture, b: &Picture) -> f64 {
    let sum: u64 = a.pixels.iter().zip(&b.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Grey that grows lighter, and goes dark with frame 12; the statistics are the number of the frame.
    fn averages(threads: u64) -> Vec<f32> {
        let tone = Tone::new(4.0);
        let mut all = vec![0.0; 24];
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|worker| {
                    let tone = &tone;
                    scope.spawn(move || {
                        let place = tone.place();
                        let frames = (worker..24).step_by(threads as usize);
                        let average = |index: u64| {
                            let frame = Picture::filled(8, 8, 3, if index < 12 { 200 + index as u8 } else { 9 });
                            let own = Tensor::new([2, 1], vec![index as f32, 1.0]).unwrap();
                            let averaged = tone.averaged(index, &frame, vec![Some(own), None]).unwrap();
                            assert!(averaged[1].is_none());
                            (index, averaged[0].as_ref().unwrap().as_f32().unwrap()[0])
                        };
                        let averages = frames.map(average).collect::<Vec<_>>();
                        place.leave();
                        averages
                    })
                })
                .collect();
            for (index, average) in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
                all[index as usize] = average;
            }
        });
        all
    }

    #[test]
    fn the_average_goes_on_until_a_cut() {
        let one = averages(1);
        // 1 / e^(1/2) of what was, of the new the rest.
        let keep = (-0.5f32).exp();
        assert!((one[1] - (1.0 - keep)).abs() < 1e-6 && (one[2] - (2.0 + keep * (one[1] - 2.0))).abs() < 1e-6);
        assert!(one[11] < 10.5);
        assert_eq!(one[12], 12.0);
        for threads in [2, 3, 5] {
            assert_eq!(averages(threads), one);
        }
    }

    #[test]
    fn nobody_waits_for_one_that_never_comes() {
        let tone = Tone::new(4.0);
        let frame = Picture::filled(2, 2, 3, 0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| tone.averaged(1, &frame, vec![]));
            drop(tone.place());
            assert!(waiting.join().unwrap().is_none());
        });
    }
}
