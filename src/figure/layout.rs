//! Where everything goes: title, legend, plotting area, ticks.

use super::Chart;
use super::axis::{Axis, Scale, Tick};
use super::clip::Rect;
use super::font;
use super::layers::{Heat, Layer, Shape, is_finite};

/// Sizes of letters and gaps, in logical pixels.
pub(super) const TITLE: f64 = 14.0;
pub(super) const LABEL: f64 = 12.0;
pub(super) const TICK: f64 = 11.0;
pub(super) const MARGIN: f64 = 14.0;
pub(super) const TITLE_LINE: f64 = 19.0;
const LEGEND_LINE: f64 = 19.0;
/// From the start of a legend entry to its text, and between two entries.
pub(super) const KEY: f64 = 24.0;
const BETWEEN: f64 = 18.0;

/// The part of the axes that is shown when nothing else was asked for: this much more than the data.
const ROOM: f64 = 0.04;

/// A chart's places.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) plot: Rect,
    pub(super) x: Scale,
    pub(super) y: Scale,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    /// Where each label of the legend stands: its left end and its baseline.
    pub(super) legend: Vec<(String, [f64; 2])>,
    /// The left end and the baseline of the y axis' name.
    pub(super) y_label: [f64; 2],
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
    /// Places a chart in an area, below its title.
    pub(super) fn new(chart: &Chart, area: Rect) -> Result<Self, String> {
        let (x_ends, y_ends) = (ends(chart, 0)?, ends(chart, 1)?);
        let mut top = area.top;
        let legend = legend(chart, area, &mut top);
        let label_baseline = top + 10.0;
        if !chart.bare && !chart.y.label.is_empty() {
            top += 18.0;
        }
        let mut layout = Self {
            plot: area,
            x: scale(&chart.x, x_ends),
            y: scale(&chart.y, y_ends),
            x_ticks: Vec::new(),
            y_ticks: Vec::new(),
            legend,
            y_label: [area.left + MARGIN, label_baseline],
        };
        let below = match (chart.bare, chart.x.label.is_empty()) {
            (true, _) => 12.0,
            (false, true) => 30.0,
            (false, false) => 48.0,
        };
        let room = Rect {
            left: area.left + MARGIN,
            top: top + 4.0,
            right: area.right - 18.0,
            bottom: area.bottom - below,
        };
        layout.fit(chart, room)?;
        Ok(layout)
    }

    /// Makes room for the ticks' labels: twice, because the room changes the ticks.
    fn fit(&mut self, chart: &Chart, room: Rect) -> Result<(), String> {
        let (x, y) = (self.x, self.y);
        let mut left = room.left + if chart.bare { 0.0 } else { 30.0 };
        for _ in 0..2 {
            (self.plot, self.x, self.y) = (Rect { left: left.round(), ..room }, x, y);
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
            self.x_ticks = self.x.ticks(|label| font::width(label, TICK, false) + 14.0);
            self.y_ticks = self.y.ticks(|_| 26.0);
            let widest =
                self.y_ticks.iter().map(|tick| font::width(&tick.label, TICK, false)).fold(0.0, f64::max);
            left = room.left + widest + 8.0;
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

fn is_free(chart: &Chart, axis: &Axis) -> bool {
    axis.range.is_none() && heats(chart).next().is_none()
}

fn heats(chart: &Chart) -> impl Iterator<Item = &Heat> {
    chart.layers.iter().filter_map(|layer| match &layer.shape {
        Shape::Heat(heat) => Some(heat),
        _ => None,
    })
}

fn lengthen(scale: &mut Scale, factor: f64) {
    let more = 0.5 * (factor - 1.0) * (scale.end - scale.start);
    scale.start -= more;
    scale.end += more;
}

fn scale(axis: &Axis, (start, end): (f64, f64)) -> Scale {
    Scale { start, end, from: 0.0, to: 1.0, log: axis.log }
}

/// The ends of an axis on its ruler: what was asked for, or what holds the data.
fn ends(chart: &Chart, dimension: usize) -> Result<(f64, f64), String> {
    let (axis, name) = if dimension == 0 { (&chart.x, "x") } else { (&chart.y, "y") };
    if let Some((start, end)) = axis.range {
        return Ok((axis.ruler(start), axis.ruler(end)));
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for layer in &chart.layers {
        each_point(layer, &mut |point| {
            let value = axis.ruler(point[dimension]);
            if is_finite(&point) && value.is_finite() {
                (low, high) = (low.min(value), high.max(value));
            }
        });
    }
    match (low <= high, axis.log && !chart.layers.is_empty()) {
        (true, _) => {}
        (false, true) => {
            return Err(format!(
                "its {name} axis is logarithmic and no data is above 0: leave out `log_{name}`"
            ));
        }
        (false, false) => return Ok((0.0, 1.0)),
    }
    if !(high - low).is_finite() {
        return Err(format!("its data spans {low} to {high} in {name}: give it a shorter `{name}_range`"));
    }
    Ok(with_room(chart, dimension, (low, high)))
}

/// Widens a range so that no data lies on the edge, except for heat maps and the feet of histograms.
fn with_room(chart: &Chart, dimension: usize, (low, high): (f64, f64)) -> (f64, f64) {
    let span = high - low;
    if span <= low.abs().max(high.abs()) * 1e-12 {
        let half = if low == 0.0 { 0.5 } else { 0.1 * low.abs() };
        return (low - half, high + half);
    }
    let flush = |end: f64| {
        let of_heat = |heat: &Heat| if dimension == 0 { heat.x } else { heat.y };
        let foot = |layer: &Layer| dimension == 1 && end == 0.0 && matches!(layer.shape, Shape::Histogram(_));
        heats(chart).any(|heat| of_heat(heat).0 == end || of_heat(heat).1 == end)
            || chart.layers.iter().any(foot)
    };
    let arrows = chart.layers.iter().filter_map(|layer| match &layer.shape {
        Shape::Field { at, .. } => Some(0.5 / (at.len() as f64).sqrt()),
        _ => None,
    });
    let room = span * arrows.fold(ROOM, f64::max).min(0.2);
    (low - if flush(low) { 0.0 } else { room }, high + if flush(high) { 0.0 } else { room })
}

/// Every point that an axis must hold.
fn each_point(layer: &Layer, visit: &mut impl FnMut([f64; 2])) {
    match &layer.shape {
        Shape::Scatter(points) | Shape::Curve { points, .. } | Shape::Polygon(points) => {
            points.iter().copied().for_each(visit);
        }
        Shape::Field { at, .. } => at.iter().copied().for_each(visit),
        Shape::Band { lower, upper } => lower.iter().chain(upper).copied().for_each(visit),
        Shape::Trajectories(paths) => paths.iter().flatten().copied().for_each(visit),
        Shape::Heat(heat) => [[heat.x.0, heat.y.0], [heat.x.1, heat.y.1]].into_iter().for_each(visit),
        Shape::Histogram(bins) => {
            let end = bins.start + bins.width * bins.heights.len() as f64;
            let highest = bins.heights.iter().copied().fold(0.0, f64::max);
            [[bins.start, 0.0], [end, highest]].into_iter().for_each(visit);
        }
    }
}

/// Places the labels of the layers in lines from `top` on, which moves below them.
fn legend(chart: &Chart, area: Rect, top: &mut f64) -> Vec<(String, [f64; 2])> {
    let mut placed: Vec<(String, [f64; 2])> = Vec::new();
    let start = area.left + MARGIN;
    let mut x = start;
    for label in chart.layers.iter().map(|layer| &layer.label) {
        if label.is_empty() || placed.iter().any(|(known, _)| known == label) {
            continue;
        }
        let width = KEY + font::width(label, LABEL, false);
        if x > start && x + width > area.right - MARGIN {
            x = start;
            *top += LEGEND_LINE;
        }
        placed.push((label.clone(), [x, *top + 12.0]));
        x += width + BETWEEN;
    }
    if !placed.is_empty() {
        *top += LEGEND_LINE + 3.0;
    }
    placed
}
