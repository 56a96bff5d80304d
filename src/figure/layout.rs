//! Where everything goes: title, legend, plotting area, ticks.

use super::Chart;
use super::axis::{Axis, Scale, Tick};
use super::clip::Rect;
use super::extent::{ends, is_free, matrix};
use super::font;
use super::heat::bar_room;
use super::layers::Shape;

/// Sizes of letters and gaps, in logical pixels.
pub(super) const LABEL: f64 = 12.0;
pub(super) const TICK: f64 = 11.0;
pub(super) const MARGIN: f64 = 14.0;
const LEGEND_LINE: f64 = 19.0;
/// Between two entries of the legend.
const BETWEEN: f64 = 18.0;

/// A chart's places.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) plot: Rect,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) legend: Vec<Entry>,
    /// The left end and the baseline of the y axis' name.
    pub(super) y_label: [f64; 2],
}

/// An entry of the legend.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) label: String,
    pub(super) x: f64,
    pub(super) baseline: f64,
    /// The width of the sign before the label.
    pub(super) sign: f64,
}

/// The heights that a chart keeps free above and below its plotting area.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surround {
    above: f64,
    below: f64,
}

impl Surround {
    pub(super) const NONE: Self = Self { above: 0.0, below: 0.0 };

    /// What a chart of some width needs.
    pub(super) fn of(chart: &Chart, width: f64) -> Self {
        let (entries, lines) = legend(chart, Rect { left: 0.0, top: 0.0, right: width, bottom: 0.0 });
        let legend = if entries.is_empty() { 0.0 } else { LEGEND_LINE * lines as f64 + 3.0 };
        let label = if chart.bare || chart.y.label.is_empty() { 0.0 } else { 18.0 };
        let below = match (chart.bare, chart.x.label.is_empty()) {
            (true, _) => 12.0,
            (false, true) => 30.0,
            (false, false) => 48.0,
        };
        Self { above: legend + label + 4.0, below }
    }

    /// Enough for both.
    pub(super) fn or(self, other: Self) -> Self {
        Self { above: self.above.max(other.above), below: self.below.max(other.below) }
    }
}

