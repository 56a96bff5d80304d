//! Histograms: counting, and drawing the bars.

use super::clip::Rect;
use super::marks::Marks;
use super::pen::Drawn;
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

/// Bins of equal width and the density in each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    pub(super) start: f64,
    pub(super) width: f64,
    pub(super) heights: Vec<f64>,
}

impl Bins {
    pub(super) fn new(label: &str, values: &[f64], bins: usize) -> Result<Self, String> {
        if !(1..=10_000).contains(&bins) {
            return Err(format!("histogram \"{label}\" has {bins} bins: ask for 1 to 10000"));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(format!("histogram \"{label}\" holds {value}: give it finite numbers only"));
        }
        let low = values.iter().copied().reduce(f64::min);
        let Some(low) = low else {
            return Err(format!("histogram \"{label}\" is empty: give it at least one number"));
        };
        let high = values.iter().copied().fold(low, f64::max);
        // Equal values get bins of total width 1, or of a width that is not lost in rounding.
        let (start, span) =
            if high > low { (low, high - low) } else { (low - 0.5, low.abs().mul_add(1e-9, 1.0)) };
        let width = span / bins as f64;
        let mut heights = vec![0.0; bins];
        for value in values {
            let bin = ((value - start) / width) as usize;
            heights[bin.min(bins - 1)] += 1.0 / (values.len() as f64 * width);
        }
        Ok(Self { start, width, heights })
    }
}

impl<B: DrawingBackend> Marks<'_, B> {
    pub(super) fn histogram(&mut self, bins: &Bins, colour: RGBColor) -> Drawn {
        for (i, &height) in bins.heights.iter().enumerate().filter(|(_, height)| **height > 0.0) {
            let start = bins.start + bins.width * i as f64;
            let (a, b) = (self.on_page([start, 0.0]), self.on_page([start + bins.width, height]));
            let (left, right) = (a[0].min(b[0]), a[0].max(b[0]));
            // A gap of one pixel tells wide bars apart; narrow bars stand close.
            let gap = if right - left > 5.0 { 0.5 } else { 0.0 };
            let bar = [[left + gap, a[1]], [right - gap, a[1]], [right - gap, b[1]], [left + gap, b[1]]];
            if let [first, _, third, _] = self.layout.plot.area(&bar)[..] {
                let (top, bottom) = (first[1].min(third[1]), first[1].max(third[1]));
                let (left, right) = (first[0].min(third[0]), first[0].max(third[0]));
                self.pen.rect(Rect { left, top, right, bottom }, colour.mix(0.45))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Bins;

    #[test]
    fn histogram_integrates_to_one_and_counts_every_value() -> Result<(), String> {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 997)).collect();
        for bins in [1, 7, 40] {
            let found = Bins::new("", &values, bins)?;
            let area: f64 = found.heights.iter().map(|height| height * found.width).sum();
            // 1000 additions of rounded numbers near 1/1000.
            assert!((area - 1.0).abs() < 1e-12, "{bins} bins have area {area}");
        }
        Ok(())
    }

    #[test]
    fn histogram_puts_the_largest_value_into_the_last_bin() -> Result<(), String> {
        let found = Bins::new("", &[0.0, 1.0, 2.0, 4.0], 4)?;
        assert_eq!(found, Bins { start: 0.0, width: 1.0, heights: vec![0.25, 0.25, 0.25, 0.25] });
        Ok(())
    }

    #[test]
    fn histogram_of_equal_values_is_one_bar_of_area_one() -> Result<(), String> {
        let found = Bins::new("", &[3.0; 5], 2)?;
        assert_eq!(found.heights.iter().sum::<f64>() * found.width, 1.0);
        Ok(())
    }
}
