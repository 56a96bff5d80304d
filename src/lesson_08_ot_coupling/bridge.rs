//! Flow and score together, and the random paths that they make.

use super::{Pairs, TwoSidedPath};
use crate::Result;
use crate::lesson_05_cnf::VectorField;
use crate::lesson_06_score_matching::Score;
use crate::lesson_07_flow_matching::Prediction;
use crate::tensor::{
    Dev, Gradients, Loss, PerPoint, Points, Real, Recording, Source, check_finite, check_not_negative,
    check_same_batch, check_steps, check_time, same_time, scale,
};
use dfdx::prelude::{
    Device, Dtype, HasShape, MeanTo, ModuleVisitor, PutTape, SplitTape, Tape, TensorCollection, Trace,
    TryAdd, TryMul, TrySub,
};

/// A velocity and a score of the same densities p_t: the ordinary equation dx = v dt and the stochastic ones
/// dx = (v + ½ σ² s) dt + σ dw all have them (Tong et al. 2023, arXiv:2307.03672).
///
/// The parameters are those of both.
#[derive(Clone, Debug)]
pub struct FlowAndScore<V, S> {
    /// v.
    pub flow: V,
    /// s.
    pub score: S,
}

impl<const D: usize, T: Tape<Real, Dev>, V: VectorField<D, T>, S> VectorField<D, T> for FlowAndScore<V, S> {
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.flow.velocity(t, x)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, V, S: Score<D, T>> Score<D, T> for FlowAndScore<V, S> {
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.score.score(t, x)
    }
}

impl<E: Dtype, G: Device<E>, V: TensorCollection<E, G>, S: TensorCollection<E, G>> TensorCollection<E, G>
    for FlowAndScore<V, S>
{
    type To<E2: Dtype, G2: Device<E2>> = FlowAndScore<V::To<E2, G2>, S::To<E2, G2>>;

    fn iter_tensors<W: ModuleVisitor<Self, E, G>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(
            (
                Self::module("flow", |m| &m.flow, |m| &mut m.flow),
                Self::module("score", |m| &m.score, |m| &mut m.score),
            ),
            |(flow, score)| FlowAndScore { flow, score },
        )
    }
}

/// The mean over points and coordinates of |v(t, x_t) − u|² + |γ s(t, x_t) + z|², with which flow and score are learned
/// without a simulation (Tong et al. 2023, arXiv:2307.03672, the objective of \[SF\]²M with the weight λ = γ).
///
/// u is the velocity and −z / γ the score of x_t given its pair. Where the pairs are an entropic plan with ε = 2σ²
/// ([`SchrodingerBridge`](super::SchrodingerBridge)) and the path is the [bridge](TwoSidedPath::Bridge) of the same σ,
/// the stochastic equation of both is the Schrödinger bridge: of all processes between the two distributions it is
/// nearest to a Brownian motion of variance σ².
///
/// ```
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::nn::{Mlp, Silu};
/// use pushforward::ot_coupling::{
///     BridgeSampler, Coupling, FlowAndScore, SchrodingerBridge, TwoSidedPath, flow_and_score_loss,
/// };
/// use pushforward::tensor::{Points, Source, rows};
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let network = |source: &Source| Mlp::<3, 32, 2, 1, Silu>::new(source);
/// let mut model = FlowAndScore { flow: network(&source)?, score: network(&source)? };
/// let (coupling, path) = (SchrodingerBridge { sigma: 1.0 }, TwoSidedPath::Bridge { sigma: 1.0 });
/// let training = Training { steps: 300, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
/// train(&mut model, &training, |model, gradients| {
///     let (x_0, x_1) = (source.normal::<2>(64)?, TwoMoons::default().sample(64, &mut source)?);
///     let pairs = coupling.pair(x_0, x_1, &mut source)?;
///     let (t, noise) = (path.draw_times(64, &mut source)?, source.normal(64)?);
///     flow_and_score_loss(model, &path, pairs, t, noise, gradients)
/// })?;
/// let start: Points<2> = source.normal(500)?;
/// let x = BridgeSampler { sigma: 1.0, steps: 50 }.run(&model, start, 0.0, 1.0, &mut source)?;
/// let inside = rows(&x).iter().filter(|[a, b]| a.abs() < 3.0 && b.abs() < 2.0).count();
/// assert!(inside > 400, "the moons lie within 2.3 and 0.9 of the origin");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: those of [`TwoSidedPath::sample_for`] and of the model.
pub fn flow_and_score_loss<const D: usize>(
    model: &(impl VectorField<D, Recording> + Score<D, Recording>),
    path: &TwoSidedPath,
    pairs: Pairs<D>,
    t: PerPoint,
    noise: Points<D>,
    gradients: Gradients,
) -> Result<Loss> {
    let n = pairs.len();
    let sample = path.sample_for(Prediction::Velocity, pairs, t, noise.clone())?;
    let gamma = path.gammas(&sample.t)?;
    let v = model.velocity(sample.t.clone(), sample.x_t.clone().traced(gradients))?;
    check_same_batch("the velocity of each point", n, v.shape().0)?;
    let (of_flow, tape) = v.try_sub(sample.target)?.try_square()?.try_mean::<(), _>()?.split_tape();
    let s = model.score(sample.t, sample.x_t.put_tape(tape))?;
    check_same_batch("the score of each point", n, s.shape().0)?;
    let of_score: Loss = scale(s, gamma)?.try_add(noise)?.try_square()?.try_mean()?;
    Ok(of_score.try_add(of_flow)?)
}

