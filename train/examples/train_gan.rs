//! Trains a shipped recipe from Rust, with progress by a callback.
//!
//! ```text
//! cargo run --release -p easel-train --example train_gan -- RUNS
//! ```

use easel_train::recipes::gan::GanConfig;
use easel_train::run::Event;
use easel_train::{Result, TrainOptions, train};

fn main() -> Result<()> {
    let runs = std::env::args().nth(1).unwrap_or_else(|| "runs".into());
    let mut config = GanConfig::quick();
    config.shared.data = Some("synthetic".into());
    config.shared.steps = Some(200);

    let options = TrainOptions::new(runs).on_event(|event| match event {
        Event::Ready(summary) => println!("{summary}"),
        Event::Step { step, losses, .. } if step % 50 == 0 => println!("step {step}: {losses:?}"),
        Event::Saved { path, .. } => println!("checkpoint: {}", path.display()),
        _ => {}
    });
    let run = train(config, options)?;
    println!(
        "{} of {} steps are done: export-onnx {} -o gan.onnx",
        run.step,
        run.steps,
        easel_console::quoted_path(&run.folder)
    );
    Ok(())
}
