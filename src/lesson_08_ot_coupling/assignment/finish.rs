//! The second stage: exact pairs in f64, from any prices.
//!
//! A pair is *tight* where cᵢⱼ − vⱼ is the least of the row. Pairs that are all tight, at prices that leave no row
//! free, are optimal. Three steps: keep the tight pairs; let the free rows bid with ε = 0; and for each row that is
//! still free search the shortest path to a free column, along which the rows before change their columns.

use super::super::Costs;
use super::super::scan::{LANES, filled, first_least, lesser, two_least};
use super::matching::{Matching, NONE};
use crate::tensor::simd;

/// How many bids with ε = 0 are made for each row; those that are left over go to the search.
const BIDS_PER_ROW: usize = 8;

/// Gives every row its column.
pub(super) fn finish(costs: &Costs, matching: &mut Matching) {
    simd(
        #[inline(always)]
        || {
            let free = keep_tight(costs, matching);
            let free = bid_without_epsilon(costs, matching, free);
            let mut search = Search::new(costs.columns());
            free.into_iter().for_each(|row| search.augment(costs, matching, row));
        },
    );
}

/// Keeps the pairs that are tight. Returns the free rows.
#[inline(always)]
fn keep_tight(costs: &Costs, matching: &mut Matching) -> Vec<usize> {
    for row in 0..costs.rows() {
        let least = two_least(costs.row(row), &matching.prices);
        let own = matching.column_of[row];
        if own != NONE && costs.row(row)[own] - matching.prices[own] <= least.value {
            continue;
        }
        matching.part(row);
        if matching.row_of[least.column] == NONE {
            matching.give(row, least.column);
        }
    }
    (0..costs.rows()).filter(|row| matching.column_of[*row] == NONE).collect()
}

/// Jonker and Volgenant's augmenting row reduction: bids that raise the price exactly to the second best. The pair
/// stays tight, but where two columns are equally good the price does not move, and the row would bid for ever: it
/// takes a tight column that is free, or waits. Returns the rows that are free still.
#[inline(always)]
fn bid_without_epsilon(costs: &Costs, matching: &mut Matching, free: Vec<usize>) -> Vec<usize> {
    let (mut waiting, mut bids_left) = (Vec::new(), BIDS_PER_ROW.saturating_mul(costs.rows()));
    for first in free {
        let mut row = first;
        while row != NONE {
            let least = two_least(costs.row(row), &matching.prices);
            let can_raise = least.value < least.second && least.second < f64::INFINITY && bids_left > 0;
            if can_raise {
                matching.prices[least.column] -= least.second - least.value;
                row = matching.give(row, least.column);
                bids_left -= 1;
            } else {
                match free_and_tight(costs.row(row), matching, least.value) {
                    Some(column) => _ = matching.give(row, column),
                    None => waiting.push(row),
                }
                break;
            }
        }
    }
    waiting
}

/// A free column that is as good as the best.
#[inline(always)]
fn free_and_tight(costs: &[f64], matching: &Matching, least: f64) -> Option<usize> {
    let is_tight = |column: &usize| costs[*column] - matching.prices[*column] <= least;
    (0..costs.len()).find(|column| matching.row_of[*column] == NONE && is_tight(column))
}

/// Dijkstra's search over the columns. The length of an edge from row i to column j is cᵢⱼ − uᵢ − vⱼ ≥ 0, and that
/// from a column to its own row is 0.
struct Search {
    /// The length of the shortest path found to each column, ∞ where the search has been; filled up to whole blocks.
    distances: Vec<[f64; LANES]>,
    /// The row from which that path comes.
    rows_before: Vec<[usize; LANES]>,
    /// The prices; −∞ where the search has been, so that no path leads there again.
    prices: Vec<[f64; LANES]>,
}

