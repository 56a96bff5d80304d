//! The distance between two sets of points.

use super::common::laws::close;
use pushforward::Error;
use pushforward::ot_coupling::wasserstein_2;
use pushforward::tensor::{Real, Source, rows};
use rand::seq::SliceRandom;

#[test]
fn points_that_are_shuffled_and_moved_are_as_far_as_they_are_moved() {
    let mut source = Source::new(2);
    let x = rows(&source.normal::<2>(200).unwrap());
    let mut moved: Vec<[Real; 2]> = x.iter().map(|[x, y]| [x + 3.0, y - 4.0]).collect();
    moved.shuffle(&mut source);
    let found = wasserstein_2(&source.points(&x).unwrap(), &source.points(&moved).unwrap()).unwrap();
    assert!((found - 5.0).abs() < 1e-5, "a translation is optimal: {found}");
}

#[test]
fn points_that_are_there_twice_are_as_far_as_if_they_were_there_once() {
    let mut source = Source::new(3);
    let (x, y) = (source.normal::<3>(40).unwrap(), source.normal::<3>(40).unwrap());
    let twice = source.points(&[rows(&y), rows(&y)].concat()).unwrap();
    let once = wasserstein_2(&x, &y).unwrap();
    close("both solvers agree", once, wasserstein_2(&x, &twice).unwrap(), 1e-12);
    close("either way round", once, wasserstein_2(&twice, &x).unwrap(), 1e-12);
    // Masses are rounded to 10⁻¹⁶ of the whole: the root of as much times some squared distances is left.
    close("points are where they are", 0.0, wasserstein_2(&y, &twice).unwrap(), 1e-6);
}

#[test]
fn one_point_is_as_far_as_the_mean_of_the_squares_says() {
    let source = Source::new(0);
    let (x, y) = (source.points(&[[0.0]]).unwrap(), source.points(&[[1.0], [2.0], [5.0]]).unwrap());
    close("√((1 + 4 + 25) / 3)", 10.0_f64.sqrt(), wasserstein_2(&x, &y).unwrap(), 1e-14);
}

#[test]
fn points_that_are_no_numbers_are_errors() {
    let source = Source::new(0);
    let (x, bad) = (source.points(&[[0.0; 2]]).unwrap(), source.points(&[[Real::NAN, 0.0]]).unwrap());
    assert!(matches!(wasserstein_2(&x, &bad), Err(Error::NotFinite { .. })));
    assert!(matches!(wasserstein_2(&bad, &x), Err(Error::NotFinite { .. })));
}
