//! Functions of one f32 with their first and second derivatives, (f, f′, f″), without branches and without libm, so that
//! loops over them vectorise.
//!
//! Polynomials and splittings are those of Cephes (Moshier 1989, single precision: `expf.c`, `sinf.c`); reductions
//! follow Cody and Waite (1980), *Software Manual for the Elementary Functions*. `FMA` says whether the processor
//! multiplies and adds in one instruction; without it, `mul_add` would call a slow function.

/// Adding 1.5 · 2²³ to a number |x| < 2²² rounds it to an integer, which then stands in the lowest bits of the sum.
const ROUND: f32 = 12_582_912.0;

/// a b + c.
#[inline(always)]
fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// (eʳ − 1, 2ⁿ) for x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2: eˣ = 2ⁿ eʳ. x is clamped to [−87, 87], where
/// 2ⁿ is a normal number.
#[inline(always)]
fn exp_parts<const FMA: bool>(x: f32) -> (f32, f32) {
    let x = x.clamp(-87.0, 87.0);
    let shifted = madd::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts; the first has so few bits that n times it is exact.
    let r = madd::<FMA>(n, -0.693_359_4, x);
    let r = madd::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    p = madd::<FMA>(p, r, 1.398_2e-3);
    p = madd::<FMA>(p, r, 8.333_452e-3);
    p = madd::<FMA>(p, r, 4.166_579_6e-2);
    p = madd::<FMA>(p, r, 1.666_666_5e-1);
    p = madd::<FMA>(p, r, 0.5);
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (madd::<FMA>(p * r, r, r), scale)
}

/// eˣ, and eˣ − 1 as 2ⁿ (eʳ − 1) + (2ⁿ − 1), which is accurate also for small x.
#[inline(always)]
fn exp_and_expm1<const FMA: bool>(x: f32) -> (f32, f32) {
    let (m, scale) = exp_parts::<FMA>(x);
    (madd::<FMA>(m, scale, scale), madd::<FMA>(m, scale, scale - 1.0))
}

/// tanh x = (1 − e) / (1 + e) with e = exp(−2 |x|); f′ = 1 − tanh² x, or where that cancels 4 e / (1 + e)²;
/// f″ = −2 f f′.
#[inline(always)]
pub(super) fn tanh<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    let (e, m) = exp_and_expm1::<FMA>(-2.0 * x.abs());
    let inverse = 1.0 / (1.0 + e);
    let y = -m * inverse;
    let slope = if y < 0.7 { madd::<FMA>(-y, y, 1.0) } else { 4.0 * e * inverse * inverse };
    let y = y.copysign(x);
    (y, slope, -2.0 * y * slope)
}

/// x s with s = 1 / (1 + e⁻ˣ) and 1 − s = e⁻ˣ s; f′ = s + x s (1 − s), f″ = s (1 − s) (2 + x (1 − 2 s)).
#[inline(always)]
pub(super) fn silu<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    // Beyond ±87, s is 0 or 1 to rounding: the clamped x keeps ∞ · 0 away. NaN passes.
    let above = if x < -87.0 { -87.0 } else { x };
    let inside = if above > 87.0 { 87.0 } else { above };
    let (e, _) = exp_and_expm1::<FMA>(-inside);
    let s = 1.0 / (1.0 + e);
    let closing = e * s;
    let curvature = s * closing * madd::<FMA>(inside, closing - s, 2.0);
    (above * s, madd::<FMA>(inside * s, closing, s), curvature)
}

/// λ x for x > 0 and λ α (eˣ − 1) otherwise; f′ = λ or λ α eˣ, f″ = 0 or λ α eˣ.
#[inline(always)]
pub(super) fn selu<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    const LAMBDA: f32 = 1.050_701;
    const LAMBDA_ALPHA: f32 = 1.758_099_3;
    let (e, m) = exp_and_expm1::<FMA>(if x > 0.0 { 0.0 } else { x });
    let steep = LAMBDA_ALPHA * e;
    if x > 0.0 { (LAMBDA * x, LAMBDA, 0.0) } else { (LAMBDA_ALPHA * m, steep, steep) }
}

