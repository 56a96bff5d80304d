//! Schrödinger bridges, against the one between two Gaussians, which is known.

use super::common::laws::{DIFFERENCE, ROUNDING, close, parameter_gradients};
use super::common::mixtures::{mean_and_error, no_points};
use pushforward::cnf::{OdeSolver, RK4, VectorField};
use pushforward::dfdx::prelude::{BroadcastTo, HasShape, NoneTape, Tape, TensorFromVec};
use pushforward::flow_matching::Prediction;
use pushforward::nn::{Mlp, Tanh};
use pushforward::ot_coupling::{
    BridgeSampler, Coupling, FlowAndScore, Pairs, SchrodingerBridge, TwoSidedPath, flow_and_score_loss,
};
use pushforward::score_matching::Score;
use pushforward::tensor::{Dev, Gradients, PerPoint, Points, Real, Source, rows, values};
use pushforward::{Error, Result};

/// The Schrödinger bridge from N(m₀, s₀²) to N(m₁, s₁²): its pairs are Gaussian with the covariance c = ½ (√(4 s₀² s₁²
/// + σ⁴) − σ²) (Mallasto et al. 2020, arXiv:2006.03416). An error may be added to velocity and score.
#[derive(Clone, Copy, Debug)]
struct Gaussians {
    mean: [f64; 2],
    std: [f64; 2],
    sigma: f64,
    error: [f64; 2],
}

const BRIDGE: Gaussians = Gaussians { mean: [-1.0, 2.0], std: [1.0, 0.5], sigma: 1.2, error: [0.0; 2] };

impl Gaussians {
    fn covariance(&self) -> f64 {
        let (s, v) = (self.std[0] * self.std[1], self.sigma * self.sigma);
        0.5 * ((4.0 * s * s + v * v).sqrt() - v)
    }

    /// E x_t, and Var x_t with its derivative.
    fn at(&self, t: f64) -> (f64, f64, f64) {
        let [a, b] = self.std.map(|std| std * std);
        // x_t = (1 − t) x₀ + t x₁ + σ √(t (1 − t)) z.
        let cross = 2.0 * self.covariance() + self.sigma * self.sigma;
        (
            (1.0 - t) * self.mean[0] + t * self.mean[1],
            (1.0 - t).powi(2) * a + t * t * b + t * (1.0 - t) * cross,
            2.0 * (t * b - (1.0 - t) * a) + (1.0 - 2.0 * t) * cross,
        )
    }

    /// p(t) x + q(t), for p and q of each time.
    fn affine<T: Tape<Real, Dev>>(
        t: &PerPoint,
        x: Points<1, T>,
        f: impl Fn(f64) -> (f64, f64),
    ) -> Points<1, T> {
        let (p, q): (Vec<Real>, Vec<Real>) =
            values(t).into_iter().map(|t| f(f64::from(t))).map(|(p, q)| (p as Real, q as Real)).unzip();
        let column = |numbers: Vec<Real>| -> Points<1> {
            let n = numbers.len();
            t.device().tensor_from_vec(numbers, (n,)).broadcast_like(x.shape())
        };
        let (p, q) = (column(p), column(q));
        x * p + q
    }

    fn start(&self, n: usize, source: &mut Source) -> Points<1> {
        source.normal::<1>(n).unwrap() * self.std[0] as Real + self.mean[0] as Real
    }

    /// Pairs drawn from the closed form.
    fn pairs(&self, n: usize, source: &mut Source) -> Pairs<1> {
        let x_0 = self.start(n, source);
        let slope = self.covariance() / self.std[0].powi(2);
        let left = (self.std[1].powi(2) - slope * self.covariance()).sqrt();
        let mean = (x_0.clone() - self.mean[0] as Real) * slope as Real + self.mean[1] as Real;
        let x_1 = mean + source.normal::<1>(n).unwrap() * left as Real;
        Pairs { x_0, x_1 }
    }
}

impl<T: Tape<Real, Dev>> VectorField<1, T> for Gaussians {
    fn velocity(&self, t: PerPoint, x: Points<1, T>) -> Result<Points<1, T>> {
        Ok(Self::affine(&t, x, |t| {
            let (mean, variance, rate) = self.at(t);
            let slope = 0.5 * rate / variance;
            (slope, self.mean[1] - self.mean[0] - slope * mean + self.error[0])
        }))
    }
}

impl<T: Tape<Real, Dev>> Score<1, T> for Gaussians {
    fn score(&self, t: PerPoint, x: Points<1, T>) -> Result<Points<1, T>> {
        Ok(Self::affine(&t, x, |t| {
            let (mean, variance, _) = self.at(t);
            (-variance.recip(), mean / variance + self.error[1])
        }))
    }
}

