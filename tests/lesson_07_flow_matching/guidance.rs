//! Classes and guidance.

use super::common::laws::{ROUNDING, close};
use super::paths::{pairs, times};
use pushforward::Error;
use pushforward::cnf::VectorField;
use pushforward::flow_matching::{ConditionalField, Guided, OneHot, forget_classes};
use pushforward::nn::{Mlp, Tanh};
use pushforward::tensor::{Points, Real, Source, join, rows};

type Net = Mlp<6, 8, 2, 1, Tanh>;

/// Three classes.
fn field() -> OneHot<Net, 4> {
    OneHot(Net::new(&Source::new(6)).unwrap())
}

#[test]
fn a_class_is_told_as_a_one_among_zeros_after_the_time() {
    let (x, field) = (pairs(3).0, field());
    let found = field.velocity(times(0.3, 3), x.clone(), &[Some(0), None, Some(2)]).unwrap();
    let context: Points<4> =
        Source::new(0).points(&[[0.3, 1.0, 0.0, 0.0], [0.3, 0.0, 0.0, 0.0], [0.3, 0.0, 0.0, 1.0]]).unwrap();
    let expected = field.0.apply(join::<2, 4, 6, _>(x, context).unwrap()).unwrap();
    assert_eq!(rows(&found), rows(&expected));
}

#[test]
fn guidance_goes_on_from_the_field_of_all_through_that_of_the_class() {
    let (x, field) = (pairs(3).0, field());
    let of = |class| rows(&field.velocity(times(0.3, 3), x.clone(), &[class; 3]).unwrap());
    let (all, class) = (of(None), of(Some(1)));
    for weight in [0.0, 1.0, 2.5] {
        let guided = Guided { field: &field, class: 1, weight };
        let found = rows(&guided.velocity(times(0.3, 3), x.clone()).unwrap());
        for n in 0..3 {
            for i in 0..2 {
                let expected = all[n][i] + weight * (class[n][i] - all[n][i]);
                close(&format!("w = {weight}"), expected.into(), found[n][i].into(), ROUNDING);
            }
        }
    }
}

#[test]
fn a_class_is_forgotten_as_often_as_was_asked() {
    let mut source = Source::new(1);
    let classes: Vec<usize> = (0..10_000).map(|n| n % 3).collect();
    let found = forget_classes(&classes, 0.2, &mut source).unwrap();
    let forgotten = found.iter().filter(|class| class.is_none()).count();
    assert!(forgotten.abs_diff(2000) < 160, "four standard deviations: {forgotten}");
    assert!(found.iter().zip(&classes).all(|(found, class)| found.is_none_or(|found| found == *class)));
    let all = |probability| forget_classes(&classes, probability, &mut Source::new(1)).unwrap();
    assert!(all(0.0).iter().all(Option::is_some) && all(1.0).iter().all(Option::is_none));
}

#[test]
fn a_class_that_there_is_not_and_sizes_that_do_not_fit_are_errors() {
    let (x, field) = (pairs(3).0, field());
    let ask = |classes: &[Option<usize>]| field.velocity(times(0.3, 3), x.clone(), classes).map(|_| ());
    for class in [3, 99, usize::MAX - 1, usize::MAX] {
        assert!(matches!(ask(&[Some(class); 3]), Err(Error::OutOfDomain { what: "a class", .. })));
    }
    assert!(matches!(ask(&[None; 2]), Err(Error::BatchMismatch { .. })));
    let short = field.velocity(times(0.3, 2), x.clone(), &[None; 3]).map(|_| ());
    assert!(matches!(short, Err(Error::BatchMismatch { .. })));
    for probability in [-0.1, 1.1, f64::NAN] {
        assert!(forget_classes(&[0], probability, &mut Source::new(0)).is_err());
    }
    let none: [Real; 0] = [];
    assert!(forget_classes(&[], 0.5, &mut Source::new(0)).unwrap().len() == none.len());
}
