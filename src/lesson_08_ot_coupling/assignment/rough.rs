//! The costs in single precision, and the scan that finds where a row bids.

use super::super::Costs;
use super::super::scan::lesser;

/// How many numbers are looked at together.
const LANES: usize = 16;

/// How many of them are folded into one before the least two are told apart, which takes several times as long.
const FOLD: usize = 8;

/// Numbers of LANES · FOLD columns.
type Block = [[f32; LANES]; FOLD];

/// A list of one number for each column, filled up to whole blocks.
pub(super) struct RoughRow(Vec<Block>);

/// Costs that are about 1 in size, row after row of whole blocks.
pub(super) struct RoughCosts {
    blocks: Vec<Block>,
    blocks_per_row: usize,
}

/// What a row wants: the column where cᵢⱼ − vⱼ is least, and how much less it is there than elsewhere.
pub(super) struct Wish {
    pub(super) column: usize,
    pub(super) advantage: f32,
}

impl RoughRow {
    pub(super) fn zeros(columns: usize) -> Self {
        Self(vec![[[0.0; LANES]; FOLD]; columns.div_ceil(LANES * FOLD)])
    }

    pub(super) fn numbers(&self) -> &[f32] {
        self.0.as_flattened().as_flattened()
    }

    #[inline(always)]
    pub(super) fn numbers_mut(&mut self) -> &mut [f32] {
        self.0.as_flattened_mut().as_flattened_mut()
    }
}

impl RoughCosts {
    /// (cᵢⱼ − minⱼ cᵢⱼ) / scale. What is subtracted from a row changes none of its choices and keeps the digits that
    /// tell its costs apart. Beside the last column stands ∞.
    #[inline(always)]
    pub(super) fn new(costs: &Costs, scale: f64) -> Self {
        let blocks_per_row = costs.columns().div_ceil(LANES * FOLD);
        let mut blocks = vec![[[f32::INFINITY; LANES]; FOLD]; costs.rows() * blocks_per_row];
        for (row, blocks) in blocks.chunks_exact_mut(blocks_per_row).enumerate() {
            let exact = costs.row(row);
            let least = exact.iter().fold(f64::INFINITY, |least, cost| lesser(*cost, least));
            let rough = blocks.as_flattened_mut().as_flattened_mut();
            rough.iter_mut().zip(exact).for_each(|(rough, cost)| *rough = ((cost - least) / scale) as f32);
        }
        Self { blocks, blocks_per_row }
    }

    /// Where a row bids at these prices; its advantage is ∞ where there is no other column.
    #[inline(always)]
    pub(super) fn wish(&self, row: usize, prices: &RoughRow) -> Wish {
        let start = row * self.blocks_per_row;
        wish(&self.blocks[start..start + self.blocks_per_row], &prices.0)
    }
}

#[inline(always)]
fn wish(costs: &[Block], prices: &[Block]) -> Wish {
    let (mut least, mut second) = ([f32::INFINITY; LANES], [f32::INFINITY; LANES]);
    let mut at = [0_u32; LANES];
    for (block, (costs, prices)) in costs.iter().zip(prices).enumerate() {
        let mut folded = [f32::INFINITY; LANES];
        for (costs, prices) in costs.iter().zip(prices) {
            for lane in 0..LANES {
                folded[lane] = lesser(costs[lane] - prices[lane], folded[lane]);
            }
        }
        for lane in 0..LANES {
            let is_less = folded[lane] < least[lane];
            second[lane] = lesser(if is_less { least[lane] } else { folded[lane] }, second[lane]);
            at[lane] = if is_less { block as u32 } else { at[lane] };
            least[lane] = lesser(folded[lane], least[lane]);
        }
    }
    let value = least_of(least);
    let lane = least.iter().position(|found| *found == value).unwrap_or(0);
    let block = at[lane] as usize;
    // The least of all others: of other lanes, of this lane's other blocks, and of the columns folded with the winner.
    least[lane] = second[lane];
    let mut second = least_of(least);
    let (mut fold, mut is_found) = (0, false);
    for (k, (costs, prices)) in costs[block].iter().zip(&prices[block]).enumerate() {
        let reduced = costs[lane] - prices[lane];
        if !is_found && reduced <= value {
            (fold, is_found) = (k, true);
        } else {
            second = lesser(reduced, second);
        }
    }
    Wish { column: (block * FOLD + fold) * LANES + lane, advantage: second - value }
}

/// The least of all lanes, halving their number: each half is one instruction.
#[inline(always)]
fn least_of(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = lesser(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}