/// The means, variances and covariance of pairs are these, within four standard errors and a bias.
fn has_moments(name: &str, pairs: &Pairs<1>, bridge: &Gaussians, covariance: f64, bias: f64) {
    let (x, y) = (rows(&pairs.x_0), rows(&pairs.x_1));
    let off = |x: Real, side: usize| f64::from(x) - bridge.mean[side];
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        let both = x.iter().zip(&y).map(|([x], [y])| f(off(*x, 0), off(*y, 1)));
        mean_and_error(&both.collect::<Vec<_>>())
    };
    let [a, b] = bridge.std.map(|std| std * std);
    for (what, (found, error), expected) in [
        ("E x₀", moment(&|x, _| x), 0.0),
        ("E x₁", moment(&|_, y| y), 0.0),
        ("Var x₀", moment(&|x, _| x * x), a),
        ("Var x₁", moment(&|_, y| y * y), b),
        ("Cov", moment(&|x, y| x * y), covariance),
    ] {
        println!("{name}: {what} is {expected:.4}, found {found:.4} ± {error:.4}");
        assert!(
            (found - expected).abs() < 4.0 * error + bias,
            "{name}: {what}: {found} ± {error}, not {expected}"
        );
    }
}

#[test]
fn random_paths_with_the_sigma_of_the_bridge_end_at_its_pairs() {
    let mut source = Source::new(1);
    let x_0 = BRIDGE.start(20_000, &mut source);
    let sampler = BridgeSampler { sigma: BRIDGE.sigma, steps: 200 };
    let x_1 = sampler.run(&BRIDGE, x_0.clone(), 0.0, 1.0, &mut source).unwrap();
    // A step of 1/200 leaves an error of about as much.
    has_moments("forward", &Pairs { x_0, x_1 }, &BRIDGE, BRIDGE.covariance(), 0.01);
    let x_1 = source.normal::<1>(20_000).unwrap() * BRIDGE.std[1] as Real + BRIDGE.mean[1] as Real;
    let x_0 = sampler.run(&BRIDGE, x_1.clone(), 1.0, 0.0, &mut source).unwrap();
    has_moments("back", &Pairs { x_0, x_1 }, &BRIDGE, BRIDGE.covariance(), 0.01);
}

#[test]
fn with_another_sigma_the_distributions_are_the_same_and_the_pairs_are_not() {
    let mut source = Source::new(2);
    let x_0 = BRIDGE.start(20_000, &mut source);
    let still = BridgeSampler { sigma: 0.0, steps: 200 };
    let x_1 = still.run(&BRIDGE, x_0.clone(), 0.0, 1.0, &mut source).unwrap();
    // Without noise, x₁ is an increasing function of x₀.
    let covariance = BRIDGE.std[0] * BRIDGE.std[1];
    assert!(covariance > 2.0 * BRIDGE.covariance());
    has_moments("σ = 0", &Pairs { x_0: x_0.clone(), x_1: x_1.clone() }, &BRIDGE, covariance, 0.01);
    let solved = OdeSolver::fixed(RK4, 50).solve(&BRIDGE, x_0, 0.0, 1.0).unwrap().end;
    let apart = rows(&x_1).into_iter().zip(rows(&solved)).map(|([a], [b])| f64::from(a - b).abs());
    assert!(apart.fold(0.0, f64::max) < 0.05, "σ = 0 is Euler's method, whose error is about h");
}

#[test]
fn the_entropic_pairs_of_batches_have_the_covariance_of_the_bridge() {
    let mut source = Source::new(3);
    let coupling = SchrodingerBridge { sigma: BRIDGE.sigma };
    let (mut x_0, mut x_1) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let apart = BRIDGE.pairs(256, &mut source).x_1;
        let pairs = coupling.pair(BRIDGE.start(256, &mut source), apart, &mut source).unwrap();
        x_0.extend(rows(&pairs.x_0));
        x_1.extend(rows(&pairs.x_1));
    }
    let pairs = Pairs { x_0: source.points(&x_0).unwrap(), x_1: source.points(&x_1).unwrap() };
    has_moments("entropic", &pairs, &BRIDGE, BRIDGE.covariance(), 0.01);
}

#[test]
fn a_brownian_bridge_between_the_pairs_has_the_densities_of_the_closed_form() {
    let mut source = Source::new(4);
    let path = TwoSidedPath::Bridge { sigma: BRIDGE.sigma };
    for t in [0.2, 0.5, 0.9] {
        let pairs = BRIDGE.pairs(20_000, &mut source);
        let times = source.per_point(&[t as Real; 20_000]).unwrap();
        let x_t = rows(&path.sample(pairs, times, &mut source).unwrap().x_t);
        let (mean, variance, _) = BRIDGE.at(t);
        let off: Vec<f64> = x_t.iter().map(|[x]| f64::from(*x) - mean).collect();
        let (found, error) = mean_and_error(&off);
        assert!(found.abs() < 4.0 * error, "the mean at {t}: off by {found} ± {error}");
        let (found, error) = mean_and_error(&off.iter().map(|x| x * x).collect::<Vec<_>>());
        assert!((found - variance).abs() < 4.0 * error, "at {t}: {found} ± {error}, not {variance}");
    }
}

