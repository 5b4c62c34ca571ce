//! Tables: CSV files (RFC 4180), plain or compressed with gzip, of numbers, with the target in the last column.

pub mod synthetic;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use easel_runtime::Random;
use easel_runtime::card::Columns;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::run::streams;
use crate::{Error, Result};

/// The largest size of a decompressed table, in bytes.
const MOST_BYTES: u64 = 1 << 32;

/// What the last column is: the kind of prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TableTask {
    /// Numbers.
    Regression,
    /// Names of classes, which may be numbers.
    Classes,
}

/// The last column.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A number for each row.
    Numbers(Vec<f32>),
    /// A class for each row, and the classes' names in the order of their labels: by number where all are numbers, else
    /// by letter.
    Classes {
        /// Below the number of names.
        labels: Vec<u32>,
        /// One for each label.
        names: Vec<String>,
    },
}

/// A table in memory. Everything in it is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The names of the feature columns; without a header `x1`, `x2`, ...
    pub columns: Vec<String>,
    /// The name of the last column; without a header `y`.
    pub target: String,
    /// `[row, column]`.
    pub features: Vec<f32>,
    /// One for each row.
    pub targets: Targets,
    /// The file's name without its ending.
    pub name: String,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// One number for each column.
    pub features: Vec<f32>,
    /// The number, or the label of the class.
    pub target: f32,
}

impl Table {
    /// Reads a file. Cells are separated by commas, or by semicolons or tabs where the first line has more of these. If
    /// `header` and `task` are `None` they are detected: the first line is a header if one of its features is not a number,
    /// and the last column holds classes if one of its cells is not a number.
    ///
    /// Fails, naming line and column, on a cell that is empty, not a number, NaN or infinite where a number is needed, and
    /// on rows of different lengths; on a table without features or with fewer than two rows; and on a single class.
    pub fn read(path: &Path, header: Option<bool>, task: Option<TableTask>) -> Result<Self> {
        let bad = |what: String| Error::Data(format!("{}: {what}", path.display()));
        let bytes =
            bytes(path).map_err(|error| bad(format!("cannot read: {error}; give a CSV file, plain or gzipped")))?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .trim(csv::Trim::All)
            .delimiter(delimiter(&bytes))
            .from_reader(&bytes[..]);
        let records =
            reader.records().collect::<std::result::Result<Vec<_>, _>>().map_err(|error| bad(error.to_string()))?;
        let (first, width) = match records.first() {
            Some(first) if first.len() >= 2 => (first, first.len() - 1),
            Some(_) => {
                return Err(bad("one column only; give feature columns and, as the last column, the target".into()));
            }
            None => return Err(bad("an empty table".into())),
        };
        // Text above numbers is a header; above text it may be a class.
        let over_numbers = || {
            let mut targets = records.iter().skip(1).map(|row| &row[width]).peekable();
            targets.peek().is_some() && targets.all(|cell| number(cell).is_some())
        };
        let has_header = header.unwrap_or_else(|| {
            first.iter().take(width).any(is_name) || (first.get(width).is_some_and(is_name) && over_numbers())
        });
        let (names, rows) = records.split_at(usize::from(has_header));
        if rows.is_empty() {
            return Err(bad("no rows below the header".into()));
        }
        let named = |at: usize, without: String| names.first().map_or(without, |names| names[at].to_string());
        let columns: Vec<String> = (0..width).map(|at| named(at, format!("x{}", at + 1))).collect();
        let target = named(width, "y".into());
        let mut known = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|name| !known.insert(*name)) {
            return Err(bad(format!("two columns are called `{twice}`; give each a name of its own")));
        }

