//! Fisher's irises, embedded.

use super::Table;
use crate::{Error, Result};

const FILE: &str = "datasets/iris/iris.csv";
const BYTES: &[u8] = include_bytes!("../../datasets/iris/iris.csv");

/// scikit-learn's first line: counts, and the names of the species.
const COUNTS: &str = "150,4,setosa,versicolor,virginica";
const COLUMNS: &str = "sepal length,sepal width,petal length,petal width,species";

/// The measurements of 150 irises, 50 of each of three species.
#[derive(Clone, Debug, PartialEq)]
pub struct Iris {
    /// Sepal length, sepal width, petal length and petal width in centimetres, 150 rows.
    pub measurements: Table,
    /// The species of each row, an index of [`Iris::SPECIES`].
    pub labels: Vec<u8>,
}

impl Iris {
    /// The names of the species.
    pub const SPECIES: [&'static str; 3] = ["setosa", "versicolor", "virginica"];
}

/// Fisher's irises (Fisher 1936, The use of multiple measurements in taxonomic problems), from a file embedded in the
/// crate.
///
/// It is the version of R and of scikit-learn, which agrees with Fisher's paper in the two rows where that of the UCI
/// repository has wrong numbers; `datasets/README.md` says more. Errors: [`Error::BadFile`], which a test rules out.
///
/// ```
/// use pushforward::data::iris;
///
/// let iris = iris()?;
/// let lengths = iris.measurements.column("petal length").unwrap_or_default();
/// let longest = lengths.iter().zip(&iris.labels).filter(|(_, label)| **label == 0).map(|(length, _)| *length);
/// assert_eq!(longest.fold(0.0, f64::max), 1.9, "a setosa's petals are short: a number copied from the file");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn iris() -> Result<Iris> {
    let rows = BYTES.strip_prefix(COUNTS.as_bytes());
    let rows = rows.ok_or_else(|| bad(format!("line 1: expected \"{COUNTS}\"")))?;
    let named = [COLUMNS.as_bytes(), rows].concat();
    let (measurements, species) = Table::from_reader(FILE, named.as_slice())?.split_last_column();
    let labels = species.into_iter().map(label).collect::<Result<_>>()?;
    Ok(Iris { measurements, labels })
}

fn label(species: f64) -> Result<u8> {
    let labels = 0..Iris::SPECIES.len() as u8;
    let found = labels.into_iter().find(|label| f64::from(*label) == species);
    found.ok_or_else(|| bad(format!("expected the species 0, 1 or 2, found {species}")))
}

fn bad(problem: String) -> Error {
    Error::BadFile { path: FILE.to_owned(), problem }
}
