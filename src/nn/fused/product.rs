//! Products of matrices: the one place with `unsafe` code, behind a function that checks what the code relies on.

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;

/// A matrix, row after row: of these numbers, or its transpose.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    entries: &'a [f32],
    rows: usize,
    columns: usize,
    /// From one row to the next, and from one column to the next.
    strides: (usize, usize),
}

impl<'a> Matrix<'a> {
    /// The rows lie one after the other.
    pub(super) fn new(entries: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { entries, rows, columns, strides: (columns, 1) }
    }

    pub(super) fn transposed(self) -> Self {
        let (along_rows, along_columns) = self.strides;
        Self { rows: self.columns, columns: self.rows, strides: (along_columns, along_rows), ..self }
    }
}

/// c += a b, where c has the rows of a and the columns of b, row after row.
///
/// # Panics
/// If the sizes do not fit.
pub(super) fn add_product(c: &mut [f32], a: Matrix, b: Matrix) {
    multiply(c, a, b, true);
}

/// c = a b.
///
/// # Panics
/// If the sizes do not fit.
pub(super) fn product(c: &mut [f32], a: Matrix, b: Matrix) {
    multiply(c, a, b, false);
}

fn multiply(c: &mut [f32], a: Matrix, b: Matrix, keep: bool) {
    assert_eq!(a.columns, b.rows, "the columns of one factor are the rows of the other");
    let places = |rows: usize, columns: usize| rows.checked_mul(columns);
    assert_eq!(
        Some(a.entries.len()),
        places(a.rows, a.columns),
        "as many entries as the first factor has places"
    );
    assert_eq!(
        Some(b.entries.len()),
        places(b.rows, b.columns),
        "as many entries as the second factor has places"
    );
    assert_eq!(Some(c.len()), places(a.rows, b.columns), "as many entries as the product has places");
    if a.entries.is_empty() || b.entries.is_empty() {
        if !keep {
            c.fill(0.0);
        }
        return;
    }
    // The kernels want a result whose columns lie in memory one after the other: that is cᵀ = bᵀ aᵀ.
    let (rows, inner, columns) = (b.columns, b.rows, a.rows);
    // No stride is longer than its slice, which never has more than `isize::MAX` bytes: none is cut.
    let signed = |(one, other): (usize, usize)| (one as isize, other as isize);
    let (left, right, result) = (signed(b.strides), signed(a.strides), signed((rows, 1)));
    // SAFETY: The function reads bᵀ, aᵀ and cᵀ, and writes cᵀ, at the sizes and strides given. Strides are those of
    // matrices without gaps, (columns, 1) or, transposed, (1, rows), so by the assertions above every place lies
    // inside its slice. `c` is borrowed alone, and no pointer outlives the call.
    #[allow(unsafe_code)]
    unsafe {
        get_gemm_fn()(
            rows,
            columns,
            inner,
            c.as_mut_ptr(),
            result.0,
            result.1,
            keep,
            b.entries.as_ptr(),
            left.0,
            left.1,
            a.entries.as_ptr(),
            right.0,
            right.1,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
