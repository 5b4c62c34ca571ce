//! Estimates of a run's time and memory from a few steps of each of its phases.

use std::time::{Duration, Instant};

use super::plan::Plan;
use super::trainer::{Phase, Trainer};
use crate::{Error, Result};

/// Steps are timed for this long, but at least [`FEWEST`] and at most [`MOST`] of them.
const ENOUGH: Duration = Duration::from_secs(1);
const FEWEST: u32 = 3;
const MOST: u32 = 300;

/// The estimate of a phase of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseEstimate {
    /// Its name; empty for the whole run.
    pub name: String,
    /// The number of its remaining steps.
    pub steps: u64,
    /// The time of a step.
    pub step: Duration,
    /// The time of an evaluation.
    pub evaluation: Duration,
    /// The number of evaluations.
    pub evaluations: u64,
}

/// The estimate of a run, or of the rest of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Its phases; one where all steps are alike.
    pub phases: Vec<PhaseEstimate>,
    /// The time of the rest of the run: steps, evaluations, sample grids and what comes before a checkpoint.
    pub total: Duration,
    /// The peak memory of the process in bytes, including the data and a step's intermediate results; `None` where the
    /// system does not report it. GPU memory is not included.
    pub memory: Option<u64>,
    /// The size of a checkpoint in bytes.
    pub checkpoint: u64,
}

/// Trains a few steps, evaluates and samples in each phase that is not over, and estimates the rest of the run after the
/// steps done. The trainer's state has changed afterwards; nothing is written.
pub fn estimate(trainer: &mut dyn Trainer, plan: &Plan, done: u64) -> Result<Estimate> {
    let mut phases = trainer.phases();
    let alike = phases.is_empty();
    if alike {
        phases.push(Phase { name: String::new(), steps: 0..plan.steps });
    }
    let (mut estimates, mut total) = (Vec::new(), 0.0);
    for Phase { name, steps } in phases {
        let (begin, end) = (steps.start.max(done), steps.end);
        if begin >= end {
            continue;
        }
        if !alike {
            trainer.jump(begin)?;
        }
        let last = end == plan.steps;
        let step = step(trainer)?;
        let checkpoints = times(begin, end, plan.checkpoint_every, last);
        let recalibration = timed(checkpoints, &mut || trainer.recalibrate())?;
        let ends = |step: u64| plan.epochs.done(step).floor() as u64;
        let evaluations = match plan.epochs.any() {
            true => ends(end) - ends(begin) + u64::from(last && !plan.epochs.end_at(end)),
            false => 0,
        };
        let evaluation = timed(evaluations, &mut || trainer.evaluate().map(drop))?;
        let samples = times(begin, end, plan.sample_every, last);
        let sampling = timed(samples, &mut || trainer.samples().map(drop))?;
        total += step.as_secs_f64() * (end - begin) as f64
            + recalibration.as_secs_f64() * checkpoints as f64
            + evaluation.as_secs_f64() * evaluations as f64
            + sampling.as_secs_f64() * samples as f64;
        estimates.push(PhaseEstimate { name, steps: end - begin, step, evaluation, evaluations });
    }
    let snapshot = trainer.snapshot()?;
    let tensors = snapshot.weights.values().chain(snapshot.state.values());
    Ok(Estimate {
        phases: estimates,
        total: Duration::try_from_secs_f64(total).unwrap_or(Duration::MAX),
        memory: peak_memory(),
        checkpoint: tensors.map(|tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64).sum(),
    })
}

/// Seconds as `1:02:03` or `2:03`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.round().min(1e9) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The mean time of a few steps.
fn step(trainer: &mut dyn Trainer) -> Result<Duration> {
    let mut step = || match trainer.step()?.into_iter().find(|(_, value)| !value.is_finite()) {
        Some((name, value)) => {
            Err(Error::Diverged { step: 1, what: format!("the loss `{name}` is {value}"), kept: None })
        }
        None => Ok(()),
    };
    // The first step allocates memory that later ones reuse.
    step()?;
    let (begun, mut steps) = (Instant::now(), 0);
    while steps < FEWEST || (begun.elapsed() < ENOUGH && steps < MOST) {
        step()?;
        steps += 1;
    }
    Ok(begun.elapsed() / steps)
}

/// The time of an action: measured once, or 0 if it is never done.
fn timed(times: u64, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
    if times == 0 {
        return Ok(Duration::ZERO);
    }
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

/// How often an action is done that is due every few steps and, if `at_end` is set, after the last one.
fn times(done: u64, steps: u64, every: u64, at_end: bool) -> u64 {
    if steps <= done {
        return 0;
    }
    let counted = |steps: u64| steps.checked_div(every).unwrap_or(0);
    let due = counted(steps) - counted(done);
    due + u64::from(at_end && (every == 0 || !steps.is_multiple_of(every)))
}

/// The peak memory of the process.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(["0:07", "2:03", "1:02:03"], [7.2, 123.0, 3723.0].map(duration));
        assert_eq!(duration(f64::INFINITY), duration(1e9));
    }

    #[test]
    fn what_is_due_is_counted() {
        assert_eq!(times(0, 100, 30, true), 4);
        assert_eq!(times(0, 90, 30, true), 3);
        assert_eq!(times(45, 100, 30, false), 2);
        assert_eq!(times(0, 100, 0, true), 1);
        assert_eq!(times(0, 100, 0, false), 0);
        assert_eq!(times(100, 100, 30, true), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_is_counted() {
        let before = peak_memory().unwrap();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(peak_memory().unwrap() >= before.max(64 << 20), "{}", block.len());
    }
}
