//! Norm statistics averaged over time.
//!
//! A stylizer's instance norms see one frame, so what enters the picture on one side changes the tone of the other. With
//! an exponential moving average of the statistics, of a time constant of [`SECONDS`] and restarted at a cut, it does not.
//! The statistics are those of a thumbnail.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use easel_runtime::stylizer::statistics::thumbnail;
use easel_runtime::{Picture, Tensor};

/// The time constant: after it, a frame has a weight of 1/e.
const SECONDS: f64 = 0.5;

/// The size of the thumbnails: one pixel for each `PIXELS_PER_PIXEL` of the frame, and at least `SMALLEST`.
const PIXELS_PER_PIXEL: usize = 4;
const SMALLEST: usize = 128 * 128;

/// The pixels of the thumbnails that cuts are detected in.
const CUT_PIXELS: usize = 32 * 32;

/// The mean change of these thumbnails, in levels of 255, that is a cut.
const CUT: f64 = 25.0;

/// A frame's norm statistics for each model; none for a model that takes none.
pub(super) type Statistics = Vec<Option<Tensor>>;

/// The moving average. Frames come from several threads, and each waits for the one before, so the result does not depend
/// on the number of threads.
pub(super) struct StatisticsAverage {
    /// The weight of the average so far.
    keep: f32,
    state: Mutex<State>,
    turned: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the frame whose turn it is.
    turn: u64,
    stopped: bool,
    copy: Option<Picture>,
    average: Statistics,
}

/// A thread that takes turns. Dropping it without [`Participant::leave`] stops all others, which would wait for its frames.
pub(super) struct Participant<'a>(Option<&'a StatisticsAverage>);

impl Participant<'_> {
    /// Leaves after its last frame.
    pub fn leave(mut self) {
        self.0 = None;
    }
}

impl StatisticsAverage {
    pub fn new(frames_per_second: f64) -> Self {
        let keep = (-1.0 / (SECONDS * frames_per_second)).exp() as f32;
        Self { keep, state: Mutex::default(), turned: Condvar::new() }
    }

    /// The copy of a frame to take the statistics of.
    pub fn thumbnail(frame: &Picture) -> Picture {
        thumbnail(frame, (frame.width * frame.height / PIXELS_PER_PIXEL).max(SMALLEST))
    }

    /// The average up to and including a frame with these statistics; none if another thread failed.
    pub fn update(&self, index: u64, frame: &Picture, own: Statistics) -> Option<Statistics> {
        let copy = thumbnail(frame, CUT_PIXELS);
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

    pub fn join(&self) -> Participant<'_> {
        Participant(Some(self))
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

impl Drop for Participant<'_> {
    fn drop(&mut self) {
        if let Some(average) = self.0 {
            average.state().stopped = true;
            average.turned.notify_all();
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

    /// Grey frames that get lighter, with a cut to dark at frame 12; the statistics are the frame's number.
    fn averages(threads: u64) -> Vec<f32> {
        let average = StatisticsAverage::new(4.0);
        let mut all = vec![0.0; 24];
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|worker| {
                    let average = &average;
                    scope.spawn(move || {
                        let participant = average.join();
                        let frames = (worker..24).step_by(threads as usize);
                        let update = |index: u64| {
                            let frame = Picture::filled(8, 8, 3, if index < 12 { 200 + index as u8 } else { 9 });
                            let own = Tensor::new([2, 1], vec![index as f32, 1.0]).unwrap();
                            let averaged = average.update(index, &frame, vec![Some(own), None]).unwrap();
                            assert!(averaged[1].is_none());
                            (index, averaged[0].as_ref().unwrap().as_f32().unwrap()[0])
                        };
                        let averages = frames.map(update).collect::<Vec<_>>();
                        participant.leave();
                        averages
                    })
                })
                .collect();
            for (index, value) in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
                all[index as usize] = value;
            }
        });
        all
    }

    #[test]
    fn the_average_goes_on_until_a_cut() {
        let one = averages(1);
        // Half the time constant between frames.
        let keep = (-0.5f32).exp();
        assert!((one[1] - (1.0 - keep)).abs() < 1e-6 && (one[2] - (2.0 + keep * (one[1] - 2.0))).abs() < 1e-6);
        assert!(one[11] < 10.5);
        assert_eq!(one[12], 12.0);
        for threads in [2, 3, 5] {
            assert_eq!(averages(threads), one);
        }
    }

    #[test]
    fn a_thread_that_fails_stops_the_others() {
        let average = StatisticsAverage::new(4.0);
        let frame = Picture::filled(2, 2, 3, 0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| average.update(1, &frame, vec![]));
            drop(average.join());
            assert!(waiting.join().unwrap().is_none());
        });
    }
}
