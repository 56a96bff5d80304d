//! Exercises 8.3 and 8.5: a step of Sinkhorn, and partners drawn from a plan.

use crate::exercises::{Verdict, differs};

/// The costs of one row, the potentials and the masses of the columns, and ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneRow<'a> {
    /// c_j.
    pub costs: &'a [f64],
    /// g_j.
    pub potentials: &'a [f64],
    /// b_j.
    pub masses: &'a [f64],
    /// ε.
    pub epsilon: f64,
}

/// Exercise 8.3: the potential f of one row, in a step of Sinkhorn's iteration. With it the row of the plan
/// πⱼ = a bⱼ exp((f + gⱼ − cⱼ) / ε) sums to its mass a.
///
/// ```
/// use pushforward::exercises::ot_coupling::sinkhorn_step;
///
/// let verdict = sinkhorn_step(|row| {
///     let exponents = row.costs.iter().zip(row.potentials).map(|(c, g)| (g - c) / row.epsilon);
///     let largest = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
///     let sum: f64 = exponents.zip(row.masses).map(|(e, b)| b * (e - largest).exp()).sum();
///     -row.epsilon * (largest + sum.ln())
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn sinkhorn_step(answer: impl Fn(OneRow) -> f64) -> Verdict {
    let cases = [
        OneRow {
            costs: &[1.0, 2.0, 0.5],
            potentials: &[0.0, 0.3, -0.2],
            masses: &[0.5, 0.25, 0.25],
            epsilon: 0.5,
        },
        OneRow { costs: &[0.4, 1.5], potentials: &[0.1, 0.6], masses: &[0.75, 0.25], epsilon: 1.0 },
        OneRow {
            costs: &[1900.0, 800.0, 1000.0],
            potentials: &[0.0, 5.0, -3.0],
            masses: &[0.25, 0.25, 0.5],
            epsilon: 0.5,
        },
        OneRow { costs: &[0.0, 1.0], potentials: &[900.0, 900.5], masses: &[0.5, 0.5], epsilon: 0.5 },
    ];
    for row in cases {
        let (found, right) = (answer(row), -row.epsilon * row.log_sum(1.0, true));
        if differs(found, right) {
            let OneRow { costs, potentials, masses, epsilon } = row;
            return Verdict::not_yet(format!(
                "c = {costs:?}, g = {potentials:?}, b = {masses:?}, ε = {epsilon}: expected {right:.4}, found {found:.4}.{}",
                row.hint(found)
            ));
        }
    }
    Verdict::right("also where exp alone is 0 or infinite.")
}