#[test]
fn the_loss_is_least_at_the_velocity_and_the_score_of_the_bridge() {
    let n = 50_000;
    let mut source = Source::new(5);
    let path = TwoSidedPath::Bridge { sigma: BRIDGE.sigma };
    let (pairs, t) = (BRIDGE.pairs(n, &mut source), path.draw_times(n, &mut source).unwrap());
    let noise = source.normal::<1>(n).unwrap();
    let loss = |error: [f64; 2]| {
        let model = Gaussians { error, ..BRIDGE };
        let (pairs, t, noise) = (pairs.clone(), t.clone(), noise.clone());
        let loss = flow_and_score_loss(&model, &path, pairs, t, noise, Gradients::leaky()).unwrap();
        f64::from(pushforward::dfdx::prelude::AsArray::array(&loss))
    };
    let least = loss([0.0; 2]);
    // Errors e and d of v and s add e² + E γ² d² with E γ² = σ² / 6, and 2 e E (v − u) + 2 d E γ (γ s + z), which are 0
    // but for chance: |v − u| is about 3, so that 0.05 are four standard errors.
    let of_score = 0.25 * BRIDGE.sigma.powi(2) / 6.0;
    for (error, expected) in
        [([0.5, 0.0], 0.25), ([-0.5, 0.0], 0.25), ([0.0, 0.5], of_score), ([0.0, -0.5], of_score)]
    {
        let found = loss(error) - least;
        println!("{error:?}: expected {expected:.4}, found {found:.4}");
        assert!((found - expected).abs() < 0.05, "{error:?}: {found}, not {expected}");
    }
}

#[test]
fn both_networks_have_their_gradients() {
    let mut source = Source::new(6);
    let network = |source: &Source| Mlp::<3, 5, 2, 1, Tanh>::new(source).unwrap();
    let model = FlowAndScore { flow: network(&source), score: network(&source) };
    let path = TwoSidedPath::Bridge { sigma: 0.5 };
    let pairs = Pairs { x_0: source.normal::<2>(6).unwrap(), x_1: source.normal::<2>(6).unwrap() };
    let t = source.per_point(&[0.1, 0.3, 0.4, 0.6, 0.7, 0.9]).unwrap();
    let noise = source.normal::<2>(6).unwrap();
    let law = |model: &FlowAndScore<_, _>, gradients| {
        flow_and_score_loss(model, &path, pairs.clone(), t.clone(), noise.clone(), gradients)
    };
    parameter_gradients("flow and score", model.clone(), law);
    let array = |loss: Result<pushforward::tensor::Loss>| {
        f64::from(pushforward::dfdx::prelude::AsArray::array(&loss.unwrap()))
    };
    let found = array(law(&model, Gradients::leaky()));
    let sample = path.sample_for(Prediction::Velocity, pairs.clone(), t.clone(), noise.clone()).unwrap();
    let v = rows(&VectorField::<2, NoneTape>::velocity(&model, t.clone(), sample.x_t.clone()).unwrap());
    let s = rows(&Score::<2, NoneTape>::score(&model, t.clone(), sample.x_t).unwrap());
    let (u, z) = (rows(&sample.target), rows(&noise));
    let square = |i: usize, k: usize| {
        let gamma = path.at(f64::from(values(&t)[i])).gamma;
        f64::from(v[i][k] - u[i][k]).powi(2) + (gamma * f64::from(s[i][k]) + f64::from(z[i][k])).powi(2)
    };
    let expected = (0..6).map(|i| square(i, 0) + square(i, 1)).sum::<f64>() / 12.0;
    close("the loss", expected, found, ROUNDING.max(1e-3 * DIFFERENCE));
}

#[test]
fn what_does_not_fit_is_an_error_and_never_a_panic() {
    let mut source = Source::new(0);
    let x = BRIDGE.start(3, &mut source);
    let mut run = |sigma, steps, x: Points<1>, from, to| {
        BridgeSampler { sigma, steps }.run(&BRIDGE, x, from, to, &mut source).map(|_| ())
    };
    for sigma in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(run(sigma, 3, x.clone(), 0.0, 1.0), Err(Error::OutOfDomain { .. })));
    }
    assert!(matches!(run(1.0, 0, x.clone(), 0.0, 1.0), Err(Error::OutOfDomain { .. })));
    assert!(matches!(run(1.0, 3, x.clone(), -0.1, 1.0), Err(Error::OutOfDomain { .. })));
    assert!(matches!(run(1.0, 3, x.clone(), 0.0, f64::NAN), Err(Error::OutOfDomain { .. })));
    assert!(matches!(run(1.0, 3, no_points(), 0.0, 1.0), Err(Error::Empty { .. })));
    assert!(matches!(run(1.0, 3, x.clone() * Real::NAN, 0.0, 1.0), Err(Error::NotFinite { .. })));
    assert!(matches!(run(1e200, 3, x.clone(), 0.0, 1.0), Err(Error::NotFinite { .. })));
    assert!(run(1.0, 3, x, 0.5, 0.5).is_ok());
}