/// Random paths by dx = (v + ½ σ² s) dt + σ dw from t = 0 on, or back by dx = (v − ½ σ² s) dt + σ dw, in steps of one
/// length (Euler-Maruyama; Tong et al. 2023, arXiv:2307.03672).
///
/// Whatever σ is, the densities are those of dx = v dt. With the σ of a Schrödinger bridge, the two ends of a path are
/// also one of its pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BridgeSampler {
    /// σ, at least 0; 0 is Euler's method.
    pub sigma: f64,
    /// How many steps.
    pub steps: usize,
}

impl BridgeSampler {
    /// The points at the time `to`, shape (N, D), from x at the time `from`; back in time where `to` < `from`.
    ///
    /// Errors: [`Error::OutOfDomain`](crate::Error::OutOfDomain) for no steps, a σ that is negative or not finite,
    /// and a time outside of [0, 1]; [`Error::NotFinite`](crate::Error::NotFinite) for x, and where a coordinate grows
    /// beyond all bounds; [`Error::Empty`](crate::Error::Empty); those of the model.
    pub fn run<const D: usize>(
        &self,
        model: &(impl VectorField<D> + Score<D>),
        mut x: Points<D>,
        from: f64,
        to: f64,
        source: &mut Source,
    ) -> Result<Points<D>> {
        let Self { sigma, steps } = *self;
        check_steps(steps)?;
        [from, to].into_iter().try_for_each(check_time)?;
        check_not_negative("sigma of a bridge", sigma)?;
        check_finite("x", &x)?;
        let (n, h) = (x.shape().0, (to - from) / steps as f64);
        // The score pulls the points together in both directions of time: h has a sign, and |h| has none.
        let (pull, spread) = (0.5 * sigma * sigma * h.abs(), sigma * h.abs().sqrt());
        for step in 0..steps {
            let t = same_time(&x, (from + step as f64 * h) as Real)?;
            let flow = model.velocity(t.clone(), x.clone())?.try_mul(h as Real)?;
            let score = model.score(t, x.clone())?.try_mul(pull as Real)?;
            check_same_batch("the velocity of each point", n, flow.shape().0)?;
            check_same_batch("the score of each point", n, score.shape().0)?;
            let noise = source.normal(n)?.try_mul(spread as Real)?;
            x = x.try_add(flow)?.try_add(score)?.try_add(noise)?;
        }
        check_finite("a sample", &x)?;
        Ok(x)
    }
}
