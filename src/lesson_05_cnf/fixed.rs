//! Steps on the tape: differentiating through the solver.

use super::Tableau;
use crate::tensor::{Dev, PerPoint, Points, Real, check_finite, check_same_batch, check_steps, entries};
use crate::{Error, Obstacle, Result};
use dfdx::prelude::{
    HasShape, PutTape, ReshapeTo, Shape, SplitTape, Tape, Tensor, TensorFromVec, ZerosTensor,
};

/// Steps of one length along dx/dt = v(t, x) and dl/dt = r(t, x) from l = 0, with `f(t, x)` = (v, r), recorded on the
/// tape: the gradients are those of the numbers that the solver computes, and the memory grows with the steps.
///
/// It gives x and l at the time `to`. The tape goes with the points.
///
/// ```
/// use pushforward::cnf::{RK4, solve_fixed};
/// use pushforward::dfdx::prelude::{Backward, PutTape, SumTo, Trace};
/// use pushforward::tensor::{Gradients, PerPoint, Points, Recording, Source, rows};
///
/// let x = Source::new(0).points(&[[1.0], [2.0]])?;
/// let field = |t: PerPoint, x: Points<1, Recording>| Ok((x * -1.0, t.put_tape(Recording::default())));
/// let (end, _) = solve_fixed(&RK4, 10, field, x.clone().traced(Gradients::leaky()), 0.0, 1.0)?;
/// let gradient = rows(&end.sum::<(), _>().backward().get(&x))[0][0];
/// assert!((gradient - 0.36788).abs() < 1e-5, "x(1) = e⁻¹ x(0), to the error of ten steps of order 4");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::OutOfDomain`] for no steps or a time that is not finite; [`Error::NotFinite`] for x;
/// [`Error::Unsolved`] where a path leaves the range of the numbers; [`Error::BatchMismatch`] where `f` gives not one
/// velocity per point; those of `f`.
pub fn solve_fixed<const D: usize, T: Tape<Real, Dev>>(
    tableau: &Tableau,
    steps: usize,
    f: impl FnMut(PerPoint, Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
    x: Points<D, T>,
    from: Real,
    to: Real,
) -> Result<(Points<D, T>, PerPoint<T>)> {
    tableau.check()?;
    check_finite("x", &x)?;
    check_ends(steps, from, to)?;
    let l: PerPoint = x.device().try_zeros_like(&(x.shape().0,))?;
    if from == to {
        return Ok((x, l.put_tape(T::default())));
    }
    let (from, to) = (f64::from(from), f64::from(to));
    let (x, tape) = x.try_contiguous()?.split_tape();
    let mut walk = Walk { tableau, f, tape, x, l, stages: Vec::new() };
    let time = |step| if step == steps { to } else { from + (to - from) * step as f64 / steps as f64 };
    for step in 0..steps {
        walk.step(time(step), time(step + 1))?;
    }
    Ok((walk.x.put_tape(walk.tape), walk.l.put_tape(T::default())))
}

/// An error unless there are steps, between two times.
fn check_ends(steps: usize, from: Real, to: Real) -> Result<()> {
    check_steps(steps)?;
    match [from, to].into_iter().find(|time| !time.is_finite()) {
        Some(time) => {
            let (what, expected) = ("the time at an end of a path", "finite");
            Err(Error::OutOfDomain { what, expected, found: time.into() })
        }
        None => Ok(()),
    }
}

/// All points on their way, on one tape.
struct Walk<'a, const D: usize, T, F> {
    tableau: &'a Tableau,
    f: F,
    tape: T,
    x: Points<D>,
    l: PerPoint,
    /// (v, r) of each stage of the last step.
    stages: Vec<(Points<D>, PerPoint)>,
}

