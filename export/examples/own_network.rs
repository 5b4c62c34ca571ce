//! A custom network, from a table to a verified ONNX file. `docs/your-own-network.md` walks through it.
//!
//! ```text
//! cargo run --release -p easel-export --example own_network -- TABLE.csv MODEL.onnx
//! ```

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use candle_core::{DType, Device, Tensor};
use easel_export::export::{ExportOptions, ExportedModel, export};
use easel_export::{Dim, Exportable, Graph, NamedTensors};
use easel_files::write_atomically;
use easel_runtime::Random;
use easel_runtime::card::{Architecture, Columns, Kind, Provenance, TabularTask};
use easel_train::data::table::{Table, Targets};
use easel_train::data::{self, Batches, DataLoader, Shuffle, stack_rows};
use easel_train::losses::cross_entropy;
use easel_train::nn::{Linear, LinearOptions};
use easel_train::optim::{Adam, AdamConfig, Schedule, Shape};
use easel_train::param::Scope;
use easel_train::{Params, Result, Value};

/// Hidden units, half of which gate the other half: `tanh(A x) * sigmoid(B x)`.
struct Gated {
    signal: Linear,
    gate: Linear,
    out: Linear,
    columns: usize,
    classes: usize,
}

impl Gated {
    fn new(scope: Scope, columns: usize, classes: usize) -> Result<Self> {
        let linear = |name, inputs, outputs| Linear::new(scope.sub(name), inputs, outputs, LinearOptions::default());
        let (signal, gate) = (linear("signal", columns, 64)?, linear("gate", columns, 64)?);
        Ok(Self { signal, gate, out: linear("out", 64, classes)?, columns, classes })
    }

    fn forward<V: Value>(&self, x: &V) -> Result<V> {
        let hidden = self.signal.forward(x)?.tanh()?.mul(&self.gate.forward(x)?.sigmoid()?)?;
        self.out.forward(&hidden)
    }
}

fn train(network: &Gated, params: &Params, table: Table) -> Result<Vec<f32>> {
    let (steps, order) = (1_500, Shuffle { len: table.rows(), seed: 1 });
    let (batches, collate) = (Batches::new(order, 32), stack_rows(&Device::Cpu));
    let loader = DataLoader::new(Arc::new(table), batches, collate, data::LoaderOptions::default());
    let mut adam = Adam::new(params.trained(), AdamConfig::decoupled(2e-2, 0.01))?;
    let schedule = Schedule { warmup: 50, shape: Shape::Cosine { steps, floor: 0.0 } };
    let mut losses = Vec::new();
    for (step, batch) in (0..steps).zip(loader.start()?) {
        let batch = batch?;
        let logits = network.forward(&batch.features)?;
        let loss = cross_entropy(&logits, &batch.targets.to_dtype(DType::U32)?)?;
        adam.set_lr_factor(schedule.factor(step));
        adam.step(&loss.backward()?)?;
        losses.push(loss.to_scalar::<f32>()?);
    }
    Ok(losses)
}

fn accuracy(network: &Gated, table: &Table) -> Result<f64> {
    let shape = (table.rows(), table.columns.len());
    let features = Tensor::from_vec(table.features.clone(), shape, &Device::Cpu)?;
    let answers = network.forward(&features)?.argmax(1)?.to_vec1::<u32>()?;
    let right = answers.iter().enumerate().filter(|(row, answer)| table.target(*row) == **answer as f32);
    Ok(right.count() as f64 / answers.len() as f64)
}

impl Exportable for Gated {
    fn title(&self) -> String {
        "Gated units".into()
    }

    fn kind(&self) -> Kind {
        Kind::Tabular { column_count: self.columns, task: TabularTask::Classification { class_count: self.classes } }
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let features = graph.input("features", &[Dim::Named("batch"), Dim::Fixed(self.columns)]);
        let dims = [Dim::Named("batch"), Dim::Fixed(self.classes)];
        graph.output("logits", &self.forward(&features)?, &dims);
        Ok(())
    }

    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        let rows = |count| {
            let values = Random::new(count as u64, 0).normals(count * self.columns);
            Ok(vec![("features", Tensor::from_vec(values, (count, self.columns), &Device::Cpu)?)])
        };
        [1, 3, 64].into_iter().map(rows).collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![("logits", self.forward(&inputs[0].1)?)])
    }
}

fn write(network: &Gated, table: &Table, classes: Vec<String>, model: &Path) -> anyhow::Result<ExportedModel> {
    let architecture = Architecture { name: "gated".into(), sizes: Default::default() };
    let provenance = Provenance { data: Some(table.name.clone()), ..Provenance::default() };
    let columns = Columns { features: table.columns.clone(), target: table.target.clone() };
    let options = ExportOptions { classes, columns: Some(columns), ..ExportOptions::default() };
    let exported = export(network, architecture, provenance, &options)?;
    write_atomically(model, &exported.bytes)?;
    Ok(exported)
}

/// Reads a table, trains, validates and writes the model. Gives the first and the last losses, the accuracy, and the model.
pub fn run(table: &Path, model: &Path) -> anyhow::Result<([f32; 2], f64, ExportedModel)> {
    let table = Table::read(table, None, None)?;
    let Targets::Classes { names, .. } = table.targets.clone() else {
        anyhow::bail!("{}: give a table whose last column has the names of classes", table.name);
    };
    let (training, validation) = table.split(0.2, 1)?;
    let params = Params::new(DType::F32, &Device::Cpu, Random::new(1, 0));
    let network = Gated::new(params.root(), table.columns.len(), names.len())?;
    let losses = train(&network, &params, training)?;
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let accuracy = accuracy(&network, &validation)?;
    let exported = write(&network, &table, names, model)?;
    Ok(([mean(&losses[..50]), mean(&losses[losses.len() - 50..])], accuracy, exported))
}

#[allow(dead_code, reason = "the test calls `run`")]
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (table, model) = arguments.next().zip(arguments.next()).context("give a table and the model file to write")?;
    let ([first, last], accuracy, exported) = run(table.as_ref(), model.as_ref())?;
    println!(
        "loss {first:.3} to {last:.3}, validation accuracy {:.1} %; {}: at most {:e} from candle",
        100.0 * accuracy,
        model.display(),
        exported.card.verification.max_difference
    );
    Ok(())
}
