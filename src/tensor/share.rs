//! Work for all cores.

use std::sync::{Mutex, OnceLock, PoisonError};

/// Does the work on every item: this thread and those of rayon's pool, `threads` in all at most, take the next item until
/// none is left.
pub(crate) fn share<I: Send>(items: Vec<I>, threads: usize, work: impl Fn(I) + Sync) {
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
