//! Marginal densities and velocities that are known.

use super::common::laws::{DIFFERENCE, ROUNDING, close};
use super::common::mixtures::{mean_and_error, three};
use super::paths::{PATHS, pairs, times};
use pushforward::change_of_variables::{Density, Sample};
use pushforward::cnf::{Cnf, DOPRI5, Divergence, OdeSolver, Probes, VectorField, continuity_residual};
use pushforward::flow_matching::{Prediction, ProbabilityPath};
use pushforward::score_matching::{NoisyMixture, Score, Sde};
use pushforward::tensor::{Points, Real, Source, rows, values};
use pushforward::{Error, Result};

type OnPlane = fn([f64; 2]) -> f64;

fn grid() -> Points<2> {
    let cells: Vec<[Real; 2]> =
        (0..49).map(|k| [(k % 7) as Real * 0.5 - 1.5, (k / 7) as Real * 0.5 - 1.5]).collect();
    Source::new(0).points(&cells).unwrap()
}

#[test]
fn the_density_of_each_path_moves_with_its_marginal_velocity() {
    // Noise that grows a thousandfold changes too fast for differences in single precision: here, twentyfold.
    let slower = Sde::VarianceExploding { sigma_min: 0.1, sigma_max: 2.0 };
    for path in PATHS {
        let path = match path {
            ProbabilityPath::Diffusion(Sde::VarianceExploding { .. }) => ProbabilityPath::Diffusion(slower),
            other => other,
        };
        let flow = NoisyMixture::new(&three(), path).unwrap();
        for t in [0.3, 0.6] {
            let residual = continuity_residual(|t, x| flow.log_prob_at(t, x), &flow, t, &grid()).unwrap();
            let largest = residual.iter().fold(0.0, |largest: f64, r| largest.max(r.abs()));
            assert!(largest < 1e-3, "{path:?} at {t}: {largest:.1e}");
        }
    }
}

/// u(t, x) = E[dx_t/dt | x_t = x]: what is left of dx_t/dt has no correlation with anything that x_t says.
#[test]
fn the_marginal_velocity_is_the_mean_of_those_of_the_pairs() {
    let mut source = Source::new(1);
    let n = 40_000;
    for path in PATHS {
        let flow = NoisyMixture::new(&three(), path).unwrap();
        let (x_0, x_1) = (source.normal::<2>(n).unwrap(), three().sample(n, &mut source).unwrap());
        let sample = path.sample(x_0, x_1, times(0.45, n)).unwrap();
        let u = rows(&VectorField::velocity(&flow, sample.t.clone(), sample.x_t.clone()).unwrap());
        let left: Vec<[f64; 2]> = rows(&sample.target)
            .into_iter()
            .zip(u)
            .map(|(v, u)| [0, 1].map(|i| f64::from(v[i]) - f64::from(u[i])))
            .collect();
        let says: [(&str, OnPlane); 4] = [
            ("1", |_| 1.0),
            ("x", |x| x[0]),
            ("tanh 3 y", |x| (3.0 * x[1]).tanh()),
            ("cos(x y)", |x| (x[0] * x[1]).cos()),
        ];
        for (what, f) in says {
            for i in 0..2 {
                let products: Vec<f64> = rows(&sample.x_t)
                    .into_iter()
                    .zip(&left)
                    .map(|(x, left)| f(x.map(f64::from)) * left[i])
                    .collect();
                let (mean, error) = mean_and_error(&products);
                assert!(mean.abs() < 4.0 * error, "{path:?}, {what}: {mean} ± {error}");
            }
        }
    }
}

#[test]
fn velocity_score_and_mean_of_the_data_are_conversions_of_each_other() {
    let x = grid();
    for path in PATHS {
        let flow = NoisyMixture::new(&three(), path).unwrap();
        let t = times(0.55, 49);
        let velocity: Points<2> = VectorField::velocity(&flow, t.clone(), x.clone()).unwrap();
        let expected = [
            (Prediction::Score, flow.score(t.clone(), x.clone()).unwrap()),
            (Prediction::Data, flow.data_mean(&t, x.clone()).unwrap()),
        ];
        for (what, expected) in expected {
            let found = path.convert(Prediction::Velocity, what, &t, x.clone(), velocity.clone()).unwrap();
            for (found, expected) in rows(&found).into_iter().zip(rows(&expected)) {
                for i in 0..2 {
                    close(
                        &format!("{path:?}, {what:?}"),
                        expected[i].into(),
                        found[i].into(),
                        1e3 * ROUNDING,
                    );
                }
            }
        }
    }
}

