//! Tables, and what is not one.

use pushforward::data::Table;
use pushforward::tensor::{Real, Source, rows};
use pushforward::{Error, Result};

/// What is wrong with a text.
fn problem(text: &str) -> String {
    Table::from_text("t.csv", text)
        .map_or_else(|error| error.to_string(), |table| format!("a table: {table:?}"))
}

#[test]
fn a_table_has_named_columns_and_its_numbers_in_order() -> Result<()> {
    let table = Table::from_text("t.csv", "\u{feff}a,\"b, c\"\r\n1,2.5\r\n\r\n-3e-2 ,4\r\n")?;
    assert_eq!(table.columns(), ["a", "b, c"]);
    assert_eq!(table.rows(), [[1.0, 2.5], [-0.03, 4.0]]);
    assert_eq!(table.column("b, c"), Some(vec![2.5, 4.0]));
    assert_eq!(table.column("d"), None);
    Ok(())
}

#[test]
fn what_is_not_a_table_is_an_error_that_names_the_line() {
    assert_eq!(problem("a,b\n1,2\n3\n"), "t.csv: line 3: expected 2 columns, found 1");
    assert_eq!(problem("a,b\n1,2\n3,4,5\n"), "t.csv: line 3: expected 2 columns, found 3");
    assert_eq!(
        problem("a,b\n1,2\n\n3,4\n5,six\n"),
        "t.csv: line 5, column \"b\": expected a finite number, found \"six\""
    );
    assert_eq!(
        problem("a,b\n\n\n1,x\n"),
        "t.csv: line 4, column \"b\": expected a finite number, found \"x\""
    );
    assert_eq!(
        problem("a,b\n1,NaN\n"),
        "t.csv: line 2, column \"b\": expected a finite number, found \"NaN\""
    );
    assert_eq!(
        problem("a,b\n-inf,1\n"),
        "t.csv: line 2, column \"a\": expected a finite number, found \"-inf\""
    );
    assert_eq!(
        problem("a,b\n1e999,1\n"),
        "t.csv: line 2, column \"a\": expected a finite number, found \"1e999\""
    );
    assert_eq!(problem("a,b\n1,\n"), "t.csv: line 2, column \"b\": expected a finite number, found \"\"");
    assert_eq!(problem(""), "t.csv: line 1: expected the names of the columns, found nothing");
    assert_eq!(problem("\n\n"), "t.csv: line 1: expected the names of the columns, found nothing");
    assert_eq!(
        problem("a,b\n"),
        "t.csv: expected at least one row after the names of the columns, found none"
    );
    assert_eq!(
        problem("1,2\n3,4\n"),
        "t.csv: line 1: expected the names of the columns, found the number 1: add a line with names"
    );
    assert_eq!(
        problem("a,b,a\n1,2,3\n"),
        "t.csv: line 1: expected the names of the columns, each another one, found \"a\" as number 3"
    );
    assert_eq!(
        problem("a,,c\n1,2,3\n"),
        "t.csv: line 1: expected the names of the columns, each another one, found \"\" as number 2"
    );
}

#[test]
fn a_file_that_is_missing_or_not_text_is_an_error_that_names_it() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("no.csv");
    let error = Table::from_file(&path).map(|_| ()).unwrap_err();
    assert!(matches!(&error, Error::Io { path: named, .. } if named.ends_with("no.csv")), "{error}");
    std::fs::write(&path, b"a,b\n1,2\n3,\xff\n")?;
    let error = Table::from_file(&path).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("no.csv: line 3: expected text in UTF-8"), "{error}");
    std::fs::write(&path, "a,b\n1,2\n")?;
    assert_eq!(Table::from_file(&path).map(|table| table.rows().len()).ok(), Some(1));
    Ok(())
}

/// A table with the rows (k, 10 k²), k = 0, …, n − 1.
fn parabola(n: usize) -> Result<Table> {
    let lines: String = (0..n).map(|k| format!("{k},{}\n", 10 * k * k)).collect();
    Table::from_text("parabola", &format!("k,square\n{lines}"))
}

