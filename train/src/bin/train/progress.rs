//! Progress on stderr: a bar on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use easel_console::tell;
use indicatif::{ProgressBar, ProgressStyle};

use easel_train::run::Phase;
use easel_train::run::estimate::duration;

/// The intervals of the bar and of the lines.
const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The time constant of the moving average of the speed.
const MEMORY: f64 = 10.0;

/// The progress of a run.
pub struct Progress {
    total: u64,
    phases: Vec<Phase>,
    bar: Option<ProgressBar>,
    speed: Speed,
    shown: Instant,
}

impl Progress {
    /// A run of `total` steps of which `done` are done.
    pub fn new(total: u64, done: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total).with_position(done);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
            bar.set_style(style.expect("the template is right").progress_chars("━╸─"));
            bar
        });
        Self { total, phases: vec![], bar, speed: Speed::new(done), shown: Instant::now() }
    }

    /// Shows the time left in the current one of these phases, since the speed of the others is unknown.
    pub fn with_phases(self, phases: Vec<Phase>) -> Self {
        Self { phases, ..self }
    }

    /// Shows the number of steps done, the stage and the losses. It is cheap while no update is due.
    pub fn update(&mut self, step: u64, stage: &[(&str, f64)], losses: &[(&str, f64)]) {
        let every = if self.bar.is_some() { BAR_EVERY } else { LINE_EVERY };
        if self.shown.elapsed() < every && step < self.total {
            return;
        }
        self.shown = Instant::now();
        let speed = self.speed.update(step);
        let losses: String = losses.iter().map(|(name, value)| format!("{name} {value:.3}  ")).collect();
        let whole = |value: f64| if value.fract() == 0.0 { 0 } else { 3 };
        let stage: String = stage.iter().map(|(name, value)| format!("{name} {value:.*}  ", whole(*value))).collect();
        let phase = self.phases.iter().find(|phase| phase.steps.contains(&step.saturating_sub(1)));
        let (end, of) =
            phase.map_or((self.total, String::new()), |phase| (phase.steps.end, format!(" at {}", phase.name)));
        let left = duration((end.saturating_sub(step)) as f64 / speed.max(1e-9));
        let text = format!("{stage}{losses}{} steps/s  {left} left{of}", figures(speed));
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.set_position(step);
            }
            None => tell!("step {step} of {}  {text}", self.total),
        }
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell!("{line}")),
            None => tell!("{line}"),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Steps per second, as an exponential moving average.
struct Speed {
    since: Instant,
    step: u64,
    average: Option<f64>,
}

impl Speed {
    fn new(step: u64) -> Self {
        Self { since: Instant::now(), step, average: None }
    }

    fn update(&mut self, step: u64) -> f64 {
        let seconds = self.since.elapsed().as_secs_f64().max(1e-9);
        let now = step.saturating_sub(self.step) as f64 / seconds;
        let weight = (-seconds / MEMORY).exp();
        let average = self.average.map_or(now, |average| weight * average + (1.0 - weight) * now);
        *self = Self { since: Instant::now(), step, average: Some(average) };
        average
    }
}

/// A speed with three significant digits.
fn figures(speed: f64) -> String {
    match speed {
        speed if speed >= 100.0 => format!("{speed:.0}"),
        speed if speed >= 10.0 => format!("{speed:.1}"),
        speed => format!("{speed:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(["0.25", "31.4", "1024"], [0.25, 31.41, 1024.3].map(figures));
    }
}