impl<const D: usize, T, F> Walk<'_, D, T, F>
where
    T: Tape<Real, Dev>,
    F: FnMut(PerPoint, Points<D, T>) -> Result<(Points<D, T>, PerPoint<T>)>,
{
    fn step(&mut self, t: f64, next: f64) -> Result<()> {
        let reused = if self.tableau.first_same_as_last() { self.stages.pop() } else { None };
        self.stages.clear();
        let first = match reused {
            Some(stage) => stage,
            None => self.ask(t, self.x.clone())?,
        };
        self.stages.push(first);
        for (row, c) in self.tableau.a.iter().zip(self.tableau.c).skip(1) {
            let between = self.moved(row, next - t)?;
            let stage = self.ask(if *c == 1.0 { next } else { t + c * (next - t) }, between)?;
            self.stages.push(stage);
        }
        self.x = self.moved(self.tableau.b, next - t)?;
        let r = self.stages.iter().map(|(_, r)| r);
        self.l = weighted(&self.l, self.tableau.b, next - t, r, &mut self.tape)?;
        let bad = |list: &[Real]| list.iter().position(|number| !number.is_finite());
        match bad(&entries(&self.x)).map(|index| index / D).or(bad(&entries(&self.l))) {
            Some(point) => Err(Error::Unsolved { cause: Obstacle::NotFinite, point, t }),
            None => Ok(()),
        }
    }

    /// x + h Σⱼ wⱼ vⱼ.
    fn moved(&mut self, weights: &[f64], h: f64) -> Result<Points<D>> {
        weighted(&self.x, weights, h, self.stages.iter().map(|(v, _)| v), &mut self.tape)
    }

    /// (v, r) at one time of all points.
    fn ask(&mut self, t: f64, x: Points<D>) -> Result<(Points<D>, PerPoint)> {
        let n = x.shape().0;
        let times = x.device().try_tensor_from_vec(vec![t as Real; n], (n,))?;
        let (v, r) = (self.f)(times, x.put_tape(std::mem::take(&mut self.tape)))?;
        check_same_batch("the velocity of the field", n, v.shape().0)?;
        check_same_batch("the rate of a number for each point", n, r.shape().0)?;
        let (v, tape) = v.try_contiguous()?.split_tape();
        let (r, second) = r.try_contiguous()?.split_tape();
        self.tape = tape.merge(second);
        Ok((v, r))
    }
}

/// x + h Σⱼ wⱼ kⱼ.
#[cfg(feature = "cuda")]
fn weighted<'a, S: Shape, T: Tape<Real, Dev>>(
    x: &Tensor<S, Real, Dev>,
    weights: &[f64],
    h: f64,
    stages: impl Iterator<Item = &'a Tensor<S, Real, Dev>>,
    tape: &mut T,
) -> Result<Tensor<S, Real, Dev>> {
    use dfdx::prelude::{TryAdd, TryMul};
    let mut sum = x.clone().put_tape(std::mem::take(tape));
    for (weight, k) in weights.iter().zip(stages).filter(|(weight, _)| **weight != 0.0) {
        sum = sum.try_add(k.clone().put_tape(T::default()).try_mul((h * weight) as Real)?)?;
    }
    let (sum, rest) = sum.split_tape();
    *tape = rest;
    Ok(sum)
}

/// x + h Σⱼ wⱼ kⱼ, as one operation: dfdx would need two for each term, and walk through an index for each number.
#[cfg(not(feature = "cuda"))]
fn weighted<'a, S: Shape, T: Tape<Real, Dev>>(
    x: &Tensor<S, Real, Dev>,
    weights: &[f64],
    h: f64,
    stages: impl Iterator<Item = &'a Tensor<S, Real, Dev>>,
    tape: &mut T,
) -> Result<Tensor<S, Real, Dev>> {
    let terms = weights.iter().zip(stages).filter(|(weight, _)| **weight != 0.0);
    let mut sum = entries(x);
    let mut inputs = vec![(1.0, x.ghost())];
    for (weight, k) in terms {
        let weight = (h * weight) as Real;
        sum.iter_mut().zip(entries(k)).for_each(|(sum, k)| *sum += weight * k);
        inputs.push((weight, k.ghost()));
    }
    let sum = x.device().try_tensor_from_vec(sum, *x.shape())?;
    let output = sum.ghost();
    tape.add_backward_op(move |gradients| {
        // dfdx lends one gradient at a time.
        let d_sum = std::mem::take(&mut **gradients.get_or_alloc_mut(&output)?);
        for (weight, input) in &inputs {
            let d_input = gradients.get_or_alloc_mut(input)?;
            d_input.iter_mut().zip(&d_sum).for_each(|(sum, d)| *sum += weight * d);
        }
        **gradients.get_or_alloc_mut(&output)? = d_sum;
        Ok(())
    });
    Ok(sum)
}
