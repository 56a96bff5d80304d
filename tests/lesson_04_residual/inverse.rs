//! Inverses by fixed points.

use super::common::stirred;
use super::{copies, steep};
use pushforward::Error;
use pushforward::change_of_variables::Bijection;
use pushforward::nn::Tanh;
use pushforward::residual::{
    InvertibleResidual, Planar, TOLERANCE, fixed_point, iterates, published_fixed_point,
};
use pushforward::tensor::{Points, Real, Source, rows};

/// u(x) = −c x: the slowest map to iterate, x + u(x) = (1 − c) x.
fn slowest(c: Real) -> impl Fn(Points<1>) -> pushforward::Result<Points<1>> {
    move |x| Ok(x * -c)
}

#[test]
fn the_published_stopping_rule_leaves_an_error_of_many_steps() {
    let c = 0.98;
    let z: Vec<[Real; 1]> = (1..=200).map(|n| [0.01 * n as Real]).collect();
    let z = Source::new(0).points(&z).unwrap();
    let error = |x: &Points<1>| {
        let apart =
            |(x, z): (&[Real; 1], [Real; 1])| f64::from(x[0]) - f64::from(z[0]) / (1.0 - f64::from(c));
        rows(x).iter().zip(rows(&z)).map(apart).fold(0.0, |worst: f64, apart| worst.max(apart.abs()))
    };
    let published = published_fixed_point(slowest(c), &z).unwrap();
    let found = fixed_point(slowest(c), &z, 1e-6, 2000).unwrap();
    println!(
        "worst error {:.4} after {} steps as published, {:.6} after {} steps",
        error(&published.x),
        published.steps[0],
        error(&found.x),
        found.steps.iter().max().unwrap()
    );
    // The step that was believed to be 10⁻⁵: √(10⁻⁵ (1 + |z|)) with |z| = 2, and one more factor c.
    let step = (1e-5 * 3.0f64).sqrt();
    let expected = 0.98 / 0.02 * step;
    assert!(
        error(&published.x) > 0.9 * expected && error(&published.x) < expected,
        "{}",
        error(&published.x)
    );
    // |x| = 100: the tolerance is 10⁻⁶ · 103 and u is rounded, over 1 − c.
    assert!(error(&found.x) < (103e-6 + 100.0 * f64::from(Real::EPSILON)) / 0.02, "{}", error(&found.x));
    let worst = published.residuals.iter().fold(0.0, |worst: f64, r| worst.max(*r));
    assert!((worst - error(&published.x) * 0.02).abs() < 0.02 * worst, "the true residual is told: {worst}");
}

#[test]
fn the_published_rule_is_far_off_in_a_network_too() {
    let block = InvertibleResidual { contraction: steep::<2>(0.98) };
    let x = Source::new(4).normal::<2>(500).unwrap() * 0.05;
    let (z, _) = block.forward(x.clone()).unwrap();
    let error = |found: &Points<2>| {
        let apart = |(x, found): (&[Real; 2], [Real; 2])| (x[0] - found[0]).hypot(x[1] - found[1]);
        f64::from(rows(&x).iter().zip(rows(found)).map(apart).fold(0.0, Real::max))
    };
    let published = published_fixed_point(|x| block.contraction.apply(x), &z).unwrap();
    let (solved, inverse) = (block.solve(&z).unwrap(), block.inverse(z).unwrap().0);
    let errors = [error(&published.x), error(&solved.x), error(&inverse)];
    println!(
        "in a network: {:.1e} as published, {:.1e} solved, {:.1e} with Newton's step",
        errors[0], errors[1], errors[2]
    );
    assert!(errors[0] > 0.05, "{}", errors[0]);
    assert!(errors[1] < 2.0 * TOLERANCE / 0.02, "{}", errors[1]);
    assert!(errors[2] < 50.0 * f64::from(Real::EPSILON) / 0.02, "{}", errors[2]);
}

#[test]
fn a_point_does_not_depend_on_its_batch() {
    let block = stirred(InvertibleResidual::<2, 16, 1, Tanh>::new(&Source::new(3), 0.95).unwrap(), 1.0);
    let z = Source::new(4).normal::<2>(50).unwrap();
    let together = block.solve(&z).unwrap();
    assert!(together.steps.iter().max() > together.steps.iter().min(), "some points take longer");
    for (n, point) in rows(&z).into_iter().enumerate() {
        let alone = block.solve(&copies(point, 1)).unwrap();
        // A residual that is a rounding away from the tolerance may take one step more.
        assert!(alone.steps[0].abs_diff(together.steps[n]) <= 1, "{}, {}", alone.steps[0], together.steps[n]);
        for (one, many) in rows(&alone.x)[0].iter().zip(rows(&together.x)[n]) {
            let tolerance = 20.0 * TOLERANCE;
            assert!(f64::from((one - many).abs()) < tolerance, "point {n}: {one}, {many}");
        }
    }
}

