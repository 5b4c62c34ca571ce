//! Runs the plan of `sample`.

use std::io::{IsTerminal, stdout};

use easel_console::tell;
use easel_runtime::card::Kind;

use super::plan::{Destination, SamplePlan};
use super::report::Report;
use super::{denoise, generate};
use crate::error::{Error, Result};
use crate::model::{ModelFile, find_model};

/// Draws the pictures and writes them. Everything that can be checked beforehand is.
pub fn run(plan: &SamplePlan) -> Result<()> {
    let report = Report::new(plan);
    let sample = || {
        if plan.output == Destination::Standard && stdout().is_terminal() {
            return Err(Error::OutputIsTerminal);
        }
        let file = ModelFile::read(&find_model(&plan.model)?)?;
        match file.card.kind {
            Kind::Denoiser { .. } => denoise::run(plan, file, &report),
            _ => generate::run(plan, file, &report),
        }
    };
    let wrote = report.finish(sample())?;
    tell!("wrote {wrote} to {}", plan.output.path().display());
    Ok(())
}
