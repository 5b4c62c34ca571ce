//! Runs the plan of `sample`.

use easel_runtime::card::Kind;

use super::plan::SamplePlan;
use super::{denoise, generate};
use crate::error::Result;
use crate::model::{ModelFile, find_model};

/// Draws the pictures and writes them. Everything that can be checked beforehand is.
pub fn run(plan: &SamplePlan) -> Result<()> {
    let file = ModelFile::read(&find_model(&plan.model)?)?;
    match file.card.kind {
        Kind::Denoiser { .. } => denoise::run(plan, file),
        _ => generate::run(plan, file),
    }
}
