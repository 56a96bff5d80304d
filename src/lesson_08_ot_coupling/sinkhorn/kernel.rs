//! The iteration itself: in the log domain at the price of the plain one.

use super::super::scan::{least, lesser};
use super::super::{Costs, Plan};
use super::entry::Entry;
use super::exponential::exp;
use super::part::Part;
use crate::tensor::{share, simd};
use crate::{Error, Result};

/// How many rows make a part of the work, which one core does.
const ROWS_PER_PART: usize = 256;

/// πᵢⱼ = aᵢ uᵢ Kᵢⱼ vⱼ bⱼ with Kᵢⱼ = exp((fᵢ + gⱼ − cᵢⱼ) / ε).
///
/// Sinkhorn's iteration scales rows by u and columns by v: two products with K and no exponential. Alone it fails for
/// small ε, where exp(−c / ε) and u are beyond the range of numbers. Here u and v are only what changed since K was
/// made: when one is extreme, ε ln u is added to f and ε ln v to g, and K is made anew (Schmitzer 2016,
/// arXiv:1610.06519).
pub(super) struct Kernel<'a, K> {
    costs: &'a Costs,
    epsilon: f64,
    /// a and b, each with the sum 1.
    row_masses: Vec<f64>,
    column_masses: Vec<f64>,
    /// f and g.
    potentials: (Vec<f64>, Vec<f64>),
    /// u and v.
    scalings: (Vec<f64>, Vec<f64>),
    /// K.
    entries: Vec<K>,
    /// How many iterations there were.
    pub(super) iterations: usize,
    /// How wrong the row masses were before the last one, Σᵢ |Σⱼ πᵢⱼ − aᵢ|; an iteration never makes that larger.
    residual: f64,
}

impl<'a, K: Entry> Kernel<'a, K> {
    /// Potentials fᵢ = minⱼ cᵢⱼ and gⱼ = minᵢ (cᵢⱼ − fᵢ): each row and each column of K has an entry 1, and none more.
    pub(super) fn new(
        costs: &'a Costs,
        epsilon: f64,
        row_masses: Vec<f64>,
        mut column_masses: Vec<f64>,
    ) -> Self {
        let (rows, columns) = (costs.rows(), costs.columns());
        // The sums of both sides may differ by a rounding error, which no plan could undo.
        let exact = row_masses.iter().sum::<f64>() / column_masses.iter().sum::<f64>();
        column_masses.iter_mut().for_each(|mass| *mass *= exact);
        let mut kernel = Self {
            costs,
            epsilon,
            row_masses,
            column_masses,
            potentials: least_potentials(costs),
            scalings: (vec![1.0; rows], vec![1.0; columns]),
            entries: vec![K::default(); rows * columns],
            iterations: 0,
            residual: f64::INFINITY,
        };
        kernel.fill();
        kernel
    }

    /// Iterates until the row masses are right to the tolerance. [`Error::NotConverged`] unless they are after so many
    /// iterations, all told.
    pub(super) fn settle(&mut self, tolerance: f64, max_iterations: usize) -> Result<()> {
        let before = self.iterations;
        while self.iterations < max_iterations {
            self.iterate();
            // The first residual is that of K as it was made, whose columns are not right yet.
            if self.iterations > before + 1 && self.residual <= tolerance {
                return Ok(());
            }
            self.absorb_if_extreme();
        }
        let (what, steps) = ("Sinkhorn's iteration", max_iterations);
        Err(Error::NotConverged { what, steps, residual: self.residual })
    }

    /// K from the potentials.
    fn fill(&mut self) {
        let ((f, g), epsilon, costs) = (&self.potentials, self.epsilon, self.costs);
        let rows: Vec<_> = self.entries.chunks_exact_mut(g.len()).enumerate().collect();
        share(rows, usize::MAX, |(row, entries)| {
            simd(
                #[inline(always)]
                || fill_row(entries, costs.row(row), g, f[row], epsilon),
            );
        });
    }

    /// u, then v.
    fn iterate(&mut self) {
        let (u, v) = &mut self.scalings;
        let b: Vec<f64> = v.iter().zip(&self.column_masses).map(|(v, b)| v * b).collect();
        let rows = self.entries.chunks(ROWS_PER_PART * v.len());
        let sides = u.chunks_mut(ROWS_PER_PART).zip(self.row_masses.chunks(ROWS_PER_PART));
        let mut parts: Vec<Part<K>> =
            rows.zip(sides).map(|(rows, (u, a))| Part::new(rows, u, a, v.len())).collect();
        share(parts.iter_mut().collect(), usize::MAX, |part| {
            simd(
                #[inline(always)]
                || part.scale(&b),
            );
        });
        self.residual = parts.iter().map(|part| part.wrong).sum();
        self.iterations += 1;
        for (column, v) in v.iter_mut().enumerate() {
            *v = 1.0 / parts.iter().map(|part| part.sums[column]).sum::<f64>();
        }
    }

