//! Paths between two given points, with noise on the way.

use super::Pairs;
use crate::lesson_07_flow_matching::{PathSample, Prediction};
use crate::tensor::{
    PerPoint, Points, Real, Source, at_times, check_finite, check_same_batch, check_some, check_time,
    check_times, repeat, scale, values,
};
use crate::{Error, Result};
use dfdx::prelude::{HasShape, TryAdd};
use rand::Rng;
use std::f64::consts::{FRAC_PI_2, PI};

/// A path x_t = α(t) x₀ + β(t) x₁ + γ(t) z from x₀ at t = 0 to x₁ at t = 1, with noise z ~ N(0, I) of its own and the
/// velocity u = α̇ x₀ + β̇ x₁ + γ̇ z: a stochastic interpolant (Albergo, Boffi and Vanden-Eijnden 2023,
/// arXiv:2303.08797).
///
/// Here x₀ need not be noise: both sides are given points, of any two distributions. α is what there is of x₀, as in
/// that paper; in lesson 07 it is what there is of the data.
///
/// | | α | β | γ | at the ends |
/// |---|---|---|---|---|
/// | straight | 1 − t | t | σ | both are blurred by σ |
/// | bridge | 1 − t | t | σ √(t (1 − t)) | γ̇ = ±∞ for σ > 0 |
/// | trigonometric | cos(π t / 2) | sin(π t / 2) | σ √(t (1 − t)) | γ̇ = ±∞ for σ > 0 |
/// | encoding-decoding | cos² π t until ½, then 0 | 0 until ½, then cos² π t | sin² π t | |
///
/// Where γ = 0, as at the ends of all but the first, the score −z / γ of a point is infinite.
///
/// ```
/// use pushforward::ot_coupling::TwoSidedPath;
///
/// let there = TwoSidedPath::Bridge { sigma: 2.0 }.at(0.5);
/// assert_eq!((there.alpha, there.beta, there.gamma), (0.5, 0.5, 1.0));
/// assert_eq!(there.gamma_rate, 0.0, "the noise is greatest half way");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TwoSidedPath {
    /// The path of I-CFM and OT-CFM: at each time a Gaussian of width σ around the straight line. Its velocity x₁ − x₀
    /// is constant (Tong et al. 2023, arXiv:2302.00482, sections 3.2.2 and 3.2.3).
    Straight {
        /// σ, at least 0.
        sigma: f64,
    },
    /// The Brownian bridge of variance σ²: what a Brownian motion does between its ends. Its velocity is (1 − 2t) / (2t
    /// (1 − t)) (x − (1 − t) x₀ − t x₁) + x₁ − x₀ (Tong et al. 2023, arXiv:2302.00482, section 3.2.4; the linear
    /// interpolant of Albergo et al. with γ = √(a t (1 − t)) and a = σ²).
    Bridge {
        /// σ, at least 0.
        sigma: f64,
    },
    /// Keeps the variance of independent x₀ and x₁ whose variances are equal, but for the noise's σ² t (1 − t).
    Trigonometric {
        /// σ, at least 0.
        sigma: f64,
    },
    /// Turns x₀ into noise, and the noise into x₁: x at t = ½ is z and knows of neither.
    EncodingDecoding,
}

/// α, β and γ at one time, and their derivatives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSidedCoefficients {
    /// α: what there is of x₀.
    pub alpha: f64,
    /// β: what there is of x₁.
    pub beta: f64,
    /// γ: what there is of the noise.
    pub gamma: f64,
    /// α̇ = dα/dt.
    pub alpha_rate: f64,
    /// β̇ = dβ/dt.
    pub beta_rate: f64,
    /// γ̇ = dγ/dt; infinite where γ grows from 0 like a square root.
    pub gamma_rate: f64,
}

