//! The first stage: rows bid for columns, in single precision.
//!
//! A free row looks for the column where cost and price together are least, and takes it from whoever has it. It
//! raises the price by what makes the column exactly as good for it as the next best, and by ε more; the row that lost
//! the column bids anew. When all rows have a column, each is within ε of the best at these prices, so the pairs cost
//! at most N ε too much. A small ε makes for many bids, a large one for bad prices: ε falls from round to round, and
//! each round begins with the prices of the round before.

use super::super::Costs;
use super::super::scan::lesser;
use super::matching::{Matching, NONE};
use super::rough::{RoughCosts, RoughRow};
use crate::tensor::simd;

/// The first ε, where the mean cost of a row lies 1 above its least.
const FIRST_EPSILON: f32 = 1.0 / 8.0;

/// ε falls by this from round to round.
const FALL: f32 = 6.0;

const ROUNDS: usize = 6;

/// How many bids are made for each row, in all rounds together, before the exact stage takes over as things stand:
/// prices that rise by ε at a time, or by less than the rounding, could otherwise take any time.
const BIDS_PER_ROW: usize = 400;

/// How many rows tell the scale of the costs.
const SAMPLED_ROWS: usize = 32;

/// Leaves prices that are nearly right, and the pairs of the last round.
pub(super) fn auction(costs: &Costs, matching: &mut Matching) {
    let scale = scale(costs);
    if scale > 0.0 {
        simd(
            #[inline(always)]
            || rounds(&RoughCosts::new(costs, scale), scale, matching),
        );
    }
}

/// How far the mean cost of a row lies above its least: the mean over some rows.
fn scale(costs: &Costs) -> f64 {
    let sampled = costs.rows().min(SAMPLED_ROWS);
    let spread = |k: usize| {
        let row = costs.row(k * costs.rows() / sampled);
        let least = row.iter().fold(f64::INFINITY, |least, cost| lesser(*cost, least));
        row.iter().map(|cost| cost - least).sum::<f64>() / row.len() as f64
    };
    (0..sampled).map(spread).sum::<f64>() / sampled as f64
}

#[inline(always)]
fn rounds(costs: &RoughCosts, scale: f64, matching: &mut Matching) {
    let n = matching.prices.len();
    let (mut prices, mut epsilon) = (RoughRow::zeros(n), FIRST_EPSILON);
    let mut bids_left = n.saturating_mul(BIDS_PER_ROW);
    for _ in 0..ROUNDS {
        matching.part_all();
        for row in 0..n {
            bid(costs, row, epsilon, &mut prices, matching, &mut bids_left);
        }
        epsilon /= FALL;
    }
    for (exact, rough) in matching.prices.iter_mut().zip(prices.numbers()) {
        *exact = f64::from(*rough) * scale;
    }
}

/// A row bids, then the row that it outbids, until a column is taken that was free.
#[inline(always)]
fn bid(
    costs: &RoughCosts,
    mut row: usize,
    epsilon: f32,
    prices: &mut RoughRow,
    matching: &mut Matching,
    bids_left: &mut usize,
) {
    while row != NONE && *bids_left > 0 {
        let wish = costs.wish(row, prices);
        let raise = if wish.advantage < f32::INFINITY { wish.advantage } else { 0.0 };
        prices.numbers_mut()[wish.column] -= raise + epsilon;
        row = matching.give(row, wish.column);
        *bids_left -= 1;
    }
}
