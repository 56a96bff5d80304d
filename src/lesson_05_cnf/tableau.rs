//! A Runge-Kutta method as data.

use crate::{Error, Result};

/// An explicit Runge-Kutta method is its tableau of coefficients.
///
/// A step of length h from x(t) asks the velocity at S stages, kᵢ = v(t + cᵢ h, x + h Σⱼ aᵢⱼ kⱼ) with j < i, and ends
/// at x + h Σᵢ bᵢ kᵢ. The error that a step makes is O(hᵖ⁺¹) for a method of order p, and so the error at the end is
/// O(hᵖ). The coefficients decide all of that: a method is of order 2 where Σ bᵢ = 1 and Σ bᵢ cᵢ = 1/2, and so on
/// (Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section II.1).
///
/// ```
/// use pushforward::cnf::RK4;
///
/// let mean: f64 = RK4.b.iter().zip(RK4.c).map(|(b, c)| b * c).sum();
/// assert!((mean - 0.5).abs() < 1e-15, "Σ bᵢ cᵢ, to the rounding of f64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tableau {
    /// What the method is called.
    pub name: &'static str,
    /// p: halving the steps divides the error at the end by 2ᵖ.
    pub order: u32,
    /// aᵢⱼ, row i with one number for each stage before stage i: the first row is empty.
    pub a: &'static [&'static [f64]],
    /// bᵢ.
    pub b: &'static [f64],
    /// cᵢ = Σⱼ aᵢⱼ.
    pub c: &'static [f64],
    /// bᵢ − b̂ᵢ, with the weights b̂ of a method of lower order: h Σᵢ (bᵢ − b̂ᵢ) kᵢ estimates the error of the step.
    /// Empty where the method has no estimate: it then takes steps of one length.
    pub error: &'static [f64],
    /// bᵢ(θ) for the points between, x(t + θ h) ≈ x + h Σᵢ bᵢ(θ) kᵢ: row i holds the coefficients of θ, θ², ….
    pub dense: &'static [&'static [f64]],
}

impl Tableau {
    /// S: how often a step asks the velocity.
    pub fn stages(&self) -> usize {
        self.b.len()
    }

    /// Whether the last stage of a step is the first of the next one ("first same as last"): it then costs nothing.
    pub fn first_same_as_last(&self) -> bool {
        let (Some((last, before)), Some(row)) = (self.b.split_last(), self.a.last()) else { return false };
        self.stages() > 1 && *last == 0.0 && before == *row && self.c.last() == Some(&1.0)
    }

    /// The degree of the polynomials bᵢ(θ).
    pub(super) fn degree(&self) -> usize {
        self.dense.iter().map(|row| row.len()).max().unwrap_or_default()
    }

    /// An error where lists that belong together have different lengths.
    pub(super) fn check(&self) -> Result<()> {
        let stages = self.stages();
        let fits = |what, expected, found| {
            if expected == found { Ok(()) } else { Err(Error::WrongLength { what, expected, found }) }
        };
        if stages == 0 {
            return Err(Error::Empty { what: "the weights b of a tableau" });
        }
        if self.order == 0 {
            return Err(Error::OutOfDomain {
                what: "the order of a tableau",
                expected: "at least 1",
                found: 0.0,
            });
        }
        fits("the rows a of a tableau", stages, self.a.len())?;
        for (stage, row) in self.a.iter().enumerate() {
            fits("a row of a of a tableau", stage, row.len())?;
        }
        fits("the times c of a tableau", stages, self.c.len())?;
        fits("the weights b(θ) of a tableau", stages, self.dense.len())?;
        let gap = |(row, b): (&&[f64], &f64)| (row.iter().sum::<f64>() - b).abs();
        if let Some(found) = self.dense.iter().zip(self.b).map(gap).find(|gap| gap.is_nan() || *gap > 1e-9) {
            let (what, expected) = ("the distance of b(1) from b in a tableau", "0 up to rounding");
            return Err(Error::OutOfDomain { what, expected, found });
        }
        if self.error.is_empty() {
            Ok(())
        } else {
            fits("the error weights of a tableau", stages, self.error.len())
        }
    }

    /// An error where the method has no estimate of its error.
    pub(super) fn check_adaptive(&self) -> Result<()> {
        let what = "the error weights of a tableau, without which its steps must all have one length";
        if self.error.is_empty() { Err(Error::Empty { what }) } else { self.check() }
    }
}