    /// Keeps the scalings far from the ends of f64.
    fn absorb_if_extreme(&mut self) {
        let (u, v) = &self.scalings;
        let is_extreme = |scaling: &f64| !(1.0 / K::EXTREME..K::EXTREME).contains(scaling);
        if u.iter().chain(v).any(is_extreme) {
            self.absorb();
            self.fill();
        }
    }

    fn absorb(&mut self) {
        let epsilon = self.epsilon;
        let absorb = |potentials: &mut [f64], scalings: &mut [f64]| {
            for (potential, scaling) in potentials.iter_mut().zip(scalings) {
                *potential += epsilon * std::mem::replace(scaling, 1.0).ln();
            }
        };
        absorb(&mut self.potentials.0, &mut self.scalings.0);
        absorb(&mut self.potentials.1, &mut self.scalings.1);
    }

    /// The same with entries of another kind.
    pub(super) fn converted<L: Entry>(mut self) -> Kernel<'a, L> {
        self.absorb();
        let mut kernel = Kernel {
            entries: vec![L::default(); self.entries.len()],
            costs: self.costs,
            epsilon: self.epsilon,
            row_masses: self.row_masses,
            column_masses: self.column_masses,
            potentials: self.potentials,
            scalings: self.scalings,
            iterations: self.iterations,
            residual: self.residual,
        };
        kernel.fill();
        kernel
    }
}

impl Kernel<'_, f64> {
    /// π of the whole mass, f and g.
    pub(super) fn into_plan(mut self, mass: f64) -> Result<(Plan, Vec<f64>, Vec<f64>)> {
        let (u, v) = &self.scalings;
        let to: Vec<f64> = v.iter().zip(&self.column_masses).map(|(v, b)| v * b).collect();
        let mut masses = std::mem::take(&mut self.entries);
        let rows = masses.chunks_exact_mut(v.len()).zip(&self.row_masses).zip(u).collect();
        share(rows, usize::MAX, |((masses, a), u)| {
            let from = a * u;
            // First the part of the whole, which is a number of ordinary size.
            masses.iter_mut().zip(&to).for_each(|(part, to)| *part = *part * (from * to) * mass);
        });
        self.absorb();
        // With masses that are `mass` times as large, a b is by mass² larger, and π by mass.
        let shift = self.epsilon * mass.ln();
        self.potentials.0.iter_mut().for_each(|f| *f -= shift);
        let plan = Plan::new(self.costs.rows(), self.costs.columns(), masses)?;
        Ok((plan, self.potentials.0, self.potentials.1))
    }
}

/// fᵢ = minⱼ cᵢⱼ and gⱼ = minᵢ (cᵢⱼ − fᵢ).
fn least_potentials(costs: &Costs) -> (Vec<f64>, Vec<f64>) {
    let none = || vec![f64::INFINITY; costs.columns()];
    let mut f = vec![0.0; costs.rows()];
    let mut parts: Vec<_> = f.chunks_mut(ROWS_PER_PART).map(|f| (f, none())).enumerate().collect();
    share(parts.iter_mut().collect(), usize::MAX, |(part, (f, g))| {
        simd(
            #[inline(always)]
            || {
                for (row, f) in f.iter_mut().enumerate() {
                    let costs = costs.row(*part * ROWS_PER_PART + row);
                    *f = least(costs);
                    g.iter_mut().zip(costs).for_each(|(g, cost)| *g = lesser(cost - *f, *g));
                }
            },
        );
    });
    let mut g = none();
    for (_, (_, of_part)) in &parts {
        g.iter_mut().zip(of_part).for_each(|(g, part)| *g = lesser(*part, *g));
    }
    (f, g)
}

#[inline(always)]
fn fill_row<K: Entry>(entries: &mut [K], costs: &[f64], g: &[f64], f: f64, epsilon: f64) {
    for ((entry, cost), g) in entries.iter_mut().zip(costs).zip(g) {
        *entry = K::nearest(exp((f + g - cost) / epsilon));
    }
}
