//! Exercise 8.2: prices that prove a pairing the cheapest, or do not.

use crate::exercises::Verdict;

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
