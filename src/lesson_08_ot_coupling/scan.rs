//! The scan over a row on which exact solvers spend their time.

/// How many f64 are looked at together: two or four vector registers.
pub(super) const LANES: usize = 8;

/// The least of cᵢⱼ − vⱼ in a row, where it is, and the least of all others (∞ in a row of one column).
#[derive(Clone, Copy, Debug)]
pub(super) struct Least {
    pub(super) value: f64,
    pub(super) column: usize,
    pub(super) second: f64,
}

/// Looks through a row.
#[inline(always)]
pub(super) fn two_least(costs: &[f64], prices: &[f64]) -> Least {
    let mut lanes = Lanes::new();
    let ((blocks, last_costs), (block_prices, last_prices)) = (costs.as_chunks(), prices.as_chunks());
    for (block, (costs, prices)) in blocks.iter().zip(block_prices).enumerate() {
        lanes.look(block, costs, prices);
    }
    if !last_costs.is_empty() {
        lanes.look(blocks.len(), &filled(last_costs, f64::INFINITY), &filled(last_prices, 0.0));
    }
    lanes.least()
}

/// Each lane keeps its own two least, and the lanes are compared at the end: so the loop has no branches and becomes
/// vector instructions.
struct Lanes {
    least: [f64; LANES],
    second: [f64; LANES],
    /// The block of the least.
    at: [usize; LANES],
}

impl Lanes {
    #[inline(always)]
    fn new() -> Self {
        Self { least: [f64::INFINITY; LANES], second: [f64::INFINITY; LANES], at: [0; LANES] }
    }

    #[inline(always)]
    fn look(&mut self, block: usize, costs: &[f64; LANES], prices: &[f64; LANES]) {
        for lane in 0..LANES {
            let reduced = costs[lane] - prices[lane];
            let is_less = reduced < self.least[lane];
            self.second[lane] = lesser(if is_less { self.least[lane] } else { reduced }, self.second[lane]);
            self.at[lane] = if is_less { block } else { self.at[lane] };
            self.least[lane] = lesser(reduced, self.least[lane]);
        }
    }

    #[inline(always)]
    fn least(&self) -> Least {
        let lane = first_least(&self.least);
        let mut second = self.second[lane];
        for other in 0..LANES {
            if other != lane {
                second = lesser(self.least[other], second);
            }
        }
        Least { value: self.least[lane], column: self.at[lane] * LANES + lane, second }
    }
}

/// The first lane with the least number.
#[inline(always)]
pub(super) fn first_least(lanes: &[f64; LANES]) -> usize {
    let mut best = 0;
    for lane in 1..LANES {
        best = if lanes[lane] < lanes[best] { lane } else { best };
    }
    best
}

/// The rest of a row that fills no block, filled up.
#[inline(always)]
pub(super) fn filled(rest: &[f64], with: f64) -> [f64; LANES] {
    let mut block = [with; LANES];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The least number.
#[inline(always)]
pub(super) fn least(numbers: &[f64]) -> f64 {
    let (blocks, rest) = numbers.as_chunks::<LANES>();
    let mut lanes = filled(rest, f64::INFINITY);
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = lesser(block[lane], lanes[lane]);
        }
    }
    lanes[first_least(&lanes)]
}

/// The lesser of two numbers, as the processor's instruction has it; f64::min, which minds NaN, takes three.
#[inline(always)]
pub(super) fn lesser<T: PartialOrd>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

/// The larger of two numbers, likewise.
#[inline(always)]
pub(super) fn larger<T: PartialOrd>(a: T, b: T) -> T {
    if a > b { a } else { b }
}
