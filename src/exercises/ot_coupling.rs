//! Checks for lesson 08, optimal-transport coupling.

use super::{Verdict, differs};

/// Exercise 8.1: the cost of a pairing, the mean squared distance of x_i and its partner y_columns\[i\].
///
/// ```
/// use pushforward::exercises::ot_coupling::pairing_cost;
///
/// let verdict = pairing_cost(|x, y, columns| {
///     let squares = x.iter().zip(columns).map(|(x, j)| (x[0] - y[*j][0]).powi(2) + (x[1] - y[*j][1]).powi(2));
///     squares.sum::<f64>() / x.len() as f64
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn pairing_cost(answer: impl Fn(&[[f64; 2]], &[[f64; 2]], &[usize]) -> f64) -> Verdict {
    let x = [[0.0, 0.0], [1.0, 0.5], [2.0, -1.0], [-0.5, 3.0]];
    let y = [[1.0, 1.0], [0.0, -2.0], [3.0, 0.25], [-1.0, 1.5]];
    for columns in [&[0][..], &[1, 2, 0], &[2, 0, 3, 1]] {
        let n = columns.len();
        let mean = |pairs: &[usize], term: fn([f64; 2]) -> f64| {
            let terms = x.iter().zip(pairs).map(|(x, j)| term([x[0] - y[*j][0], x[1] - y[*j][1]]));
            terms.sum::<f64>() / n as f64
        };
        let square: fn([f64; 2]) -> f64 = |d| d[0] * d[0] + d[1] * d[1];
        let right = mean(columns, square);
        let found = answer(&x[..n], &y[..n], columns);
        if !differs(found, right) {
            continue;
        }
        let rows: Vec<usize> = (0..n).filter_map(|j| columns.iter().position(|k| *k == j)).collect();
        let in_order: Vec<usize> = (0..n).collect();
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if is(right * n as f64) => " That is the sum over the pairs: divide by their number.",
            () if is(0.5 * right) => " That is the mean over coordinates too: a pair counts once.",
            () if is(mean(columns, |d| d[0].hypot(d[1]))) => " That is the mean distance: square it first.",
            () if is(mean(&rows, square)) => {
                " You read the list backwards: the partner of x_i is the y with the index columns[i]."
            }
            () if is(mean(&in_order, square)) => " You pair x_i with y_i: the partner is in the list.",
            () => "",
        };
        return Verdict::not_yet(format!(
            "columns {columns:?}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("for one, three and four pairs.")
}

/// Costs, a pairing, prices of rows and columns, whether they prove it cheapest, and what to see in them.
struct Claim {
    costs: [[f64; 3]; 3],
    columns: [usize; 3],
    prices: [[f64; 3]; 2],
    proves: bool,
    reason: &'static str,
}

const CLAIMS: [Claim; 5] = [
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [1, 0, 2],
        prices: [[1.0, 0.0, 1.0], [2.0, 0.0, 1.0]],
        proves: true,
        reason: "no sum of two prices is above its cost, and each pair's sum is its cost",
    },
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [0, 1, 2],
        prices: [[4.0, 0.0, 2.0], [0.0, 0.0, 0.0]],
        proves: false,
        reason: "the pairs' sums are their costs, but 4 + 0 is above the cost 1 of row 0 and column 1",
    },
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [1, 0, 2],
        prices: [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]],
        proves: false,
        reason: "no sum is above its cost, but the sums of the pairs are below theirs: a bound that nothing reaches",
    },
    Claim {
        costs: [[1.0, 5.0, 9.0], [5.0, 1.0, 5.0], [9.0, 5.0, 1.0]],
        columns: [0, 1, 2],
        prices: [[3.0, 3.0, 3.0], [-2.0, -2.0, -2.0]],
        proves: true,
        reason: "prices may be negative: 3 − 2 is 1 on each pair, and below the cost elsewhere",
    },
    Claim {
        costs: [[1.0, 5.0, 9.0], [5.0, 1.0, 5.0], [9.0, 5.0, 1.0]],
        columns: [0, 1, 2],
        prices: [[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
        proves: false,
        reason: "all prices together are the cost of the pairing, but 2 + 0 is above the cost 1 of row 0 and column 0",
    },
];

/// Exercise 8.2: whether prices of rows and columns prove that no pairing is cheaper than this one.
///
/// The arguments are the costs c_ij, the column of each row, the prices u_i and the prices v_j. All are whole numbers.
///
/// ```
/// use pushforward::exercises::ot_coupling::proof;
///
/// let verdict = proof(|costs, columns, u, v| {
///     let bound = |i: usize| costs[i].iter().zip(v).all(|(cost, v)| u[i] + v <= *cost);
///     let tight = |i: usize| u[i] + v[columns[i]] == costs[i][columns[i]];
///     (0..costs.len()).all(|i| bound(i) && tight(i))
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn proof(answer: impl Fn(&[Vec<f64>], &[usize], &[f64], &[f64]) -> bool) -> Verdict {
    for claim in CLAIMS {
        let costs = claim.costs.map(|row| row.to_vec());
        let [u, v] = claim.prices;
        let found = answer(&costs, &claim.columns, &u, &v);
        if found != claim.proves {
            return Verdict::not_yet(format!(
                "costs {:?}, columns {:?}, u = {u:?}, v = {v:?}: expected {}, found {found}. See: {}.",
                claim.costs, claim.columns, claim.proves, claim.reason
            ));
        }
    }
    Verdict::right("for two proofs, and for three that are none.")
}

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
        let OneRow { costs, potentials, masses, epsilon } = row;
        let right = -epsilon * row.log_sum(1.0, true);
        let found = answer(row);
        if !differs(found, right) {
            continue;
        }
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if !found.is_finite() && costs[0].max(potentials[0]) > 700.0 => {
                " exp leaves the range of numbers here: take the largest exponent out of the sum first."
            }
            () if is(-epsilon * row.log_sum(1.0, false)) => " The masses of the columns are missing.",
            () if is(-epsilon * row.log_sum(-1.0, true)) => " Potentials are added, costs subtracted.",
            () if is(-row.log_sum(1.0, true)) => " Potentials are in the unit of costs: multiply by ε.",
            () if is(-right) => " The sign is wrong: a larger f makes the row's mass larger.",
            () if is((-row.log_sum(1.0, true)).exp()) => {
                " That is the factor exp(f / ε) of the plain iteration."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "c = {costs:?}, g = {potentials:?}, b = {masses:?}, ε = {epsilon}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("also where exp alone is 0 or infinite.")
}

impl OneRow<'_> {
    /// log ∑ⱼ bⱼ exp((s gⱼ − cⱼ) / ε), with the masses or without.
    fn log_sum(&self, sign: f64, weighted: bool) -> f64 {
        let exponents = self.costs.iter().zip(self.potentials).map(|(c, g)| (sign * g - c) / self.epsilon);
        let largest = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
        let terms = exponents.zip(self.masses).map(|(exponent, mass)| {
            let mass = if weighted { *mass } else { 1.0 };
            mass * (exponent - largest).exp()
        });
        largest + terms.sum::<f64>().ln()
    }
}

