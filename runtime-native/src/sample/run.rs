//! The work of `sample`.

use easel_runtime::card::Kind;

use super::{Plan, denoise, generate};
use crate::{ModelFile, Result, find_model};

/// Makes the pictures and writes them. Everything that can be known to fail is tried before the first is computed.
pub fn run(plan: &Plan) -> Result<()> {
    let file = ModelFile::read(&find_model(&plan.model)?)?;
    match file.card.kind {
        Kind::Denoiser { .. } => denoise::run(plan, file),
        _ => generate::run(plan, file),
    }
}
