//! Exercise 8.2: prices that prove a pairing the cheapest, or do not.

use crate::exercises::Verdict;
use std::fmt;

/// Costs, a pairing, prices of rows and columns, whether they prove it cheapest, and what to see in them.
#[derive(Clone, Copy)]
struct Claim {
    costs: [[f64; 3]; 3],
    columns: [usize; 3],
    prices: [[f64; 3]; 2],
    proves: bool,
    reason: &'static str,
}

const CLAIMS: [Claim; 9] = [
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [1, 0, 2],
        prices: [[1.0, 0.0, 1.0], [2.0, 0.0, 1.0]],
        proves: true,
        reason: "no sum of two prices is above its cost, and each pair's sum is its cost; \
                 that 0 + 0 is the cost of row 1 and column 1 does no harm: equal is not above",
    },
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [0, 1, 2],
        prices: [[4.0, 0.0, 2.0], [0.0, 0.0, 0.0]],
        proves: false,
        reason: "the pairs' sums are their costs, but 4 + 0 is above the cost 1 of row 0 and column 1",
    },
    Claim {
        costs: [[3.0, 1.0, 9.0], [9.0, 3.0, 1.0], [1.0, 9.0, 3.0]],
        columns: [0, 1, 2],
        prices: [[3.0, 3.0, 3.0], [0.0, 0.0, 0.0]],
        proves: false,
        reason: "no exchange of two partners is cheaper, but columns [1, 2, 0] are, 3 instead of 9; \
                 the prices say so, for 3 + 0 is above the cost 1 of row 0 and column 1",
    },
    Claim {
        costs: [[1.0, 1.0, 9.0], [9.0, 1.0, 9.0], [9.0, 9.0, 1.0]],
        columns: [0, 1, 2],
        prices: [[3.0, 1.0, 1.0], [-2.0, 0.0, 0.0]],
        proves: false,
        reason: "the pairing is the cheapest, but these prices do not prove it: \
                 3 + 0 is above the cost 1 of row 0 and column 1",
    },
    Claim {
        costs: [[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]],
        columns: [1, 0, 2],
        prices: [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]],
        proves: false,
        reason: "no sum is above its cost, but in rows 0 and 1 the sum of the pair is below: \
                 a bound that the pairing does not reach",
    },
    Claim {
        costs: [[1.0, 5.0, 9.0], [5.0, 1.0, 5.0], [9.0, 5.0, 1.0]],
        columns: [0, 1, 2],
        prices: [[3.0, 1.0, -1.0], [-2.0, 0.0, 2.0]],
        proves: true,
        reason: "prices may be negative: 3 − 2 and −1 + 2 are the cost 1 of their pairs, \
                 and no sum is above its cost elsewhere",
    },
    Claim {
        costs: [[1.0, 5.0, 9.0], [5.0, 1.0, 5.0], [9.0, 5.0, 1.0]],
        columns: [0, 1, 2],
        prices: [[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]],
        proves: false,
        reason: "all prices together are the cost of the pairing, \
                 but 2 + 0 is above the cost 1 of row 0 and column 0",
    },
    Claim {
        costs: IN_A_CIRCLE.costs,
        columns: [2, 0, 1],
        prices: IN_A_CIRCLE.prices,
        proves: false,
        reason: "these prices prove columns [1, 2, 0], another pairing; \
                 of this one, row 0 and column 2, 2 + 1 is below the cost 4",
    },
    IN_A_CIRCLE,
];

/// A proof with prices that all differ, and pairs that are none when rows and columns are exchanged.
const IN_A_CIRCLE: Claim = Claim {
    costs: [[5.0, 6.0, 4.0], [4.0, 7.0, 2.0], [3.0, 8.0, 6.0]],
    columns: [1, 2, 0],
    prices: [[2.0, 1.0, 3.0], [0.0, 4.0, 1.0]],
    proves: true,
    reason: "row i has the price u[i] and the partner columns[i], whose price is v[columns[i]]",
};

/// An entry of the costs, its row, its column, and whether it is a pair of [`IN_A_CIRCLE`].
#[derive(Clone, Copy, PartialEq)]
struct Entry {
    row: usize,
    column: usize,
    pair: bool,
}

