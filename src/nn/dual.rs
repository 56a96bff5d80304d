//! Forward mode: derivatives carried along with values.

use crate::tensor::Real;
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number x + ẋ ε with ε² = 0: a value and its derivative in one direction.
///
/// Arithmetic on dual numbers is the chain rule: f(x + ẋ ε) = f(x) + f′(x) ẋ ε (Baydin et al. 2018,
/// arXiv:1502.05767, section 3.1). One run of a program gives one directional derivative, exact to rounding; D runs
/// give the columns of a Jacobian.
///
/// ```
/// use pushforward::nn::Dual;
///
/// let x = Dual::variable(3.0);
/// let y = x * x + 2.0;
/// assert_eq!((y.value, y.tangent), (11.0, 6.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// x.
    pub value: Real,
    /// ẋ.
    pub tangent: Real,
}

impl Dual {
    /// A number that does not change: x + 0 ε.
    pub fn constant(value: Real) -> Self {
        Self { value, tangent: 0.0 }
    }

    /// The number that is varied: x + 1 ε.
    pub fn variable(value: Real) -> Self {
        Self { value, tangent: 1.0 }
    }

    /// eˣ.
    pub fn exp(self) -> Self {
        self.chain(self.value.exp(), self.value.exp())
    }

    /// The natural logarithm; its value is NaN for x < 0.
    pub fn ln(self) -> Self {
        self.chain(self.value.ln(), self.value.recip())
    }

    /// sin x.
    pub fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }

    /// cos x.
    pub fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }

    /// tanh x.
    pub fn tanh(self) -> Self {
        let y = self.value.tanh();
        self.chain(y, 1.0 - y * y)
    }

    /// √x; its derivative is infinite at 0.
    pub fn sqrt(self) -> Self {
        let y = self.value.sqrt();
        self.chain(y, 0.5 / y)
    }

    /// The chain rule, given f(x) and f′(x).
    ///
    /// A constant stays one even where the derivative is infinite.
    fn chain(self, value: Real, derivative: Real) -> Self {
        let tangent = if self.tangent == 0.0 { 0.0 } else { derivative * self.tangent };
        Self { value, tangent }
    }
}

/// The Jacobian ∂fᵢ/∂xⱼ at a point, row i and column j, by one forward pass per column.
///
/// ```
/// use pushforward::nn::jacobian;
///
/// let polar = |[r, angle]: [pushforward::nn::Dual; 2]| [r * angle.cos(), r * angle.sin()];
/// let j = jacobian(polar, [2.0, 0.5]);
/// let det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
/// assert!((det - 2.0).abs() < 1e-6, "the area element of polar coordinates is r, to the rounding of f32");
/// ```
pub fn jacobian<const D: usize>(f: impl Fn([Dual; D]) -> [Dual; D], x: [Real; D]) -> [[Real; D]; D] {
    let columns: [[Dual; D]; D] =
        from_fn(|j| f(from_fn(|i| if i == j { Dual::variable(x[i]) } else { Dual::constant(x[i]) })));
    from_fn(|i| from_fn(|j| columns[j][i].tangent))
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, tangent: self.tangent + other.tangent }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, tangent: self.tangent - other.tangent }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            value: self.value * other.value,
            tangent: self.tangent * other.value + self.value * other.tangent,
        }
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, tangent: (self.tangent - value * other.tangent) / other.value }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, tangent: -self.tangent }
    }
}

impl From<Real> for Dual {
    fn from(value: Real) -> Self {
        Self::constant(value)
    }
}

impl Add<Real> for Dual {
    type Output = Self;
    fn add(self, other: Real) -> Self {
        self + Self::constant(other)
    }
}

impl Sub<Real> for Dual {
    type Output = Self;
    fn sub(self, other: Real) -> Self {
        self - Self::constant(other)
    }
}

impl Mul<Real> for Dual {
    type Output = Self;
    fn mul(self, other: Real) -> Self {
        self * Self::constant(other)
    }
}

impl Div<Real> for Dual {
    type Output = Self;
    fn div(self, other: Real) -> Self {
        self / Self::constant(other)
    }
}

impl Add<Dual> for Real {
    type Output = Dual;
    fn add(self, other: Dual) -> Dual {
        Dual::constant(self) + other
    }
}

impl Sub<Dual> for Real {
    type Output = Dual;
    fn sub(self, other: Dual) -> Dual {
        Dual::constant(self) - other
    }
}

impl Mul<Dual> for Real {
    type Output = Dual;
    fn mul(self, other: Dual) -> Dual {
        Dual::constant(self) * other
    }
}

impl Div<Dual> for Real {
    type Output = Dual;
    fn div(self, other: Dual) -> Dual {
        Dual::constant(self) / other
    }
}
