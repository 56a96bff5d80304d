//! Draws a chart: grid, layers, ticks and legend.

use super::Chart;
use super::clip::Rect;
use super::extent::matrix;
use super::font;
use super::layers::{Layer, Shape};
use super::layout::{LABEL, Layout, MARGIN, Surround, TICK};
use super::pen::{Drawn, Letters, Pen};
use super::style::{Palette, Theme};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

/// The width of curves, in logical pixels.
const STROKE: f64 = 1.75;

/// A chart that is being drawn.
pub(super) struct Marks<'a, B> {
    pub(super) pen: &'a mut Pen<B>,
    /// The chart's area, below its title.
    area: Rect,
    pub(super) layout: Layout,
    pub(super) theme: Theme,
    pub(super) palette: &'static Palette,
    /// Whether the layers lie on a heat map.
    on_heat: bool,
}

/// Draws a chart in an area.
pub(super) fn draw<B: DrawingBackend>(
    pen: &mut Pen<B>,
    chart: &Chart,
    (area, surround): (Rect, Surround),
    theme: Theme,
) -> Drawn {
    let layout = Layout::new(chart, area, surround)?;
    let on_heat = chart.layers.iter().any(|layer| matches!(layer.shape, Shape::Heat(_)));
    let mut marks = Marks { pen, area, layout, theme, palette: theme.palette(), on_heat };
    if !chart.bare {
        marks.grid()?;
    }
    for (layer, colour) in chart.layers.iter().zip(colours(&chart.layers, marks.palette, on_heat)) {
        marks.layer(layer, colour)?;
        marks.key(layer, colour)?;
    }
    if let Some(heat) = matrix(chart).filter(|_| !chart.bare) {
        marks.colour_bar(heat)?;
    }
    marks.legend()?;
    marks.names(chart)
}

/// One colour for each label and for each layer without a label; heat maps take none.
fn colours(layers: &[Layer], palette: &Palette, on_heat: bool) -> Vec<RGBColor> {
    // Blue is the colour of the heat maps.
    let mut next = usize::from(on_heat);
    let mut known: Vec<(&str, RGBColor)> = Vec::new();
    let mut colours = Vec::new();
    for layer in layers {
        let same = known.iter().find(|(label, _)| !label.is_empty() && *label == layer.label);
        let fresh = palette.series[next % palette.series.len()];
        let colour = same.map_or(fresh, |(_, colour)| *colour);
        if same.is_none() && !matches!(layer.shape, Shape::Heat(_)) {
            next += 1;
        }
        known.push((&layer.label, colour));
        colours.push(colour);
    }
    colours
}

