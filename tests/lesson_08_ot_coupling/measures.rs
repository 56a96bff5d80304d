//! Energy and straightness.

use super::common::laws::{ROUNDING, close};
use super::common::mixtures::no_points;
use pushforward::cnf::{DOPRI5, EULER, OdeSolver, RK4, VectorField};
use pushforward::data::{EightGaussians, Sample, TwoMoons};
use pushforward::flow_matching::flow_matching_loss;
use pushforward::nn::{Mlp, Silu, Tanh};
use pushforward::ot_coupling::{
    Coupling, ExactOt, Independent, Pairs, TwoSidedPath, measure_paths, normalized_path_energy, reflow,
};
use pushforward::tensor::{PerPoint, Points, Real, Source, rows};
use pushforward::train::{Progress, Training, train};
use pushforward::{Error, Result};

/// v(t, x) = a x + b.
struct Linear {
    rate: Real,
    wind: Real,
}

impl VectorField<2> for Linear {
    fn velocity(&self, _: PerPoint, x: Points<2>) -> Result<Points<2>> {
        Ok(x * self.rate + self.wind)
    }
}

fn start(n: usize) -> Points<2> {
    Source::new(3).normal(n).unwrap()
}

fn mean_square(x: &Points<2>) -> f64 {
    let rows = rows(x);
    rows.iter().flatten().map(|x| f64::from(*x).powi(2)).sum::<f64>() / rows.len() as f64
}

#[test]
fn a_constant_field_has_its_squared_speed_as_energy_and_is_straight() {
    for solver in [OdeSolver::fixed(EULER, 7), OdeSolver::fixed(RK4, 3), OdeSolver::adaptive(DOPRI5, 1e-5)] {
        let found = measure_paths(&Linear { rate: 0.0, wind: 3.0 }, &solver, start(50)).unwrap();
        close("|v|²", 18.0, found.path_energy, ROUNDING);
        close("straightness", 0.0, found.straightness, 20.0 * ROUNDING);
        assert_eq!(rows(&found.pairs.x_0), rows(&start(50)));
    }
}

/// As a difference of the energy and that of the lines, it was −0.07 in f32.
#[test]
fn a_strong_wind_is_straight() {
    let field = Linear { rate: 0.0, wind: 1000.0 };
    let found = measure_paths(&field, &OdeSolver::fixed(RK4, 4), start(50)).unwrap();
    // The ends have a relative rounding error, and the square of that is left.
    let most = 2.0 * (1000.0 * 4.0 * f64::from(Real::EPSILON)).powi(2);
    assert!((0.0..=most).contains(&found.straightness), "{}, not up to {most}", found.straightness);
}

#[test]
fn a_linear_field_has_the_energy_of_the_closed_form() {
    let x = start(50);
    for rate in [-1.5f64, 0.7] {
        let found =
            measure_paths(&Linear { rate: rate as Real, wind: 0.0 }, &OdeSolver::fixed(RK4, 50), x.clone())
                .unwrap();
        // x = x₀ eᵃᵗ, so that ∫ a² e²ᵃᵗ dt = ½ a (e²ᵃ − 1).
        let energy = 0.5 * rate * ((2.0 * rate).exp() - 1.0) * mean_square(&x);
        let straight = (rate.exp() - 1.0).powi(2) * mean_square(&x);
        close("energy", energy, found.path_energy, 5.0 * ROUNDING + 1e-7);
        // A difference of two numbers of size 4, each with its rounding.
        close("straightness", energy - straight, found.straightness, 20.0 * ROUNDING + 1e-7);
    }
}

/// v = ω (−y, x): circles.
struct Turning(f64);

impl VectorField<2> for Turning {
    fn velocity(&self, _: PerPoint, x: Points<2>) -> Result<Points<2>> {
        let turned = |[x, y]: [Real; 2]| [-y * self.0 as Real, x * self.0 as Real];
        Source::new(0).points(&rows(&x).into_iter().map(turned).collect::<Vec<_>>())
    }
}

#[test]
fn straightness_is_the_integral_that_defines_it() {
    let (field, x, turn) = (Turning(1.5), start(40), 1.5f64);
    let solver = OdeSolver::fixed(RK4, 100);
    let found = measure_paths(&field, &solver, x.clone()).unwrap();
    // The speed is ω |x|, and the chord of the arc has the square 2 (1 − cos ω) |x|².
    let closed = (turn * turn - 2.0 * (1.0 - turn.cos())) * mean_square(&x);
    close("the closed form", closed, found.straightness, 20.0 * ROUNDING + 1e-8);
    let path = solver.solve_dense(&field, x.clone(), 0.0, 1.0).unwrap();
    let moved = path.solution.end.clone() - x;
    let steps = 400;
    // The midpoint rule on 400 intervals, which leaves h² / 24 = 3·10⁻⁷ of a second derivative of size 10.
    let at = |i: usize| {
        let t = (i as Real + 0.5) / steps as Real;
        let times = Source::new(0).per_point(&[t; 40]).unwrap();
        mean_square(&(moved.clone() - field.velocity(times, path.at(t).unwrap()).unwrap()))
    };
    let expected = (0..steps).map(at).sum::<f64>() / steps as f64;
    close("∫ E |x₁ − x₀ − v|² dt", expected, found.straightness, 20.0 * ROUNDING.max(5e-7));
}

