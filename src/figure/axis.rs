//! One axis: its range, the map from data to pixels, and its ticks.

use std::ops::Range;

/// What was asked of an axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) range: Option<(f64, f64)>,
    pub(super) log: bool,
}

impl Axis {
    pub(super) fn set_range(&mut self, name: &str, range: &Range<f64>) -> Result<(), String> {
        let length = range.end - range.start;
        if length == 0.0 || !length.is_finite() {
            return Err(format!(
                "its {name} range is {} to {}: give two finite numbers that differ",
                range.start, range.end
            ));
        }
        self.range = Some((range.start, range.end));
        self.check_log(name)
    }

    pub(super) fn set_log(&mut self, name: &str) -> Result<(), String> {
        self.log = true;
        self.check_log(name)
    }

    fn check_log(&self, name: &str) -> Result<(), String> {
        match self.range {
            Some((start, end)) if self.log && start.min(end) <= 0.0 => Err(format!(
                "its {name} axis is logarithmic and its range is {start} to {end}: start it above 0"
            )),
            _ => Ok(()),
        }
    }

    /// The position of a value on a ruler with equal marks: the value, or its logarithm; NaN if it has none.
    pub(super) fn ruler(&self, value: f64) -> f64 {
        match (self.log, value > 0.0) {
            (false, _) => value,
            (true, true) => value.log10(),
            (true, false) => f64::NAN,
        }
    }
}

/// The map from the values of an axis to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    /// The ends of the range on the ruler.
    pub(super) start: f64,
    pub(super) end: f64,
    /// The pixels of the ends.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) log: bool,
}

impl Scale {
    /// The pixel of a value; NaN for what a logarithmic axis cannot show.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        let ruler = match (self.log, value > 0.0) {
            (false, _) => value,
            (true, true) => value.log10(),
            (true, false) => return f64::NAN,
        };
        self.from + (ruler - self.start) * self.pixels_per_unit()
    }

    /// The value at a pixel.
    pub(super) fn value(&self, pixel: f64) -> f64 {
        let ruler = self.start + (pixel - self.from) / self.pixels_per_unit();
        if self.log { 10f64.powf(ruler) } else { ruler }
    }

    /// Pixels for each unit of the ruler, negative where the axis runs against the pixels.
    pub(super) fn pixels_per_unit(&self) -> f64 {
        (self.to - self.from) / (self.end - self.start)
    }

    /// Ticks at round numbers: as many as have room, when `room` gives the pixels that a label needs.
    pub(super) fn ticks(&self, room: impl Fn(&str) -> f64) -> Vec<Tick> {
        let length = (self.to - self.from).abs();
        let (low, high) = (self.start.min(self.end), self.start.max(self.end));
        let candidates: Vec<Vec<f64>> =
            if self.log { log_candidates(low, high) } else { linear_candidates(low, high) };
        let label_all = |values: Vec<f64>| -> Vec<Tick> {
            let labels = labels(&values, self.log);
            values
                .into_iter()
                .zip(labels)
                .map(|(value, label)| Tick { pixel: self.pixel(value), label })
                .collect()
        };
        let fits = |ticks: &Vec<Tick>| {
            let most = ticks.iter().map(|tick| room(&tick.label)).fold(0.0, f64::max);
            let nearest =
                ticks.windows(2).map(|pair| (pair[1].pixel - pair[0].pixel).abs()).fold(length, f64::min);
            nearest >= most
        };
        candidates.into_iter().map(label_all).find(fits).unwrap_or_default()
    }
}

/// A mark on an axis.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) pixel: f64,
    pub(super) label: String,
}

/// Multiples of 1, 2 or 5 times a power of ten between two numbers, from many to few; at most about nine.
fn linear_candidates(low: f64, high: f64) -> Vec<Vec<f64>> {
    let decade = (high - low).log10().floor();
    let steps = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].map(|step| step * 10f64.powf(decade));
    let multiples = |step: f64| {
        let slack = 1e-9 * (high - low);
        // Steps leave the numbers that can be written where a range is next to the largest or smallest.
        if !step.is_normal() {
            return Vec::new();
        }
        let (first, last) = (((low - slack) / step).ceil(), ((high + slack) / step).floor());
        let count = (last - first).max(-1.0) as usize + 1;
        // The sum with 0 turns -0 into 0.
        (0..count).map(|i| (first + i as f64) * step + 0.0).collect::<Vec<f64>>()
    };
    steps.map(multiples).into_iter().filter(|ticks| ticks.len() <= 9 && !ticks.is_empty()).collect()
}

/// Powers of ten between two logarithms, from many to few; within two decades also twice and five times them.
fn log_candidates(low: f64, high: f64) -> Vec<Vec<f64>> {
    let inside = |value: &f64| (low - 1e-9..=high + 1e-9).contains(&value.log10());
    let powers = |every: i32| {
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        (first..=last).filter(move |power| power.rem_euclid(every) == 0).map(|power| 10f64.powi(power))
    };
    let fine: Vec<f64> =
        powers(1).flat_map(|power| [power, 2.0 * power, 5.0 * power]).filter(inside).collect();
    let mut candidates: Vec<Vec<f64>> =
        [1, 2, 3, 5, 10, 20, 50].iter().map(|&every| powers(every).filter(inside).collect()).collect();
    if high - low <= 2.0 {
        candidates.insert(0, fine);
    }
    if high - low < 0.7 {
        candidates = linear_candidates(10f64.powf(low), 10f64.powf(high));
    }
    candidates.retain(|ticks| (1..=12).contains(&ticks.len()));
    candidates
}