impl<B: DrawingBackend> Marks<'_, B> {
    fn grid(&mut self) -> Drawn {
        let ink = self.palette.grid.mix(1.0);
        let plot = self.layout.plot;
        for tick in self.layout.x_ticks.iter().filter(|_| !self.on_heat) {
            self.pen.line(&[[tick.pixel, plot.top], [tick.pixel, plot.bottom]], ink, 1.0)?;
        }
        for tick in self.layout.y_ticks.iter().filter(|_| !self.on_heat) {
            self.pen.line(&[[plot.left, tick.pixel], [plot.right, tick.pixel]], ink, 1.0)?;
        }
        Ok(())
    }

    /// Writes the labels of the legend.
    fn legend(&mut self) -> Drawn {
        let look = Letters { em: LABEL, bold: false, colour: self.palette.text, anchor: HPos::Left };
        for entry in &self.layout.legend {
            let start = entry.x + entry.sign + 8.0;
            let label = font::shorten(&entry.label, LABEL, self.area.right - MARGIN - start);
            self.pen.text(&label, [start, entry.baseline], look)?;
        }
        Ok(())
    }

    /// Writes the ticks and the names of the axes.
    fn names(&mut self, chart: &Chart) -> Drawn {
        if chart.bare {
            return Ok(());
        }
        let plot = self.layout.plot;
        let look = Letters { em: TICK, bold: false, colour: self.palette.muted, anchor: HPos::Center };
        for tick in &self.layout.x_ticks {
            self.pen.text(&tick.label, [tick.pixel, plot.bottom + 17.0], look)?;
        }
        let beside = Letters { anchor: HPos::Right, ..look };
        for tick in &self.layout.y_ticks {
            self.pen.text(&tick.label, [plot.left - 8.0, tick.pixel + 4.0], beside)?;
        }
        let look = Letters { em: LABEL, colour: self.palette.text, ..look };
        let middle = 0.5 * (plot.left + plot.right);
        let half = (middle - self.area.left).min(self.area.right - middle) - MARGIN;
        let x_label = font::shorten(&chart.x.label, LABEL, 2.0 * half);
        self.pen.text(&x_label, [middle, plot.bottom + 36.0], look)?;
        let y_label = font::shorten(&chart.y.label, LABEL, self.area.width() - 2.0 * MARGIN);
        self.pen.text(&y_label, self.layout.y_label, Letters { anchor: HPos::Left, ..look })
    }

    fn layer(&mut self, layer: &Layer, colour: RGBColor) -> Drawn {
        match &layer.shape {
            Shape::Scatter(points) => self.scatter(points, colour),
            Shape::Curve { points, dashed } => self.curve(points, *dashed, colour),
            Shape::Band { lower, upper } => self.band(lower, upper, colour),
            Shape::Histogram(bins) => self.histogram(bins, colour),
            Shape::Heat(heat) => self.heat(heat),
            Shape::Field { at, arrows } => self.field(at, arrows, colour),
            Shape::Trajectories(paths) => self.trajectories(paths, colour),
            Shape::Polygon(points) => self.polygon(points, colour),
        }
    }

    pub(super) fn pixels(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        points.iter().map(|&point| self.layout.pixel(point)).collect()
    }

    /// How large the plotting area is beside that of a figure of the usual size.
    pub(super) fn area_ratio(&self) -> f64 {
        (self.layout.plot.width() * self.layout.plot.height() / 120_000.0).sqrt().clamp(0.5, 1.5)
    }

    fn scatter(&mut self, points: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let count = points.len().max(1) as f64;
        let radius = (6.0 * count.powf(-0.175)).clamp(0.9, 3.2) * self.area_ratio().sqrt();
        let alpha = (2.1 * count.powf(-0.185)).clamp(0.25, 0.9);
        let plot = self.layout.plot;
        let visible = self.pixels(points).into_iter().filter(|&point| plot.holds(point));
        // On a heat map each point has a thin edge of the page's colour: no ink stands out from all of its colours.
        let edged = self.on_heat && points.len() <= 3000;
        for point in visible.collect::<Vec<_>>() {
            if edged {
                self.pen.disc(point, radius + 0.6, self.palette.background.mix(0.7))?;
            }
            self.pen.disc(point, radius, colour.mix(if edged { 1.0 } else { alpha }))?;
        }
        Ok(())
    }

    fn curve(&mut self, points: &[[f64; 2]], dashed: bool, colour: RGBColor) -> Drawn {
        let pieces = self.layout.plot.line(&self.pixels(points));
        // A noisy curve is many times as long as the figure is wide: drawn thin, it stays behind the others.
        let noisy = pieces.iter().map(|piece| length(piece)).sum::<f64>() > 12.0 * self.layout.plot.width();
        let (width, alpha) = if noisy { (0.8, 0.6) } else { (STROKE, 1.0) };
        for piece in pieces {
            if dashed {
                self.pen.dashes(&piece, colour.mix(1.0), STROKE)?;
            } else {
                self.pen.line(&piece, colour.mix(alpha), width)?;
            }
        }
        Ok(())
    }

    fn band(&mut self, lower: &[[f64; 2]], upper: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let outline: Vec<[f64; 2]> =
            lower.iter().chain(upper.iter().rev()).map(|&p| self.on_page(p)).collect();
        self.pen.area(&self.layout.plot.area(&outline), colour.mix(0.22))
    }

    /// The pixel of a point; what a logarithmic axis cannot show lies at its start.
    pub(super) fn on_page(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.layout.pixel(point);
        [if x.is_nan() { self.layout.x.from } else { x }, if y.is_nan() { self.layout.y.from } else { y }]
    }

    fn polygon(&mut self, points: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let mut outline = self.pixels(points);
        self.pen.area(&self.layout.plot.area(&outline), colour.mix(0.15))?;
        outline.extend(outline.first().copied());
        for piece in self.layout.plot.line(&outline) {
            self.pen.line(&piece, colour.mix(1.0), STROKE)?;
        }
        Ok(())
    }

    /// Draws a layer's sign in the legend.
    fn key(&mut self, layer: &Layer, colour: RGBColor) -> Drawn {
        let Some(entry) = self.layout.legend.iter().find(|entry| entry.label == layer.label).cloned() else {
            return Ok(());
        };
        let y = entry.baseline - 4.0;
        let (left, right) = (entry.x, entry.x + entry.sign);
        let middle = [0.5 * (left + right), y];
        let patch = Rect { left, right, top: y - 5.0, bottom: y + 5.0 };
        match &layer.shape {
            Shape::Scatter(_) => self.pen.disc(middle, 3.6, colour.mix(0.9)),
            Shape::Curve { dashed: false, .. } => {
                self.pen.line(&[[left, y], [right, y]], colour.mix(1.0), 2.0)
            }
            Shape::Curve { .. } => self.pen.dashes(&[[left, y], [right, y]], colour.mix(1.0), 2.0),
            Shape::Band { .. } => self.pen.rect(patch, colour.mix(0.3)),
            Shape::Histogram(_) => self.pen.rect(patch, colour.mix(0.5)),
            Shape::Polygon(_) => self.pen.rect(patch, colour.mix(0.6)),
            Shape::Heat(_) => Ok(()),
            Shape::Field { .. } => {
                let around = Rect { top: y - 9.0, bottom: y + 9.0, ..patch };
                self.arrow(middle, [right - left, 0.0], colour, around)
            }
            Shape::Trajectories(_) => {
                self.pen.line(&[[left + 2.0, y], [right - 2.0, y]], colour.mix(0.7), 1.1)?;
                self.pen.disc([left + 2.5, y], 2.5, self.palette.background.mix(1.0))?;
                self.pen.ring([left + 2.5, y], 2.5, colour.mix(0.9), 1.0)?;
                self.pen.disc([right - 2.8, y], 2.8, colour.mix(0.95))
            }
        }
    }
}

fn length(line: &[[f64; 2]]) -> f64 {
    line.windows(2).map(|pair| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1])).sum()
}