#[test]
fn residuals_are_those_of_the_equation_and_below_the_tolerance() {
    let block = stirred(InvertibleResidual::<2, 16, 1, Tanh>::new(&Source::new(3), 0.98).unwrap(), 1.0);
    let z = Source::new(4).normal::<2>(500).unwrap();
    let found = block.solve(&z).unwrap();
    let again = block.contraction.apply(found.x.clone()).unwrap();
    for (n, ((x, u), z)) in rows(&found.x).iter().zip(rows(&again)).zip(rows(&z)).enumerate() {
        let sum = |i: usize| f64::from(x[i]) + f64::from(u[i]) - f64::from(z[i]);
        let residual = sum(0).abs().max(sum(1).abs());
        let rounding = 40.0 * f64::from(Real::EPSILON);
        assert!((residual - found.residuals[n]).abs() < rounding, "{residual}, {}", found.residuals[n]);
        let size = x.iter().zip(z).map(|(x, z)| f64::from(x.abs() + z.abs())).fold(0.0, f64::max);
        assert!(found.residuals[n] <= TOLERANCE * (1.0 + size));
    }
}

#[test]
fn iterates_begin_at_z_and_come_closer_by_the_constant() {
    let list = iterates(slowest(0.5), &copies([1.0], 1), 3).unwrap();
    let list: Vec<Real> = list.iter().map(|x| rows(x)[0][0]).collect();
    assert_eq!(list, [1.0, 1.5, 1.75, 1.875]);
}

#[test]
fn an_iteration_that_is_not_done_says_what_is_left() {
    let refused = fixed_point(slowest(0.98), &copies([1.0], 2), 1e-6, 30).unwrap_err();
    let Error::NotConverged { steps, residual, .. } = refused else { panic!("{refused}") };
    assert_eq!(steps, 30);
    assert!((residual - 0.98f64.powi(30)).abs() < 1e-3, "c³⁰ of the first one: {residual}");
    let expanding = fixed_point(|x| Ok(x * 2.0), &copies([1.0], 2), 1e-6, 50).unwrap_err();
    assert!(matches!(expanding, Error::NotConverged { .. }), "{expanding}");
}

#[test]
fn what_is_not_a_number_is_refused_in_both_directions() {
    let block = InvertibleResidual::<2, 4, 0, Tanh>::new(&Source::new(3), 0.9).unwrap();
    let planar = Planar::<2>::new(&mut Source::new(3)).unwrap();
    for bad in [Real::NAN, Real::INFINITY] {
        let x = || Source::new(0).points(&[[0.0, 0.0], [0.0, bad]]).unwrap();
        for refused in [
            block.forward(x()).err(),
            block.inverse(x()).err(),
            block.solve(&x()).err(),
            planar.forward(x()).err(),
            planar.inverse(x()).err(),
            iterates(Ok, &x(), 3).err(),
            published_fixed_point(Ok, &x()).err(),
        ] {
            assert!(matches!(refused, Some(Error::NotFinite { index: 3, .. })), "{bad}: {refused:?}");
        }
    }
    let broken = fixed_point(|x| Ok(x * Real::NAN), &copies([1.0], 1), 1e-6, 50);
    assert!(matches!(broken, Err(Error::NotFinite { .. })));
}

/// wᵀû is close to −1: along w the map is almost flat at one place.
#[test]
fn a_planar_flow_is_inverted_where_it_is_steep_and_refused_where_it_is_flat() {
    let planar = |u: Real| {
        let mut planar = Planar::<2>::new(&mut Source::new(3)).unwrap();
        planar.weight.copy_from(&[1.0, 0.0]);
        planar.direction.copy_from(&[u, 0.5]);
        planar
    };
    for u in [-3.0, 0.0, 30.0] {
        let x: Vec<_> = (-20..=20).map(|n| [0.3 * n as Real, 0.1]).collect();
        let (z, _) = planar(u).forward(Source::new(0).points(&x).unwrap()).unwrap();
        for (x, back) in x.iter().zip(rows(&planar(u).inverse(z).unwrap().0)) {
            let tolerance = if size_of::<Real>() == 4 { 1e-4 } else { 1e-10 };
            for (x, back) in x.iter().zip(back) {
                assert!(
                    f64::from(x - back).abs() < tolerance * (1.0 + f64::from(x.abs())),
                    "u = {u}: {x}, {back}"
                );
            }
        }
    }
    let shifted = |weight: [Real; 2], direction: Real| {
        let mut planar = planar(direction);
        planar.weight.copy_from(&weight);
        planar
    };
    for broken in [
        shifted([0.0, 0.0], 1.0),
        shifted([Real::MIN_POSITIVE, 0.0], 1.0),
        shifted([1.0, 0.0], -1000.0),
        shifted([Real::NAN, 0.0], 1.0),
        shifted([1.0, 0.0], Real::INFINITY),
    ] {
        let x = copies([0.3, 0.1], 1);
        for refused in [broken.forward(x.clone()).err(), broken.inverse(x).err()] {
            let is_clear = matches!(refused, Some(Error::OutOfDomain { .. } | Error::NotFinite { .. }));
            assert!(is_clear, "{broken:?}: {refused:?}");
        }
    }
    let flat = planar(-40.0).inverse(copies([0.0, 0.0], 1)).unwrap_err();
    assert!(matches!(flat, Error::Saturated { .. }), "{flat}");
}
