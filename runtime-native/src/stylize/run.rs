//! The work of `stylize`.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::Instant;

use easel_files::remove_abandoned;
use easel_runtime::Engine;

use super::film;
use super::gate::Gate;
use super::guard::Guard;
use super::jobs::{self, Jobs};
use super::lane::Lane;
use super::memory::{Facts, PROGRAM};
use super::pipeline::{self, Gates};
use super::plan::{Plan, StatisticsOf, Target, TileSize};
use super::report::Report;
use crate::engine::cores;
use crate::memory::free_bytes;
use crate::output::Prepared;
use crate::{Error, Result, find_model};

/// Stylizes the pictures, several at a time. One that fails is reported in its place and fails the whole at the end.
pub fn run(plan: &Plan) -> Result<()> {
    if let Target::Film(output) = &plan.target {
        return film::run(plan, output);
    }
    let mut report = Report::new(plan, Instant::now());
    match prepare(plan) {
        Ok(ready) => ready.run(plan, report),
        Err(error) => {
            report.stopped(&error);
            Err(error)
        }
    }
}

/// What the work begins with.
struct Ready {
    jobs: Jobs,
    paths: Vec<PathBuf>,
    guard: Guard,
}

/// Does all that can stop the whole, but for opening models.
fn prepare(plan: &Plan) -> Result<Ready> {
    let jobs = jobs::collect(plan)?;
    let paths = plan.styles.iter().map(|style| find_model(&style.model)).collect::<Result<_>>()?;
    if plan.target == Target::Standard && stdout().is_terminal() {
        let what = "standard output (-o -): it is the terminal; send it to a file or a program, or give -o a name";
        return Err(Error::Impossible(what.into()));
    }
    let prepared = match &plan.target {
        Target::Standard | Target::Film(_) => Prepared::default(),
        Target::Place(output) => output.prepare()?,
    };
    Ok(Ready { jobs, paths, guard: Guard::new(prepared) })
}

impl Ready {
    fn run(self, plan: &Plan, mut report: Report) -> Result<()> {
        let Self { jobs, paths, guard } = self;
        let all = plan.options.threads.filter(|&threads| threads > 0).unwrap_or_else(cores);
        // A thread for each picture does more than several on one, and gives the same bits on every machine.
        let mut count = all.min(jobs.to_do.len()).max(1);
        let mut first = Lane::new(plan, &paths, all / count);
        let opened = open_all(plan, &mut first).inspect_err(|error| report.stopped(error))?;
        if opened.on_device {
            count = 1;
        }
        let side_by_side = if count > 1 { format!(", {count} pictures at a time") } else { String::new() };
        eprintln!("engine: {}{side_by_side}", opened.engine);
        jobs.folders().into_iter().for_each(remove_abandoned);
        report.begin(&jobs);
        let mut lanes = vec![first];
        lanes.extend((1..count).map(|_| Lane::new(plan, &paths, all / count)));
        let (pictures, models) = match plan.tiles.memory {
            Some(limit) => (limit.saturating_sub(PROGRAM), usize::MAX),
            None => (free_bytes() / 8, free_bytes() / 8 * 3),
        };
        let (pictures, models) = (Gate::new(pictures), Gate::new(models));
        let gates = Gates { pictures, models, facts: opened.facts.clone() };
        let idle = pipeline::run(plan, &jobs.to_do, lanes, all.div_ceil(2), &gates, &guard, &mut report);
        report.finish(&jobs, &opened, idle)
    }
}

/// What is known of the models once they were opened.
pub(super) struct Opened {
    /// Their titles.
    pub titles: Vec<String>,
    /// What memory and tiles depend on in each.
    pub facts: Vec<Facts>,
    /// What runs them.
    pub engine: String,
    /// Whether that is a device with memory of its own.
    pub on_device: bool,
}

/// Tries all models, says what is notable of them, and leaves those open that are used first.
pub(super) fn open_all(plan: &Plan, lane: &mut Lane) -> Result<Opened> {
    let last_first = (0..plan.styles.len()).rev().map(Some);
    let wanted = if plan.is_separate() { last_first.collect() } else { vec![None] };
    let mut opened = Opened { titles: vec![], facts: vec![], engine: String::new(), on_device: false };
    for style in wanted {
        lane.ready(style)?;
        let (mut titles, mut facts) = (vec![], vec![]);
        for stylizer in lane.stylizers() {
            titles.push(stylizer.title.clone());
            facts.push(stylizer.facts());
            if plan.tiles.statistics == StatisticsOf::Picture && !stylizer.border.statistics {
                return Err(Error::Impossible(format!(
                    "{}: it takes no statistics, which --statistics exact needs; export it without --plain-norm, or \
                     leave the flag away",
                    stylizer.title
                )));
            }
            if plan.tiles.statistics == StatisticsOf::Picture && !stylizer.tells_norms() {
                return Err(Error::Impossible(format!(
                    "{}: --statistics exact needs a model of real numbers, not one in eight bits; leave the flag away",
                    stylizer.title
                )));
            }
            opened.on_device = stylizer.engine.is_on_device();
            let note = stylizer.engine.note().map(|note| format!(" ({note})")).unwrap_or_default();
            opened.engine = format!("{}{note}", stylizer.engine.describe());
            if stylizer.guessed_range && stylizer.range_looks_wrong().unwrap_or(false) {
                eprintln!(
                    "hint: what {} gives is far outside 0..1, so results may be black and white; try --range 0..255",
                    stylizer.title
                );
            }
            if let (false, TileSize::Pixels(_)) = (stylizer.fit.is_free(), plan.tiles.tile) {
                eprintln!("note: --tile does not apply: {} takes pictures of one size only", stylizer.title);
            }
        }
        opened.titles.splice(0..0, titles);
        opened.facts.splice(0..0, facts);
    }
    Ok(opened)
}