impl Search {
    fn new(columns: usize) -> Self {
        let blocks = columns.div_ceil(LANES);
        Self {
            distances: vec![[f64::INFINITY; LANES]; blocks],
            rows_before: vec![[NONE; LANES]; blocks],
            prices: vec![[0.0; LANES]; blocks],
        }
    }

    /// Pairs a free row with one more column. Prices move so that all pairs on the way stay tight: vⱼ by what the path
    /// to column j is shorter than the whole.
    #[inline(always)]
    fn augment(&mut self, costs: &Costs, matching: &mut Matching, free: usize) {
        self.distances.fill([f64::INFINITY; LANES]);
        self.prices.as_flattened_mut()[..costs.columns()].copy_from_slice(&matching.prices);
        let (mut reached, mut row, mut start) = (Vec::new(), free, 0.0);
        let (end, length) = loop {
            let (distance, nearest) = self.relax(costs.row(row), row, start);
            // Of columns that are equally near, as many are where points coincide, a free one ends the search.
            let column = self.free_at(distance, matching).unwrap_or(nearest);
            if matching.row_of[column] == NONE {
                break (column, distance);
            }
            reached.push((column, distance));
            self.distances.as_flattened_mut()[column] = f64::INFINITY;
            self.prices.as_flattened_mut()[column] = f64::NEG_INFINITY;
            row = matching.row_of[column];
            // The row's price is that of its tight pair: c − v − (c' − v') is the length of its next edge.
            start = distance - (costs.row(row)[column] - matching.prices[column]);
        };
        for (column, distance) in reached {
            matching.prices[column] += distance - length;
        }
        self.turn(matching, end, free);
    }

    /// Shortens the paths by the edges of one row, whose own path is so long that `start` + c − v is the length on to a
    /// column. Returns the nearest column where the search has not been.
    #[inline(always)]
    fn relax(&mut self, costs: &[f64], row: usize, start: f64) -> (f64, usize) {
        let (mut least, mut at) = ([f64::INFINITY; LANES], [0; LANES]);
        let (blocks, rest) = costs.as_chunks();
        for (block, costs) in blocks.iter().enumerate() {
            self.relax_block(costs, row, start, block, (&mut least, &mut at));
        }
        if !rest.is_empty() {
            let costs = filled(rest, f64::INFINITY);
            self.relax_block(&costs, row, start, blocks.len(), (&mut least, &mut at));
        }
        let lane = first_least(&least);
        (least[lane], at[lane] * LANES + lane)
    }

    #[inline(always)]
    fn relax_block(
        &mut self,
        costs: &[f64; LANES],
        row: usize,
        start: f64,
        block: usize,
        (least, at): (&mut [f64; LANES], &mut [usize; LANES]),
    ) {
        let (distances, before) = (&mut self.distances[block], &mut self.rows_before[block]);
        let prices = &self.prices[block];
        for lane in 0..LANES {
            let distance = costs[lane] - prices[lane] + start;
            let is_shorter = distance < distances[lane];
            before[lane] = if is_shorter { row } else { before[lane] };
            distances[lane] = lesser(distance, distances[lane]);
            at[lane] = if distances[lane] < least[lane] { block } else { at[lane] };
            least[lane] = lesser(distances[lane], least[lane]);
        }
    }

    /// A free column that is no farther than this.
    #[inline(always)]
    fn free_at(&self, distance: f64, matching: &Matching) -> Option<usize> {
        let mut columns = matching.row_of.iter().zip(self.distances.as_flattened());
        columns.position(|(row, found)| *row == NONE && *found <= distance)
    }

    /// Each row on the path takes the column to which the path goes on from it.
    fn turn(&self, matching: &mut Matching, end: usize, free: usize) {
        let before = self.rows_before.as_flattened();
        let mut column = end;
        loop {
            let row = before[column];
            matching.row_of[column] = row;
            let next = std::mem::replace(&mut matching.column_of[row], column);
            if row == free {
                return;
            }
            column = next;
        }
    }
}