/// A point on a bridge between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnBridge {
    /// t.
    pub t: f64,
    /// x.
    pub x: f64,
    /// The end at t = 0.
    pub x_0: f64,
    /// The end at t = 1.
    pub x_1: f64,
}

/// Exercise 8.4: the velocity at x of a Brownian bridge between two ends, whose points at the time t have the mean
/// (1 − t) x₀ + t x₁ and the deviation σ √(t (1 − t)).
///
/// ```
/// use pushforward::exercises::ot_coupling::bridge_velocity;
///
/// let verdict = bridge_velocity(|at| {
///     let mean = (1.0 - at.t) * at.x_0 + at.t * at.x_1;
///     (1.0 - 2.0 * at.t) / (2.0 * at.t * (1.0 - at.t)) * (at.x - mean) + at.x_1 - at.x_0
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn bridge_velocity(answer: impl Fn(OnBridge) -> f64) -> Verdict {
    for (t, x, x_0, x_1) in [(0.5, 1.3, 0.0, 2.0), (0.2, 0.7, -1.0, 1.5), (0.9, 0.4, 2.0, 0.0)] {
        let straight = x_1 - x_0;
        let off = x - ((1.0 - t) * x_0 + t * x_1);
        let rate = (1.0 - 2.0 * t) / (2.0 * t * (1.0 - t));
        let right = rate * off + straight;
        let found = answer(OnBridge { t, x, x_0, x_1 });
        if !differs(found, right) {
            continue;
        }
        let swapped = x - (t * x_0 + (1.0 - t) * x_1);
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if is(straight) => {
                " That is the velocity of the mean. Whoever is off the mean moves away from it at first, and back later."
            }
            () if is(-right) || is(rate * off - straight) => " From x₀ to x₁: the mean moves with x₁ − x₀.",
            () if is(2.0 * rate * off + straight) => {
                " The deviation is the root of t (1 − t), so a half is missing in its logarithm's derivative."
            }
            () if is(-rate * off + straight) => {
                " The bridge widens until t = ½: before that, away from the mean."
            }
            () if is(rate * x + straight) => " What grows is the distance from the mean, not x.",
            () if is(rate * swapped + straight) => " The ends are exchanged: x₀ belongs to t = 0.",
            () => "",
        };
        return Verdict::not_yet(format!(
            "t = {t}, x = {x}, from {x_0} to {x_1}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("before, at and after the middle.")
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

/// Exercise 8.6: the normalized path energy |E − W₂²| / W₂², with E = ∫ |v|² dt from 0 to 1 by the trapezoidal rule.
///
/// The arguments are the mean of |v|² over the paths at equally spaced times, the first 0 and the last 1, and W₂.
///
/// ```
/// use pushforward::exercises::ot_coupling::normalized_path_energy;
///
/// let verdict = normalized_path_energy(|squared_speeds, w_2| {
///     let areas = squared_speeds.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
///     let energy = areas.sum::<f64>() / (squared_speeds.len() - 1) as f64;
///     (energy - w_2 * w_2).abs() / (w_2 * w_2)
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn normalized_path_energy(answer: impl Fn(&[f64], f64) -> f64) -> Verdict {
    let cases: [(&[f64], f64); 3] =
        [(&[10.0, 8.0, 9.0, 15.0, 30.0], 3.0), (&[4.0, 6.0], 2.0), (&[7.0, 8.0, 8.5], 3.0)];
    for (speeds, w_2) in cases {
        let steps = (speeds.len() - 1) as f64;
        let (sum, [first, last]) = (speeds.iter().sum::<f64>(), [speeds[0], speeds[speeds.len() - 1]]);
        let squared = w_2 * w_2;
        let excess = |energy: f64| (energy - squared).abs() / squared;
        let energy = (sum - 0.5 * (first + last)) / steps;
        let right = excess(energy);
        let found = answer(speeds, w_2);
        if !differs(found, right) {
            continue;
        }
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if is((energy - squared) / squared) => " Take the absolute value.",
            () if is(energy) => " That is the energy itself: compare it with W₂².",
            () if is((energy - squared).abs()) => " Divide by W₂², so that the unit does not matter.",
            () if is((energy - w_2).abs() / w_2) => " An energy is a square: compare it with W₂², not W₂.",
            () if is(excess(sum / (steps + 1.0))) => {
                " The mean over all times counts the ends too much: in the trapezoidal rule they count half."
            }
            () if is(excess((sum - last) / steps)) || is(excess((sum - first) / steps)) => {
                " Each step counts the mean of the squares at its two ends, not one of them."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "|v|² = {speeds:?}, W₂ = {w_2}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("for energies above and below W₂².")
}
