//! The bound of a spectral norm by powers of a Gram matrix, on slices of f64.

use crate::tensor::{has_fma, simd};

/// Rows and columns of a tile of a product: its sums stay in registers.
const TILE: (usize, usize) = (4, 16);

/// S = (Σ σᵢ²ᵖ)^(1/2p) with p = 2ᵐ + 1 for the singular values σᵢ of a matrix of `rows` rows, and ∂S/∂W.
///
/// With W tall (or its transpose in its place), G = WᵀW and Q = G^(2ᵐ), made of m squarings: Σ σᵢ²ᵖ = tr G Q = ⟨W, W Q⟩,
/// and ∂S/∂W = S W Q / ⟨W, W Q⟩. After each squaring Q is divided by its trace, whose logarithm is kept.
pub(super) fn schatten(weight: &[f64], rows: usize, squarings: u32) -> (f64, Vec<f64>) {
    let largest = weight.iter().fold(0.0f64, |largest, w| largest.max(w.abs()));
    if largest == 0.0 {
        return (0.0, vec![0.0; weight.len()]);
    }
    let columns = weight.len() / rows;
    let is_tall = rows >= columns;
    let scaled: Vec<f64> = weight.iter().map(|w| w / largest).collect();
    let other = transposed(&scaled, rows);
    let (tall, wide, high, low) =
        if is_tall { (&scaled, &other, rows, columns) } else { (&other, &scaled, columns, rows) };
    let (padded_low, padded_high) = (low.next_multiple_of(TILE.1), high.next_multiple_of(TILE.1));
    let (tall, wide) = (padded(tall, low, padded_low), padded(wide, high, padded_high));
    let product = if has_fma() {
        simd(
            #[inline(always)]
            || powers::<true>(&tall, &wide, (padded_low, padded_high), squarings),
        )
    } else {
        simd(
            #[inline(always)]
            || powers::<false>(&tall, &wide, (padded_low, padded_high), squarings),
        )
    };
    let (log_scale, product) = (product.0, trimmed(&product.1, padded_low, low, high));
    let product = if is_tall { product } else { transposed(&product, high) };
    let inner: f64 = scaled.iter().zip(&product).map(|(w, h)| w * h).sum();
    let p = f64::from(1u32 << squarings) + 1.0;
    let norm = largest * ((inner.ln() + log_scale) / (2.0 * p)).exp();
    // ⟨W, W Q⟩ of the scaled W: the gradient does not change with the scale.
    let factor = norm / (largest * inner);
    (norm, product.into_iter().map(|h| factor * h).collect())
}

/// (L, W Q) with e^L Q = (WᵀW)^(2ᵐ).
#[inline(always)]
fn powers<const FMA: bool>(
    tall: &[f64],
    wide: &[f64],
    (low, high): (usize, usize),
    squarings: u32,
) -> (f64, Vec<f64>) {
    let mut log_scale = 0.0;
    let mut power = vec![0.0; low * low];
    let mut square = power.clone();
    symmetric_product::<FMA>(tall, low, &mut power);
    for step in 0..=squarings {
        let trace: f64 = (0..low).map(|i| power[i * (low + 1)]).sum();
        power.iter_mut().for_each(|entry| *entry /= trace);
        log_scale += trace.ln();
        if step < squarings {
            symmetric_product::<FMA>(&power, low, &mut square);
            std::mem::swap(&mut power, &mut square);
            log_scale *= 2.0;
        }
    }
    let mut product = vec![0.0; high * low];
    for row in (0..high).step_by(TILE.0) {
        for column in (0..low).step_by(TILE.1) {
            store(tile::<FMA>(wide, (high, row), &power, (low, column)), &mut product, low, (row, column));
        }
    }
    (log_scale, product)
}

/// AᵀA of a matrix with n columns: the tiles on and above the diagonal are computed and mirrored.
#[inline(always)]
fn symmetric_product<const FMA: bool>(a: &[f64], n: usize, product: &mut [f64]) {
    for row in (0..n).step_by(TILE.0) {
        for column in (row / TILE.1 * TILE.1..n).step_by(TILE.1) {
            let sums = tile::<FMA>(a, (n, row), a, (n, column));
            for (i, sums) in sums.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    product[(row + i) * n + column + j] = *sum;
                    product[(column + j) * n + row + i] = *sum;
                }
            }
        }
    }
}

/// A tile of AᵀB: rows of the result from `row`, columns from `column`; n and m columns of A and B.
#[inline(always)]
fn tile<const FMA: bool>(
    a: &[f64],
    (n, row): (usize, usize),
    b: &[f64],
    (m, column): (usize, usize),
) -> [[f64; TILE.1]; TILE.0] {
    let mut sums = [[0.0; TILE.1]; TILE.0];
    for (a, b) in a.chunks_exact(n).zip(b.chunks_exact(m)) {
        let (a, b) = (&a[row..row + TILE.0], &b[column..column + TILE.1]);
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = if FMA { a.mul_add(*b, *sum) } else { a * b + *sum };
            }
        }
    }
    sums
}

#[inline(always)]
fn store(sums: [[f64; TILE.1]; TILE.0], into: &mut [f64], columns: usize, (row, column): (usize, usize)) {
    for (i, sums) in sums.iter().enumerate() {
        let start = (row + i) * columns + column;
        into[start..start + TILE.1].copy_from_slice(sums);
    }
}

/// The matrix with zeros to the right.
fn padded(matrix: &[f64], columns: usize, wanted: usize) -> Vec<f64> {
    let mut result = vec![0.0; matrix.len() / columns * wanted];
    for (to, from) in result.chunks_exact_mut(wanted).zip(matrix.chunks_exact(columns)) {
        to[..columns].copy_from_slice(from);
    }
    result
}

/// The first `rows` rows without the columns that were added.
fn trimmed(matrix: &[f64], columns: usize, wanted: usize, rows: usize) -> Vec<f64> {
    matrix.chunks_exact(columns).take(rows).flat_map(|row| &row[..wanted]).copied().collect()
}

/// The transpose of a matrix of `rows` rows.
pub(super) fn transposed(matrix: &[f64], rows: usize) -> Vec<f64> {
    let columns = matrix.len() / rows;
    (0..matrix.len()).map(|place| matrix[place % rows * columns + place / rows]).collect()
}
