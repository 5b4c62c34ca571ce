//! `card.md`: a readable summary of a run and its progress.

use std::path::Path;

use easel_console::quoted_path;

use super::Checkpoint;
use super::counts::Counts;
use super::estimate::duration;
use super::plan::Plan;

/// The text at a checkpoint; `losses` are shown as they are.
pub(super) fn card(
    run: &Path,
    checkpoint: &Checkpoint,
    plan: &Plan,
    counts: &Counts,
    losses: &[(&str, f64)],
) -> String {
    let Checkpoint { architecture, record, .. } = checkpoint;
    let from = &record.provenance;
    let name = from.run.clone().unwrap_or_default();
    let sizes: Vec<_> = architecture.sizes.iter().map(|(name, size)| format!("{name} {size}")).collect();
    let losses: Vec<_> = losses.iter().map(|(name, loss)| format!("{name} {loss:.4}")).collect();
    let rows = [
        ("network", format!("{} ({})", architecture.name, sizes.join(", "))),
        ("data", from.data.clone().unwrap_or_default()),
        ("style", from.style.clone().unwrap_or_default()),
        ("seed", from.seed.map(|seed| seed.to_string()).unwrap_or_default()),
        ("steps", format!("{} of {}", record.step, plan.steps)),
        ("time", duration(counts.seconds)),
        ("losses, smoothed", losses.join(", ")),
        (
            "best checkpoint",
            counts.best.map(|best| format!("step {}: {:.4}", best.step, best.value())).unwrap_or_default(),
        ),
        ("program", from.program.clone()),
    ];
    let rows: String = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("| {name} | {} |\n", value.replace('|', "\\|")))
        .collect();
    let title = record.title.as_deref().unwrap_or(&name);
    format!(
        "# {title}\n\n| | |\n|---|---|\n{rows}\n`config.toml` holds every setting, `stats.jsonl` every number. As a model:\n\n\
         ```sh\nexport-onnx {} -o model.onnx\n```\n",
        quoted_path(run)
    )
}
