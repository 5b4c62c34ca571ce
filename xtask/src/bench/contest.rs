//! Engines that run one model in turn, and the table of their costs.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;

use super::job::worst_difference;
use super::report::{Spread, milliseconds};
use super::side::{Cost, Side};

/// An engine in a contest.
pub struct Entrant {
    pub engine: &'static str,
    /// Its program, or why there is none.
    pub side: Result<Side>,
    /// Where it has written its output, if that is compared.
    pub output: Option<PathBuf>,
}

/// The project's goals: ratios of Easel's CPU time to those of other engines.
pub type Goals = &'static [(&'static str, f64)];

/// What one engine has cost in one contest.
pub struct Row {
    about: String,
    threads: u32,
    engine: &'static str,
    outcome: Result<Measurement, String>,
}

struct Measurement {
    cpu: Spread,
    wall: Spread,
    /// Bytes; 0 if they are unknown.
    memory: f64,
    /// Easel's CPU time divided by this engine's, over pairs of measurements, if Easel has taken part.
    ratio: Option<Spread>,
    goal: Option<f64>,
    /// The worst one from the first engine's output that there is.
    difference: Option<f64>,
}

/// The name of this project's engine.
pub const OURS: &str = "Easel";

/// Lets each engine run the model `runs` times, in turn, `repeats` times over.
pub fn run(
    about: &str,
    threads: u32,
    mut entrants: Vec<Entrant>,
    goals: Goals,
    [runs, repeats]: [u32; 2],
) -> Result<Vec<Row>> {
    // The first runs allocate memory and choose kernels.
    for side in entrants.iter_mut().filter_map(|entrant| entrant.side.as_mut().ok()) {
        side.steps(1)?;
    }
    let mut costs: Vec<Vec<Cost>> = entrants.iter().map(|_| vec![]).collect();
    for _ in 0..repeats {
        for (entrant, costs) in entrants.iter_mut().zip(&mut costs) {
            if let Ok(side) = &mut entrant.side {
                costs.push(side.steps(runs as usize)?);
            }
        }
    }
    let reference = entrants.iter().find(|it| it.side.is_ok() && it.engine != OURS).and_then(|it| it.output.clone());
    let ours = entrants.iter().position(|entrant| entrant.engine == OURS && entrant.side.is_ok());
    let mut rows = Vec::new();
    for (entrant, costs_of_it) in entrants.iter().zip(&costs) {
        let spread = |of: fn(&Cost) -> f64| Spread::of(costs_of_it.iter().map(of));
        let outcome = match &entrant.side {
            Ok(_) => Ok(Measurement {
                cpu: spread(|cost| cost.cpu),
                wall: spread(|cost| cost.wall),
                memory: costs_of_it.iter().map(|cost| cost.memory).fold(0.0, f64::max),
                ratio: ours.filter(|_| entrant.engine != OURS).map(|ours| {
                    Spread::of(costs[ours].iter().zip(costs_of_it).map(|(ours, theirs)| ours.cpu / theirs.cpu))
                }),
                goal: goals.iter().find(|(engine, _)| *engine == entrant.engine).map(|(_, goal)| *goal),
                difference: match (&reference, &entrant.output) {
                    (Some(reference), Some(output)) if output != reference => {
                        Some(worst_difference([reference, output])?)
                    }
                    _ => None,
                },
            }),
            Err(error) => Err(format!("{error:#}")),
        };
        rows.push(Row { about: about.to_string(), threads, engine: entrant.engine, outcome });
    }
    Ok(rows)
}

impl Row {
    /// One line for the terminal.
    pub fn line(&self) -> String {
        let what = format!("{}, threads {}, {}", self.about, self.threads, self.engine);
        match &self.outcome {
            Ok(it) => {
                let ratio = it.ratio.map_or(String::new(), |ratio| format!("; {OURS} takes {}", ratio.shown()));
                format!("{what}: CPU {}{ratio}", milliseconds(it.cpu.median))
            }
            Err(reason) => format!("{what}: {reason}"),
        }
    }
}

/// The rows in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut text =
        format!("| model | threads | engine | CPU | {OURS}'s CPU ratio | goal | wall | memory | difference |\n");
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for Row { about, threads, engine, outcome } in rows {
        let cells = match outcome {
            Ok(it) => {
                let [cpu, wall] = [it.cpu, it.wall].map(|spread| milliseconds(spread.median));
                let or_empty = |text: Option<String>| text.unwrap_or_default();
                let ratio = or_empty(it.ratio.map(Spread::shown));
                let goal = or_empty(it.goal.map(|goal| format!("{goal:.2}")));
                let memory = or_empty((it.memory > 0.0).then(|| format!("{:.0} MB", it.memory / 1e6)));
                let difference = or_empty(it.difference.map(|difference| format!("{difference:.0e}")));
                format!("{cpu} | {ratio} | {goal} | {wall} | {memory} | {difference}")
            }
            Err(reason) => format!("{} | | | | |", reason.lines().next().unwrap_or_default().replace('|', "/")),
        };
        writeln!(text, "| {about} | {threads} | {engine} | {cells} |").expect("writing to a string does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use anyhow::anyhow;

    use super::*;

    /// A program that answers each line with the next of some CPU times.
    fn entrant(engine: &'static str, times: &str) -> Entrant {
        let script = format!(
            "echo ready 1; read n; echo '{{\"cpu\":9,\"wall\":9}}'; for t in {times}; do read n; \
             echo \"{{\\\"cpu\\\":$t,\\\"wall\\\":$t,\\\"memory\\\":5e6}}\"; done"
        );
        Entrant { engine, side: Side::start(Command::new("sh").args(["-c", &script])), output: None }
    }

    #[test]
    fn ratios_are_of_turns() {
        let absent = Entrant { engine: "ncnn", side: Err(anyhow!("no | such\nthing")), output: None };
        let entrants = vec![entrant(OURS, "1 6 2"), entrant("ONNX Runtime", "2 8 8"), absent];
        let rows = run("wave", 1, entrants, &[("ONNX Runtime", 0.4)], [1, 3]).unwrap();
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "| wave | 1 | Easel | 2000 ms |  |  | 2000 ms | 5 MB |  |");
        assert_eq!(lines[1], "| wave | 1 | ONNX Runtime | 8000 ms | 0.50 (0.25 to 0.75) | 0.40 | 8000 ms | 5 MB |  |");
        assert_eq!(lines[2], "| wave | 1 | ncnn | no / such | | | | | |");
    }

    #[test]
    fn without_our_engine_the_others_are_compared() {
        let rows = run("wave", 2, vec![entrant("ncnn", "4 2")], &[], [2, 2]).unwrap();
        assert!(table(&rows).contains("| wave | 2 | ncnn | 1500 ms |  |  |"), "{}", table(&rows));
    }

    #[test]
    fn a_program_says_why_it_cannot_run() {
        let error = Side::start(Command::new("sh").args(["-c", "echo failed to convert"])).err().unwrap();
        assert_eq!(error.to_string(), "to convert");
    }
}