#[test]
fn a_path_energy_is_never_below_that_of_its_straight_lines() {
    // With weights that are not negative, Σ b |k|² ≥ |Σ b k|² in every step.
    let field = Mlp::<3, 16, 2, 1, Tanh>::new(&Source::new(7)).unwrap();
    for steps in [1, 2, 10] {
        let found = measure_paths(&field, &OdeSolver::fixed(EULER, steps), start(40)).unwrap();
        assert!(found.straightness > -ROUNDING, "{steps} steps: {}", found.straightness);
        let lines = found.pairs.mean_squared_distance().unwrap();
        close("E |x₁ − x₀|²", found.path_energy - found.straightness, lines, ROUNDING);
    }
}

#[test]
fn the_normalized_energy_is_the_part_beyond_the_least() {
    close("twice the least", 1.0, normalized_path_energy(2.0 * 9.0, 3.0).unwrap(), 1e-15);
    close("half the least", 0.5, normalized_path_energy(0.5 * 9.0, 3.0).unwrap(), 1e-15);
    for (energy, distance) in
        [(1.0, 0.0), (1.0, -1.0), (1.0, f64::NAN), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, 1e-200), (1.0, 1e200)]
    {
        let found = normalized_path_energy(energy, distance);
        assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{energy} and {distance}");
    }
}

#[test]
fn paths_that_cannot_be_followed_are_errors() {
    let field = Linear { rate: 1.0, wind: 0.0 };
    let solver = OdeSolver::fixed(EULER, 3);
    assert!(matches!(measure_paths(&field, &solver, no_points()), Err(Error::Empty { .. })));
    assert!(matches!(measure_paths(&field, &solver, start(3) * Real::NAN), Err(Error::NotFinite { .. })));
    assert!(measure_paths(&field, &OdeSolver::fixed(EULER, 0), start(3)).is_err());
    assert!(matches!(reflow(&field, &solver, start(3) * Real::NAN), Err(Error::NotFinite { .. })));
    assert!(reflow(&field, &solver, no_points()).is_err());
}

type Field = Mlp<3, 32, 2, 1, Silu>;

/// A field that was trained on batches of pairs.
fn trained(mut batch: impl FnMut(&mut Source) -> Result<Pairs<2>>) -> Field {
    let mut source = Source::new(0);
    let mut field = Field::new(&source).unwrap();
    let training =
        Training { steps: 600, learning_rate: 5e-3, progress: Progress::Silent, ..Training::default() };
    let path = TwoSidedPath::Straight { sigma: 0.0 };
    train(&mut field, &training, |field, gradients| {
        let pairs = batch(&mut source)?;
        let t = source.uniform(128)?;
        flow_matching_loss(field, path.sample(pairs, t, &mut source)?, gradients)
    })
    .unwrap();
    field
}

/// Eight Gaussians to two moons.
fn paired(coupling: &dyn Coupling<2>, source: &mut Source) -> Result<Pairs<2>> {
    let (x_0, x_1) =
        (EightGaussians::default().sample(128, source)?, TwoMoons::default().sample(128, source)?);
    coupling.pair(x_0, x_1, source)
}

#[test]
fn reflow_and_exact_pairs_make_a_field_straighter() {
    let solver = OdeSolver::fixed(RK4, 20);
    let start = EightGaussians::default().sample(1000, &mut Source::new(5)).unwrap();
    let measured = |field: &Field| measure_paths(field, &solver, start.clone()).unwrap();
    let first = trained(|source| paired(&Independent, source));
    let (second, exact) = (
        trained(|source| {
            let x_0 = EightGaussians::default().sample(128, source)?;
            reflow(&first, &OdeSolver::fixed(RK4, 5), x_0)
        }),
        trained(|source| paired(&ExactOt, source)),
    );
    let [first, second, exact] = [&first, &second, &exact].map(measured);
    println!(
        "straightness: {} independent, {} reflow, {} exact",
        first.straightness, second.straightness, exact.straightness
    );
    assert!(second.straightness < 0.3 * first.straightness);
    assert!(exact.straightness < 0.3 * first.straightness);
    assert!(second.path_energy < first.path_energy && exact.path_energy < first.path_energy);
}

#[test]
fn a_quotient_beyond_the_numbers_is_an_error() {
    for (energy, distance) in [(1.0, 1e-160), (1e308, 1e-150)] {
        let found = normalized_path_energy(energy, distance);
        assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{energy}, {distance}: {found:?}");
    }
}