/// The values in words: all with the same number of decimals, or as multiples of a power of ten.
fn labels(values: &[f64], log: bool) -> Vec<String> {
    let largest = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let plain = |value: f64| (1e-3..1.1e6).contains(&value);
    if log && values.len() > 1 && values[values.len() - 1] / values[0] > 9.0 {
        let all_plain = values.iter().all(|&value| (0.009..10_001.0).contains(&value));
        return values.iter().map(|&value| if all_plain { short(value) } else { power(value) }).collect();
    }
    let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(largest, f64::min);
    if largest == 0.0 || plain(largest) && step > 1e-5 {
        let decimals = decimals(step);
        return values.iter().map(|value| grouped(&format!("{:.decimals$}", value + 0.0))).collect();
    }
    // Multiples of the step's power of ten are whole numbers, unless there are too many of them.
    let exponent = if largest < 100.0 * step { step.log10() + 1e-9 } else { largest.log10() }.floor() as i32;
    let unit = 10f64.powi(exponent);
    let decimals = decimals(step / unit);
    let scaled = |value: &f64| {
        if *value == 0.0 {
            "0".into()
        } else {
            format!("{:.decimals$}×10{}", value / unit, superscript(exponent))
        }
    };
    values.iter().map(scaled).map(|label: String| label.replace('-', "−")).collect()
}

/// How many decimals tell multiples of a step apart.
fn decimals(step: f64) -> usize {
    if step <= 0.0 {
        return 0;
    }
    (0..12).find(|&places| ((step * 10f64.powi(places)).fract() - 0.5).abs() > 0.5 - 1e-6).unwrap_or(12)
        as usize
}

/// A number between 0.009 and 10 001 as short as it can be.
fn short(value: f64) -> String {
    grouped(&format!("{value:.3}")).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number as a power of ten, times 2 or 5 where it is between two.
fn power(value: f64) -> String {
    let exponent = (value.log10() + 1e-9).floor() as i32;
    match (value / 10f64.powi(exponent)).round() as i32 {
        1 => format!("10{}", superscript(exponent)),
        digit => format!("{digit}×10{}", superscript(exponent)),
    }
}

/// Groups the digits of numbers from 10 000, and writes the proper minus sign.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("−", digits));
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    if whole.len() < 5 {
        return format!("{sign}{digits}");
    }
    let first = (whole.len() - 1) % 3 + 1;
    let mut groups = whole[..first].to_owned();
    for start in (first..whole.len()).step_by(3) {
        groups.push(',');
        groups.push_str(&whole[start..start + 3]);
    }
    format!("{sign}{groups}{fraction}")
}

fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raise = |c: char| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    exponent.to_string().chars().map(raise).collect()
}

#[cfg(test)]
mod tests {
    use super::Scale;

    fn labels(start: f64, end: f64, log: bool) -> Vec<String> {
        let scale = Scale { start, end, from: 0.0, to: 400.0, log };
        scale
            .ticks(|label| 8.0 * label.chars().count() as f64 + 12.0)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers_and_zero_has_no_sign() {
        assert_eq!(labels(-3.0, 3.0, false), ["−3", "−2", "−1", "0", "1", "2", "3"]);
        assert_eq!(labels(-0.04, 1.04, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(3.0, -3.0, false).len(), 7);
        assert_eq!(labels(0.0, 20_000.0, false), ["0", "5000", "10,000", "15,000", "20,000"]);
        assert_eq!(labels(-1e6, 0.0, false), ["−1,000,000", "−500,000", "0"]);
    }

    #[test]
    fn far_numbers_are_written_as_powers_of_ten() {
        assert_eq!(labels(0.0, 4e-6, false), ["0", "1×10⁻⁶", "2×10⁻⁶", "3×10⁻⁶", "4×10⁻⁶"]);
        assert_eq!(labels(0.0, 2e7, false), ["0", "5×10⁶", "10×10⁶", "15×10⁶", "20×10⁶"]);
        assert_eq!(labels(-5.0, 0.0, true), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(0.0, 4.0, true), ["1", "10", "100", "1000", "10,000"]);
    }

    #[test]
    fn labels_never_touch() {
        for length in [20.0, 60.0, 150.0, 900.0] {
            for (start, end) in [(0.0, 1.0), (-1e-7, 1e-7), (123_456.0, 123_457.0), (-7.3, 880.0)] {
                let scale = Scale { start, end, from: 0.0, to: length, log: false };
                let ticks = scale.ticks(|_| 45.0);
                assert!(ticks.windows(2).all(|pair| pair[1].pixel - pair[0].pixel >= 45.0), "{ticks:?}");
            }
        }
    }
}
