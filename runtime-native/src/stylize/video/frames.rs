//! Stylizes frames in several workers and keeps their order.

use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use easel_runtime::Picture;

use super::super::clock::Clock;
use super::super::semaphore::Semaphore;
use super::super::tiling::Tiling;
use super::super::worker::{TilingSummary, Worker};
use super::smoothing::{Participant, StatisticsAverage};
use crate::error::{Error, Result};

/// What a pipe delivers: rows from the top, RGB, or RGBA with straight alpha.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameFormat {
    pub width: usize,
    pub height: usize,
    pub alpha: bool,
}

/// A frame and its result.
#[derive(Clone)]
pub(super) struct StyledFrame {
    pub video: Picture,
    pub stylized: Picture,
    pub tiling: TilingSummary,
}

/// What the workers share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    /// The tiles of a frame for each model.
    pub tilings: &'a [Tiling],
    pub semaphore: &'a Semaphore,
    /// The norm statistics to use, if they are averaged over time.
    pub average: Option<&'a StatisticsAverage>,
    pub clock: &'a Clock,
}

/// Stylizes the frames that come out of a pipe, and passes them on in their order. Returns how many there were.
///
/// A frame that equals the one before is not computed again. Of the others, frame i goes to worker i modulo their number, so
/// there are at most three frames per worker at once. Transparent pixels are blended with white. An incomplete last frame
/// is dropped.
pub(super) fn run(
    source: impl Read + Send,
    format: FrameFormat,
    workers: Vec<Worker>,
    shared: Shared,
    mut on_frame: impl FnMut(StyledFrame) -> Result<()>,
) -> Result<u64> {
    thread::scope(|scope| {
        let (mut feeds, mut results) = (vec![], vec![]);
        for worker in workers {
            let (feed, frames) = sync_channel(1);
            let (sender, result) = sync_channel(1);
            scope.spawn(move || work(worker, &frames, &sender, shared));
            feeds.push(feed);
            results.push(result);
        }
        let (sender, order) = channel();
        scope.spawn(move || read(source, format, &feeds, &sender));
        let mut last: Option<StyledFrame> = None;
        let (mut count, mut computed) = (0, 0);
        for next in order {
            let frame = match (next, last.take()) {
                (Next::Repeat, Some(frame)) => frame,
                _ => {
                    let Ok(frame) = results[computed % results.len()].recv() else { break };
                    computed += 1;
                    frame?
                }
            };
            on_frame(frame.clone())?;
            last = Some(frame);
            count += 1;
        }
        Ok(count)
    })
}

/// The next frame of the video.
enum Next {
    /// A worker computes it.
    New,
    /// It is the frame before once more.
    Repeat,
}

/// Deals the frames to the workers until the source or a worker ends.
fn read(mut source: impl Read, format: FrameFormat, feeds: &[SyncSender<(u64, Picture)>], order: &Sender<Next>) {
    let FrameFormat { width, height, alpha } = format;
    let mut bytes = vec![0; width * height * if alpha { 4 } else { 3 }];
    let mut before = vec![];
    let mut index = 0;
    while source.read_exact(&mut bytes).is_ok() {
        if bytes == before {
            if order.send(Next::Repeat).is_err() {
                return;
            }
            continue;
        }
        before.clone_from(&bytes);
        let pixels = if alpha { on_white(&bytes) } else { bytes.clone() };
        let frame = Picture { width, height, channels: 3, pixels };
        if feeds[index as usize % feeds.len()].send((index, frame)).is_err() || order.send(Next::New).is_err() {
            return;
        }
        index += 1;
    }
}

/// Blends RGBA with white.
fn on_white(rgba: &[u8]) -> Vec<u8> {
    let blend = |colour: u8, alpha: u8| {
        let [colour, alpha] = [colour, alpha].map(u32::from);
        ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    rgba.chunks_exact(4).flat_map(|pixel| [0, 1, 2].map(|channel| blend(pixel[channel], pixel[3]))).collect()
}

fn work(
    mut worker: Worker,
    frames: &Receiver<(u64, Picture)>,
    sender: &SyncSender<Result<StyledFrame>>,
    Shared { tilings, semaphore, average, clock }: Shared,
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
