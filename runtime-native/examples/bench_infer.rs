//! Timed runs of a model, this library's side of `cargo xtask bench infer`.
//!
//! `bench_infer ENGINE JOB.json` loads the job's model, runs it once on the job's inputs, writes the first output's float32
//! elements to the job's file, and prints `ready`, or `failed REASON`. Each line on stdin is a number of runs; it
//! takes them and prints `{"cpu": seconds, "wall": seconds, "memory": bytes by which loading and running have raised the
//! process's peak}`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs, io};

use easel_engine::{Level, Session, SessionOptions};
use easel_native::{EngineOptions, OrtEngine, library};
use easel_runtime::{Engine, Tensor};
use serde_json::{Value, json};

/// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [engine, job] = &arguments[..] else { return Err("usage: bench_infer ENGINE JOB.json".into()) };
    let job: Value = serde_json::from_slice(&fs::read(job)?)?;
    let model = fs::read(text(&job["model"]))?;
    let threads = job["threads"].as_u64().and_then(|threads| usize::try_from(threads).ok());
    let outcome = match &engine[..] {
        "easel" => bench(&job, || {
            let model = Arc::new(easel_engine::Model::load(&model, Level::detect())?);
            Ok(Session::new(model, &SessionOptions { threads })?)
        }),
        "onnxruntime" => {
            library::load(None)?;
            bench(&job, || Ok(OrtEngine::load(&model, &EngineOptions { threads, ..EngineOptions::default() })?))
        }
        other => Err(format!("no engine is named `{other}`").into()),
    };
    if let Err(error) = outcome {
        println!("failed {error}");
    }
    Ok(())
}

fn bench<E: Engine>(job: &Value, load: impl FnOnce() -> Result<E>) -> Result<()> {
    let described = job["inputs"].as_array().ok_or("a job has inputs")?;
    let tensors = described.iter().map(tensor).collect::<Result<Vec<Tensor>>>()?;
    let names = described.iter().map(|input| text(&input["name"]));
    let inputs: Vec<(&str, &Tensor)> = names.zip(&tensors).collect();
    let before = memory("VmRSS:");
    let mut engine = load()?;
    let mut run = || pollster::block_on(engine.run(&inputs));
    let output: Vec<u8> = run()?[0].1.as_f32()?.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(text(&job["output"]), output)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let count: u32 = line?.trim().parse()?;
        let (cpu, wall) = (cpu_time(), Instant::now());
        for _ in 0..count {
            run()?;
        }
        let (cpu, wall) = (cpu_time() - cpu, wall.elapsed().as_secs_f64());
        println!("{}", json!({ "cpu": cpu, "wall": wall, "memory": memory("VmHWM:").saturating_sub(before) }));
        io::stdout().flush()?;
    }
    Ok(())
}

fn tensor(input: &Value) -> Result<Tensor> {
    let bytes = fs::read(Path::new(text(&input["file"])))?;
    let shape: Vec<usize> = serde_json::from_value(input["shape"].clone())?;
    Ok(match text(&input["type"]) {
        "float32" => {
            Tensor::new(shape, bytes.as_chunks().0.iter().map(|it| f32::from_le_bytes(*it)).collect::<Vec<_>>())?
        }
        "int64" => {
            Tensor::new(shape, bytes.as_chunks().0.iter().map(|it| i64::from_le_bytes(*it)).collect::<Vec<_>>())?
        }
        other => return Err(format!("inputs of type `{other}` are not supported").into()),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A field of `/proc/self/status` in bytes; 0 on systems without it.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0u64) * 1024
}

/// Seconds that all threads of this process have used, in its own code and in the kernel's.
#[cfg(unix)]
fn cpu_time() -> f64 {
    // SAFETY: `getrusage` fills the structure that it is given, of which zeros are a valid value.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &mut usage), 0, "getrusage knows RUSAGE_SELF");
        usage
    };
    [usage.ru_utime, usage.ru_stime].iter().map(|time| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6).sum()
}

#[cfg(not(unix))]
fn cpu_time() -> f64 {
    f64::NAN
}
