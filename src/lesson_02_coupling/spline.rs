//! The rational-quadratic spline.
#![allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]

use super::Transformer;
use crate::tensor::Real;

/// A monotone rational-quadratic spline on [−B, B] and y = x beyond (Durkan et al. 2019, arXiv:1906.04032, section 3.1).
///
/// h = (K widths, K heights, K − 1 slopes), so P = 3 K − 1 for K `BINS`. The widths and heights of the bins are softmax,
/// the slopes at the inner knots softplus, each with a floor of 10⁻³; at ±B the slope is 1. h = 0 is y = x. It is computed in
/// f64.
///
/// Data must lie in [−B, B] for the spline to shape it; what lies beyond is kept as it is, and is no error.
///
/// ```
/// use pushforward::coupling::{Spline, Transformer};
/// use pushforward::tensor::Real;
///
/// let spline = Spline::<4, 3>;
/// let h: [Real; 11] = [0.5, -1.0, 0.0, 1.0, 2.0, 0.0, -1.0, 0.0, 1.0, 0.0, -2.0];
/// let (y, _) = spline.forward(0.7, &h);
/// assert!((spline.inverse(y, &h).unwrap() - 0.7).abs() < 1e-5, "to the rounding of f32");
/// assert_eq!(spline.forward(3.0, &h), (3.0, 0.0), "the tails are y = x");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spline<const BINS: usize = 8, const B: usize = 5>;

impl<const BINS: usize, const B: usize> Transformer for Spline<BINS, B> {
    const PARAMETERS: usize = {
        assert!(BINS > 0 && BINS <= MOST_BINS && B > 0, "a spline has from 1 to 32 bins, and a bound");
        3 * BINS - 1
    };

    fn forward(&self, x: Real, h: &[Real]) -> (Real, Real) {
        forward(Shape { bins: BINS, bound: B as f64 }, x, h)
    }

    fn inverse(&self, y: Real, h: &[Real]) -> Option<Real> {
        Some(inverse(Shape { bins: BINS, bound: B as f64 }, y, h))
    }

    fn gradient(&self, x: Real, h: &[Real], dy: Real, dl: Real, dh: &mut [Real]) -> Real {
        gradient(Shape { bins: BINS, bound: B as f64 }, x, h, (dy, dl), dh)
    }
}

/// Bins are kept on the stack.
const MOST_BINS: usize = 32;

/// The least width and height of a bin, as a part of the whole, and the least slope at a knot.
const FLOOR: f64 = 1e-3;

/// ln(e^(1 − floor) − 1), so that softplus of it and the floor are 1: the slope that belongs to the parameter 0.
const SHIFT: Real = 0.539742417236952_f64 as Real;

#[derive(Clone, Copy)]
struct Shape {
    bins: usize,
    bound: f64,
}

fn forward(shape: Shape, x: Real, h: &[Real]) -> (Real, Real) {
    let place = f64::from(x);
    if place.abs() >= shape.bound {
        return (x, 0.0);
    }
    let bin = Bin::with_x(shape, &shape.sides(h), place, h);
    let (y, slope) = bin.at(bin.part(place));
    (y as Real, slope.ln() as Real)
}

fn inverse(shape: Shape, y: Real, h: &[Real]) -> Real {
    let height = f64::from(y);
    if height.abs() >= shape.bound {
        return y;
    }
    let bin = Bin::with_y(shape, &shape.sides(h), height, h);
    (bin.x + bin.width * bin.part_at_height(height)) as Real
}

/// The widths or heights of the bins, as parts of the whole before the floor is applied: a softmax.
struct Side {
    parts: [f64; MOST_BINS],
}

impl Side {
    fn new(logits: &[Real]) -> Self {
        let largest = logits.iter().fold(Real::NEG_INFINITY, |largest, logit| largest.max(*logit));
        let mut parts = [0.0; MOST_BINS];
        let mut sum = 0.0;
        for (part, logit) in parts.iter_mut().zip(logits) {
            // Rounded alike in both directions, so this need not be in f64, which takes longer.
            *part = f64::from((logit - largest).exp());
            sum += *part;
        }
        let shrink = 1.0 / sum;
        parts[..logits.len()].iter_mut().for_each(|part| *part *= shrink);
        Self { parts }
    }
}

