//! The terms of the series, point by point, on slices.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Estimator;
use crate::Result;
use crate::tensor::{Real, check_all_finite};
use rand::RngCore;

/// A series in progress. A row is one v at one point: P rows stand for each point, those of the first v first.
pub(super) struct Terms {
    d: usize,
    points: usize,
    probes: usize,
    /// w₁, w₂, … as far as any row goes.
    weights: Vec<f64>,
    /// v of each row.
    vectors: Vec<Real>,
    /// How many terms each row takes.
    lengths: Vec<usize>,
    /// k: how often J was applied.
    k: usize,
    /// The rows that take a term k + 1, with their x and Jᵏv.
    active: Vec<usize>,
    at: Vec<Real>,
    powers: Vec<Real>,
    /// Σ (−1)ᵏ⁺¹/k wₖ vᵀJᵏv of each row.
    sums: Vec<f64>,
    /// Σ (−1)ᵏ wₖ₊₁ Jᵏv of each row.
    neumann: Vec<f64>,
}

/// What the series gives.
pub(super) struct Results {
    /// The mean over v, for each point.
    pub(super) values: Vec<Real>,
    /// w / P of each point, for each of the P vectors.
    pub(super) tangents: Vec<Vec<Real>>,
    /// v of each point, for each of the P vectors.
    pub(super) vectors: Vec<Vec<Real>>,
}

impl Terms {
    pub(super) fn new(estimator: &Estimator, x: Vec<Real>, d: usize, rng: &mut dyn RngCore) -> Self {
        let points = x.len() / d;
        let rows = points * estimator.probes;
        let lengths: Vec<usize> = (0..rows).map(|_| estimator.series.draw(rng)).collect();
        let vectors: Vec<Real> = (0..rows * d).map(|_| estimator.noise.draw(rng)).collect();
        let mut terms = Self {
            d,
            points,
            probes: estimator.probes,
            weights: estimator.series.weights(lengths.iter().copied().max().unwrap_or(0)),
            powers: vectors.clone(),
            vectors,
            lengths,
            k: 0,
            active: (0..rows).collect(),
            at: x.repeat(estimator.probes),
            sums: vec![0.0; rows],
            neumann: vec![0.0; rows * d],
        };
        terms.settle();
        terms
    }

    /// The points and the vectors that J is applied to next, as many as rows take another term.
    pub(super) fn batch(&self) -> Option<(Vec<Real>, Vec<Real>)> {
        (!self.active.is_empty()).then(|| (self.at.clone(), self.powers.clone()))
    }

    /// Takes what J made of the vectors.
    pub(super) fn take(&mut self, powers: &[Real]) -> Result<()> {
        check_all_finite("a term of the series of a log-determinant", powers)?;
        self.k += 1;
        self.powers.copy_from_slice(powers);
        let sign = if self.k % 2 == 1 { 1.0 } else { -1.0 };
        let factor = sign / self.k as f64 * self.weights[self.k - 1];
        for (row, power) in self.active.iter().zip(powers.chunks_exact(self.d)) {
            let v = &self.vectors[row * self.d..(row + 1) * self.d];
            self.sums[*row] +=
                factor * v.iter().zip(power).map(|(v, p)| f64::from(*v) * f64::from(*p)).sum::<f64>();
        }
        self.settle();
        Ok(())
    }

    /// Rows that have all their terms leave; the others add Jᵏv to w.
    fn settle(&mut self) {
        let (d, k) = (self.d, self.k);
        let stays: Vec<bool> = self.active.iter().map(|row| self.lengths[*row] > k).collect();
        keep(&mut self.at, &stays, d);
        keep(&mut self.powers, &stays, d);
        keep(&mut self.active, &stays, 1);
        if self.active.is_empty() {
            return;
        }
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        let factor = sign * self.weights[k];
        for (row, power) in self.active.iter().zip(self.powers.chunks_exact(d)) {
            let w = &mut self.neumann[row * d..(row + 1) * d];
            w.iter_mut().zip(power).for_each(|(w, p)| *w += factor * f64::from(*p));
        }
    }

    pub(super) fn results(self) -> Result<Results> {
        let probes = self.probes;
        let mean = |point| (0..probes).map(|probe| self.sums[probe * self.points + point]).sum::<f64>();
        let values: Vec<Real> = (0..self.points).map(|point| (mean(point) / probes as f64) as Real).collect();
        let share: Vec<Real> = self.neumann.iter().map(|w| (w / probes as f64) as Real).collect();
        let split = |list: &[Real]| list.chunks_exact(self.points * self.d).map(<[Real]>::to_vec).collect();
        check_all_finite("an estimate of a log-determinant", &values)?;
        check_all_finite("the vector of an estimated gradient", &share)?;
        Ok(Results { values, tangents: split(&share), vectors: split(&self.vectors) })
    }
}

/// Keeps the rows of a list, each of d entries, that stay.
pub(super) fn keep<X: Copy>(list: &mut Vec<X>, stays: &[bool], d: usize) {
    let rows = list.chunks_exact(d).zip(stays).filter(|(_, stays)| **stays);
    *list = rows.flat_map(|(row, _)| row).copied().collect();
}