/// max(x, 0); f′ = 1 above 0, f″ = 0. NaN passes.
#[inline(always)]
pub(super) fn relu(x: f32) -> (f32, f32, f32) {
    let y = if x < 0.0 { 0.0 } else { x };
    let above = if x > 0.0 { 1.0 } else { 0.0 };
    (y, if y.is_nan() { y } else { above }, 0.0)
}

/// SiLU and its derivatives, over 1.1.
#[inline(always)]
pub(super) fn lip_swish<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    const SCALE: f32 = 1.0 / 1.1;
    let (y, slope, curvature) = silu::<FMA>(x);
    (SCALE * y, SCALE * slope, SCALE * curvature)
}

/// max(x, 0) + ln(1 + e) with e = exp(−|x|); f′ = 1 / (1 + e) or e / (1 + e), f″ = e / (1 + e)².
#[inline(always)]
pub(super) fn softplus<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    let (e, _) = exp_and_expm1::<FMA>(-x.abs());
    let above = if x < 0.0 { 0.0 } else { x };
    let s = 1.0 / (1.0 + e);
    (above + ln_1p_of_unit::<FMA>(e), if x < 0.0 { e * s } else { s }, e * s * s)
}

/// ln(1 + e) for 0 ≤ e ≤ 1: ln(1 + m), or ln 2 + ln(1 + m) with 1 + m = ½ (1 + e), so that −0.293 < m < 0.415.
#[inline(always)]
fn ln_1p_of_unit<const FMA: bool>(e: f32) -> f32 {
    let halved = e > std::f32::consts::SQRT_2 - 1.0;
    let m = if halved { 0.5 * (e - 1.0) } else { e };
    let mut p = 7.037_684e-2;
    p = madd::<FMA>(p, m, -1.151_461e-1);
    p = madd::<FMA>(p, m, 1.167_699_8e-1);
    p = madd::<FMA>(p, m, -1.242_014_1e-1);
    p = madd::<FMA>(p, m, 1.424_932_3e-1);
    p = madd::<FMA>(p, m, -1.666_805_7e-1);
    p = madd::<FMA>(p, m, 2.000_071_5e-1);
    p = madd::<FMA>(p, m, -2.499_999_4e-1);
    p = madd::<FMA>(p, m, 3.333_333e-1);
    let square = m * m;
    let log = madd::<FMA>(square, madd::<FMA>(p, m, -0.5), m);
    if halved { log + std::f32::consts::LN_2 } else { log }
}

/// x s with s = 1 / (1 + e⁻ᵘ), u = 2 √(2/π) (x + 0.044715 x³) and 1 − s = e⁻ᵘ s; f′ = s + x s (1 − s) u′,
/// f″ = s (1 − s) (2 u′ + x ((1 − 2 s) u′² + u″)).
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(x: f32) -> (f32, f32, f32) {
    const STEEPNESS: f32 = 1.595_769;
    const CUBE: f32 = 0.044_715;
    // Beyond ±10, s is 0 or 1 to rounding: clamped, nothing overflows. NaN passes.
    let above = if x < -10.0 { -10.0 } else { x };
    let inside = if above > 10.0 { 10.0 } else { above };
    let square = inside * inside;
    let u = STEEPNESS * inside * madd::<FMA>(square, CUBE, 1.0);
    let slope = STEEPNESS * madd::<FMA>(square, 3.0 * CUBE, 1.0);
    let (e, _) = exp_and_expm1::<FMA>(-u);
    let s = 1.0 / (1.0 + e);
    let closing = e * s;
    let bend = madd::<FMA>((closing - s) * slope, slope, STEEPNESS * 6.0 * CUBE * inside);
    let curvature = s * closing * madd::<FMA>(inside, bend, 2.0 * slope);
    (above * s, madd::<FMA>(inside * slope * s, closing, s), curvature)
}

/// Up to this |x|, n π/2 is subtracted without an error that counts.
pub(super) const LARGEST_ANGLE: f32 = 12_800.0;

