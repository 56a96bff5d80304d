//! Exercises 8.4 and 8.6: the velocity of a bridge, and the energy of paths.

use crate::exercises::{Verdict, differs};

/// A point on a bridge between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnBridge {
    /// t.
    pub t: f64,
    /// x.
    pub x: f64,
    /// The end at t = 0.
    pub x_0: f64,
    /// The end at t = 1.
    pub x_1: f64,
}

/// Exercise 8.4: the velocity at x of a flow without noise whose points are at each time those of a Brownian bridge
/// between two ends. At the time t they have the mean (1 − t) x₀ + t x₁ and the deviation σ √(t (1 − t)).
///
/// ```
/// use pushforward::exercises::ot_coupling::bridge_velocity;
///
/// let verdict = bridge_velocity(|at| {
///     let mean = (1.0 - at.t) * at.x_0 + at.t * at.x_1;
///     (1.0 - 2.0 * at.t) / (2.0 * at.t * (1.0 - at.t)) * (at.x - mean) + at.x_1 - at.x_0
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn bridge_velocity(answer: impl Fn(OnBridge) -> f64) -> Verdict {
    // The middle is last: there the bridge does not widen, and most mistakes do not show.
    for (t, x, x_0, x_1) in [(0.2, 0.7, -1.0, 1.5), (0.9, 0.4, 2.0, 0.0), (0.5, 1.3, 0.0, 2.0)] {
        let at = OnBridge { t, x, x_0, x_1 };
        let (found, right) = (answer(at), at.rate() * at.off() + x_1 - x_0);
        if differs(found, right) {
            return Verdict::not_yet(format!(
                "t = {t}, x = {x}, from {x_0} to {x_1}: expected {right:.4}, found {found:.4}.{}",
                at.hint(found)
            ));
        }
    }
    Verdict::right("before, at and after the middle.")
}

impl OnBridge {
    /// γ̇ / γ of γ = √(t (1 − t)).
    fn rate(self) -> f64 {
        (1.0 - 2.0 * self.t) / (2.0 * self.t * (1.0 - self.t))
    }

    /// x − x̄.
    fn off(self) -> f64 {
        self.x - ((1.0 - self.t) * self.x_0 + self.t * self.x_1)
    }

    /// What is wrong with a velocity.
    fn hint(self, found: f64) -> &'static str {
        let Self { t, x, x_0, x_1 } = self;
        let (rate, off, straight) = (self.rate(), self.off(), x_1 - x_0);
        let swapped = x - (t * x_0 + (1.0 - t) * x_1);
        let gamma = (t * (1.0 - t)).sqrt();
        let gamma_rate = (1.0 - 2.0 * t) / (2.0 * gamma);
        let is = |wrong: f64| !differs(found, wrong);
        match () {
            () if is(straight) => {
                " That is the velocity of the mean. \
                 Whoever is off the mean moves away from it at first, and back later."
            }
            () if is((x_1 - x) / (1.0 - t)) => {
                " That is the drift of the random equation, whose noise spreads the points. \
                 The velocity of a flow without noise also has to spread them: add (x − x̄) / (2 t (1 − t))."
            }
            () if is((x - x_0) / t) => {
                " That is the drift of the random equation back to x₀. A flow goes with the mean of both drifts."
            }
            () if is(gamma_rate * off + straight) => {
                " x − x̄ is γ z, and the velocity has γ̇ z: divide by γ = √(t (1 − t))."
            }
            () if is(gamma_rate + straight) || is(rate + straight) => {
                " γ̇ moves the part that is off the mean: multiply γ̇ by z = (x − x̄) / γ."
            }
            () if is((1.0 - 2.0 * t) * off + straight) => {
                " 1 − 2 t is the derivative of γ², not γ̇ / γ: divide by 2 γ² = 2 t (1 − t)."
            }
            () if is(off / gamma + straight) || is(gamma * off + straight) || is(off + straight) => {
                " How fast the bridge widens is γ̇ / γ: take the derivative of γ = √(t (1 − t))."
            }
            () if is(rate * off) => " The mean moves too: add x₁ − x₀.",
            () if is(-rate * off - straight) || is(rate * off - straight) => {
                " From x₀ to x₁: the mean moves with x₁ − x₀."
            }
            () if is(2.0 * rate * off + straight) => {
                " The deviation is the root of t (1 − t), so a half is missing in its logarithm's derivative."
            }
            () if is(-rate * off + straight) => {
                " The bridge widens until t = ½: before that, away from the mean."
            }
            () if is(rate * x + straight) => " What grows is the distance from the mean, not x.",
            () if is(rate * swapped + straight) => " The ends are exchanged: x₀ belongs to t = 0.",
            () => "",
        }
    }
}

