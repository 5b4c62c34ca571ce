//! A model for tables: `features [batch, columns] -> logits [batch, classes]`, or `prediction [batch, 1]` in a regression.

use candle_core::{Device, Tensor};
use easel_runtime::Random;
use easel_runtime::card::{Kind, TabularTask};
use easel_train::Result;
use easel_train::networks::mlp::Mlp;

use crate::exportable::{Exportable, NamedTensors};
use crate::graph::Graph;
use crate::proto::Dim;

fn output(mlp: &Mlp) -> &'static str {
    match mlp.sizes().task {
        TabularTask::Regression => "prediction",
        TabularTask::Classification { .. } => "logits",
    }
}

impl Exportable for Mlp {
    fn title(&self) -> String {
        "MLP".into()
    }

    fn kind(&self) -> Kind {
        Kind::Tabular { column_count: self.sizes().columns, task: self.sizes().task }
    }

    fn output_scale(&self) -> Result<f64> {
        Ok(self.target()?.map_or(1.0, |target| target.std.max(target.mean.abs())))
    }

    fn record(&self, graph: &Graph) -> Result<()> {
        let dims = |columns| [Dim::Named("batch"), Dim::Fixed(columns)];
        let features = graph.input("features", &dims(self.sizes().columns));
        graph.output(output(self), &self.predict(&features)?, &dims(self.sizes().outputs()));
        Ok(())
    }

    /// Rows of normally distributed columns with the means and standard deviations of the table.
    fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
        let columns = self.columns()?;
        [1, 3, 64]
            .into_iter()
            .map(|batch| {
                let mut random = Random::new(batch as u64, 0);
                let row = |_| {
                    let normals = random.normals(columns.len());
                    columns.iter().zip(normals).map(|(of, normal)| (of.mean + of.std * f64::from(normal)) as f32)
                };
                let values: Vec<f32> = (0..batch).flat_map(row).collect();
                Ok(vec![("features", Tensor::from_vec(values, (batch, columns.len()), &Device::Cpu)?)])
            })
            .collect()
    }

    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
        Ok(vec![(output(self), self.predict(&inputs[0].1)?)])
    }
}
