//! The digits and the irises.

use pushforward::Result;
use pushforward::data::{Digits, Iris, digits, iris};
use pushforward::tensor::{Source, rows};

#[test]
fn digits_are_1797_images_with_the_published_class_counts() -> Result<()> {
    let digits = digits()?;
    assert_eq!((digits.images.len(), digits.labels.len()), (1797, 1797));
    let count = |label: u8| digits.labels.iter().filter(|&&found| found == label).count();
    let counts: Vec<usize> = (0..10).map(count).collect();
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180], "optdigits.names, testing set");
    let pixels = || digits.images.iter().flatten();
    assert_eq!((pixels().min(), pixels().max()), (Some(&0), Some(&16)));
    assert_eq!(pixels().map(|&pixel| u64::from(pixel)).sum::<u64>(), 561_718);
    let points = rows(&digits.points(&Source::new(0))?);
    assert_eq!(points[1][..8], [0.0, 0.0, 0.0, 12.0, 13.0, 5.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn files_that_are_not_digits_are_errors_that_say_why() -> std::io::Result<()> {
    let gzip = |text: &str| -> std::io::Result<Vec<u8>> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes())?;
        encoder.finish()
    };
    let problem = |bytes: &[u8]| Digits::read("d.gz", bytes).map(|_| ()).unwrap_err().to_string();
    let zeros = "0,".repeat(64);
    assert_eq!(
        Digits::read("d.gz", &*gzip(&format!("{zeros}3\n"))?).map(|digits| digits.labels).ok(),
        Some(vec![3])
    );
    assert_eq!(
        problem(&gzip(&format!("{zeros}3\n{zeros}\n"))?),
        "d.gz: line 2: expected an integer, found \"\"",
    );
    assert_eq!(
        problem(&gzip(&format!("{zeros}3\n1,2,3\n"))?),
        "d.gz: line 2: expected 64 pixels and a label, found 3 numbers"
    );
    assert_eq!(
        problem(&gzip(&format!("17,{}3\n", &zeros[2..]))?),
        "d.gz: line 1: expected pixels from 0 to 16, found 17"
    );
    assert_eq!(
        problem(&gzip(&format!("{zeros}10\n"))?),
        "d.gz: line 1: expected a label from 0 to 9, found 10"
    );
    assert_eq!(problem(&gzip("")?), "d.gz: expected at least one image, found none");
    let whole = std::fs::read(file("digits/digits.csv.gz"))?;
    assert!(
        problem(&whole[..whole.len() / 2]).starts_with("d.gz: expected gzip-compressed text"),
        "truncated"
    );
    assert!(problem(b"0,0,0\n").starts_with("d.gz: expected gzip-compressed text"), "not compressed");
    Ok(())
}

#[test]
fn iris_has_50_rows_of_each_species_with_the_means_that_r_gives() -> Result<()> {
    let Iris { measurements, labels } = iris()?;
    assert_eq!(measurements.columns(), ["sepal length", "sepal width", "petal length", "petal width"]);
    assert_eq!((measurements.rows().len(), labels.len()), (150, 150));
    // The means of the species in centimetres, as R gives them for its own iris.
    let means = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]];
    for (label, expected) in means.iter().enumerate() {
        let species =
            measurements.rows().iter().zip(&labels).filter(|(_, found)| usize::from(**found) == label);
        let species: Vec<_> = species.map(|(row, _)| row).collect();
        assert_eq!(species.len(), 50);
        for (index, expected) in expected.iter().enumerate() {
            let mean = species.iter().map(|row| row[index]).sum::<f64>() / 50.0;
            assert!((mean - expected).abs() < 1e-9, "{} {index}: {mean}", Iris::SPECIES[label]);
        }
    }
    Ok(())
}

#[test]
fn iris_is_the_version_without_the_two_known_errors() -> Result<()> {
    let iris = iris()?;
    assert_eq!(iris.measurements.rows()[34], [4.9, 3.1, 1.5, 0.2], "UCI has 0.1 for the petal width");
    assert_eq!(iris.measurements.rows()[37], [4.9, 3.6, 1.4, 0.1], "UCI has 3.1 and 1.5 in the middle");
    Ok(())
}

/// A file of the repository's `datasets/`.
fn file(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join(name)
}

#[test]
fn embedded_files_have_the_sha_256_that_the_readme_gives() -> std::io::Result<()> {
    use sha2::{Digest, Sha256};
    let readme = std::fs::read_to_string(file("README.md"))?;
    let expected = [
        ("digits/digits.csv.gz", "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"),
        ("iris/iris.csv", "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449"),
    ];
    for (name, expected) in expected {
        let found: String =
            Sha256::digest(std::fs::read(file(name))?).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected, "{name}");
        assert!(
            readme.contains(&format!("{expected}  {name}")),
            "datasets/README.md does not give {name}'s sum"
        );
    }
    Ok(())
}
