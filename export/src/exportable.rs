//! What the exporter needs to know of a network.

use candle_core::Tensor;
use easel_runtime::card::{Kind, PictureFormat};
use easel_train::Result;

use crate::graph::Graph;

/// A model's inputs or outputs by name.
pub type NamedTensors = Vec<(&'static str, Tensor)>;

/// A network as a model that can be exported. Implement it for a network of your own.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use easel_export::export::{ExportOptions, export};
/// use easel_export::{Dim, Exportable, Graph, NamedTensors};
/// use easel_runtime::card::{Architecture, Kind, Provenance, TabularTask};
/// use easel_train::{Result, Value};
///
/// /// Twice the only column of a table.
/// struct Double;
///
/// impl Double {
///     fn forward<V: Value>(&self, x: &V) -> Result<V> {
///         x.scale(2.0)
///     }
/// }
///
/// impl Exportable for Double {
///     fn title(&self) -> String {
///         "Double".into()
///     }
///
///     fn kind(&self) -> Kind {
///         Kind::Tabular { column_count: 1, task: TabularTask::Regression }
///     }
///
///     fn record(&self, graph: &Graph) -> Result<()> {
///         let dims = [Dim::Named("batch"), Dim::Fixed(1)];
///         let x = graph.input("features", &dims);
///         graph.output("prediction", &self.forward(&x)?, &dims);
///         Ok(())
///     }
///
///     fn test_inputs(&self) -> Result<Vec<NamedTensors>> {
///         [1, 2, 3].map(|rows| Ok(vec![("features", Tensor::arange(0f32, rows as f32, &Device::Cpu)?.reshape((rows, 1))?)]))
///             .into_iter()
///             .collect()
///     }
///
///     fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors> {
///         Ok(vec![("prediction", self.forward(&inputs[0].1)?)])
///     }
/// }
///
/// let architecture = Architecture { name: "double".into(), sizes: Default::default() };
/// let file = export(&Double, architecture, Provenance::default(), &ExportOptions::default())?;
/// assert_eq!(file.card.verification.max_difference, 0.0);
/// # Ok::<(), easel_export::Error>(())
/// ```
pub trait Exportable {
    /// The model's title.
    fn title(&self) -> String;

    /// The kind of model, for the card.
    fn kind(&self) -> Kind;

    /// The format of the pictures that go in or come out; `None` for a model without pictures, which is the default.
    fn picture(&self) -> Option<PictureFormat> {
        None
    }

    /// The magnitude of the outputs, by which differences are divided before they are compared with the tolerance. The
    /// default of 1 suits pictures and logits.
    fn output_scale(&self) -> Result<f64> {
        Ok(1.0)
    }

    /// Records the model, its inputs and its outputs.
    fn record(&self, graph: &Graph) -> Result<()>;

    /// Inputs to verify the export with: at least three sets with different shapes, the same at each call.
    fn test_inputs(&self) -> Result<Vec<NamedTensors>>;

    /// The network's own outputs for one set of inputs, in the graph's order.
    fn compute(&self, inputs: &[(&'static str, Tensor)]) -> Result<NamedTensors>;
}
