//! Exercise 8.1: what a pairing costs.

use crate::exercises::{Verdict, differs};

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
