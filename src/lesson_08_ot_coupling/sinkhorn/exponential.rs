//! The exponential of many numbers.

/// Adding 1.5 · 2⁵² to a number |x| < 2⁵¹ rounds it to an integer, which then stands in the lowest bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// eˣ to a relative 10⁻¹⁵, without a branch, so that a loop over it becomes vector instructions; 0 below e⁻⁷⁰⁸, and
/// e⁷⁰⁹ above.
///
/// x = n ln 2 + r with an integer n and |r| ≤ ½ ln 2: eˣ = 2ⁿ eʳ with Cephes' rational function for eʳ (Moshier 1989,
/// `exp.c`); ln 2 stands in two parts, the first so short that n times it is exact.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let above = if x < -708.0 { -708.0 } else { x };
    let inside = if above > 709.0 { 709.0 } else { above };
    let shifted = inside * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (inside - n * 0.693_145_751_953_125) - n * 1.428_606_820_309_417_2e-6;
    let square = r * r;
    let p = r * ((1.261_771_930_748_105_9e-4 * square + 3.029_944_077_074_419_6e-2) * square + 1.0);
    let q = ((3.001_985_051_386_644_6e-6 * square + 2.524_483_403_496_841e-3) * square
        + 0.227_265_548_208_155_03)
        * square
        + 2.0;
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    let y = (1.0 + 2.0 * p / (q - p)) * scale;
    if x < -708.0 { 0.0 } else { y }
}