/// Exercise 8.6: the normalized path energy |E − W₂²| / W₂², with E = ∫ |v|² dt from 0 to 1 by the trapezoidal rule.
///
/// The arguments are the mean of |v|² over the paths at equally spaced times, the first 0 and the last 1, and W₂.
///
/// ```
/// use pushforward::exercises::ot_coupling::normalized_path_energy;
///
/// let verdict = normalized_path_energy(|squared_speeds, w_2| {
///     let areas = squared_speeds.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]));
///     let energy = areas.sum::<f64>() / (squared_speeds.len() - 1) as f64;
///     (energy - w_2 * w_2).abs() / (w_2 * w_2)
/// });
/// assert!(verdict.is_solved(), "{verdict}");
/// ```
pub fn normalized_path_energy(answer: impl Fn(&[f64], f64) -> f64) -> Verdict {
    let cases: [(&[f64], f64); 3] =
        [(&[10.0, 8.0, 9.0, 15.0, 30.0], 3.0), (&[4.0, 6.0], 2.0), (&[7.0, 8.0, 8.5], 3.0)];
    for (speeds, w_2) in cases {
        let steps = (speeds.len() - 1) as f64;
        let (sum, [first, last]) = (speeds.iter().sum::<f64>(), [speeds[0], speeds[speeds.len() - 1]]);
        let squared = w_2 * w_2;
        let excess = |energy: f64| (energy - squared).abs() / squared;
        let energy = (sum - 0.5 * (first + last)) / steps;
        let right = excess(energy);
        let found = answer(speeds, w_2);
        if !differs(found, right) {
            continue;
        }
        let is = |wrong: f64| !differs(found, wrong);
        let hint = match () {
            () if is((energy - squared) / squared) => " Take the absolute value.",
            () if is(energy) => " That is the energy itself: compare it with W₂².",
            () if is((energy - squared).abs()) => " Divide by W₂², so that the unit does not matter.",
            () if is((energy - w_2).abs() / w_2) => " An energy is a square: compare it with W₂², not W₂.",
            () if is(energy / squared) => " That is E / W₂²: take W₂² from E first.",
            () if is((squared - energy) / squared) => " That is W₂² − E: take the absolute value.",
            () if is((energy - squared).abs() / energy) => " Divide by W₂², the least energy, not by E.",
            () if is((energy.sqrt() - w_2).abs() / w_2) => {
                " Squares are compared, E with W₂², and no roots are taken."
            }
            () if is(excess(2.0 * energy)) => " A step counts the mean of its ends, half of their sum.",
            () if is(excess(steps * energy)) || is(excess(sum)) => {
                " That adds up the times without their distance: a step has the length 1 / (number of steps)."
            }
            () if is(excess(steps * energy / (steps + 1.0))) => {
                " There is one step fewer than times: divide by the number of steps."
            }
            () if is(excess(sum / (steps + 1.0))) => {
                " The mean over all times counts the ends too much: in the trapezoidal rule they count half."
            }
            () if is(excess((sum - last) / steps)) || is(excess((sum - first) / steps)) => {
                " Each step counts the mean of the squares at its two ends, not one of them."
            }
            () => "",
        };
        return Verdict::not_yet(format!(
            "|v|² = {speeds:?}, W₂ = {w_2}: expected {right:.4}, found {found:.4}.{hint}"
        ));
    }
    Verdict::right("for energies above and below W₂².")
}
