//! The training and the validation rows.

use super::MlpConfig;
use crate::data::Source;
use crate::data::table::{Table, TableTask, Targets, synthetic};
use crate::networks::mlp::Moments;
use crate::{Error, Result};

/// The number of rows of a drawn table.
const SYNTHETIC: usize = 1_000;

/// A target with at most this many different integers may be meant as classes.
const FEW: usize = 12;

/// A column whose standard deviation is a smaller fraction of its mean has lost digits in float32.
const FINEST: f64 = 1e-5;

/// The training and the validation set of a run: rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets {
    /// The training rows.
    pub training: Table,
    /// The validation rows, which are not trained on.
    pub validation: Table,
}

impl Sets {
    /// Reads a table, or draws one for `synthetic`, and holds out a part of its rows, the same for the same seed. Fails as
    /// [`Table::read`] does, and where too few rows are left, where the target is the same in all training rows, or where
    /// the standard deviation of a column is out of range.
    pub fn load(source: &Source, config: &MlpConfig) -> Result<Self> {
        Self::of(&load(source, config.header, config.task)?, config)
    }

    fn of(table: &Table, config: &MlpConfig) -> Result<Self> {
        let (training, validation) = table.split(config.validation_split, config.shared.seed)?;
        let sets = Self { training, validation };
        sets.check()?;
        Ok(sets)
    }

    fn check(&self) -> Result<()> {
        let Table { name, columns, target, targets, .. } = &self.training;
        let beyond = |column: &str, Moments { std, .. }: Moments| match std == 0.0 || Moments::RANGE.contains(&std) {
            true => Ok(()),
            false => Err(Error::Data(format!(
                "{name}: column `{column}` has a standard deviation of {std:e}; write it in another unit"
            ))),
        };
        for (column, moments) in columns.iter().zip(self.features()) {
            beyond(column, moments)?;
        }
        match (self.target(), targets) {
            (_, Targets::Classes { names, .. }) if names.len() == 1 => {
                Err(Error::Data(format!("{name}: every row is of the class `{}`; add rows of another class", names[0])))
            }
            (Some(moments), Targets::Numbers(values)) if moments.std == 0.0 => Err(Error::Data(format!(
                "{name}: `{target}` is {} in every training row; add rows with other targets",
                values[0]
            ))),
            (Some(moments), _) => beyond(target, moments),
            (None, _) => Ok(()),
        }
    }

    /// The moments of each feature column in the training rows.
    pub fn features(&self) -> Vec<Moments> {
        let Table { columns, features, .. } = &self.training;
        let column = |at: usize| features[at..].iter().step_by(columns.len()).copied();
        (0..columns.len()).map(|at| Moments::of(column(at))).collect()
    }

    /// The moments of the target in the training rows; `None` for classes.
    pub fn target(&self) -> Option<Moments> {
        match &self.training.targets {
            Targets::Numbers(values) => Some(Moments::of(values.iter().copied())),
            Targets::Classes { .. } => None,
        }
    }

    /// Warnings about possible mistakes: a constant column, one that is too fine for float32, a target that may be meant as
    /// classes, and classes that may be meant as numbers.
    pub fn warnings(&self) -> Vec<String> {
        let Table { columns, target, targets, .. } = &self.training;
        let constant = columns.iter().zip(self.features()).filter(|(_, moments)| moments.std == 0.0);
        let mut warnings: Vec<String> = constant
            .map(|(column, moments)| {
                format!("column `{column}` is {} in every training row and has no effect", moments.mean as f32)
            })
            .collect();
        let target_moments = self.target().into_iter().map(|moments| (target, moments));
        for (column, Moments { mean, std }) in columns.iter().zip(self.features()).chain(target_moments) {
            if std > 0.0 && std < FINEST * mean.abs() {
                warnings.push(format!(
                    "`{column}` varies by {std:.3} around {mean:.0}, too little for the precision of float32; subtract {mean:.0} first"
                ));
            }
        }
        if let Targets::Classes { names, .. } = targets {
            let numbers = names.iter().filter(|name| name.parse::<f32>().is_ok()).count();
            if numbers < names.len() && 2 * numbers > names.len() {
                warnings.push(format!(
                    "`{target}` was taken for {} classes, of which {numbers} are numbers; if it is a number, correct the other \
                     cells and give --task regression",
                    names.len()
                ));
            }
        }
        if let Targets::Numbers(values) = targets {
            let mut different: Vec<f32> = values.clone();
            different.sort_by(f32::total_cmp);
            different.dedup();
            if different.len() <= FEW
                && different.len() * 4 <= values.len()
                && different.iter().all(|value| value.fract() == 0.0)
            {
                warnings.push(format!(
                    "`{target}` has only {} different numbers, all whole; if they are classes, give --task classes",
                    different.len()
                ));
            }
        }
        warnings
    }
}

/// The whole table of a source. `synthetic` is drawn, by default with classes.
pub fn load(source: &Source, header: Option<bool>, task: Option<TableTask>) -> Result<Table> {
    match source {
        Source::Synthetic if task == Some(TableTask::Regression) => Ok(synthetic::friedman(SYNTHETIC, 0)),
        Source::Synthetic => Ok(synthetic::spirals(SYNTHETIC, 0)),
        Source::Path(path) | Source::Former(path) => Table::read(path, header, task),
        Source::Scenes(_) => {
            Err(Error::Config(format!("{source}: these are pictures; give a CSV file or `synthetic`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, of: impl Fn(f32) -> (f32, f32)) -> Table {
        let rows: Vec<_> = (0..rows).map(|row| of(row as f32)).collect();
        Table {
            columns: vec!["a".into()],
            target: "b".into(),
            features: rows.iter().map(|row| row.0).collect(),
            targets: Targets::Numbers(rows.iter().map(|row| row.1).collect()),
            name: "numbers".into(),
        }
    }

    #[test]
    fn what_cannot_be_learnt_is_named() {
        let split = |table: Table| Sets::of(&table, &MlpConfig::classic());
        let error = |table: Table| split(table).unwrap_err().to_string();
        assert!(error(table(9, |row| (row, 5.0))).contains("`b` is 5 in every training row"));
        assert!(error(table(9, |row| (row * 1e37, row))).contains("column `a` has a standard deviation of"));
        assert!(error(table(9, |row| (row, row * 1e-38))).contains("column `b` has a standard deviation of"));
        let warnings = split(table(60, |row| (7.5, row % 3.0))).unwrap().warnings();
        assert!(warnings[0].contains("column `a` is 7.5 in every training row"), "{warnings:?}");
        assert!(warnings[1].contains("`b` has only 3 different numbers") && warnings.len() == 2, "{warnings:?}");
        assert!(split(table(60, |row| (row, row / 3.0))).unwrap().warnings().is_empty());
    }
}