impl Shape {
    fn sides(self, h: &[Real]) -> [Side; 2] {
        [Side::new(&h[..self.bins]), Side::new(&h[self.bins..2 * self.bins])]
    }

    /// How much a length grows with its part.
    fn growth(self) -> f64 {
        2.0 * self.bound * (1.0 - FLOOR * self.bins as f64)
    }

    /// The length of bin k that starts at this place: the last one ends at the bound, whatever was rounded.
    fn length(self, side: &Side, k: usize, start: f64) -> f64 {
        if k + 1 == self.bins {
            self.bound - start
        } else {
            2.0 * self.bound * FLOOR + self.growth() * side.parts[k]
        }
    }

    /// The bin that holds a place, and its start.
    fn find(self, side: &Side, place: f64) -> (usize, f64) {
        let (mut k, mut start) = (0, -self.bound);
        while k + 1 < self.bins {
            let end = start + self.length(side, k, start);
            if place < end {
                break;
            }
            (k, start) = (k + 1, end);
        }
        (k, start)
    }

    /// Where bin k starts.
    fn start(self, side: &Side, k: usize) -> f64 {
        (0..k).fold(-self.bound, |start, j| start + self.length(side, j, start))
    }

    /// The slope at knot k and its derivative with respect to its parameter.
    fn slope(self, k: usize, h: &[Real]) -> (f64, f64) {
        if k == 0 || k == self.bins {
            return (1.0, 0.0);
        }
        let u = h[2 * self.bins + k - 1] + SHIFT;
        let e = (-u.abs()).exp();
        let gate = if u > 0.0 { 1.0 } else { e } / (1.0 + e);
        (FLOOR + f64::from(u.max(0.0) + e.ln_1p()), f64::from(gate))
    }
}

/// A bin: its lower left corner, its sides and the slopes at its ends.
struct Bin {
    k: usize,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    slopes: [f64; 2],
    /// Of the slopes, with respect to their parameters.
    gates: [f64; 2],
}

impl Bin {
    fn with_x(shape: Shape, sides: &[Side; 2], x: f64, h: &[Real]) -> Self {
        let (k, start) = shape.find(&sides[0], x);
        Self::new(shape, sides, k, [start, shape.start(&sides[1], k)], h)
    }

    fn with_y(shape: Shape, sides: &[Side; 2], y: f64, h: &[Real]) -> Self {
        let (k, start) = shape.find(&sides[1], y);
        Self::new(shape, sides, k, [shape.start(&sides[0], k), start], h)
    }

    fn new(shape: Shape, sides: &[Side; 2], k: usize, [x, y]: [f64; 2], h: &[Real]) -> Self {
        let [(left, left_gate), (right, right_gate)] = [shape.slope(k, h), shape.slope(k + 1, h)];
        Self {
            k,
            x,
            y,
            width: shape.length(&sides[0], k, x),
            height: shape.length(&sides[1], k, y),
            slopes: [left, right],
            gates: [left_gate, right_gate],
        }
    }

    /// ξ = (x − x_k) / w.
    fn part(&self, x: f64) -> f64 {
        (x - self.x) / self.width
    }

    /// y and ∂y/∂x at ξ (equations 4 and 5 of the paper).
    fn at(&self, part: f64) -> (f64, f64) {
        let (s, [left, right]) = (self.height / self.width, self.slopes);
        let both = part * (1.0 - part);
        let bottom = s + (left + right - 2.0 * s) * both;
        let y = self.y + self.height * (s * part * part + left * both) / bottom;
        let top = right * part * part + 2.0 * s * both + left * (1.0 - part) * (1.0 - part);
        (y, s * s * top / (bottom * bottom))
    }