/// The entries that an answer forgets, and words that say why.
type Blind = (fn(&Entry) -> bool, &'static str);

const BLIND: [Blind; 17] = [
    (|at| at.row > 0, "You look at row 0 only. Does a `return` end the loop in its first round?"),
    (|at| (at.row, at.column) != (0, 0), FIRST_ENTRY),
    (|at| !at.pair && (at.row, at.column) != (0, 0), FIRST_ENTRY),
    (|at| at.row < 2, "You look at the last row only. Does each round of the loop forget the one before?"),
    (|at| !at.pair && at.row > 0, "You look for sums above their costs in row 0 only: look in each row."),
    (
        |at| !at.pair && at.row < 2,
        "You look for sums above their costs in the last row only: look in each row.",
    ),
    (|at| at.pair && at.row > 0, "You hold only the pair of row 0 to its cost: hold each pair to it."),
    (|at| at.pair && at.row < 2, "You hold only the pair of the last row to its cost: hold each pair to it."),
    (
        |at| !at.pair && at.column < at.row,
        "You leave out the columns below the diagonal: look at all of them.",
    ),
    (
        |at| !at.pair && at.column > at.row,
        "You leave out the columns above the diagonal: look at all of them.",
    ),
    (|at| !at.pair && at.column <= at.row, "You look above the diagonal only: look at all columns."),
    (|at| !at.pair && at.column >= at.row, "You look below the diagonal only: look at all columns."),
    (|at| at.row == 0, "You leave out the first row."),
    (|at| at.row == 2, "You leave out the last row."),
    (|at| !at.pair && at.row == 2, "You look for sums above their costs in all rows but the last."),
    (|at| !at.pair && at.column == 0, "You leave out the first column."),
    (|at| !at.pair && at.column == 2, "You leave out the last column."),
];

const FIRST_ENTRY: &str =
    "You look at row 0 and column 0 only. Does a `return` end the inner loop in its first round?";

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
    let says = |claim: Claim| {
        let [u, v] = claim.prices;
        answer(&claim.costs.map(Vec::from), &claim.columns, &u, &v)
    };
    // What an answer forgets is plainest in a proof that one cost spoils, so this is asked first.
    let missed: Vec<Entry> = entries().filter(|at| says(at.spoiled())).collect();
    if let Some((_, words)) =
        BLIND.iter().find(|(forgets, _)| entries().filter(forgets).eq(missed.iter().copied()))
    {
        return refusal(missed[0].spoiled(), &format!("{}. {words}", missed[0]));
    }
    if let Some(claim) = CLAIMS.into_iter().find(|claim| says(*claim) != claim.proves) {
        return refusal(claim, &format!("See: {}.", claim.reason));
    }
    if let Some(at) = missed.first() {
        let words = "Do you leave out an entry, or let pass more than rounding?";
        return refusal(at.spoiled(), &format!("{at}. {words}"));
    }
    Verdict::right("for proofs, and for claims that fail in one row and one column only.")
}

fn refusal(claim: Claim, words: &str) -> Verdict {
    let Claim { costs, columns, prices: [u, v], proves, .. } = claim;
    Verdict::not_yet(format!(
        "costs {costs:?}, columns {columns:?}, u = {u:?}, v = {v:?}: expected {proves}, found {}. {words}",
        !proves
    ))
}

fn entries() -> impl Iterator<Item = Entry> {
    let at = |row: usize| move |column| Entry { row, column, pair: IN_A_CIRCLE.columns[row] == column };
    (0..3).flat_map(move |row| (0..3).map(at(row)))
}

impl Entry {
    /// [`IN_A_CIRCLE`], no proof any more: this cost is raised above its sum if it is a pair's, and else put below.
    fn spoiled(self) -> Claim {
        let mut claim = Claim { proves: false, ..IN_A_CIRCLE };
        claim.costs[self.row][self.column] = self.sum() + if self.pair { 1.0 } else { -1.0 };
        claim
    }

    fn sum(self) -> f64 {
        let [u, v] = IN_A_CIRCLE.prices;
        u[self.row] + v[self.column]
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { row, column, pair } = *self;
        let [u, v] = IN_A_CIRCLE.prices;
        let (side, cost) = (if pair { "below" } else { "above" }, self.spoiled().costs[row][column]);
        write!(f, "In row {row} and column {column}, {} + {} is {side} the cost {cost}", u[row], v[column])
    }
}
