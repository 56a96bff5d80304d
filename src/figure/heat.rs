//! Heat maps: numbers on a grid, and drawing them.

use super::axis::{Scale, Tick};
use super::clip::Rect;
use super::font;
use super::layout::TICK;
use super::marks::Marks;
use super::pen::{Drawn, Letters};
use super::style::Theme;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

/// Between a matrix and its colour bar, and the bar's own width.
const BAR_GAP: f64 = 14.0;
const BAR_WIDTH: f64 = 10.0;

/// A grid of numbers over a rectangle; the first row lies at the start of `y`.
#[derive(Clone, Debug)]
pub(super) struct Heat {
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
    pub(super) columns: usize,
    pub(super) values: Vec<f64>,
    /// Whether the numbers sample a function that is smooth, rather than being a matrix.
    pub(super) smooth: bool,
}

impl Heat {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.values.iter().any(|value| value.is_finite()) {
            return Ok(());
        }
        Err("the heat map has no finite number: check the function that computed it".into())
    }

    /// The number at a position counted in columns and rows: of the cell there, or between the four nearest centres.
    pub(super) fn at(&self, column: f64, row: f64, smooth: bool) -> f64 {
        let rows = self.values.len() / self.columns;
        let cell = |position: f64, count: usize| (position.max(0.0) as usize).min(count - 1);
        let value = |row: usize, column: usize| self.values[row * self.columns + column];
        if !smooth {
            return value(cell(row, rows), cell(column, self.columns));
        }
        let (x, y) = ((column - 0.5).max(0.0), (row - 0.5).max(0.0));
        let (x0, y0) = (cell(x, self.columns), cell(y, rows));
        let (x1, y1) = ((x0 + 1).min(self.columns - 1), (y0 + 1).min(rows - 1));
        let (u, v) = ((x - x0 as f64).min(1.0), (y - y0 as f64).min(1.0));
        let mix = |a: f64, b: f64, t: f64| a + t * (b - a);
        mix(mix(value(y0, x0), value(y0, x1), u), mix(value(y1, x0), value(y1, x1), u), v)
    }

    /// The smallest and the largest finite number.
    pub(super) fn extremes(&self) -> (f64, f64) {
        let finite = self.values.iter().copied().filter(|value| value.is_finite());
        finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    }
}

impl<B: DrawingBackend> Marks<'_, B> {
    pub(super) fn heat(&mut self, heat: &Heat) -> Drawn {
        let (a, b) = (self.on_page([heat.x.0, heat.y.0]), self.on_page([heat.x.1, heat.y.1]));
        let whole =
            Rect { left: a[0].min(b[0]), top: a[1].min(b[1]), right: a[0].max(b[0]), bottom: a[1].max(b[1]) };
        let Some(seen) = intersection(whole, self.layout.plot) else { return Ok(()) };
        let rows = heat.values.len() / heat.columns;
        // Cells of the picture: the heat map's own, or half pixels where it is smooth, cut or on a logarithmic axis.
        let plain = seen == whole && !self.layout.x.log && !self.layout.y.log;
        let exact = plain && !(heat.smooth && self.pen.fine);
        let halves = |length: f64| (2.0 * length).round().max(1.0) as usize;
        let cells = if exact { (heat.columns, rows) } else { (halves(seen.width()), halves(seen.height())) };
        let across = positions(&self.layout.x, (seen.left, seen.right), cells.0, heat.x, heat.columns);
        let down = positions(&self.layout.y, (seen.top, seen.bottom), cells.1, heat.y, rows);
        let (paint, smooth) = (Paint::new(heat, self.theme), heat.smooth && !exact);
        self.pen
            .cells(seen, cells, |row, column| paint.colour(heat.at(across[column], down[row], smooth)))?;
        self.frame(seen)
    }

    /// Draws the colours of a matrix beside the plotting area, with the numbers that they stand for.
    pub(super) fn colour_bar(&mut self, heat: &Heat) -> Drawn {
        let (plot, paint) = (self.layout.plot, Paint::new(heat, self.theme));
        let bar = Rect { left: plot.right + BAR_GAP, right: plot.right + BAR_GAP + BAR_WIDTH, ..plot };
        let last = paint.colours.len() - 1;
        self.pen.cells(bar, (1, last + 1), |row, _| Some(paint.colours[last - row]))?;
        let look = Letters { em: TICK, bold: false, colour: self.palette.muted, anchor: HPos::Left };
        for tick in paint.ticks(bar.bottom, bar.top) {
            self.pen.text(&tick.label, [bar.right + 5.0, tick.pixel + 4.0], look)?;
        }
        Ok(())
    }

    /// Outlines a heat map, whose lowest colour is the page's.
    fn frame(&mut self, seen: Rect) -> Drawn {
        let [left, right, top, bottom] = [seen.left, seen.right, seen.top, seen.bottom];
        let corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
        self.pen.line(&corners, self.palette.grid.mix(1.0), 1.0)
    }
}

/// How wide a colour bar and its numbers are.
pub(super) fn bar_room(heat: &Heat) -> f64 {
    // On a very high bar, which has the longest numbers.
    let ticks = Paint::new(heat, Theme::Light).ticks(1000.0, 0.0);
    let widest = ticks.iter().map(|tick| font::width(&tick.label, TICK, false)).fold(0.0, f64::max);
    BAR_GAP + BAR_WIDTH + widest
}

/// Where the centres of the picture's cells lie on the heat map's grid, along one axis.
fn positions(
    axis: &Scale,
    (from, to): (f64, f64),
    cells: usize,
    (start, end): (f64, f64),
    count: usize,
) -> Vec<f64> {
    (0..cells)
        .map(|i| axis.value(from + (to - from) * (i as f64 + 0.5) / cells as f64))
        .map(|value| (value - start) / (end - start) * count as f64)
        .collect()
}

/// The map from numbers to colours, computed once.
struct Paint {
    low: f64,
    high: f64,
    colours: Vec<RGBColor>,
}

impl Paint {
    fn new(heat: &Heat, theme: Theme) -> Self {
        let (low, high) = heat.extremes();
        if !heat.smooth && low < 0.0 && high > 0.0 {
            let most = high.max(-low);
            return Self { low: -most, high: most, colours: theme.diverging() };
        }
        // A constant is drawn in the middle of the map.
        let (low, high) = if low < high { (low, high) } else { (low - 1.0, low + 1.0) };
        Self { low, high, colours: theme.sequential() }
    }

    fn ticks(&self, from: f64, to: f64) -> Vec<Tick> {
        Scale { start: self.low, end: self.high, from, to, log: false }.ticks(|_| 32.0)
    }

    fn colour(&self, value: f64) -> Option<RGBColor> {
        let last = self.colours.len() - 1;
        let step = (value - self.low) / (self.high - self.low) * last as f64;
        value.is_finite().then(|| self.colours[(step.round().max(0.0) as usize).min(last)])
    }
}

fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let (left, right) = (a.left.max(b.left), a.right.min(b.right));
    let (top, bottom) = (a.top.max(b.top), a.bottom.min(b.bottom));
    (left < right && top < bottom).then_some(Rect { left, top, right, bottom })
}
