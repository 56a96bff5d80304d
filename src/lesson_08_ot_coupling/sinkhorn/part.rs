//! An iteration of some of the rows.

use super::entry::Entry;

/// How many rows are worked on together: they share what is read and written for each column.
const ROWS: usize = 4;

/// How many columns are worked on together.
const LANES: usize = 8;

/// Some rows of K, their u and a, and what they add to the products of all columns.
pub(super) struct Part<'a, K> {
    rows: &'a [K],
    u: &'a mut [f64],
    a: &'a [f64],
    /// Σᵢ aᵢ uᵢ Kᵢⱼ over these rows.
    pub(super) sums: Vec<f64>,
    /// How wrong the masses of these rows were.
    pub(super) wrong: f64,
}

impl<'a, K: Entry> Part<'a, K> {
    pub(super) fn new(rows: &'a [K], u: &'a mut [f64], a: &'a [f64], columns: usize) -> Self {
        Self { rows, u, a, sums: vec![0.0; columns], wrong: 0.0 }
    }

    /// uᵢ = 1 / Σⱼ Kᵢⱼ bⱼ, where b has v in it already. Rows of K are used for their u and, while they are near the
    /// processor, for the sums of the columns: K comes from memory once in an iteration.
    #[inline(always)]
    pub(super) fn scale(&mut self, b: &[f64]) {
        let rows = self.rows.chunks(ROWS * b.len());
        for ((rows, u), a) in rows.zip(self.u.chunks_mut(ROWS)).zip(self.a.chunks(ROWS)) {
            let rows = four(rows, b.len());
            let products = products(rows, b);
            let mut factors = [0.0; ROWS];
            for (k, (u, a)) in u.iter_mut().zip(a).enumerate() {
                self.wrong += a * (*u * products[k] - 1.0).abs();
                *u = 1.0 / products[k];
                factors[k] = a * *u;
            }
            add(rows, factors, &mut self.sums);
        }
    }
}

/// Four rows; of the last, some may be there several times.
#[inline(always)]
fn four<K>(rows: &[K], columns: usize) -> [&[K]; ROWS] {
    let mut four = [&rows[..columns]; ROWS];
    for (place, row) in four.iter_mut().zip(rows.chunks_exact(columns)) {
        *place = row;
    }
    four
}

/// Σⱼ Kᵢⱼ bⱼ for each of the rows.
#[inline(always)]
fn products<K: Entry>(rows: [&[K]; ROWS], b: &[f64]) -> [f64; ROWS] {
    let (blocks, last) = b.as_chunks::<LANES>();
    let mut sums = [[0.0; LANES]; ROWS];
    for (block, b) in blocks.iter().enumerate() {
        for k in 0..ROWS {
            let row = &rows[k].as_chunks::<LANES>().0[block];
            for lane in 0..LANES {
                sums[k][lane] += row[lane].into() * b[lane];
            }
        }
    }
    let mut products = [0.0; ROWS];
    for k in 0..ROWS {
        let rest = rows[k].as_chunks::<LANES>().1.iter().zip(last);
        products[k] = sums[k].iter().sum::<f64>() + rest.map(|(k, b)| (*k).into() * b).sum::<f64>();
    }
    products
}

/// sumⱼ ← sumⱼ + Σᵢ Kᵢⱼ aᵢ over the rows.
#[inline(always)]
fn add<K: Entry>(rows: [&[K]; ROWS], a: [f64; ROWS], sums: &mut [f64]) {
    let n = sums.len();
    let [first, second, third, fourth] = rows.map(|row| &row[..n]);
    for j in 0..n {
        let (upper, lower) = (
            a[0] * first[j].into() + a[1] * second[j].into(),
            a[2] * third[j].into() + a[3] * fourth[j].into(),
        );
        sums[j] += upper + lower;
    }
}
