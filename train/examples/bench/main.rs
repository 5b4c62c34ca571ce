//! Timed training steps, this library's side of `cargo xtask bench train`.
//!
//! `bench write FOLDER` writes each case's weights and inputs as `FOLDER/CASE.safetensors`, so that another program can
//! do the same. `bench run FOLDER CASE THREADS` reads one, says `ready`, and for each line on stdin, a number of steps,
//! takes them and writes `{"cpu": seconds, "wall": seconds, "loss": the last step's}`.

mod cases;
mod clock;
#[path = "../../src/bin/train/memory.rs"]
mod memory;

use std::io::{BufRead, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use candle_core::Device;
use easel_train::threads::on_own_threads;

use crate::cases::Case;
use crate::clock::Clock;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    memory::keep_freed_memory();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => Case::ALL.iter().try_for_each(|case| {
            let tensors = case.tensors()?;
            Ok(candle_core::safetensors::save(&tensors, file(folder, *case))?)
        }),
        ["run", folder, name, threads] => {
            let threads = threads.parse().context("THREADS is a number")?;
            let case = Case::named(name).with_context(|| format!("there is no case `{name}`"))?;
            Ok(on_own_threads(threads, case.is_second_order(), || Ok(run(folder, case)))??)
        }
        _ => bail!("usage: bench write FOLDER | bench run FOLDER CASE THREADS"),
    }
}

fn file(folder: &str, case: Case) -> std::path::PathBuf {
    Path::new(folder).join(format!("{}.safetensors", case.name()))
}

fn run(folder: &str, case: Case) -> Result<()> {
    let mut step = case.prepare(candle_core::safetensors::load(file(folder, case), &Device::Cpu)?)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse().context("a number of steps is expected")?;
        let clock = Clock::start();
        let mut loss = f64::NAN;
        for _ in 0..count {
            loss = step()?;
        }
        let (cpu, wall) = clock.passed();
        println!("{}", serde_json::json!({ "cpu": cpu, "wall": wall, "loss": loss }));
        std::io::stdout().flush()?;
    }
    Ok(())
}
