//! The iteration itself: in the log domain at the price of the plain one.

use super::super::{Costs, Plan};
use crate::Result;
use crate::tensor::simd;

/// Scalings above this, or below its inverse, go into the potentials.
const EXTREME: f64 = 1e50;

/// How many rows are worked on together.
const ROWS: usize = 4;

/// πᵢⱼ = aᵢ uᵢ Kᵢⱼ vⱼ bⱼ with Kᵢⱼ = exp((fᵢ + gⱼ − cᵢⱼ) / ε).
///
/// Sinkhorn's iteration scales rows by u and columns by v: two products with K and no exponential. Alone it fails for small
/// ε, where K has no number for exp(−c / ε) and none for u. Here u and v are only what changed since K was made: when one is
/// extreme, ε ln u is added to f and ε ln v to g, and K is made anew (Schmitzer 2016, arXiv:1610.06519, section 3.1).
pub(super) struct Kernel<'a> {
    costs: &'a Costs,
    epsilon: f64,
    row_masses: &'a [f64],
    column_masses: Vec<f64>,
    /// f and g.
    potentials: (Vec<f64>, Vec<f64>),
    /// u and v.
    scalings: (Vec<f64>, Vec<f64>),
    entries: Vec<f64>,
}

impl<'a> Kernel<'a> {
    /// Potentials fᵢ = minⱼ cᵢⱼ and gⱼ = minᵢ (cᵢⱼ − fᵢ): each row and each column of K has an entry 1, and none more.
    pub(super) fn new(costs: &'a Costs, epsilon: f64, row_masses: &'a [f64], column_masses: &[f64]) -> Self {
        let (rows, columns) = (costs.rows(), costs.columns());
        let f = (0..rows)
            .map(|row| costs.row(row).iter().copied().fold(f64::INFINITY, f64::min))
            .collect::<Vec<_>>();
        let mut g = vec![f64::INFINITY; columns];
        for (row, f) in f.iter().enumerate() {
            g.iter_mut().zip(costs.row(row)).for_each(|(g, cost)| *g = g.min(cost - f));
        }
        // The sums of both sides may differ by a rounding error, which no plan could undo.
        let exact = row_masses.iter().sum::<f64>() / column_masses.iter().sum::<f64>();
        let mut kernel = Self {
            costs,
            epsilon,
            row_masses,
            column_masses: column_masses.iter().map(|mass| mass * exact).collect(),
            potentials: (f, g),
            scalings: (vec![1.0; rows], vec![1.0; columns]),
            entries: vec![0.0; rows * columns],
        };
        kernel.fill();
        kernel
    }

    fn fill(&mut self) {
        let (f, g) = &self.potentials;
        for (row, entries) in self.entries.chunks_exact_mut(g.len()).enumerate() {
            let exponents =
                self.costs.row(row).iter().zip(g).map(|(cost, g)| (f[row] + g - cost) / self.epsilon);
            entries.iter_mut().zip(exponents).for_each(|(entry, exponent)| *entry = exponent.exp());
        }
    }

    /// u, then v. Returns how wrong the row masses were before, Σᵢ |Σⱼ πᵢⱼ − aᵢ|; an iteration never makes that larger.
    ///
    /// A row of K is used for its u and, while it is near the processor, for all v: K comes from memory once.
    pub(super) fn iterate(&mut self) -> f64 {
        simd(
            #[inline(always)]
            || self.scale(),
        )
    }

    #[inline(always)]
    fn scale(&mut self) -> f64 {
        let columns = self.column_masses.len();
        let (u, v) = &mut self.scalings;
        let from: Vec<f64> = v.iter().zip(&self.column_masses).map(|(v, b)| v * b).collect();
        let mut sums = vec![0.0; columns];
        let mut wrong = 0.0;
        let blocks =
            self.entries.chunks(ROWS * columns).zip(u.chunks_mut(ROWS)).zip(self.row_masses.chunks(ROWS));
        for ((entries, u), a) in blocks {
            for ((row, u), a) in entries.chunks_exact(columns).zip(u).zip(a) {
                let product = dot(row, &from);
                wrong += a * (*u * product - 1.0).abs();
                *u = 1.0 / product;
                let factor = a * *u;
                sums.iter_mut().zip(row).for_each(|(sum, entry)| *sum += factor * entry);
            }
        }
        v.iter_mut().zip(sums).for_each(|(v, sum)| *v = 1.0 / sum);
        wrong
    }

    /// Keeps the scalings far from the ends of f64.
    pub(super) fn absorb_if_extreme(&mut self) {
        let (u, v) = &self.scalings;
        let is_extreme = |scaling: &f64| !(1.0 / EXTREME..EXTREME).contains(scaling);
        if u.iter().chain(v).any(is_extreme) {
            self.absorb();
            self.fill();
        }
    }

    fn absorb(&mut self) {
        let epsilon = self.epsilon;
        let absorb = |potentials: &mut [f64], scalings: &mut [f64]| {
            potentials.iter_mut().zip(scalings).for_each(|(potential, scaling)| {
                *potential += epsilon * std::mem::replace(scaling, 1.0).ln();
            });
        };
        absorb(&mut self.potentials.0, &mut self.scalings.0);
        absorb(&mut self.potentials.1, &mut self.scalings.1);
    }

    /// π, f and g.
    pub(super) fn into_plan(mut self) -> Result<(Plan, Vec<f64>, Vec<f64>)> {
        let (rows, columns) = (self.costs.rows(), self.costs.columns());
        let (u, v) = &self.scalings;
        let to: Vec<f64> = v.iter().zip(&self.column_masses).map(|(v, b)| v * b).collect();
        let mut masses = std::mem::take(&mut self.entries);
        for (row, masses) in masses.chunks_exact_mut(columns).enumerate() {
            let from = self.row_masses[row] * u[row];
            masses.iter_mut().zip(&to).for_each(|(mass, to)| *mass *= from * to);
        }
        self.absorb();
        Ok((Plan::new(rows, columns, masses)?, self.potentials.0, self.potentials.1))
    }
}

/// How many sums are kept side by side, so that one addition does not wait for another.
const LANES: usize = 16;

/// Σ a b.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((a, last_a), (b, last_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let last: f64 = last_a.iter().zip(last_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + last
}
