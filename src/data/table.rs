//! Tables of numbers with named columns.

use crate::tensor::{Points, Real, Source, check_all_finite};
use crate::{Error, Result};
use csv::{ReaderBuilder, StringRecord, Trim};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A table of finite numbers, read from CSV: a first line with the names of the columns, then one line per row.
///
/// ```
/// use pushforward::data::Table;
///
/// let table = Table::from_text("plants", "length,width\n5.0,3.4\n4.5, 2.3\n")?;
/// assert_eq!(table.columns(), ["length", "width"]);
/// assert_eq!(table.rows(), [[5.0, 3.4], [4.5, 2.3]]);
///
/// let problem = Table::from_text("plants", "length,width\n5.0,wide\n").unwrap_err().to_string();
/// assert_eq!(problem, "plants: line 2, column \"width\": expected a finite number, found \"wide\"");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    /// The table of a text; `name` stands for the file in messages.
    ///
    /// Errors: [`Error::BadFile`] with the line and what was expected there, for a first line that does not give each
    /// column a name of its own, a row of another width, a cell that is not a finite number, and a table without rows.
    pub fn from_text(name: &str, text: &str) -> Result<Self> {
        let unreadable = |error: csv::Error| bad(name, format!("expected comma-separated values: {error}"));
        let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text.as_bytes());
        let columns = columns(name, reader.headers().map_err(unreadable)?)?;
        let mut rows = Vec::new();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(unreadable)? {
            let cells = row(&columns, &record);
            rows.push(cells.map_err(|problem| bad(name, format!("line {}{problem}", line(text, &record))))?);
        }
        if rows.is_empty() {
            return Err(bad(
                name,
                "expected at least one row after the names of the columns, found none".into(),
            ));
        }
        Ok(Self { name: name.to_owned(), columns, rows })
    }

    /// The table of a file. Errors: [`Error::Io`] where it cannot be read, and those of [`Table::from_text`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io(path))?;
        Self::from_reader(&path.display().to_string(), file)
    }

    /// The table that a reader gives. Errors: as [`Table::from_file`].
    pub fn from_reader(name: &str, mut reader: impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map_err(Error::io(name))?;
        let text = str::from_utf8(&bytes).map_err(|error| {
            let line = 1 + newlines(&bytes[..error.valid_up_to()]);
            bad(name, format!("line {line}: expected text in UTF-8"))
        })?;
        Self::from_text(name, text)
    }

    /// The names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows, each as wide as there are columns.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// The numbers of one column, where there is one of that name.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let index = self.columns.iter().position(|column| column == name)?;
        Some(self.rows.iter().map(|row| row[index]).collect())
    }

    /// The rows as points, shape (rows, D).
    ///
    /// Errors: [`Error::WrongLength`] where the table does not have D columns, [`Error::NotFinite`] where a number is
    /// too large for [`Real`].
    pub fn points<const D: usize>(&self, source: &Source) -> Result<Points<D>> {
        let wrong = |row: &Vec<f64>| Error::WrongLength {
            what: "a point from a row of the table",
            expected: D,
            found: row.len(),
        };
        let point = |row: &Vec<f64>| <[f64; D]>::try_from(row.as_slice()).map_err(|_| wrong(row));
        let points = self.rows.iter().map(|row| Ok(point(row)?.map(|number| number as Real)));
        let points = points.collect::<Result<Vec<[Real; D]>>>()?;
        check_all_finite("the table", points.as_flattened())?;
        source.points(&points)
    }

    /// The table in units of its own spread: every column with mean 0 and standard deviation 1.
    ///
    /// It is `self.scaling()?.apply(self)`. To judge a model on held-out rows, take the [`Scaling`] of the training
    /// rows and apply it to both. Errors: as [`Table::scaling`].
    pub fn standardize(&self) -> Result<Self> {
        self.scaling()?.apply(self)
    }

    /// The mean and the standard deviation of each column.
    ///
    /// Errors: [`Error::BadFile`] with the column's name where it is constant, or so large that its variance overflows.
    pub fn scaling(&self) -> Result<Scaling> {
        let count = self.rows.len() as f64;
        let average = |f: &dyn Fn(&Vec<f64>) -> f64| self.rows.iter().map(f).sum::<f64>() / count;
        let mut scaling = Scaling { mean: Vec::new(), std: Vec::new() };
        for (index, column) in self.columns.iter().enumerate() {
            let mean = average(&|row| row[index]);
            let std = average(&|row| (row[index] - mean).powi(2)).sqrt();
            let first = self.rows[0][index];
            if self.rows.iter().all(|row| row[index] == first) || !(std > 0.0 && std.is_finite()) {
                let problem = format!("column \"{column}\" has no finite spread to scale by: leave it out");
                return Err(bad(&self.name, problem));
            }
            scaling.mean.push(mean);
            scaling.std.push(std);
        }
        Ok(scaling)
    }

    /// A training table with the given share of the rows, drawn at random without replacement, and a test table with
    /// the others.
    ///
    /// The number of training rows is share · rows, rounded. Errors: [`Error::OutOfDomain`] where that leaves one of
    /// the two without a row.
    pub fn split(&self, seed: u64, share: f64) -> Result<(Self, Self)> {
        let train = (share * self.rows.len() as f64).round();
        if !(train >= 1.0 && train < self.rows.len() as f64) {
            let expected = "between 0 and 1, with at least one row on each side";
            return Err(Error::OutOfDomain { what: "the share of training rows", expected, found: share });
        }
        let order = self.order(seed);
        let (train, test) = order.split_at(train as usize);
        Ok((self.take(train), self.take(test)))
    }

    /// k pairs of a training and a test table: every row is in exactly one of the test tables, whose sizes differ by
    /// at most one, and each training table has all the other rows.
    ///
    /// Errors: [`Error::OutOfDomain`] where k is below 2 or above the number of rows.
    pub fn folds(&self, k: usize, seed: u64) -> Result<Vec<(Self, Self)>> {
        if k < 2 || k > self.rows.len() {
            let expected = "at least 2 and at most the number of rows";
            return Err(Error::OutOfDomain { what: "the number of folds", expected, found: k as f64 });
        }
        let order = self.order(seed);
        let part = |keep: &dyn Fn(usize) -> bool| {
            let rows = order.iter().enumerate().filter(|(place, _)| keep(place % k)).map(|(_, row)| *row);
            self.take(&rows.collect::<Vec<_>>())
        };
        Ok((0..k).map(|fold| (part(&|place| place != fold), part(&|place| place == fold))).collect())
    }

    /// The indices of the rows, shuffled.
    fn order(&self, seed: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        order
    }

    fn take(&self, rows: &[usize]) -> Self {
        self.with_rows(rows.iter().map(|&row| self.rows[row].clone()).collect())
    }

    fn with_rows(&self, rows: Vec<Vec<f64>>) -> Self {
        Self { name: self.name.clone(), columns: self.columns.clone(), rows }
    }

    /// The table without its last column, and the numbers of that one.
    pub(super) fn split_last_column(mut self) -> (Self, Vec<f64>) {
        self.columns.pop();
        let last = self.rows.iter_mut().filter_map(Vec::pop).collect();
        (self, last)
    }
}

