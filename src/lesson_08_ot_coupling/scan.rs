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

/// Looks through a row. Each lane keeps its own two least, and at the end the lanes are compared: a loop without
/// branches, which becomes vector instructions.
#[inline(always)]
pub(super) fn two_least(costs: &[f64], prices: &[f64]) -> Least {
    let (mut least, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let mut at = [0; LANES];
    let mut look = |block: usize, costs: &[f64; LANES], prices: &[f64; LANES]| {
        for lane in 0..LANES {
            let reduced = costs[lane] - prices[lane];
            let is_less = reduced < least[lane];
            second[lane] = lesser(if is_less { least[lane] } else { reduced }, second[lane]);
            at[lane] = if is_less { block } else { at[lane] };
            least[lane] = lesser(reduced, least[lane]);
        }
    };
    let ((costs, last_costs), (prices, last_prices)) = (costs.as_chunks(), prices.as_chunks());
    for (block, (costs, prices)) in costs.iter().zip(prices).enumerate() {
        look(block, costs, prices);
    }
    look(costs.len(), &filled(last_costs, f64::INFINITY), &filled(last_prices, 0.0));
    let lane = (1..LANES).fold(0, |best, lane| if least[lane] < least[best] { lane } else { best });
    let others = (0..LANES).filter(|other| *other != lane).map(|other| least[other]);
    Least {
        value: least[lane],
        column: at[lane] * LANES + lane,
        second: others.fold(second[lane], |second, value| lesser(value, second)),
    }
}

/// The rest of a row that fills no block, filled up.
#[inline(always)]
pub(super) fn filled(rest: &[f64], with: f64) -> [f64; LANES] {
    let mut block = [with; LANES];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The lesser of two numbers, as the processor's instruction has it; f64::min, which minds NaN, takes three.
#[inline(always)]
pub(super) fn lesser<T: PartialOrd>(a: T, b: T) -> T {
    if a < b { a } else { b }
}