/// sin x and cos x for |x| ≤ [`LARGEST_ANGLE`].
///
/// x = n π/2 + r with |r| ≤ π/4. π/2 is split in three parts of at most 11 bits and a rest: n < 2¹³ times one of the
/// three is exact, in f32 and without fused instructions.
#[inline(always)]
pub(super) fn sin_cos<const FMA: bool>(x: f32) -> (f32, f32) {
    let shifted = madd::<FMA>(x, std::f32::consts::FRAC_2_PI, ROUND);
    let n = shifted - ROUND;
    let mut r = x;
    for part in HALF_PI {
        r = madd::<FMA>(n, -part, r);
    }
    let square = r * r;
    let mut s = -1.951_529_6e-4;
    s = madd::<FMA>(s, square, 8.332_161e-3);
    s = madd::<FMA>(s, square, -1.666_665_5e-1);
    s = madd::<FMA>(s * square, r, r);
    let mut c = 2.443_315_7e-5;
    c = madd::<FMA>(c, square, -1.388_731_6e-3);
    c = madd::<FMA>(c, square, 4.166_664_6e-2);
    c = madd::<FMA>(c * square, square, madd::<FMA>(square, -0.5, 1.0));
    // A quarter turn exchanges the two; half a turn changes the sign: bit 1 of n for sin, of n + 1 for cos.
    let n = shifted.to_bits();
    let (sine, cosine) = if n & 1 == 0 { (s, c) } else { (c, s) };
    let signed = |value: f32, n: u32| f32::from_bits(value.to_bits() ^ ((n & 2) << 30));
    (signed(sine, n), signed(cosine, n.wrapping_add(1)))
}

/// π/2 = 1.57079632679489661923…
const HALF_PI: [f32; 4] = [1.570_312_5, 4.837_513e-4, 7.549_533_6e-8, 2.563_344e-12];

#[cfg(test)]
mod tests {
    use super::*;

    fn near(name: &str, x: f32, found: (f32, f32, f32), expected: (f64, f64, f64)) {
        let expected = [expected.0, expected.1, expected.2];
        for (order, (found, expected)) in [found.0, found.1, found.2].into_iter().zip(expected).enumerate() {
            let error = (f64::from(found) - expected).abs();
            let tolerance = if order < 2 { 4e-7 } else { 1e-6 };
            assert!(
                error <= tolerance * expected.abs().max(1.0),
                "{name}, derivative {order} at {x}: {expected}, found {found}"
            );
        }
    }

    /// Every function with the derivatives that calculus gives.
    fn functions_are_right<const FMA: bool>() {
        for step in -2000..=2000 {
            let x = step as f32 * 0.01;
            let y = f64::from(x);
            let (s, shut) = (1.0 / (1.0 + (-y).exp()), 1.0 / (1.0 + y.exp()));
            let swish = (y * s, s + y * s * shut, s * shut * (2.0 + y * (shut - s)));
            let slope = y.cosh().powi(-2);
            near("tanh", x, tanh::<FMA>(x), (y.tanh(), slope, -2.0 * y.tanh() * slope));
            near("silu", x, silu::<FMA>(x), swish);
            near("lipswish", x, lip_swish::<FMA>(x), (swish.0 / 1.1, swish.1 / 1.1, swish.2 / 1.1));
            near("softplus", x, softplus::<FMA>(x), (y.max(0.0) + (-y.abs()).exp().ln_1p(), s, s * shut));
            let (sine, cosine) = sin_cos::<FMA>(x);
            near("sin", x, (sine, cosine, -sine), (y.sin(), y.cos(), -y.sin()));
            let (lambda, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
            let steep = lambda * alpha * y.exp();
            let below = (lambda * alpha * y.exp_m1(), steep, steep);
            near("selu", x, selu::<FMA>(x), if x > 0.0 { (lambda * y, lambda, 0.0) } else { below });
            let steepness = (8.0 / std::f64::consts::PI).sqrt();
            let logit = steepness * (y + 0.044_715 * y.powi(3));
            let first = steepness * (1.0 + 3.0 * 0.044_715 * y * y);
            let second = steepness * 6.0 * 0.044_715 * y;
            let (open, shut) = (1.0 / (1.0 + (-logit).exp()), 1.0 / (1.0 + logit.exp()));
            let bend = open * shut * (2.0 * first + y * ((shut - open) * first * first + second));
            near("gelu", x, gelu::<FMA>(x), (y * open, open + y * open * shut * first, bend));
        }
    }

    #[test]
    fn functions_and_their_derivatives_are_right() {
        functions_are_right::<true>();
    }

    /// What a processor without fused multiplication and addition computes: the tests of the layers do not see it.
    #[test]
    fn they_are_right_without_fused_instructions() {
        functions_are_right::<false>();
    }
}