/// The lines of a title that has so much room.
pub(super) fn title_lines(title: &str, em: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in title.split_whitespace() {
        match lines.last_mut() {
            Some(line) if font::width(&format!("{line} {word}"), em, true) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Layout {
    /// Places a chart in an area, below its title, with at least so much around the plotting area.
    pub(super) fn new(chart: &Chart, area: Rect, surround: Surround) -> Result<Self, String> {
        let surround = surround.or(Surround::of(chart, area.width()));
        let top = area.top + surround.above;
        let room = Rect {
            left: area.left + MARGIN,
            top,
            right: area.right - 18.0 - if chart.bare { 0.0 } else { matrix(chart).map_or(0.0, bar_room) },
            bottom: area.bottom - surround.below,
        };
        let mut layout = Self {
            plot: room,
            x: scale(&chart.x, ends(chart, 0)?),
            y: scale(&chart.y, ends(chart, 1)?),
            x_ticks: Vec::new(),
            y_ticks: Vec::new(),
            legend: legend(chart, area).0,
            y_label: [area.left + MARGIN, top - 12.0],
        };
        layout.fit(chart, room)?;
        Ok(layout)
    }

    /// Makes room for the ticks' labels: twice, because the room changes the ticks.
    fn fit(&mut self, chart: &Chart, room: Rect) -> Result<(), String> {
        let (x, y) = (self.x, self.y);
        let width = |tick: &Tick| font::width(&tick.label, TICK, false);
        let mut left = room.left + if chart.bare { 0.0 } else { 30.0 };
        let mut right = room.right;
        for _ in 0..2 {
            (self.plot, self.x, self.y) = (Rect { left: left.round(), right: right.round(), ..room }, x, y);
            if self.plot.width() < 8.0 || self.plot.height() < 8.0 {
                return Err("there is no room for its axes: give it a larger `size`".into());
            }
            self.stretch();
            if chart.equal {
                self.equalise(chart);
            }
            if chart.bare {
                return Ok(());
            }
            // Axes of equal units get ticks at equal distances.
            let least = if chart.equal { 32.0 } else { 0.0 };
            let across = |label: &str| (font::width(label, TICK, false) + 14.0).max(least);
            self.x_ticks = self.x.ticks(across);
            self.y_ticks = self.y.ticks(|label| if chart.equal { across(label) } else { 32.0 });
            let widest = self.y_ticks.iter().map(width).fold(0.0, f64::max) + 8.0;
            left = room.left + widest;
            self.y_label[0] = (self.plot.left - widest).max(room.left);
            let reach = self.x_ticks.iter().map(|tick| tick.pixel + 0.5 * width(tick)).fold(0.0, f64::max);
            right = room.right - (reach - room.right - 12.0).max(0.0);
        }
        Ok(())
    }

    fn stretch(&mut self) {
        (self.x.from, self.x.to) = (self.plot.left, self.plot.right);
        (self.y.from, self.y.to) = (self.plot.bottom, self.plot.top);
    }

    /// Makes a unit of x as long as a unit of y: lengthens a free axis, or shrinks the area.
    fn equalise(&mut self, chart: &Chart) {
        let (x_unit, y_unit) = (self.x.pixels_per_unit().abs(), self.y.pixels_per_unit().abs());
        let unit = x_unit.min(y_unit);
        let (free_x, free_y) = (is_free(chart, &chart.x), is_free(chart, &chart.y));
        if free_x {
            lengthen(&mut self.x, x_unit / unit);
        }
        if free_y {
            lengthen(&mut self.y, y_unit / unit);
        }
        let spare_x = if free_x { 0.0 } else { self.plot.width() * (1.0 - unit / x_unit) };
        let spare_y = if free_y { 0.0 } else { self.plot.height() * (1.0 - unit / y_unit) };
        self.plot.right -= spare_x;
        self.plot.bottom -= spare_y;
        let shift = (0.5 * spare_x).floor();
        self.plot.left += shift;
        self.plot.right += shift;
        self.stretch();
    }

    /// The pixel of a point.
    pub(super) fn pixel(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.x.pixel(x), self.y.pixel(y)]
    }
}

fn lengthen(scale: &mut Scale, factor: f64) {
    let more = 0.5 * (factor - 1.0) * (scale.end - scale.start);
    scale.start -= more;
    scale.end += more;
}

fn scale(axis: &Axis, (start, end): (f64, f64)) -> Scale {
    Scale { start, end, from: 0.0, to: 1.0, log: axis.log }
}

/// Places the labels of the layers in lines at the top of an area, and counts the lines.
fn legend(chart: &Chart, area: Rect) -> (Vec<Entry>, usize) {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut x, mut lines) = (area.left + MARGIN, 1);
    for layer in chart.layers.iter().filter(|layer| !layer.label.is_empty()) {
        if entries.iter().any(|entry| entry.label == layer.label) {
            continue;
        }
        let same = chart.layers.iter().filter(|other| other.label == layer.label);
        let sign = same.map(|layer| sign_width(&layer.shape)).fold(0.0, f64::max);
        let width = sign + 8.0 + font::width(&layer.label, LABEL, false);
        if x > area.left + MARGIN && x + width > area.right - MARGIN {
            x = area.left + MARGIN;
            lines += 1;
        }
        let baseline = area.top + 12.0 + LEGEND_LINE * (lines - 1) as f64;
        entries.push(Entry { label: layer.label.clone(), x, baseline, sign });
        x += width + BETWEEN;
    }
    (entries, lines)
}

/// How wide a layer's sign in the legend is.
fn sign_width(shape: &Shape) -> f64 {
    match shape {
        Shape::Scatter(_) => 8.0,
        Shape::Band { .. } | Shape::Histogram(_) | Shape::Polygon(_) => 14.0,
        Shape::Heat(_) => 0.0,
        Shape::Curve { .. } | Shape::Field { .. } | Shape::Trajectories(_) => 17.0,
    }
}
