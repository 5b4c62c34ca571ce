//! The settings of the network for tables.

use crate::data::table::TableTask;
use crate::optim::LrSchedule;
use crate::settings::{Epochs, Shared, finite_from_zero, fraction};
use crate::{Result, settings};

settings! {
    /// The settings of the network for tables.
    pub struct MlpConfig {
        /// Whether the first line has the names of the columns. Detected if it is not set
        #[arg(value_name = "true|false")]
        pub header: Option<bool>,
        /// What the last column is. Detected if it is not set: classes where a cell is not a number
        #[arg(value_enum)]
        pub task: Option<TableTask>,
        /// Units of each hidden layer
        #[arg(value_name = "N,..", value_delimiter = ',')]
        pub hidden: Vec<usize>,
        /// AdamW's decoupled weight decay
        #[arg(value_name = "X")]
        pub weight_decay: f64,
        /// The part of the rows held out for validation
        #[was("held-out", "validation")]
        #[arg(value_name = "X")]
        pub validation_split: f64,
        ..epochs: Epochs,
        ..shared: Shared,
    }
}

impl MlpConfig {
    /// Two hidden layers of 64 units, 100 epochs.
    pub fn classic() -> Self {
        Self {
            header: None,
            task: None,
            hidden: vec![64, 64],
            weight_decay: 0.3,
            validation_split: 0.2,
            epochs: Epochs { batch: 32, epochs: Some(100) },
            shared: Shared {
                threads: 1,
                workers: 0,
                lr: 3e-3,
                lr_schedule: LrSchedule::Cosine,
                ema_decay: 0.99,
                log_every: 0,
                checkpoint_every: 1_000,
                ..Shared::default()
            },
        }
    }

    /// 20 epochs: a first try.
    pub fn quick() -> Self {
        Self { epochs: Epochs { batch: 32, epochs: Some(20) }, ..Self::classic() }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.epochs.check(self.shared.steps)?;
        finite_from_zero("weight_decay", self.weight_decay)?;
        fraction("validation_split", self.validation_split)
    }
}