/// The units of a standardized table: z = (x − mean) / std, column by column.
///
/// With p(z) the density in these units, log p(x) = log p(z) − ∑ᵢ log stdᵢ.
///
/// ```
/// use pushforward::data::{Table, iris};
///
/// let (train, test) = iris()?.measurements.split(0, 0.8)?;
/// let scaling = train.scaling()?;
/// let held_out = scaling.apply(&test)?;
/// let mean = held_out.rows().iter().map(|row| row[0]).sum::<f64>() / 30.0;
/// assert!(mean != 0.0 && mean.abs() < 0.8, "30 rows in units of the other 120: standard error 0.2");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The mean of each column.
    pub mean: Vec<f64>,
    /// The standard deviation of each column: the root of the *mean* squared distance from the mean.
    pub std: Vec<f64>,
}

impl Scaling {
    /// The table in these units. Errors: [`Error::WrongLength`] where it has another number of columns.
    pub fn apply(&self, table: &Table) -> Result<Table> {
        let (expected, found) = (self.mean.len().min(self.std.len()), table.columns.len());
        if expected != found {
            return Err(Error::WrongLength { what: "a row in other units", expected, found });
        }
        let units = || self.mean.iter().zip(&self.std);
        let scale =
            |row: &Vec<f64>| row.iter().zip(units()).map(|(x, (mean, std))| (x - mean) / std).collect();
        Ok(table.with_rows(table.rows.iter().map(scale).collect()))
    }
}

/// The names in the first line.
fn columns(name: &str, header: &StringRecord) -> Result<Vec<String>> {
    let columns: Vec<String> = header.iter().map(str::to_owned).collect();
    let expected = "line 1: expected the names of the columns";
    if columns.iter().all(String::is_empty) {
        return Err(bad(name, format!("{expected}, found nothing")));
    }
    if columns.iter().all(|column| column.parse::<f64>().is_ok()) {
        return Err(bad(name, format!("{expected}, found the number {}: add a line with names", columns[0])));
    }
    for (index, column) in columns.iter().enumerate() {
        if column.is_empty() || columns[..index].contains(column) {
            return Err(bad(
                name,
                format!("{expected}, each another one, found \"{column}\" as number {}", index + 1),
            ));
        }
    }
    Ok(columns)
}

/// The numbers of one line, or what is wrong with it.
fn row(columns: &[String], record: &StringRecord) -> Result<Vec<f64>, String> {
    let (expected, found) = (columns.len(), record.len());
    if expected != found {
        return Err(format!(": expected {expected} columns, found {found}"));
    }
    let number = |(column, cell): (&String, &str)| match cell.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!(", column \"{column}\": expected a finite number, found \"{cell}\"")),
    };
    columns.iter().zip(record).map(number).collect()
}

/// The line of a record. The csv crate gives the place where it began to look for it: before the blank lines.
fn line(text: &str, record: &StringRecord) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    position.line() + newlines(&rest[..blank])
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn bad(name: &str, problem: String) -> Error {
    Error::BadFile { path: name.to_owned(), problem }
}