impl TwoSidedPath {
    /// α, β, γ and their derivatives at a time 0 ≤ t ≤ 1.
    pub fn at(&self, t: f64) -> TwoSidedCoefficients {
        match *self {
            Self::Straight { sigma } => TwoSidedCoefficients::new((1.0 - t, -1.0), (t, 1.0), (sigma, 0.0)),
            Self::Bridge { sigma } => {
                TwoSidedCoefficients::new((1.0 - t, -1.0), (t, 1.0), bridge_noise(sigma, t))
            }
            Self::Trigonometric { sigma } => {
                // Both by the sine, which is exactly 0 at 0: the cosine of a rounded π/2 is not.
                let (alpha, beta) = ((FRAC_PI_2 * (1.0 - t)).sin(), (FRAC_PI_2 * t).sin());
                let rates = (-FRAC_PI_2 * beta, FRAC_PI_2 * alpha);
                TwoSidedCoefficients::new((alpha, rates.0), (beta, rates.1), bridge_noise(sigma, t))
            }
            Self::EncodingDecoding => {
                // The distance to the nearer end: sin² π t is the same from there, and exactly 0 at both ends.
                let gamma = (PI * t.min(1.0 - t)).sin().powi(2);
                let rate = PI * (2.0 * PI * t).sin();
                let point = (1.0 - gamma, -rate);
                let (x_0, x_1) = if t < 0.5 { (point, (0.0, 0.0)) } else { ((0.0, 0.0), point) };
                TwoSidedCoefficients::new(x_0, x_1, (gamma, rate))
            }
        }
    }

    /// The points at times t with new noise, and their velocities as targets of
    /// [`flow_matching_loss`](crate::lesson_07_flow_matching::flow_matching_loss).
    ///
    /// ```
    /// use pushforward::cnf::{EULER, OdeSolver};
    /// use pushforward::data::{Sample, TwoMoons};
    /// use pushforward::flow_matching::flow_matching_loss;
    /// use pushforward::nn::{Mlp, Silu};
    /// use pushforward::ot_coupling::{Coupling, ExactOt, TwoSidedPath};
    /// use pushforward::tensor::{Points, Source, rows};
    /// use pushforward::train::{Progress, Training, train};
    ///
    /// let mut source = Source::new(0);
    /// let mut field = Mlp::<3, 32, 2, 1, Silu>::new(&source)?;
    /// let path = TwoSidedPath::Straight { sigma: 0.1 };
    /// let training = Training { steps: 300, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
    /// train(&mut field, &training, |field, gradients| {
    ///     let (x_0, x_1) = (source.normal::<2>(128)?, TwoMoons::default().sample(128, &mut source)?);
    ///     let pairs = ExactOt.pair(x_0, x_1, &mut source)?;
    ///     let t = source.uniform(128)?;
    ///     flow_matching_loss(field, path.sample(pairs, t, &mut source)?, gradients)
    /// })?;
    /// let start: Points<2> = source.normal(500)?;
    /// // Paths that are nearly straight need few steps.
    /// let x = OdeSolver::fixed(EULER, 4).solve(&field, start, 0.0, 1.0)?.end;
    /// let inside = rows(&x).iter().filter(|[a, b]| a.abs() < 2.5 && b.abs() < 1.5).count();
    /// assert!(inside > 450, "the moons lie within 2.3 and 0.9 of the origin");
    /// # Ok::<(), pushforward::Error>(())
    /// ```
    ///
    /// Errors: those of [`TwoSidedPath::sample_for`].
    pub fn sample<const D: usize>(
        &self,
        pairs: Pairs<D>,
        t: PerPoint,
        source: &mut Source,
    ) -> Result<PathSample<D>> {
        let noise = source.normal(pairs.len())?;
        self.sample_for(Prediction::Velocity, pairs, t, noise)
    }

    /// The points at times t with the noise z, and what a network that predicts this should say of them: the velocity
    /// u, the score −z / γ, the noise z, or the data x₁.
    ///
    /// Errors: [`Error::BatchMismatch`] if the batches differ; [`Error::Empty`]; [`Error::NotFinite`] for x₀, x₁ or z,
    /// and where a point or a target is beyond the range of the numbers; [`Error::OutOfDomain`] for a
    /// time outside of [0, 1] or at which the target is infinite (see [`TwoSidedPath::draw_times`]), and for parameters
    /// of the path out of their range.
    pub fn sample_for<const D: usize>(
        &self,
        prediction: Prediction,
        pairs: Pairs<D>,
        t: PerPoint,
        noise: Points<D>,
    ) -> Result<PathSample<D>> {
        self.check()?;
        pairs.check()?;
        check_finite("the noise", &noise)?;
        check_same_batch("a noise for each pair", pairs.len(), noise.shape().0)?;
        check_times(pairs.len(), &t)?;
        values(&t).into_iter().try_for_each(|t| self.check_target(prediction, t.into()))?;
        let mix = |parts: &dyn Fn(f64) -> [f64; 3]| {
            let of = |part: usize| at_times(&t, |t| parts(t)[part]);
            let line = scale(pairs.x_0.clone(), of(0)?)?.try_add(scale(pairs.x_1.clone(), of(1)?)?)?;
            Ok::<_, Error>(line.try_add(scale(noise.clone(), of(2)?)?)?)
        };
        let x_t = mix(&|t| {
            let there = self.at(t);
            [there.alpha, there.beta, there.gamma]
        })?;
        let target = mix(&|t| self.parts(prediction, t))?;
        check_finite("a point of a path", &x_t)?;
        check_finite("a target of a path", &target)?;
        Ok(PathSample { t, x_t, target })
    }

