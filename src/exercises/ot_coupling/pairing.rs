//! Exercise 8.1: what a pairing costs.

use crate::exercises::{Verdict, differs};

/// A mistake that an answer may contain: what it makes of the right value, and words that name it.
type Faulty<T> = (T, &'static str);

/// Which y belongs to each x.
type Partners = fn(&[usize]) -> Vec<usize>;

/// What the difference of a pair counts.
type Term = fn([f64; 2]) -> f64;

/// The answer, of the sum over the pairs and their number.
type Total = fn(f64, f64) -> f64;

const PARTNERS: [Faulty<Partners>; 3] = [
    (|columns| columns.to_vec(), ""),
    (
        |columns| (0..columns.len()).filter_map(|j| columns.iter().position(|k| *k == j)).collect(),
        " You read the list backwards: the partner of x_i is the y with the index columns[i].",
    ),
    (|columns| (0..columns.len()).collect(), " You pair x_i with y_i: the partner is in the list."),
];

const TERMS: [Faulty<Term>; 4] = [
    (|d| d[0] * d[0] + d[1] * d[1], ""),
    (|d| d[0].hypot(d[1]), " Your pairs count their distance: square it first."),
    (|d| (d[0] + d[1]).powi(2), " Square each coordinate's difference, and only then add."),
    (|d| d[0].abs() + d[1].abs(), " Your pairs count absolute differences: square them."),
];

const TOTALS: [Faulty<Total>; 6] = [
    (|sum, n| sum / n, ""),
    (|sum, _| sum, " That is the sum over the pairs: divide by their number."),
    (|sum, n| 0.5 * sum / n, " That is the mean over coordinates too: a pair counts once."),
    (|sum, n| (sum / n).sqrt(), " That is the root of the mean: a cost of squares has no root."),
    (|sum, _| sum.sqrt(), " That is the root of the sum: divide by the number of pairs, and take no root."),
    (|sum, n| sum.sqrt() / n, " Take no root of the sum."),
];

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
    // One pair is not the first: its sum is its mean, and it has no partner but one.
    for columns in [&[1, 2, 0][..], &[0], &[2, 0, 3, 1]] {
        let n = columns.len();
        let value = |partners: Partners, term: Term, total: Total| {
            let differences = x.iter().zip(partners(columns)).map(|(x, j)| [x[0] - y[j][0], x[1] - y[j][1]]);
            total(differences.map(term).sum(), n as f64)
        };
        let right = value(PARTNERS[0].0, TERMS[0].0, TOTALS[0].0);
        let found = answer(&x[..n], &y[..n], columns);
        if !differs(found, right) {
            continue;
        }
        let hint =
            mistakes().find(|(partners, term, total)| !differs(found, value(partners.0, term.0, total.0)));
        let hint =
            hint.map_or(String::new(), |(partners, term, total)| [partners.1, term.1, total.1].concat());
        return Verdict::not_yet(format!(
            "columns {columns:?}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("for one, three and four pairs.")
}

/// Every choice of partners, term and total.
fn mistakes() -> impl Iterator<Item = (Faulty<Partners>, Faulty<Term>, Faulty<Total>)> {
    let pairs = PARTNERS.into_iter().flat_map(|partners| TERMS.map(|term| (partners, term)));
    pairs.flat_map(|(partners, term)| TOTALS.map(|total| (partners, term, total)))
}