#[test]
fn standardized_columns_have_mean_0_and_standard_deviation_1() -> Result<()> {
    let table = parabola(101)?;
    let standard = table.standardize()?;
    for name in ["k", "square"] {
        let column = standard.column(name).unwrap_or_default();
        let mean = column.iter().sum::<f64>() / 101.0;
        let variance = column.iter().map(|x| x * x).sum::<f64>() / 101.0;
        assert!(
            mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12,
            "{name}: {mean}, {variance} (rounding only)"
        );
    }
    let scaling = table.scaling()?;
    assert!((scaling.std[0] - 850.0_f64.sqrt()).abs() < 1e-9, "the variance of 0, …, 100 is (101² − 1) / 12");
    let other = scaling.apply(&Table::from_text("other", "k,square\n50,0\n")?)?;
    assert_eq!(other.rows()[0][0], 0.0, "other rows are scaled by the first table's mean");
    let narrow = Table::from_text("narrow", "k\n50\n")?;
    assert!(matches!(scaling.apply(&narrow), Err(Error::WrongLength { expected: 2, found: 1, .. })));
    Ok(())
}

#[test]
fn a_column_without_spread_cannot_be_standardized() -> Result<()> {
    for cells in ["0.1,1\n0.1,2\n0.1,3\n", "1e200,1\n-1e200,2\n", "1,1\n"] {
        let table = Table::from_text("t.csv", &format!("still,x\n{cells}"))?;
        let error = table.standardize().map(|_| ()).unwrap_err().to_string();
        assert_eq!(error, "t.csv: column \"still\" has no finite spread to scale by: leave it out");
    }
    Ok(())
}

/// The first column of several tables, sorted.
fn keys<'a>(tables: impl IntoIterator<Item = &'a Table>) -> Vec<f64> {
    let mut keys: Vec<f64> =
        tables.into_iter().flat_map(|table| table.column("k").unwrap_or_default()).collect();
    keys.sort_by(f64::total_cmp);
    keys
}

#[test]
fn a_split_keeps_every_row_once_and_follows_its_seed() -> Result<()> {
    let table = parabola(103)?;
    let (train, test) = table.split(7, 0.8)?;
    assert_eq!((train.rows().len(), test.rows().len()), (82, 21));
    assert_eq!(keys([&train, &test]), keys([&table]));
    assert!(test.rows().iter().all(|row| row[1] == 10.0 * row[0] * row[0]), "rows stay together");
    assert_eq!(table.split(7, 0.8)?, (train.clone(), test));
    assert_ne!(table.split(8, 0.8)?.0, train);
    assert_ne!(train.rows(), &table.rows()[..82], "the rows are shuffled");
    for share in [0.0, 1.0, -0.5, 1.5, f64::NAN, 0.001, 0.999] {
        assert!(matches!(table.split(7, share), Err(Error::OutOfDomain { .. })), "share {share}");
    }
    Ok(())
}

#[test]
fn folds_test_every_row_exactly_once() -> Result<()> {
    let table = parabola(11)?;
    let folds = table.folds(4, 3)?;
    let sizes: Vec<usize> = folds.iter().map(|(_, test)| test.rows().len()).collect();
    assert_eq!(sizes, [3, 3, 3, 2]);
    assert_eq!(keys(folds.iter().map(|(_, test)| test)), keys([&table]));
    for (train, test) in &folds {
        assert_eq!(keys([train, test]), keys([&table]));
    }
    assert_eq!(table.folds(4, 3)?, folds);
    assert_ne!(table.folds(4, 4)?, folds);
    for k in [0, 1, 12] {
        assert!(matches!(table.folds(k, 3), Err(Error::OutOfDomain { .. })), "{k} folds");
    }
    Ok(())
}

#[test]
fn a_table_becomes_points_of_its_own_width_only() -> Result<()> {
    let (table, source) = (parabola(3)?, Source::new(0));
    assert_eq!(rows(&table.points::<2>(&source)?), [[0.0, 0.0], [1.0, 10.0], [2.0, 40.0]]);
    assert!(matches!(table.points::<3>(&source), Err(Error::WrongLength { expected: 3, found: 2, .. })));
    let huge = Table::from_text("huge", "x\n1e300\n")?;
    let fits = huge.points::<1>(&source).is_ok();
    assert_eq!(fits, size_of::<Real>() == 8, "1e300 is infinite in f32, which is an error");
    Ok(())
}