    /// n times for training, shape (N,): uniform on [0, 1), or on [0.001, 0.999) where the velocity is infinite at the
    /// ends.
    ///
    /// There u grows like 1/√t, so that the mean of |u|² over all times is infinite, and a time that is 0 by chance
    /// would stop the training.
    ///
    /// Errors: [`Error::Empty`] for n = 0; [`Error::OutOfDomain`] for parameters of the path out of their range.
    pub fn draw_times(&self, n: usize, source: &mut Source) -> Result<PerPoint> {
        self.check()?;
        check_some("the batch of times", n)?;
        let margin = if self.at(0.0).gamma_rate.is_finite() { 0.0 } else { 1e-3 };
        let times = repeat(n, || (margin + (1.0 - 2.0 * margin) * source.r#gen::<f64>()) as Real)?;
        // A number just below 1 may be 1 when it is rounded.
        let below_one: Vec<Real> = times.into_iter().map(|t| t.min(1.0 - Real::EPSILON)).collect();
        source.per_point(&below_one)
    }

    /// An error unless the parameters are in their ranges.
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Straight { sigma } | Self::Bridge { sigma } | Self::Trigonometric { sigma }
                if !(sigma >= 0.0 && (sigma as Real).is_finite()) =>
            {
                let (what, expected) = ("sigma of a path", "a finite number from 0");
                Err(Error::OutOfDomain { what, expected, found: sigma })
            }
            _ => Ok(()),
        }
    }

    /// What a prediction has of x₀, x₁ and z.
    fn parts(&self, prediction: Prediction, t: f64) -> [f64; 3] {
        let there = self.at(t);
        match prediction {
            Prediction::Velocity => [there.alpha_rate, there.beta_rate, there.gamma_rate],
            Prediction::Score => [0.0, 0.0, -there.gamma.recip()],
            Prediction::Noise => [0.0, 0.0, 1.0],
            Prediction::Data => [0.0, 1.0, 0.0],
        }
    }

    /// An error unless the prediction is finite at this time.
    fn check_target(&self, prediction: Prediction, t: f64) -> Result<()> {
        if self.parts(prediction, t).iter().all(|part| (*part as Real).is_finite()) {
            return Ok(());
        }
        if let (Self::Straight { sigma }, Prediction::Score) = (*self, prediction) {
            let (what, expected) =
                ("sigma of a straight path", "so far above 0 that the score −z / sigma is a finite number");
            return Err(Error::OutOfDomain { what, expected, found: sigma });
        }
        let what = "the time t of a target on this path";
        let expected = match (self.at(t).gamma_rate.is_finite(), t < 0.5) {
            (true, _) if prediction == Prediction::Score => "where gamma is above 0: the score is −z / gamma",
            (_, true) => "above 0: it is infinite at the end of x_0",
            (_, false) => "below 1: it is infinite at the end of x_1",
        };
        Err(Error::OutOfDomain { what, expected, found: t })
    }

    /// γ for each time.
    pub(super) fn gammas(&self, t: &PerPoint) -> Result<PerPoint> {
        values(t).into_iter().try_for_each(|t| check_time(t.into()))?;
        at_times(t, |t| self.at(t).gamma)
    }
}

impl TwoSidedCoefficients {
    /// From α and α̇, β and β̇, γ and γ̇.
    fn new(
        (alpha, alpha_rate): (f64, f64),
        (beta, beta_rate): (f64, f64),
        (gamma, gamma_rate): (f64, f64),
    ) -> Self {
        Self { alpha, beta, gamma, alpha_rate, beta_rate, gamma_rate }
    }
}

/// σ √(t (1 − t)) and its derivative.
fn bridge_noise(sigma: f64, t: f64) -> (f64, f64) {
    if sigma == 0.0 {
        return (0.0, 0.0);
    }
    let root = (t * (1.0 - t)).sqrt();
    (sigma * root, sigma * (0.5 - t) / root)
}
