//! A network, and what its numbers mean.

use super::{Prediction, ProbabilityPath};
use crate::Result;
use crate::lesson_05_cnf::{Divergence, VectorField};
use crate::lesson_06_score_matching::{Score, ScoreTangents};
use crate::nn::DualPoints;
use crate::tensor::{Dev, PerPoint, Points, Real};
use dfdx::prelude::{Device, Dtype, ModuleVisitor, PutTape, SplitTape, Tape, TensorCollection};

/// A network that was trained to predict one thing on a path: with what it says of x_t it is a velocity field and a
/// score, whichever it was trained for.
///
/// The parameters are those of the network.
///
/// ```
/// use pushforward::cnf::{DOPRI5, OdeSolver, VectorField};
/// use pushforward::data::{Sample, TwoMoons};
/// use pushforward::flow_matching::{Prediction, Predictor, ProbabilityPath, flow_matching_loss};
/// use pushforward::nn::{Mlp, Silu};
/// use pushforward::tensor::{Points, Real, Source, rows};
/// use pushforward::train::{Progress, Training, train};
///
/// let mut source = Source::new(0);
/// let (path, prediction) = (ProbabilityPath::Cosine, Prediction::Noise);
/// let mut network = Mlp::<3, 32, 2, 1, Silu>::new(&source)?;
/// let training = Training { steps: 300, learning_rate: 1e-2, progress: Progress::Silent, ..Training::default() };
/// train(&mut network, &training, |network, gradients| {
///     let (x_0, x_1) = (source.normal::<2>(256)?, TwoMoons::default().sample(256, &mut source)?);
///     let t = source.uniform(256)?;
///     flow_matching_loss(network, path.sample_for(prediction, x_0, x_1, t)?, gradients)
/// })?;
/// let model = Predictor { network, path, prediction };
/// // At t = 0 the noise says nothing of the data, and the velocity of a prediction of noise has no value there.
/// let start: Points<2> = source.normal(500)?;
/// let x = OdeSolver::adaptive(DOPRI5, 1e-3).solve(&model, start, 0.05, 1.0)?.end;
/// let inside = rows(&x).iter().filter(|[a, b]| a.abs() < 2.5 && b.abs() < 1.5).count();
/// assert!(inside > 450, "the moons lie within 2.3 and 0.9 of the origin");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor<N> {
    /// What reads (t, x).
    pub network: N,
    /// The path that it was trained on.
    pub path: ProbabilityPath,
    /// What it was trained to say.
    pub prediction: Prediction,
}

impl<N> Predictor<N> {
    /// One of the four, whichever it is that the network predicts; shape (N, D).
    ///
    /// Errors: those of the network and of [`ProbabilityPath::convert`].
    pub fn predict<const D: usize, T: Tape<Real, Dev>>(
        &self,
        what: Prediction,
        t: PerPoint,
        x: Points<D, T>,
    ) -> Result<Points<D, T>>
    where
        N: VectorField<D, T>,
    {
        let (x, tape) = x.split_tape();
        let said = self.network.velocity(t.clone(), x.clone().put_tape(tape))?;
        self.path.convert(self.prediction, what, &t, x.put_tape(T::default()), said)
    }

    /// The same with tangents: the conversion is linear in the point and in the prediction.
    fn predict_tangents<const D: usize, T: Tape<Real, Dev>>(
        &self,
        what: Prediction,
        t: PerPoint,
        x: DualPoints<D, T>,
    ) -> Result<DualPoints<D, T>>
    where
        N: Divergence<D, T>,
    {
        let (x, directions, tape) = x.into_parts();
        let dual = DualPoints::new(x.clone().put_tape(tape), directions.clone())?;
        let (said, moved, tape) = self.network.pushforward(t.clone(), dual)?.into_parts();
        let convert = |x: Points<D>, said: Points<D>, tape: T| {
            self.path.convert(self.prediction, what, &t, x.put_tape(T::default()), said.put_tape(tape))
        };
        let (value, mut tape) = convert(x, said, tape)?.split_tape();
        let mut tangents = Vec::with_capacity(directions.len());
        for (direction, moved) in directions.into_iter().zip(moved) {
            let (tangent, after) = convert(direction, moved, tape)?.split_tape();
            tangents.push(tangent);
            tape = after;
        }
        DualPoints::new(value.put_tape(tape), tangents)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, N: VectorField<D, T>> VectorField<D, T> for Predictor<N> {
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.predict(Prediction::Velocity, t, x)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, N: Divergence<D, T>> Divergence<D, T> for Predictor<N> {
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        self.predict_tangents(Prediction::Velocity, t, x)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, N: VectorField<D, T>> Score<D, T> for Predictor<N> {
    fn score(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        self.predict(Prediction::Score, t, x)
    }
}

impl<const D: usize, T: Tape<Real, Dev>, N: Divergence<D, T>> ScoreTangents<D, T> for Predictor<N> {
    fn score_tangents(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        self.predict_tangents(Prediction::Score, t, x)
    }
}

/// Converted to another type of number or another device, there is the network alone.
impl<E: Dtype, V: Device<E>, N: TensorCollection<E, V>> TensorCollection<E, V> for Predictor<N> {
    type To<E2: Dtype, V2: Device<E2>> = N::To<E2, V2>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("network", |m| &m.network, |m| &mut m.network), |network| network)
    }
}
