//! Pairs on the way to an assignment.

/// Stands for no row or no column.
pub(super) const NONE: usize = usize::MAX;

/// Some rows with a column each, and the prices of the columns.
pub(super) struct Matching {
    /// The column of each row, or [`NONE`].
    pub(super) column_of: Vec<usize>,
    /// The row of each column, or [`NONE`].
    pub(super) row_of: Vec<usize>,
    /// v. The column that row i wants is where cᵢⱼ − vⱼ is least: −vⱼ is what column j asks on top of the cost.
    pub(super) prices: Vec<f64>,
}

impl Matching {
    /// No pairs, and nothing asked.
    pub(super) fn new(n: usize) -> Self {
        Self { column_of: vec![NONE; n], row_of: vec![NONE; n], prices: vec![0.0; n] }
    }

    /// No pairs at the same prices.
    pub(super) fn part_all(&mut self) {
        self.column_of.fill(NONE);
        self.row_of.fill(NONE);
    }

    /// Gives a column to a row. The row that had it is free now, and is returned.
    #[inline(always)]
    pub(super) fn give(&mut self, row: usize, column: usize) -> usize {
        let before = std::mem::replace(&mut self.row_of[column], row);
        if before != NONE {
            self.column_of[before] = NONE;
        }
        self.column_of[row] = column;
        before
    }

    /// Frees a row and its column.
    #[inline(always)]
    pub(super) fn part(&mut self, row: usize) {
        let column = std::mem::replace(&mut self.column_of[row], NONE);
        if column != NONE {
            self.row_of[column] = NONE;
        }
    }
}