        let place = |row: &csv::StringRecord, column: &str| {
            format!("line {}, column `{column}`", row.position().map_or(0, csv::Position::line))
        };
        let mut features = Vec::with_capacity(rows.len() * width);
        for row in rows {
            for (cell, column) in row.iter().zip(&columns) {
                let value = number(cell);
                features.push(value.ok_or_else(|| bad(format!("{}: {}", place(row, column), no_number(cell))))?);
            }
        }
        let cells = || rows.iter().map(|row| &row[width]);
        let task = task.unwrap_or_else(|| match cells().all(|cell| cell.is_empty() || number(cell).is_some()) {
            true => TableTask::Regression,
            false => TableTask::Classes,
        });
        let wrong = |row: &csv::StringRecord, cell: &str| bad(format!("{}: {}", place(row, &target), no_number(cell)));
        let targets = match task {
            TableTask::Regression => {
                let value = |row: &csv::StringRecord| number(&row[width]).ok_or_else(|| wrong(row, &row[width]));
                Targets::Numbers(rows.iter().map(value).collect::<Result<_>>()?)
            }
            TableTask::Classes => match rows.iter().find(|row| row[width].is_empty()) {
                Some(row) => return Err(wrong(row, "")),
                None => classes(cells()),
            },
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split('.').next().unwrap_or_default().to_string();
        Ok(Self { columns, target, features, targets, name })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        match &self.targets {
            Targets::Numbers(values) => values.len(),
            Targets::Classes { labels, .. } => labels.len(),
        }
    }

    /// The target of a row: the number, or the label of the class.
    pub fn target(&self, index: usize) -> f32 {
        match &self.targets {
            Targets::Numbers(values) => values[index],
            Targets::Classes { labels, .. } => labels[index] as f32,
        }
    }

    /// The features of a row.
    pub fn row(&self, index: usize) -> &[f32] {
        let width = self.columns.len();
        &self.features[index * width..][..width]
    }

    /// The same rows with the columns and classes in a network's order, matched by name. Fails on a missing column, and on
    /// a class that the network does not have.
    pub fn like(&self, columns: Option<&Columns>, classes: &[String]) -> Result<Self> {
        let bad = |what: String| Error::Data(format!("{}: {what}", self.name));
        let mut table = self.clone();
        if let Some(Columns { features, target }) = columns {
            let place = |column: &String| {
                let found = self.columns.iter().position(|name| name == column);
                found.ok_or_else(|| {
                    let (wanted, found) = (features.join(", "), self.columns.join(", "));
                    bad(format!("no column `{column}`: the network takes {wanted}, the table has {found}"))
                })
            };
            let places = features.iter().map(place).collect::<Result<Vec<_>>>()?;
            if self.target != *target {
                let last = &self.target;
                return Err(bad(format!(
                    "its last column is `{last}`, but the network predicts `{target}`; make that the last column"
                )));
            }
            let row = |row: usize| places.iter().map(move |&place| self.row(row)[place]);
            table.features = (0..self.rows()).flat_map(row).collect();
            table.columns = features.clone();
        }
        if let Targets::Classes { labels, names } = &mut table.targets {
            let label = |name: &String| {
                let found = classes.iter().position(|class| class == name);
                let classes = classes.join(", ");
                found.ok_or_else(|| bad(format!("its class `{name}` is not one of the network's ({classes})")))
            };
            let new = names.iter().map(label).collect::<Result<Vec<_>>>()?;
            labels.iter_mut().for_each(|label| *label = new[*label as usize] as u32);
            *names = classes.to_vec();
        }
        Ok(table)
    }

    /// Splits off `part` of the rows for validation, at least one: the training and the validation rows, each in the
    /// table's order. The same seed gives the same split. Fails where fewer than two rows are left for training.
    pub fn split(&self, part: f64, seed: u64) -> Result<(Self, Self)> {
        let mut order: Vec<usize> = (0..self.rows()).collect();
        Random::new(seed, streams::HELD_OUT).shuffle(&mut order);
        let count = ((order.len() as f64 * part).round() as usize).max(1);
        if count + 2 > order.len() {
            return Err(Error::Data(format!(
                "{}: {} rows are too few to hold {count} of them out for validation; add rows",
                self.name,
                order.len()
            )));
        }
        let (held_out, rest) = order.split_at_mut(count);
        let chosen = |rows: &mut [usize]| {
            rows.sort_unstable();
            self.subset(rows)
        };
        Ok((chosen(rest), chosen(held_out)))
    }

