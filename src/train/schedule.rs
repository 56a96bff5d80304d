//! How the learning rate changes.

/// How the learning rate changes while training: the factor f of the learning rate in step k = 0, 1, …, K − 1.
///
/// In the first W steps ([`Training::warm_up`](super::Training::warm_up)) it grows, f = k / W, so with a warm-up step 0
/// moves nothing; after them, with s = (k − W) / (K − W), it is what the schedule says.
///
/// ```
/// use pushforward::train::Schedule;
///
/// assert_eq!(Schedule::Constant.factor(5, 10, 100), 0.5, "half of the warm-up");
/// let half = Schedule::Cosine.factor(55, 10, 100);
/// assert!((half - 0.5).abs() < 1e-15, "half of the way after it, up to rounding in f64");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// It stays as it is, f = 1.
    #[default]
    Constant,
    /// It falls along half a cosine, f = ½ (1 + cos π s) (Loshchilov and Hutter 2016, arXiv:1608.03983, equation 5,
    /// without restarts). It would be zero at k = K; the last step, k = K − 1, still has a factor above zero.
    Cosine,
}

impl Schedule {
    /// f in step `step` of `steps`, the first `warm_up` of which are the warm-up. Beyond the last step it is what it would
    /// be at k = K.
    pub fn factor(self, step: usize, warm_up: usize, steps: usize) -> f64 {
        let step = step.min(steps);
        if step < warm_up {
            return step as f64 / warm_up as f64;
        }
        match self {
            Self::Constant => 1.0,
            Self::Cosine => {
                let s = (step - warm_up) as f64 / steps.saturating_sub(warm_up).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * s).cos())
            }
        }
    }
}
