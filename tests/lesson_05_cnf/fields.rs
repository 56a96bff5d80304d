//! Fields whose paths are known, and what the tests of flows share.
#![allow(unreachable_pub)]

use pushforward::Result;
use pushforward::cnf::{Divergence, Probes, VectorField};
use pushforward::dfdx::prelude::{BroadcastTo, HasShape, PutTape, SplitTape, Tape, TensorFromVec, TryMul};
use pushforward::nn::{DualPoints, Identity, Mlp, set_parameters};
use pushforward::tensor::{Dev, PerPoint, Points, Real, Source, rows, values};

/// v(t, x) = A x + c t + b as a network with one hidden layer that passes (x, t) on: it has parameters.
pub fn linear(a: [[f64; 2]; 2], c: [f64; 2], b: [f64; 2]) -> Mlp<3, 3, 2, 0, Identity> {
    let mut field = Mlp::new(&Source::new(0)).unwrap();
    let mut values = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    values.extend((0..2).flat_map(|i| [a[i][0], a[i][1], c[i]]));
    values.extend(b);
    let values: Vec<Real> = values.into_iter().map(|x| x as Real).collect();
    set_parameters(&mut field, &values).unwrap();
    field
}

/// v(t, x) = 2 k t x, written by hand: x(1) = eᵏ x(0), and the density shrinks by eᵏᴰ, more at the end than at the
/// start.
pub struct Swelling(pub Real);

impl<const D: usize, T: Tape<Real, Dev>> VectorField<D, T> for Swelling {
    fn velocity(&self, t: PerPoint, x: Points<D, T>) -> Result<Points<D, T>> {
        let factor: Points<D> = t.try_mul(2.0 * self.0)?.try_broadcast_like(x.shape())?;
        Ok(x.try_mul(factor)?)
    }
}

impl<const D: usize, T: Tape<Real, Dev>> Divergence<D, T> for Swelling {
    fn pushforward(&self, t: PerPoint, x: DualPoints<D, T>) -> Result<DualPoints<D, T>> {
        let (x, tangents, tape) = x.into_parts();
        let (v, mut tape) = self.velocity(t.clone(), x.put_tape(tape))?.split_tape();
        let mut moved = Vec::new();
        for tangent in tangents {
            let (tangent, after) = self.velocity(t.clone(), tangent.put_tape(tape))?.split_tape();
            moved.push(tangent);
            tape = after;
        }
        DualPoints::new(v.put_tape(tape), moved)
    }
}

/// n times.
pub fn times(t: Real, n: usize) -> PerPoint {
    Source::new(0).per_point(&vec![t; n]).unwrap()
}

/// Σᵢ ∂vᵢ/∂xᵢ by central differences, to 10⁻³ in f32.
pub fn numeric_divergence<const D: usize>(
    field: &impl VectorField<D>,
    t: &PerPoint,
    x: &Points<D>,
) -> Vec<f64> {
    let source = Source::new(0);
    let step = Real::EPSILON.cbrt();
    let mut sum = vec![0.0; rows(x).len()];
    for i in 0..D {
        let [(above, v_above), (below, v_below)] = [step, -step].map(|step| {
            let mut moved = rows(x);
            moved.iter_mut().for_each(|x| x[i] += step);
            let v = rows(&field.velocity(t.clone(), source.points(&moved).unwrap()).unwrap());
            (moved, v)
        });
        for (n, sum) in sum.iter_mut().enumerate() {
            let length = f64::from(above[n][i]) - f64::from(below[n][i]);
            *sum += (f64::from(v_above[n][i]) - f64::from(v_below[n][i])) / length;
        }
    }
    sum
}

/// ∇·v at each point.
pub fn divergence<const D: usize>(
    field: &impl Divergence<D>,
    t: &PerPoint,
    x: &Points<D>,
    probes: &Probes<D>,
) -> Vec<f64> {
    let (_, divergence) = field.velocity_and_divergence(t.clone(), x.clone(), probes).unwrap();
    values(&divergence).into_iter().map(f64::from).collect()
}

/// The mean of some numbers and its standard error.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// A batch without points.
pub fn no_points<const D: usize>() -> Points<D> {
    Source::new(0).device().tensor_from_vec(Vec::new(), (0, pushforward::dfdx::prelude::Const::<D>))
}

/// log N(z; 0, I) on the plane.
pub fn log_normal(z: [f64; 2]) -> f64 {
    -0.5 * (z[0] * z[0] + z[1] * z[1]) - (2.0 * std::f64::consts::PI).ln()
}

/// eᴬ for A = [[p, q], [0, r]], p ≠ r.
pub fn triangular_exponential(p: f64, q: f64, r: f64) -> [[f64; 2]; 2] {
    [[p.exp(), q * (p.exp() - r.exp()) / (p - r)], [0.0, r.exp()]]
}

/// A x.
pub fn product(a: [[f64; 2]; 2], x: [f64; 2]) -> [f64; 2] {
    a.map(|row| row[0] * x[0] + row[1] * x[1])
}
