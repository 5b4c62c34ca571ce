//! Stylizes frames in several workers and keeps their order.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use easel_runtime::Picture;

use super::super::clock::Clock;
use super::super::semaphore::Semaphore;
use super::super::tiling::Tiling;
use super::super::worker::{TilingSummary, Worker};
use super::smoothing::{Participant, StatisticsAverage};
use crate::error::{Error, Result};

/// A frame and its result.
pub(super) struct StyledFrame {
    pub video: Picture,
    pub stylized: Picture,
    pub tiling: TilingSummary,
}

/// Stylizes the frames that come out of a pipe, and passes them on in their order. Returns how many there were.
///
/// `tilings` has one for each model. Frame i goes to worker i modulo their number, so there are at most three frames per
/// worker at once. An incomplete last frame is dropped.
pub(super) fn run(
    source: impl Read + Send,
    (width, height): (usize, usize),
    workers: Vec<Worker>,
    tilings: &[Tiling],
    semaphore: &Semaphore,
    average: Option<&StatisticsAverage>,
    clock: &Clock,
    mut on_frame: impl FnMut(StyledFrame) -> Result<()>,
) -> Result<u64> {
    thread::scope(|scope| {
        let (mut feeds, mut results) = (vec![], vec![]);
        for worker in workers {
            let (feed, frames) = sync_channel(1);
            let (sender, result) = sync_channel(1);
            scope.spawn(move || work(worker, &frames, &sender, tilings, semaphore, average, clock));
            feeds.push(feed);
            results.push(result);
        }
        scope.spawn(move || read(source, (width, height), &feeds));
        let mut count = 0;
        while let Ok(frame) = results[count as usize % results.len()].recv() {
            on_frame(frame?)?;
            count += 1;
        }
        Ok(count)
    })
}

/// Deals the frames to the workers until the source or a worker ends.
fn read(mut source: impl Read, (width, height): (usize, usize), feeds: &[SyncSender<(u64, Picture)>]) {
    for index in 0.. {
        let mut frame = Picture::filled(width, height, 3, 0);
        if source.read_exact(&mut frame.pixels).is_err()
            || feeds[index as usize % feeds.len()].send((index, frame)).is_err()
        {
            return;
        }
    }
}

fn work(
    mut worker: Worker,
    frames: &Receiver<(u64, Picture)>,
    sender: &SyncSender<Result<StyledFrame>>,
    tilings: &[Tiling],
    semaphore: &Semaphore,
    average: Option<&StatisticsAverage>,
    clock: &Clock,
) {
    let mut stylize = |index, video: Picture| {
        worker.open(None)?;
        if let Some(average) = average {
            let own = worker.statistics(&StatisticsAverage::thumbnail(&video))?;
            worker.hold_statistics(average.update(index, &video, own).ok_or(Error::Cancelled)?);
        }
        let _running = clock.start();
        let (stylized, tiling) = worker.stylize(&video, tilings, semaphore, |_, _| {})?;
        Ok(StyledFrame { video, stylized, tiling })
    };
    // If this worker fails, the others must not wait for its turn.
    let participant = average.map(StatisticsAverage::join);
    for (index, video) in frames {
        let frame = stylize(index, video);
        let failed = frame.is_err();
        if sender.send(frame).is_err() || failed {
            return;
        }
    }
    participant.into_iter().for_each(Participant::leave);
}
