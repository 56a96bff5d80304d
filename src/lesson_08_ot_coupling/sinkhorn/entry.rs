//! What an entry of K is kept as.

/// A number in memory. All sums are in f64.
pub(super) trait Entry: Copy + Default + Into<f64> + Send + Sync {
    /// Scalings above this, or below its inverse, go into the potentials.
    const EXTREME: f64;

    /// The nearest number, or 0 for one so small that it has not all digits.
    fn nearest(x: f64) -> Self;
}

/// As good as the costs.
impl Entry for f64 {
    const EXTREME: f64 = 1e50;

    #[inline(always)]
    fn nearest(x: f64) -> Self {
        x
    }
}

/// Half the memory, and an iteration waits for nothing but the memory. Of a row, at most 10⁻³⁸ times a few 10¹² is lost.
impl Entry for f32 {
    const EXTREME: f64 = 1e12;

    #[inline(always)]
    fn nearest(x: f64) -> Self {
        if x < f64::from(f32::MIN_POSITIVE) { 0.0 } else { x as f32 }
    }
}