    /// ξ at a height: the root of a quadratic equation (equations 6 to 8 of the paper), in the form without a difference
    /// of equal numbers.
    fn part_at_height(&self, y: f64) -> f64 {
        let (s, [left, right]) = (self.height / self.width, self.slopes);
        let above = y - self.y;
        let curve = above * (left + right - 2.0 * s);
        let (a, b, c) = (self.height * (s - left) + curve, self.height * left - curve, -s * above);
        // Rounding can make it a little negative, where the root of it would be NaN.
        let discriminant = (b * b - 4.0 * a * c).max(0.0);
        let part = (2.0 * c / (-b - discriminant.sqrt())).clamp(0.0, 1.0);
        // One step of Newton's method removes what was rounded.
        let (value, slope) = self.at(part);
        (part - (value - y) / (slope * self.width)).clamp(0.0, 1.0)
    }
}

fn gradient(shape: Shape, x: Real, h: &[Real], (dy, dl): (Real, Real), dh: &mut [Real]) -> Real {
    let (x, dy, dl) = (f64::from(x), f64::from(dy), f64::from(dl));
    if x.abs() >= shape.bound {
        return dy as Real;
    }
    let sides = shape.sides(h);
    let bin = Bin::with_x(shape, &sides, x, h);
    let change = bin.gradient(bin.part(x), dy, dl);
    for (knot, (d, gate)) in change.slopes.into_iter().zip(bin.gates).enumerate() {
        let k = bin.k + knot;
        if 0 < k && k < shape.bins {
            dh[2 * shape.bins + k - 1] += (d * gate) as Real;
        }
    }
    let (widths, heights) = dh[..2 * shape.bins].split_at_mut(shape.bins);
    add_side(shape, &sides[0], bin.k, change.x, change.width, widths);
    add_side(shape, &sides[1], bin.k, change.y, change.height, heights);
    (-change.x) as Real
}

/// The gradient with respect to a bin; that with respect to x is the negative of the one of the bin's place.
struct Change {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    slopes: [f64; 2],
}

impl Bin {
    /// Of dy · y + dl · log ∂y/∂x, backwards through [`Bin::at`].
    fn gradient(&self, part: f64, dy: f64, dl: f64) -> Change {
        let (s, [left, right]) = (self.height / self.width, self.slopes);
        let (rest, both, sum) = (1.0 - part, part * (1.0 - part), left + right - 2.0 * s);
        let bottom = s + sum * both;
        let ratio = (s * part * part + left * both) / bottom;
        let top = right * part * part + 2.0 * s * both + left * rest * rest;
        // Of the numerator and the denominator of y, and of the numerator of the slope.
        let d_numerator = dy * self.height / bottom;
        let d_bottom = -d_numerator * ratio - 2.0 * dl / bottom;
        let d_top = dl / top;
        let d_s =
            d_numerator * part * part + d_bottom * (1.0 - 2.0 * both) + d_top * 2.0 * both + 2.0 * dl / s;
        let d_both = d_numerator * left + d_bottom * sum + d_top * 2.0 * s;
        let d_part = d_numerator * 2.0 * s * part
            + d_top * 2.0 * (right * part - left * rest)
            + d_both * (1.0 - 2.0 * part);
        let d_left = (d_numerator + d_bottom) * both + d_top * rest * rest;
        let d_right = d_bottom * both + d_top * part * part;
        Change {
            x: -d_part / self.width,
            y: dy,
            width: -(d_s * s + d_part * part) / self.width,
            height: dy * ratio + d_s / self.width,
            slopes: [d_left, d_right],
        }
    }
}

/// Adds the gradient of the logits of one side: bin k starts after the bins before it, and all are a softmax.
fn add_side(shape: Shape, side: &Side, k: usize, d_start: f64, d_length: f64, dh: &mut [Real]) {
    let last = k + 1 == shape.bins;
    // The last bin is what the others leave.
    let (d_before, d_own) = if last { (d_start - d_length, 0.0) } else { (d_start, d_length) };
    let before: f64 = side.parts[..k].iter().sum();
    let mean = d_before * before + d_own * side.parts[k];
    for (j, (dh, part)) in dh.iter_mut().zip(side.parts).enumerate() {
        let d = match j.cmp(&k) {
            std::cmp::Ordering::Less => d_before,
            std::cmp::Ordering::Equal => d_own,
            std::cmp::Ordering::Greater => 0.0,
        };
        *dh += (shape.growth() * part * (d - mean)) as Real;
    }
}
