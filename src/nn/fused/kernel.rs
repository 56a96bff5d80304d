//! Activations over whole slices.

use super::functions::{LARGEST_ANGLE, gelu, lip_swish, relu, selu, silu, sin_cos, softplus, tanh};
use crate::nn::Kernel;
use crate::tensor::{has_fma, simd};

/// Applies f to every entry of z; into `slopes`, unless it is empty, goes f′, and into `curvatures` f″.
pub(super) fn activate(kernel: Kernel, z: &mut [f32], slopes: &mut [f32], curvatures: &mut [f32]) {
    let on = (z, slopes, curvatures);
    match (kernel, has_fma()) {
        (Kernel::Identity, _) => {
            on.1.fill(1.0);
            on.2.fill(0.0);
        }
        (Kernel::Tanh, true) => each(on, tanh::<true>),
        (Kernel::Tanh, false) => each(on, tanh::<false>),
        (Kernel::Silu, true) => each(on, silu::<true>),
        (Kernel::Silu, false) => each(on, silu::<false>),
        (Kernel::Selu, true) => each(on, selu::<true>),
        (Kernel::Selu, false) => each(on, selu::<false>),
        (Kernel::Relu, _) => each(on, relu),
        (Kernel::Softplus, true) => each(on, softplus::<true>),
        (Kernel::Softplus, false) => each(on, softplus::<false>),
        (Kernel::LipSwish, true) => each(on, lip_swish::<true>),
        (Kernel::LipSwish, false) => each(on, lip_swish::<false>),
        (Kernel::Gelu, true) => each(on, gelu::<true>),
        (Kernel::Gelu, false) => each(on, gelu::<false>),
        (Kernel::Sine { omega }, fma) => sine(omega, on, fma),
    }
}

/// What a function is applied to, and where its derivatives go: z, f′, f″.
type On<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32]);

/// sin(Ω z), Ω cos(Ω z) and −Ω² sin(Ω z); by libm where an angle is too large for the quick reduction.
fn sine(omega: f32, on: On, fma: bool) {
    let scaled = |(s, c): (f32, f32)| (s, omega * c, -omega * omega * s);
    // False also where a number is NaN.
    let quick = largest(on.0) * omega.abs() <= LARGEST_ANGLE;
    match (quick, fma) {
        (true, true) => each(
            on,
            #[inline(always)]
            |x| scaled(sin_cos::<true>(omega * x)),
        ),
        (true, false) => each(
            on,
            #[inline(always)]
            |x| scaled(sin_cos::<false>(omega * x)),
        ),
        (false, _) => each(on, |x| scaled((omega * x).sin_cos())),
    }
}

/// The largest |z|, by its bits, whose order is that of the numbers; NaN if one is NaN.
fn largest(z: &[f32]) -> f32 {
    simd(
        #[inline(always)]
        || f32::from_bits(z.iter().map(|z| z.to_bits() & 0x7fff_ffff).max().unwrap_or(0)),
    )
}

/// One pass over z, and over those of the slopes and curvatures that are not empty.
fn each((z, slopes, curvatures): On, f: impl Fn(f32) -> (f32, f32, f32)) {
    if slopes.is_empty() {
        simd(
            #[inline(always)]
            || z.iter_mut().for_each(|z| *z = f(*z).0),
        );
    } else if curvatures.is_empty() {
        simd(
            #[inline(always)]
            || {
                z.iter_mut().zip(slopes).for_each(|(z, slope)| {
                    let (y, first, _) = f(*z);
                    (*z, *slope) = (y, first);
                });
            },
        );
    } else {
        simd(
            #[inline(always)]
            || {
                z.iter_mut().zip(slopes).zip(curvatures).for_each(|((z, slope), curvature)| {
                    (*z, *slope, *curvature) = f(*z);
                });
            },
        );
    }
}

/// numbers ← numbers · factors.
pub(super) fn multiply(numbers: &mut [f32], factors: &[f32]) {
    simd(
        #[inline(always)]
        || numbers.iter_mut().zip(factors).for_each(|(number, factor)| *number *= factor),
    );
}

/// sum ← sum + a · b.
pub(super) fn add_multiplied(sum: &mut [f32], a: &[f32], b: &[f32]) {
    simd(
        #[inline(always)]
        || sum.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b),
    );
}

/// ẏ = f′ ż in the place of ż; f″ ż is added to the list of bends, unless there are no f″. One pass.
pub(super) fn move_along(tangent: &mut [f32], slopes: &[f32], curvatures: &[f32], bends: &mut Vec<f32>) {
    if curvatures.is_empty() {
        return multiply(tangent, slopes);
    }
    simd(
        #[inline(always)]
        || {
            bends.extend(tangent.iter_mut().zip(slopes).zip(curvatures).map(
                |((tangent, slope), curvature)| {
                    let bend = *tangent * curvature;
                    *tangent *= slope;
                    bend
                },
            ));
        },
    );
}

/// dz += dẏ f″ ż, and dż = dẏ f′ in the place of dẏ. One pass.
pub(super) fn move_back(value: &mut [f32], tangent: &mut [f32], slopes: &[f32], bends: &[f32]) {
    simd(
        #[inline(always)]
        || {
            for (((value, tangent), slope), bend) in value.iter_mut().zip(tangent).zip(slopes).zip(bends) {
                *value += *tangent * bend;
                *tangent *= slope;
            }
        },
    );
}

/// sum ← sum + terms.
pub(super) fn add(sum: &mut [f32], terms: &[f32]) {
    simd(
        #[inline(always)]
        || sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term),
    );
}

/// Adds every row to `sum`.
pub(super) fn add_rows(sum: &mut [f32], rows: &[f32]) {
    simd(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sum.len().max(1)) {
                sum.iter_mut().zip(row).for_each(|(sum, entry)| *sum += entry);
            }
        },
    );
}

/// The matrix `from`, with so many columns, as the matrix `to`, with so many rows of `from` as columns.
pub(super) fn transpose(from: &[f32], columns: usize, to: &mut [f32], rows: usize) {
    const BLOCK: usize = 16;
    simd(
        #[inline(always)]
        || {
            let blocks = from.chunks_exact(BLOCK * columns.max(1));
            let rest = rows - rows % BLOCK;
            for (k, block) in blocks.enumerate() {
                let mut lines = block.chunks_exact(columns);
                let lines: [&[f32]; BLOCK] =
                    std::array::from_fn(|_| &lines.next().unwrap_or_default()[..columns]);
                for (column, to) in to.chunks_exact_mut(rows).enumerate() {
                    for (to, line) in to[k * BLOCK..][..BLOCK].iter_mut().zip(lines) {
                        *to = line[column];
                    }
                }
            }
            for row in rest..rows {
                for column in 0..columns {
                    to[column * rows + row] = from[row * columns + column];
                }
            }
        },
    );
}