    /// Some of the rows, in this order.
    pub fn subset(&self, rows: &[usize]) -> Self {
        let targets = match &self.targets {
            Targets::Numbers(values) => Targets::Numbers(rows.iter().map(|&row| values[row]).collect()),
            Targets::Classes { labels, names } => {
                Targets::Classes { labels: rows.iter().map(|&row| labels[row]).collect(), names: names.clone() }
            }
        };
        let features = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { features, targets, columns: self.columns.clone(), target: self.target.clone(), name: self.name.clone() }
    }
}

impl Dataset for Table {
    type Item = Row;

    fn len(&self) -> usize {
        self.rows()
    }

    fn item(&self, index: usize, _: &mut Random) -> Result<Row> {
        Ok(Row { features: self.row(index).to_vec(), target: self.target(index) })
    }

    fn describe(&self, index: usize) -> String {
        format!("row {} of {}", index + 1, self.name)
    }
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    BufReader::new(File::open(path)?).read_to_end(&mut bytes)?;
    if !bytes.starts_with(b"\x1f\x8b") {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&bytes[..]).take(MOST_BYTES + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > MOST_BYTES {
        return Err(std::io::Error::other(format!("it decompresses to more than {MOST_BYTES} bytes")));
    }
    Ok(plain)
}

fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    // Of equal counts, `max_by_key` takes the last: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).expect("there are three")
}

/// Whether a cell can only be a column's name. An empty cell or `nan` is an error in the row.
fn is_name(cell: &str) -> bool {
    !cell.is_empty() && cell.parse::<f32>().is_err()
}

fn number(cell: &str) -> Option<f32> {
    cell.parse().ok().filter(|value: &f32| value.is_finite())
}

fn no_number(cell: &str) -> String {
    match cell {
        "" => "an empty cell; fill it in, or remove the row".into(),
        cell => format!("`{cell}` is not a finite number; remove the column, or write it as numbers"),
    }
}

