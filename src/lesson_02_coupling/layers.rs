//! Layers of one type, one after the other.

use super::far::{go, undo};
use super::{ConditionalBijection, given};
use crate::Result;
use crate::lesson_01_change_of_variables::{Bijection, compose};
use crate::tensor::{Dev, PerPoint, Points, Real};
use dfdx::nn::modules::Repeated;
use dfdx::prelude::{Device, Dtype, ModuleVisitor, NumParams, Tape, TensorCollection};

/// f = f_K ∘ … ∘ f₁ for K layers of one type, from data to base; log |det| is the sum of theirs.
///
/// The named flows, [`RealNvp`](super::RealNvp) and [`Glow`](super::Glow) for example, are such a stack.
///
/// Far from the data, rounding can lose a point. [`Error::Saturated`](crate::Error::Saturated) tells of it: in the inverse
/// for a coordinate of x or z beyond ±8, and forward, without a tape, for one of x beyond ±64.
///
/// ```
/// use pushforward::change_of_variables::Bijection;
/// use pushforward::coupling::{Coupling, Layers, Spline, half_mask};
/// use pushforward::nn::Silu;
/// use pushforward::tensor::{Source, rows};
///
/// let mut source = Source::new(0);
/// type Layer = Coupling<2, 2, 16, 46, 1, Silu, Spline<8, 5>>;
/// let flow = Layers::<Layer, 3>::from_fn(|k| Coupling::new(&source, half_mask(k)))?;
/// let x = source.normal::<2>(5)?;
/// let (z, _) = flow.forward(x.clone())?;
/// for (x, z) in rows(&x).iter().flatten().zip(rows(&z).as_flattened()) {
///     assert!((x - z).abs() < 1e-5, "before training these layers are z = x, to rounding");
/// }
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Layers<B, const K: usize> {
    layers: Repeated<B, K>,
}

impl<B, const K: usize> Layers<B, K> {
    /// The stack of `layer(0)`, …, `layer(K − 1)`.
    ///
    /// Errors: those of `layer`.
    pub fn from_fn(layer: impl FnMut(usize) -> Result<B>) -> Result<Self> {
        const { assert!(K > 0, "a stack has a layer") };
        Ok(Self { layers: Repeated { modules: (0..K).map(layer).collect::<Result<_>>()? } })
    }

    /// The layers from data to base, for a look between them.
    pub fn layers(&self) -> &[B] {
        &self.layers.modules
    }

    /// How many numbers training changes.
    pub fn parameters(&self) -> usize
    where
        B: TensorCollection<Real, Dev>,
    {
        self.num_trainable_params()
    }

    /// Sets each layer by the batch that reaches it, and carries the batch through it to the next. An error changes nothing.
    pub(crate) fn set<const D: usize>(
        &mut self,
        x: &Points<D>,
        set: impl Fn(&mut B, &Points<D>) -> Result<()>,
        forward: impl Fn(&B, Points<D>) -> Result<(Points<D>, PerPoint)>,
    ) -> Result<()>
    where
        B: Clone,
    {
        let (mut layers, mut x) = (self.layers.clone(), x.clone());
        for layer in &mut layers.modules {
            set(layer, &x)?;
            (x, _) = forward(layer, x)?;
        }
        self.layers = layers;
        Ok(())
    }
}

/// z and log |det|, through the layers from the first to the last.
pub(crate) fn forward<const D: usize, T: Tape<Real, Dev>, B: Bijection<D, T> + Bijection<D>>(
    layers: &[B],
    x: Points<D, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    go(
        x,
        |x| compose(layers.iter(), x, <B as Bijection<D, T>>::forward),
        |z| Ok(compose(layers.iter().rev(), z, <B as Bijection<D>>::inverse)?.0),
    )
}

/// x and log |det|, through the layers from the last to the first.
pub(crate) fn inverse<const D: usize, T: Tape<Real, Dev>, B: Bijection<D, T> + Bijection<D>>(
    layers: &[B],
    z: Points<D, T>,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    undo(
        z,
        |z| compose(layers.iter().rev(), z, <B as Bijection<D, T>>::inverse),
        |z| Ok(compose(layers.iter().rev(), z, <B as Bijection<D>>::inverse)?.0),
        |x| Ok(compose(layers.iter(), x, <B as Bijection<D>>::forward)?.0),
    )
}

impl<const D: usize, const K: usize, T, B> Bijection<D, T> for Layers<B, K>
where
    T: Tape<Real, Dev>,
    B: Bijection<D, T> + Bijection<D>,
{
    fn forward(&self, x: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        forward(self.layers(), x)
    }

    fn inverse(&self, z: Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)> {
        inverse(self.layers(), z)
    }
}

impl<const D: usize, const C: usize, const K: usize, T, B> ConditionalBijection<D, C, T> for Layers<B, K>
where
    T: Tape<Real, Dev>,
    B: ConditionalBijection<D, C, T> + ConditionalBijection<D, C>,
{
    fn forward_given(&self, x: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let layers: Vec<_> = self.layers().iter().map(|layer| given(layer, context.clone())).collect();
        forward(&layers, x)
    }

    fn inverse_given(&self, z: Points<D, T>, context: &Points<C>) -> Result<(Points<D, T>, PerPoint<T>)> {
        let layers: Vec<_> = self.layers().iter().map(|layer| given(layer, context.clone())).collect();
        inverse(&layers, z)
    }
}

impl<E: Dtype, V: Device<E>, B: TensorCollection<E, V>, const K: usize> TensorCollection<E, V>
    for Layers<B, K>
{
    type To<E2: Dtype, V2: Device<E2>> = Layers<B::To<E2, V2>, K>;

    fn iter_tensors<W: ModuleVisitor<Self, E, V>>(
        visitor: &mut W,
    ) -> Result<Option<Self::To<W::E2, W::D2>>, W::Err> {
        visitor.visit_fields(Self::module("layers", |m| &m.layers, |m| &mut m.layers), |layers| Layers {
            layers,
        })
    }
}