impl OneRow<'_> {
    /// What is wrong with a potential.
    fn hint(&self, found: f64) -> &'static str {
        let epsilon = self.epsilon;
        let is = |wrong: f64| !differs(found, wrong);
        let largest = self.exponents(1.0).fold(f64::NEG_INFINITY, f64::max);
        let shifted = self.log_sum(1.0, true) - largest;
        match () {
            () if !found.is_finite() && self.costs[0].max(self.potentials[0]) > 700.0 => {
                " exp leaves the range of numbers here: take the largest exponent out of the sum first. \
                 It may be far below 0."
            }
            () if is(-epsilon * shifted) => {
                " The largest exponent is out of the sum, but not in the answer: add it to the logarithm again."
            }
            () if is(-epsilon * (shifted - largest)) => {
                " Without its largest exponent m the sum is divided by exp m: add m to the logarithm, do not subtract it."
            }
            () if is(-epsilon * shifted - largest) => {
                " The largest exponent is in units of ε, as the logarithm is: multiply both by ε."
            }
            () if is(-shifted) => {
                " The largest exponent is out of the sum, but not in the answer, and ε is missing before the logarithm."
            }
            () if is(-epsilon * self.log_sum(1.0, false)) => " The masses of the columns are missing.",
            () if is(-epsilon * self.log_sum(-1.0, true)) => " Potentials are added, costs subtracted.",
            () if is(-self.log_sum(1.0, true)) => " Potentials are in the unit of costs: multiply by ε.",
            () if is(epsilon * self.log_sum(1.0, true)) => {
                " The sign is wrong: a larger f makes the row's mass larger."
            }
            () if is((-self.log_sum(1.0, true)).exp()) => {
                " That is the factor exp(f / ε) of the plain iteration."
            }
            () if is(-epsilon * OneRow { epsilon: 1.0, ..*self }.log_sum(1.0, true)) => {
                " In the exponent, g − c is divided by ε."
            }
            () => "",
        }
    }

    /// (s gⱼ − cⱼ) / ε.
    fn exponents(&self, sign: f64) -> impl Iterator<Item = f64> {
        self.costs.iter().zip(self.potentials).map(move |(c, g)| (sign * g - c) / self.epsilon)
    }

    /// log ∑ⱼ bⱼ exp((s gⱼ − cⱼ) / ε), with the masses or without.
    fn log_sum(&self, sign: f64, weighted: bool) -> f64 {
        let largest = self.exponents(sign).fold(f64::NEG_INFINITY, f64::max);
        let terms = self.exponents(sign).zip(self.masses).map(|(exponent, mass)| {
            let mass = if weighted { *mass } else { 1.0 };
            mass * (exponent - largest).exp()
        });
        largest + terms.sum::<f64>().ln()
    }
}

/// Exercise 8.5: a partner for each row of a plan: the first column at which the running sum of the row is above u times
/// the mass of the row.
///
/// The arguments are the rows of the plan, and one u from \[0, 1) for each row.
///
/// ```
/// use pushforward::exercises::ot_coupling::partners;
///
/// let verdict = partners(|plan, u| {
///     let draw = |(row, u): (&Vec<f64>, &f64)| {
///         let mass: f64 = row.iter().sum();
///         let mut sum = 0.0;
///         row.iter().position(|entry| { sum += entry; sum > u * mass }).unwrap_or(0)
///     };
///     plan.iter().zip(u).map(draw).collect()
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn partners(answer: impl Fn(&[Vec<f64>], &[f64]) -> Vec<usize>) -> Verdict {
    let plan = [vec![0.125, 0.0, 0.125], vec![0.0, 0.0625, 0.1875], vec![0.125, 0.25, 0.125]];
    for u in [[0.75, 0.125, 0.5], [0.0, 0.0, 0.0], [0.25, 0.5, 0.875]] {
        let draw = |above: fn(f64, f64) -> bool, masses: bool| -> Vec<usize> {
            let of_row = |(row, u): (&Vec<f64>, &f64)| {
                let mass = if masses { row.iter().sum() } else { 1.0 };
                let mut sum = 0.0;
                let found = row.iter().position(|entry| {
                    sum += entry;
                    above(sum, u * mass)
                });
                found.unwrap_or(row.len() - 1)
            };
            plan.iter().zip(&u).map(of_row).collect()
        };
        let right = draw(|sum, u| sum > u, true);
        let found = answer(&plan, &u);
        if found == right {
            continue;
        }
        let heaviest: Vec<usize> = vec![0, 2, 1];
        let hint = match () {
            () if found.len() != plan.len() => " One partner for each row, and no row is left out.",
            () if found == draw(|sum, u| sum > u, false) => {
                " The rows of a plan sum to their masses, not to 1: compare with u times the mass."
            }
            () if found == draw(|sum, u| sum >= u, true) => {
                " A column without mass is drawn where u = 0: the sum must be above, not equal."
            }
            () if found == heaviest || found == [2, 2, 1] => {
                " The heaviest entry is not the only one: it is drawn as often as its share of the row."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "plan {plan:?}, u = {u:?}: expected {right:?}, found {found:?}.{hint}"
        ));
    }
    Verdict::right("also for rows of different masses, and at u = 0.")
}
