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
                " Without its largest exponent m the sum is divided by exp m: \
                 add m to the logarithm, do not subtract it."
            }
            () if is(-epsilon * shifted - largest) => {
                " The largest exponent is in units of ε, as the logarithm is: multiply both by ε."
            }
            () if is(-shifted) => {
                " The largest exponent is out of the sum, but not in the answer, \
                 and ε is missing before the logarithm."
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
    let plan = [vec![0.0625, 0.0, 0.1875], vec![0.0, 0.25, 0.125], vec![0.125, 0.0625, 0.1875]];
    let cases = [[0.75, 0.125, 0.53125], [0.0, 0.0, 0.0], [0.125, 0.75, 0.25]];
    let by = |draw: Draw, otherwise: Option<usize>| {
        let row = |(row, u): (&Vec<f64>, &f64)| draw(row, *u).or(otherwise);
        cases.map(|u| plan.iter().zip(&u).filter_map(row).collect::<Vec<_>>())
    };
    let (right, found) = (by(drawn, None), cases.map(|u| answer(&plan, &u)));
    let Some(case) = (0..cases.len()).find(|case| found[*case] != right[*case]) else {
        return Verdict::right("also for rows of different masses, and at u = 0.");
    };
    // Many mistakes agree in one case, and no two in all.
    let is = |draw: Draw| [None, Some(0), Some(2)].into_iter().any(|otherwise| found == by(draw, otherwise));
    let hint = match MISTAKES.iter().find(|(draw, _)| is(*draw)) {
        Some((_, words)) => words,
        None if found[case].len() != plan.len() => " One partner for each row, and no row is left out.",
        None => "",
    };
    Verdict::not_yet(format!(
        "plan {plan:?}, u = {:?}: expected {:?}, found {:?}.{hint}",
        cases[case], right[case], found[case]
    ))
}

/// A column of a row, by a number from \[0, 1); none where no sum is above.
type Draw = fn(&[f64], f64) -> Option<usize>;

const MISTAKES: [(Draw, &str); 9] = [
    (
        |row, u| first_above(row, u),
        " The rows of a plan sum to their masses, not to 1: compare with u times the mass of the row.",
    ),
    (
        // A third: the three rows of the plan sum to 1.
        |row, u| first_above(row, u / 3.0),
        " The mean mass of the rows is not the mass of each: compare with u times the mass of this row.",
    ),
    (
        |row, u| running(row).position(|sum| sum >= u * mass(row)),
        " A column without mass is drawn where u = 0: the sum must be above, not equal.",
    ),
    (
        |row, u| {
            Some(row.len() - 1 - first_above(&row.iter().rev().copied().collect::<Vec<_>>(), u * mass(row))?)
        },
        " You add the row up from its last column: begin with the first.",
    ),
    (
        |row, u| first_above(row, (1.0 - u) * mass(row)),
        " That compares with 1 − u: a small u draws one of the first columns.",
    ),
    (
        |row, u| row.iter().position(|entry| *entry > u * mass(row)),
        " You compare single entries with u times the mass: compare their running sum.",
    ),
    (
        |row, _| (0..row.len()).max_by(|j, k| row[*j].total_cmp(&row[*k])),
        " The heaviest entry is not the only one: it is drawn as often as its share of the row.",
    ),
    (
        |row, u| Some(drawn(row, u)?.saturating_sub(1)),
        " That is the column before: the first whose sum is above is itself the partner.",
    ),
    (|row, u| Some(drawn(row, u)? + 1), " That is the column after: count from 0."),
];

fn drawn(row: &[f64], u: f64) -> Option<usize> {
    first_above(row, u * mass(row))
}

fn first_above(row: &[f64], least: f64) -> Option<usize> {
    running(row).position(|sum| sum > least)
}

fn running(row: &[f64]) -> impl Iterator<Item = f64> {
    row.iter().scan(0.0, |sum, entry| {
        *sum += entry;
        Some(*sum)
    })
}

fn mass(row: &[f64]) -> f64 {
    row.iter().sum()
}