#[test]
fn the_divergence_of_the_marginal_velocity_is_the_sum_of_the_numeric_derivatives() -> Result<()> {
    let x = pairs(6).0;
    let h: Real = if size_of::<Real>() == 4 { 3e-3 } else { 1e-5 };
    for path in PATHS {
        let flow = NoisyMixture::new(&three(), path)?;
        for t in [0.0, 0.5, 0.9] {
            let (_, found) = flow.velocity_and_divergence(times(t, 6), x.clone(), &Probes::Axes)?;
            let moved = |i: usize, by: Real| -> Result<Vec<Real>> {
                let there: Vec<[Real; 2]> = rows(&x)
                    .into_iter()
                    .map(|mut x| {
                        x[i] += by;
                        x
                    })
                    .collect();
                let v: Points<2> = VectorField::velocity(&flow, times(t, 6), Source::new(0).points(&there)?)?;
                Ok(rows(&v).iter().map(|v| v[i]).collect())
            };
            let sides = [moved(0, h)?, moved(0, -h)?, moved(1, h)?, moved(1, -h)?];
            for (n, found) in values(&found).into_iter().enumerate() {
                let slope = (sides[0][n] - sides[1][n] + sides[2][n] - sides[3][n]) / (2.0 * h);
                close(&format!("{path:?} at {t}"), slope.into(), found.into(), 3.0 * DIFFERENCE);
            }
        }
    }
    Ok(())
}

/// From the noise to the data and back, with nothing trained: the density of the flow is that of the mixture.
#[test]
fn the_flow_of_a_marginal_velocity_has_the_density_of_the_data() {
    let x = three().sample(50, &mut Source::new(2)).unwrap();
    let expected = values(&three().log_prob(x.clone()).unwrap());
    let tolerance = if size_of::<Real>() == 4 { 1e-5 } else { 1e-8 };
    for path in [
        ProbabilityPath::STRAIGHT,
        ProbabilityPath::LinearVariancePreserving,
        ProbabilityPath::Cosine,
        ProbabilityPath::Polynomial { degree: 2.0 },
    ] {
        let flow =
            Cnf::new(NoisyMixture::new(&three(), path).unwrap(), OdeSolver::adaptive(DOPRI5, tolerance));
        let found: pushforward::tensor::PerPoint = flow.log_prob(x.clone()).unwrap();
        for (found, expected) in values(&found).into_iter().zip(&expected) {
            let error = f64::from((found - expected).abs());
            assert!(error < 100.0 * f64::from(tolerance), "{path:?}: {expected}, found {found}");
        }
    }
}

#[test]
fn the_velocity_is_finite_at_both_ends() {
    for path in PATHS {
        let flow = NoisyMixture::new(&three(), path).unwrap();
        for t in [0.0, 1.0] {
            let v: Points<2> = VectorField::velocity(&flow, times(t, 49), grid()).unwrap();
            assert!(rows(&v).iter().flatten().all(|v| v.is_finite()), "{path:?} at {t}");
        }
    }
}

/// What remembers its data gives them back.
#[test]
fn the_flow_to_points_ends_at_the_points() {
    let mut source = Source::new(3);
    let data = source.points(&[[-2.0, 0.0], [1.0, 1.0], [1.0, -1.5]]).unwrap();
    for path in [ProbabilityPath::STRAIGHT, ProbabilityPath::Cosine] {
        let flow = NoisyMixture::of_points(&data, path).unwrap();
        let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
        let end = solver.solve(&flow, source.normal::<2>(300).unwrap(), 0.0, 0.99).unwrap().end;
        let mut found = [0; 3];
        for x in rows(&end) {
            let distance = |at: &[Real; 2]| (x[0] - at[0]).hypot(x[1] - at[1]);
            let places = rows(&data);
            let nearest =
                (0..3).min_by(|a, b| distance(&places[*a]).total_cmp(&distance(&places[*b]))).unwrap();
            assert!(distance(&places[nearest]) < 0.15, "{path:?}: {x:?}, where σ is at most 0.016");
            found[nearest] += 1;
        }
        assert!(
            found.iter().all(|count: &i32| (count - 100).abs() < 33),
            "a third each, within 4 deviations: {found:?}"
        );
        let refused = VectorField::velocity(&flow, times(1.0, 3), data.clone()).map(|_| ());
        assert!(matches!(
            refused,
            Err(Error::OutOfDomain { what: "the time t of points without noise", .. })
        ));
    }
}

#[test]
fn data_that_are_not_finite_and_none_are_errors() {
    let bad = Source::new(0).points(&[[Real::NAN, 0.0]]).unwrap();
    assert!(matches!(NoisyMixture::of_points(&bad, ProbabilityPath::Cosine), Err(Error::NotFinite { .. })));
    let path = ProbabilityPath::Diffusion(Sde::VariancePreserving { beta_min: 2.0, beta_max: 1.0 });
    assert!(matches!(NoisyMixture::new(&three(), path), Err(Error::OutOfDomain { .. })));
}
