//! One block of memory for all buffers of a plan: those that are not used at the same time share it.

use crate::step::{Buffer, Step, Storage};

/// Buffers begin at multiples of a cache line.
const ALIGNMENT: usize = 16;

/// When and where a buffer is used.
#[derive(Debug, Clone, Copy)]
struct Use {
    buffer: usize,
    length: usize,
    first: usize,
    last: usize,
    offset: usize,
}

/// Gives each buffer of the arena its offset, and returns the length of the arena.
///
/// Larger buffers go first, each into the smallest gap between those that are used at the same time (greedy by size,
/// Pisarchyk and Lee 2020, arXiv 2001.03288).
pub(crate) fn assign(steps: &[Step], buffers: &mut [Buffer]) -> usize {
    let mut uses: Vec<Option<Use>> = vec![None; buffers.len()];
    for (at, step) in steps.iter().enumerate() {
        let mut touch = |buffer: usize| {
            let length = buffers[buffer].length.next_multiple_of(ALIGNMENT);
            let new = Use { buffer, length, first: at, last: at, offset: 0 };
            uses[buffer].get_or_insert(new).last = at;
        };
        step.work.reads(&mut touch);
        step.work.writes(&mut touch);
    }
    let arena = |one: &Use| matches!(buffers[one.buffer].storage, Storage::Arena { .. });
    let mut waiting: Vec<_> = uses.into_iter().flatten().filter(arena).collect();
    waiting.sort_by_key(|one| std::cmp::Reverse(one.length));
    let mut placed: Vec<Use> = Vec::new();
    for mut one in waiting {
        let at_once = |other: &&Use| other.first <= one.last && one.first <= other.last;
        let (mut end, mut best) = (0, None);
        for other in placed.iter().filter(at_once) {
            let gap = other.offset.saturating_sub(end);
            if gap >= one.length && best.is_none_or(|(smallest, _)| gap < smallest) {
                best = Some((gap, end));
            }
            end = end.max(other.offset + other.length);
        }
        one.offset = best.map_or(end, |(_, offset)| offset);
        let position = placed.partition_point(|other| other.offset <= one.offset);
        placed.insert(position, one);
    }
    for one in &placed {
        buffers[one.buffer].storage = Storage::Arena { offset: one.offset };
    }
    placed.iter().map(|one| one.offset + one.length).max().unwrap_or(0)
}
