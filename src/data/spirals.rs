//! Two spirals.

use super::{Sample, blurred, draw, positive};
use crate::Result;
use crate::tensor::{Points, Source};
use rand::Rng;
use std::f64::consts::PI;

/// Two spirals that wind around each other, one and a half turns each.
///
/// x = ± ⅓ (−t cos t + u, t sin t + v) with a fair sign, t = 3π √w and w uniform on \[0, 1), u and v uniform on
/// \[0, ½), plus noise from N(0, noise² I). It lives in the disc of radius π + ½ or so. Its density is no closed form.
///
/// This is FFJORD's `2spirals` (`lib/toy_data.py`; Grathwohl et al. 2018, arXiv:1810.01367), whose two arms have the
/// same number of points; here each point chooses its arm.
///
/// ```
/// use pushforward::data::{Sample, TwoSpirals};
/// use pushforward::tensor::{Source, rows};
///
/// let points = rows(&TwoSpirals::default().sample(1000, &mut Source::new(0))?);
/// let inside = points.iter().filter(|[x, y]| x.hypot(*y) < 4.0).count();
/// assert_eq!(inside, 1000, "(3π + √½) / 3 = 3.4 is the largest radius without noise, and noise adds about 0.3");
/// # Ok::<(), pushforward::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSpirals {
    /// The standard deviation of the noise along each axis, positive.
    pub noise: f64,
}

impl Default for TwoSpirals {
    /// FFJORD's noise of standard deviation 0.1.
    fn default() -> Self {
        Self { noise: 0.1 }
    }
}

impl Sample<2> for TwoSpirals {
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<2>> {
        positive("the noise of the spirals", self.noise)?;
        draw(n, source, |source| {
            let t = 3.0 * PI * source.r#gen::<f64>().sqrt();
            let [u, v] = [source.gen_range(0.0..0.5), source.gen_range(0.0..0.5)];
            let scale = if source.r#gen::<bool>() { 1.0 / 3.0 } else { -1.0 / 3.0 };
            blurred([scale * (u - t * t.cos()), scale * (v + t * t.sin())], self.noise, source)
        })
    }
}