fn classes<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Targets {
    let mut names: Vec<&str> = cells.clone().collect();
    names.sort_unstable();
    names.dedup();
    if let Some(mut numbers) = names.iter().map(|name| Some((number(name)?, *name))).collect::<Option<Vec<_>>>() {
        numbers.sort_by(|a, b| a.0.total_cmp(&b.0));
        names = numbers.into_iter().map(|(_, name)| name).collect();
    }
    let labels: BTreeMap<&str, u32> = names.iter().zip(0..).map(|(name, label)| (*name, label)).collect();
    Targets::Classes {
        labels: cells.map(|cell| labels[cell]).collect(),
        names: names.into_iter().map(String::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn read(text: &[u8], header: Option<bool>, task: Option<TableTask>) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowers.csv.gz");
        std::fs::write(&path, text).unwrap();
        Table::read(&path, header, task)
    }

    #[test]
    fn headers_and_tasks_are_told_by_the_cells() {
        let text = "long,\"wide, in cm\",kind\n1,2.5,rose\r\n-3e1,4, lily\n5,6,rose\n";
        let table = read(text.as_bytes(), None, None).unwrap();
        assert_eq!((table.columns.join("|").as_str(), table.target.as_str()), ("long|wide, in cm", "kind"));
        assert_eq!(
            (table.name.as_str(), table.features.as_slice()),
            ("flowers", &[1.0, 2.5, -30.0, 4.0, 5.0, 6.0][..])
        );
        let names = vec!["lily".to_string(), "rose".into()];
        assert_eq!(table.targets, Targets::Classes { labels: vec![1, 0, 1], names });
        assert_eq!(table.subset(&[2, 1]).item(0, &mut Random::new(0, 0)).unwrap().features, [5.0, 6.0]);

        let plain = read(b"1;2;10\n3;4;9\n", None, None).unwrap();
        assert_eq!((plain.columns.join("|").as_str(), plain.target.as_str()), ("x1|x2", "y"));
        assert_eq!((plain.len(), plain.targets), (2, Targets::Numbers(vec![10.0, 9.0])));
        let digits = read(b"1\t2\t10\n3\t4\t9\n", None, Some(TableTask::Classes)).unwrap();
        assert_eq!(digits.targets, Targets::Classes { labels: vec![1, 0], names: vec!["9".into(), "10".into()] });
        assert_eq!(read(b"1,2\n3,4\n5,6\n", Some(true), None).unwrap().columns, ["1"]);
    }

    #[test]
    fn a_part_is_held_out_for_good() {
        let all = synthetic::friedman(50, 0);
        let (training, held_out) = all.split(0.2, 3).unwrap();
        assert_eq!((training.rows(), held_out.rows()), (40, 10));
        let sorted = |table: &[&Table]| {
            let mut values: Vec<f32> = table.iter().flat_map(|table| table.features.clone()).collect();
            values.sort_by(f32::total_cmp);
            values
        };
        assert_eq!(sorted(&[&training, &held_out]), sorted(&[&all]));
        assert_eq!(all.split(0.2, 3).unwrap(), (training, held_out.clone()));
        assert_ne!(all.split(0.2, 4).unwrap().1, held_out);
        let error = all.subset(&[0, 1]).split(0.2, 3).unwrap_err().to_string();
        assert!(error.contains("2 rows are too few"), "{error}");
    }

    #[test]
    fn another_table_is_read_by_names() {
        let table = read(b"b,a,kind\n1,2,rose\n3,4,lily\n", None, None).unwrap();
        let columns = Columns { features: vec!["a".into(), "b".into()], target: "kind".into() };
        let classes = ["rose", "tulip", "lily"].map(String::from);
        let like = table.like(Some(&columns), &classes).unwrap();
        assert_eq!((like.row(0), like.row(1)), (&[2.0, 1.0][..], &[4.0, 3.0][..]));
        assert_eq!(like.targets, Targets::Classes { labels: vec![0, 2], names: classes.to_vec() });
        let other = Columns { features: vec!["c".into()], ..columns.clone() };
        let last = read(b"b,a,age\n1,2,7\n", None, None).unwrap();
        let error = last.like(Some(&columns), &classes).unwrap_err().to_string();
        assert!(error.contains("its last column is `age`, but the network predicts `kind`"), "{error}");
        assert!(table.like(Some(&other), &classes).unwrap_err().to_string().contains("no column `c`"));
        assert!(table.like(None, &classes[..2]).unwrap_err().to_string().contains("its class `lily` is not one of"));
    }

    #[test]
    fn a_name_over_numbers_is_a_header() {
        let years = read(b"2019,2020,sales\n1,2,3\n4,5,6\n", None, None).unwrap();
        assert_eq!((years.columns.join(" "), years.target.as_str(), years.rows()), ("2019 2020".into(), "sales", 2));
        let classes = read(b"1,2,red\n3,4,blue\n", None, None).unwrap();
        assert_eq!((classes.target.as_str(), classes.rows()), ("y", 2));
    }

    #[test]
    fn compressed_tables_are_the_same() {
        let text = b"a,b\n1,2\n3,4\n";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        let packed = gzip.finish().unwrap();
        assert_eq!(read(&packed, None, None).unwrap(), read(text, None, None).unwrap());
        assert!(read(&packed[..packed.len() - 6], None, None).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_column() {
        let cases: [(&str, Option<TableTask>, &str); 11] = [
            ("a,a,b\n1,2,3\n4,5,6\n", None, "two columns are called `a`"),
            (",2\n1,2\n3,4\n", None, "line 1, column `x1`: an empty cell"),
            ("nan,2\n1,2\n3,4\n", None, "line 1, column `x1`: `nan` is not a finite number"),
            ("a,b,c\n1,2,3\n1,,3\n", None, "line 3, column `b`: an empty cell"),
            ("a,b\n1,2\nred,3\n", None, "line 3, column `a`: `red` is not a finite number"),
            ("1,2\n1,nan\n", Some(TableTask::Regression), "line 2, column `y`: `nan` is not a finite number"),
            ("1,a\n2,\n", None, "line 2, column `y`: an empty cell"),
            ("1,2\n3,4,5\n", None, "3 fields"),
            ("1\n2\n", None, "one column only"),
            ("a,b\n", None, "no rows below the header"),
            ("", None, "an empty table"),
        ];
        for (text, task, expected) in cases {
            let error = read(text.as_bytes(), None, task).unwrap_err().to_string();
            assert!(error.contains("flowers.csv.gz: ") && error.contains(expected), "{error}");
        }
        assert!(read(b"1,\xff\n2,3\n", None, None).is_err());
    }
}
