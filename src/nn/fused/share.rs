//! Which rows of a batch go together, and which thread takes them.

use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

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
    /// For so much work per row.
    pub(super) fn new(rows: usize, work: usize) -> Self {
        let parts = (rows.saturating_mul(work) / GRAIN).min(rows / FEWEST_ROWS).clamp(1, MOST_PARTS);
        let rows_per_part = rows.div_ceil(parts);
        let tiles_per_part = rows_per_part.div_ceil(MOST_ROWS).max(1);
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

/// Does the work on every item: this thread and those of rayon's pool, `threads` in all at most, take the next item until
/// none is left.
pub(super) fn share<I: Send>(items: Vec<I>, threads: usize, work: impl Fn(I) + Sync) {
    join_pool();
    let helpers = rayon::current_num_threads().min(items.len()).min(threads).saturating_sub(1);
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let serve = || {
        while let Some(item) = next() {
            work(item);
        }
    };
    if helpers == 0 {
        return serve();
    }
    rayon::in_place_scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| serve()));
        serve();
    });
}

/// Makes the thread that comes first one of rayon's pool. Otherwise the pool has a thread for every core beside it, and
/// those that look for work take time from it: a step of a small network takes 1.1 times as long.
fn join_pool() {
    static DONE: OnceLock<()> = OnceLock::new();
    // It fails where the program has made the pool already, which is then as the program wants it.
    DONE.get_or_init(|| drop(rayon::ThreadPoolBuilder::new().use_current_thread().build_global()));
}
