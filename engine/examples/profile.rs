//! Times a model's steps: `profile MODEL [HEIGHT WIDTH [RUNS [THREADS [BATCH]]]]`. Prints the shortest time of each step
//! that takes a hundredth of the whole, and the memory.

use std::sync::Arc;
use std::time::Instant;

use easel_engine::{Level, Model, Session, SessionOptions};
use easel_runtime::Tensor;
use easel_runtime::onnx::Dimension;
use easel_runtime::tensor::Data;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("profile MODEL [HEIGHT WIDTH [RUNS [THREADS [BATCH]]]]")?;
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (height, width) = (number(1, 256)?, number(2, 256)?);
    let (runs, threads, batch) = (number(3, 5)?.max(1), number(4, 1)?, number(5, 1)?);

    let start = Instant::now();
    let model = Arc::new(Model::load(&std::fs::read(path)?, Level::detect())?);
    println!("loaded in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    let inputs: Vec<(String, Tensor)> = model
        .inputs()
        .iter()
        .filter(|info| !info.optional)
        .map(|info| {
            let size = |(axis, dim): (usize, &Dimension)| dim.fixed().unwrap_or([batch, 3, height, width][axis.min(3)]);
            let dims: Vec<_> = info.dims.iter().enumerate().map(size).collect();
            let count = dims.iter().product::<usize>();
            let data: Data = match info.element.as_str() {
                "int64" => vec![1i64; count].into(),
                _ => (0..count).map(|at| (at * 2_654_435_761 % 1000) as f32 / 1000.0).collect::<Vec<_>>().into(),
            };
            Ok((info.name.clone(), Tensor::new(dims, data)?))
        })
        .collect::<easel_runtime::Result<_>>()?;
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let mut session = Session::new(model, &SessionOptions { threads: Some(threads) })?;
    let mut best = session.profile(&inputs)?;
    let mut whole = f64::INFINITY;
    for _ in 0..runs {
        let start = Instant::now();
        let times = session.profile(&inputs)?;
        whole = whole.min(start.elapsed().as_secs_f64());
        best.iter_mut().zip(times).for_each(|(best, new)| best.time = best.time.min(new.time));
    }
    let total: f64 = best.iter().map(|step| step.time.as_secs_f64()).sum();
    for step in best.iter().filter(|step| step.time.as_secs_f64() > total / 100.0) {
        println!("{:9.3} ms  {:<16} {}", step.time.as_secs_f64() * 1e3, step.work, step.node);
    }
    let memory = session.memory(&inputs)?;
    println!("{:9.3} ms in {} steps, the shortest run {:.3} ms", total * 1e3, best.len(), whole * 1e3);
    println!(
        "{:.1} MB between the layers, {:.1} MB of outputs",
        memory.intermediate as f64 / 1e6,
        memory.outputs as f64 / 1e6
    );
    Ok(())
}
