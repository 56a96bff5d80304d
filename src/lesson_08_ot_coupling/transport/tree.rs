//! The tree of the pairs that move mass.

use super::super::Costs;
use super::super::scan::two_least;
use super::masses::Units;

/// A tree over all rows and columns. Rows are the nodes 0, …, N − 1, columns come after them; node 0 is the root.
pub(super) struct Tree {
    rows: usize,
    parent: Vec<usize>,
    depth: Vec<usize>,
    neighbours: Vec<Vec<usize>>,
    /// What the pair of each node and its parent moves, from the row to the column.
    flow: Vec<Units>,
    /// u of rows, then v of columns: u + v is the cost of each pair of the tree.
    pub(super) prices: Vec<f64>,
}

/// A plan to begin with: row after row takes the cheapest columns that have room. Each pair fills a row or a column,
/// never both but at the end, so that the pairs make a tree.
pub(super) fn first_arcs(costs: &Costs, supply: &[Units]) -> Vec<(usize, usize)> {
    let (rows, columns) = supply.split_at(costs.rows());
    let mut room = columns.to_vec();
    // A price of −∞ hides the columns that are full.
    let mut prices = vec![0.0; room.len()];
    let mut arcs = Vec::with_capacity(supply.len());
    for (row, &mass) in rows.iter().enumerate() {
        let mut left = mass;
        while left > 0 {
            let column = two_least(costs.row(row), &prices).column;
            arcs.push((row, rows.len() + column));
            left += room[column];
            room[column] = left.min(0);
            if left >= 0 {
                prices[column] = f64::NEG_INFINITY;
            }
        }
    }
    arcs
}

impl Tree {
    /// The tree of these pairs; what they move follows from the supplies.
    pub(super) fn new(costs: &Costs, supply: &[Units], arcs: &[(usize, usize)]) -> Self {
        let n = supply.len();
        let mut tree = Self {
            rows: costs.rows(),
            parent: vec![0; n],
            depth: vec![0; n],
            neighbours: vec![Vec::new(); n],
            flow: vec![0; n],
            prices: vec![0.0; n],
        };
        for &(row, column) in arcs {
            tree.neighbours[row].push(column);
            tree.neighbours[column].push(row);
        }
        let order = tree.hang(costs, 0);
        // What is below a node, and is not used there, goes through the pair of the node and its parent.
        let mut surplus = supply.to_vec();
        for &node in order.iter().skip(1).rev() {
            surplus[tree.parent[node]] += surplus[node];
            tree.flow[node] = surplus[node].abs();
        }
        tree
    }

    /// The pairs and what they move: row, column, flow.
    pub(super) fn arcs(&self) -> impl Iterator<Item = (usize, usize, Units)> {
        (1..self.parent.len()).map(|node| {
            let (row, column) = self.pair(node, self.parent[node]);
            (row, column, self.flow[node])
        })
    }

    /// Row and column of two neighbours.
    fn pair(&self, a: usize, b: usize) -> (usize, usize) {
        if a < self.rows { (a, b - self.rows) } else { (b, a - self.rows) }
    }

    /// Depths, parents and prices of all that is below a node whose own parent is right. Returns it in an order in
    /// which parents come first.
    fn hang(&mut self, costs: &Costs, top: usize) -> Vec<usize> {
        let mut order = vec![top];
        let mut next = 0;
        while next < order.len() {
            let node = order[next];
            next += 1;
            let above = self.parent[node];
            if above != node {
                let (row, column) = self.pair(node, above);
                self.depth[node] = self.depth[above] + 1;
                self.prices[node] = costs.row(row)[column] - self.prices[above];
            }
            for place in 0..self.neighbours[node].len() {
                let below = self.neighbours[node][place];
                if below != above {
                    self.parent[below] = node;
                    order.push(below);
                }
            }
        }
        order
    }

    /// Moves mass along the circle that a row and a column close, as much as there is, until a pair of the tree has
    /// none left; the new pair takes its place.
    pub(super) fn pivot(&mut self, costs: &Costs, row: usize, column: usize) {
        let column = self.rows + column;
        let top = self.meeting(row, column);
        // A unit more from row to column: along the way up from either end, every other pair moves a unit less.
        let shrinking_above_rows = self.way(row, top).filter(|node| *node < self.rows);
        let shrinking_above_columns = self.way(column, top).filter(|node| *node >= self.rows);
        let shrinking = shrinking_above_rows.chain(shrinking_above_columns);
        let Some(leaving) = shrinking.min_by_key(|node| self.flow[*node]) else { return };
        let amount = self.flow[leaving];
        let is_below_row = self.way(row, top).any(|node| node == leaving);
        self.add(amount, row, top, |node, rows| node >= rows);
        self.add(amount, column, top, |node, rows| node < rows);
        let (low, high) = if is_below_row { (row, column) } else { (column, row) };
        self.replace(leaving, low, high, amount);
        self.hang(costs, low);
    }

    /// Where the ways up from two nodes meet.
    fn meeting(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            if self.depth[a] >= self.depth[b] {
                a = self.parent[a];
            } else {
                b = self.parent[b];
            }
        }
        a
    }

    /// The nodes on the way up, without the last.
    fn way(&self, from: usize, top: usize) -> impl Iterator<Item = usize> {
        let up = std::iter::successors(Some(from), |node| Some(self.parent[*node]));
        up.take_while(move |node| *node != top)
    }

    /// Adds to what flows on the way up where `grows`, and takes it away elsewhere.
    fn add(&mut self, amount: Units, from: usize, top: usize, grows: impl Fn(usize, usize) -> bool) {
        let mut node = from;
        while node != top {
            self.flow[node] += if grows(node, self.rows) { amount } else { -amount };
            node = self.parent[node];
        }
    }

    /// Cuts the pair of `leaving` and its parent, and hangs the part below by its node `low` under `high`: on the way
    /// from `low` to `leaving`, parents become children.
    fn replace(&mut self, leaving: usize, low: usize, high: usize, amount: Units) {
        let cut = self.parent[leaving];
        self.neighbours[leaving].retain(|node| *node != cut);
        self.neighbours[cut].retain(|node| *node != leaving);
        self.neighbours[low].push(high);
        self.neighbours[high].push(low);
        let (mut node, mut above, mut flow) = (low, high, amount);
        loop {
            let next = std::mem::replace(&mut self.parent[node], above);
            flow = std::mem::replace(&mut self.flow[node], flow);
            if node == leaving {
                return;
            }
            (above, node) = (node, next);
        }
    }
}
