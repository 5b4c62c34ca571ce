//! Frames on their way through the lanes, each in its turn.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use easel_runtime::Picture;

use super::super::gate::Gate;
use super::super::lane::{Lane, Told};
use super::super::memory::Tiling;
use super::tone::{Place, Tone};
use crate::{Error, Result};

/// A frame and what became of it.
pub(super) struct Made {
    pub film: Picture,
    pub made: Picture,
    pub told: Told,
}

/// Stylizes the frames that come out of a pipe, and gives them to `each` in their order. How many there were.
///
/// There is a tiling for each model. Frame i is the work of lane i modulo their number, so the order needs no memory, and at most three frames a lane are
/// there at once. A last frame that is not whole is left out.
pub(super) fn run(
    source: impl Read + Send,
    (width, height): (usize, usize),
    lanes: Vec<Lane>,
    tilings: &[Tiling],
    gate: &Gate,
    tone: Option<&Tone>,
    mut each: impl FnMut(Made) -> Result<()>,
) -> Result<u64> {
    thread::scope(|scope| {
        let (mut feeds, mut results) = (vec![], vec![]);
        for lane in lanes {
            let (feed, frames) = sync_channel(1);
            let (made, result) = sync_channel(1);
            scope.spawn(move || work(lane, &frames, &made, tilings, gate, tone));
            feeds.push(feed);
            results.push(result);
        }
        scope.spawn(move || read(source, (width, height), &feeds));
        let mut count = 0;
        while let Ok(made) = results[count as usize % results.len()].recv() {
            each(made.map_err(Error::Impossible)?)?;
            count += 1;
        }
        Ok(count)
    })
}

/// Hands the frames round until there are no more, or nobody takes them.
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
    mut lane: Lane,
    frames: &Receiver<(u64, Picture)>,
    sender: &SyncSender<Result<Made, String>>,
    tilings: &[Tiling],
    gate: &Gate,
    tone: Option<&Tone>,
) {
    let mut stylize = |index, film: Picture| {
        lane.ready(None).map_err(|error| error.to_string())?;
        if let Some(tone) = tone {
            let own = lane.statistics(&Tone::copy(&film))?;
            lane.hold(tone.averaged(index, &film, own).ok_or("another frame failed")?);
        }
        let (made, told) = lane.stylize(&film, tilings, gate, |_, _| {})?;
        Ok(Made { film, made, told })
    };
    // Where this one fails, no other must wait for its turn.
    let place = tone.map(Tone::place);
    for (index, film) in frames {
        let made = stylize(index, film);
        let failed = made.is_err();
        if sender.send(made).is_err() || failed {
            return;
        }
    }
    place.into_iter().for_each(Place::leave);
}
