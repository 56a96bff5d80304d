//! Which rows of a batch go together.

use std::ops::Range;

/// A batch in parts, and each part in tiles. Only the sizes decide, never the number of threads, and so all roundings
/// are the same for any number.
pub(super) struct Split {
    rows: usize,
    rows_per_tile: usize,
    pub(super) tiles_per_part: usize,
    /// Gradients are summed part by part.
    pub(super) parts: usize,
}

/// Below twice this much work, a batch stays on one thread: waking another takes longer than it saves.
const GRAIN: usize = 1 << 20;

/// Every tile packs all weights for its product, which takes as long as the product of a few dozen rows.
const FEWEST_ROWS: usize = 128;

/// More parts cost more sums of dW.
const MOST_PARTS: usize = 4;

/// So many rows of layers 256 wide stay in a core's cache.
const MOST_ROWS: usize = 256;

impl Split {
    /// For so much work per row, where each row of the batch stands for so many rows of the layers.
    pub(super) fn new(rows: usize, copies: usize, work: usize) -> Self {
        let copies = copies.max(1);
        let all = rows.saturating_mul(copies);
        let parts = (all.saturating_mul(work) / GRAIN).min(all / FEWEST_ROWS).clamp(1, MOST_PARTS);
        let rows_per_part = rows.div_ceil(parts);
        let tiles_per_part = rows_per_part.div_ceil((MOST_ROWS / copies).max(1)).max(1);
        let rows_per_tile = rows_per_part.div_ceil(tiles_per_part).max(1);
        let parts = rows.div_ceil(rows_per_tile * tiles_per_part).max(1);
        Self { rows, rows_per_tile, tiles_per_part, parts }
    }

    pub(super) fn tiles(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        ranges(self.rows, self.rows_per_tile)
    }

    pub(super) fn parts(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        ranges(self.rows, self.rows_per_tile * self.tiles_per_part)
    }
}

/// The numbers below `end`, `step` at a time.
fn ranges(end: usize, step: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    (0..end).step_by(step).map(move |start| start..(start + step).min(end))
}
