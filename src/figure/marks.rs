//! Draws a chart: grid, layers, ticks and legend.

use super::Chart;
use super::clip::Rect;
use super::layers::{Bins, Heat, Layer, Shape};
use super::layout::{KEY, LABEL, Layout, TICK};
use super::pen::{Drawn, Letters, Pen};
use super::style::{Palette, Theme};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

/// The width of curves, in logical pixels.
const STROKE: f64 = 1.75;

/// A chart that is being drawn.
struct Marks<'a, B> {
    pen: &'a mut Pen<B>,
    layout: Layout,
    theme: Theme,
    palette: &'static Palette,
    /// Whether the layers lie on a heat map.
    on_heat: bool,
}

/// Draws a chart in an area.
pub(super) fn draw<B: DrawingBackend>(pen: &mut Pen<B>, chart: &Chart, area: Rect, theme: Theme) -> Drawn {
    let layout = Layout::new(chart, area)?;
    let on_heat = chart.layers.iter().any(|layer| matches!(layer.shape, Shape::Heat(_)));
    let mut marks = Marks { pen, layout, theme, palette: theme.palette(), on_heat };
    if !chart.bare {
        marks.grid()?;
    }
    for (layer, colour) in chart.layers.iter().zip(colours(&chart.layers, marks.palette, on_heat)) {
        marks.layer(layer, colour)?;
        marks.key(layer, colour)?;
    }
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
        self.pen.text(&chart.x.label, [middle, plot.bottom + 36.0], look)?;
        self.pen.text(&chart.y.label, self.layout.y_label, Letters { anchor: HPos::Left, ..look })
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

    fn pixels(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        points.iter().map(|&point| self.layout.pixel(point)).collect()
    }

    /// How large the plotting area is beside that of a figure of the usual size.
    fn area_ratio(&self) -> f64 {
        (self.layout.plot.width() * self.layout.plot.height() / 120_000.0).sqrt().clamp(0.5, 1.5)
    }

    fn scatter(&mut self, points: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let count = points.len().max(1) as f64;
        let radius = (6.0 * count.powf(-0.175)).clamp(0.9, 3.2) * self.area_ratio().sqrt();
        let alpha = (2.1 * count.powf(-0.185)).clamp(0.25, 0.9);
        let plot = self.layout.plot;
        let visible = self.pixels(points).into_iter().filter(|&point| plot.holds(point));
        for point in visible.collect::<Vec<_>>() {
            self.pen.disc(point, radius, colour.mix(alpha))?;
        }
        Ok(())
    }

    fn curve(&mut self, points: &[[f64; 2]], dashed: bool, colour: RGBColor) -> Drawn {
        for piece in self.layout.plot.line(&self.pixels(points)) {
            if dashed {
                self.pen.dashes(&piece, colour.mix(1.0), STROKE)?;
            } else {
                self.pen.line(&piece, colour.mix(1.0), STROKE)?;
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
    fn on_page(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = self.layout.pixel(point);
        [if x.is_nan() { self.layout.x.from } else { x }, if y.is_nan() { self.layout.y.from } else { y }]
    }

    fn histogram(&mut self, bins: &Bins, colour: RGBColor) -> Drawn {
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

    fn heat(&mut self, heat: &Heat) -> Drawn {
        let (low, high) = heat.extremes();
        let signed = !heat.smooth && low < 0.0 && high > 0.0;
        let most = low.abs().max(high.abs());
        let theme = self.theme;
        let colour = |value: f64| match (value.is_finite(), signed) {
            (false, _) => None,
            (true, true) => Some(theme.diverging(value / most)),
            (true, false) if high > low => Some(theme.sequential((value - low) / (high - low))),
            (true, false) => Some(theme.sequential(0.5)),
        };
        let (a, b) = (self.on_page([heat.x.0, heat.y.0]), self.on_page([heat.x.1, heat.y.1]));
        let whole =
            Rect { left: a[0].min(b[0]), top: a[1].min(b[1]), right: a[0].max(b[0]), bottom: a[1].max(b[1]) };
        let Some(seen) = intersection(whole, self.layout.plot) else { return Ok(()) };
        let (columns, rows) = (heat.columns, heat.values.len() / heat.columns);
        // Cells of the picture: the heat map's own, or half pixels where it is smooth, cut or on a logarithmic axis.
        let plain = seen == whole && !self.layout.x.log && !self.layout.y.log;
        let exact = plain && !(heat.smooth && self.pen.fine);
        let halves = |length: f64| (2.0 * length).round().max(1.0) as usize;
        let cells = if exact { (columns, rows) } else { (halves(seen.width()), halves(seen.height())) };
        let (x, y) = (self.layout.x, self.layout.y);
        let inside = |value: f64, (start, end): (f64, f64), count: usize| {
            (value - start) / (end - start) * count as f64
        };
        let across: Vec<f64> = (0..cells.0)
            .map(|i| x.value(seen.left + seen.width() * (i as f64 + 0.5) / cells.0 as f64))
            .map(|value| inside(value, heat.x, columns))
            .collect();
        let down: Vec<f64> = (0..cells.1)
            .map(|i| y.value(seen.top + seen.height() * (i as f64 + 0.5) / cells.1 as f64))
            .map(|value| inside(value, heat.y, rows))
            .collect();
        let smooth = heat.smooth && !exact;
        self.pen.cells(seen, cells, |row, column| colour(heat.at(across[column], down[row], smooth)))
    }

    fn field(&mut self, at: &[[f64; 2]], arrows: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let units = [self.layout.x.pixels_per_unit(), self.layout.y.pixels_per_unit()];
        let arrows: Vec<[f64; 2]> = arrows.iter().map(|v| [v[0] * units[0], v[1] * units[1]]).collect();
        let longest = arrows.iter().map(|v| v[0].hypot(v[1])).fold(0.0, f64::max);
        let places = self.pixels(at);
        let spacing = spacing(&places);
        let scale = if longest > 0.0 { 0.95 * spacing / longest } else { 0.0 };
        for (&middle, arrow) in places.iter().zip(&arrows) {
            if self.layout.plot.holds(middle) {
                self.arrow(middle, [arrow[0] * scale, arrow[1] * scale], colour, self.layout.plot)?;
            }
        }
        Ok(())
    }

    /// Draws an arrow around its middle, as far as it lies inside; a very short one is a dot.
    fn arrow(&mut self, middle: [f64; 2], arrow: [f64; 2], colour: RGBColor, inside: Rect) -> Drawn {
        let length = arrow[0].hypot(arrow[1]);
        let ink = colour.mix(0.9);
        if length < 1.5 {
            return self.pen.disc(middle, 0.8, ink);
        }
        let along = [arrow[0] / length, arrow[1] / length];
        let at = |far: f64, wide: f64| {
            [middle[0] + far * along[0] - wide * along[1], middle[1] + far * along[1] + wide * along[0]]
        };
        let head = (0.42 * length).clamp(2.4, 7.0);
        let tip = 0.5 * length;
        for piece in inside.line(&[at(-tip, 0.0), at(tip - 0.8 * head, 0.0)]) {
            self.pen.line(&piece, ink, 1.2)?;
        }
        let triangle = [
            at(tip, 0.0),
            at(tip - head, 0.4 * head),
            at(tip - 0.75 * head, 0.0),
            at(tip - head, -0.4 * head),
        ];
        self.pen.area(&inside.area(&triangle), ink)
    }

    fn trajectories(&mut self, paths: &[Vec<[f64; 2]>], colour: RGBColor) -> Drawn {
        let count = paths.len().max(1) as f64;
        let alpha = (1.6 * count.powf(-0.22)).clamp(0.2, 0.8);
        let radius = (4.2 * count.powf(-0.13)).clamp(1.3, 3.0) * self.area_ratio().sqrt();
        let plot = self.layout.plot;
        let paths: Vec<Vec<[f64; 2]>> = paths.iter().map(|path| self.pixels(path)).collect();
        for piece in paths.iter().flat_map(|path| plot.line(path)) {
            self.pen.line(&piece, colour.mix(alpha), 1.1)?;
        }
        let page = self.palette.background.mix(1.0);
        for &start in paths.iter().filter_map(|path| path.first()).filter(|&&start| plot.holds(start)) {
            self.pen.disc(start, radius, page)?;
            self.pen.ring(start, radius, colour.mix(0.9), 0.9)?;
        }
        for &end in paths.iter().filter_map(|path| path.last()).filter(|&&end| plot.holds(end)) {
            self.pen.disc(end, radius + 0.3, colour.mix(0.95))?;
        }
        Ok(())
    }

    fn polygon(&mut self, points: &[[f64; 2]], colour: RGBColor) -> Drawn {
        let mut outline = self.pixels(points);
        self.pen.area(&self.layout.plot.area(&outline), colour.mix(0.15))?;
        outline.extend(outline.first().copied());
        // Twice round the first corner, so that it is joined like the others.
        for piece in self.layout.plot.line(&outline) {
            self.pen.line(&piece, colour.mix(1.0), STROKE)?;
        }
        Ok(())
    }

    /// Draws a layer's sign and label in the legend.
    fn key(&mut self, layer: &Layer, colour: RGBColor) -> Drawn {
        let Some((label, [x, baseline])) = self.layout.legend.iter().find(|(label, _)| *label == layer.label)
        else {
            return Ok(());
        };
        let (x, middle) = (*x, baseline - 4.0);
        let look = Letters { em: LABEL, bold: false, colour: self.palette.text, anchor: HPos::Left };
        self.pen.text(label, [x + KEY, *baseline], look)?;
        let box_of =
            |top: f64| Rect { left: x + 2.0, right: x + 16.0, top: middle - top, bottom: middle + 5.0 };
        match &layer.shape {
            Shape::Scatter(_) => self.pen.disc([x + 9.0, middle], 3.6, colour.mix(0.9)),
            Shape::Curve { dashed: false, .. } => {
                self.pen.line(&[[x, middle], [x + 17.0, middle]], colour.mix(1.0), 2.0)
            }
            Shape::Curve { .. } => self.pen.dashes(&[[x, middle], [x + 17.0, middle]], colour.mix(1.0), 2.0),
            Shape::Band { .. } => self.pen.rect(box_of(5.0), colour.mix(0.3)),
            Shape::Histogram(_) => self.pen.rect(box_of(5.0), colour.mix(0.5)),
            Shape::Polygon(_) => self.pen.rect(box_of(5.0), colour.mix(0.6)),
            Shape::Heat(_) => Ok(()),
            Shape::Field { .. } => {
                let key = Rect { left: x, right: x + KEY, top: middle - 9.0, bottom: middle + 9.0 };
                self.arrow([x + 9.0, middle], [17.0, 0.0], colour, key)
            }
            Shape::Trajectories(_) => {
                self.pen.line(&[[x + 2.0, middle], [x + 15.0, middle]], colour.mix(0.7), 1.1)?;
                self.pen.disc([x + 2.0, middle], 2.4, self.palette.background.mix(1.0))?;
                self.pen.ring([x + 2.0, middle], 2.4, colour.mix(0.9), 1.0)?;
                self.pen.disc([x + 15.0, middle], 2.8, colour.mix(0.95))
            }
        }
    }
}

fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let (left, right) = (a.left.max(b.left), a.right.min(b.right));
    let (top, bottom) = (a.top.max(b.top), a.bottom.min(b.bottom));
    (left < right && top < bottom).then_some(Rect { left, top, right, bottom })
}

/// The distance between neighbours, were the points a square grid.
fn spacing(points: &[[f64; 2]]) -> f64 {
    let span = |dimension: usize| {
        let ends = points.iter().filter(|point| point[dimension].is_finite());
        let (low, high) =
            ends.fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p[dimension]), high.max(p[dimension])));
        (high - low).max(1.0)
    };
    let side = (points.len() as f64).sqrt();
    // n points on a side have n - 1 gaps between them.
    (span(0) * span(1)).sqrt() / (side - 1.0).max(1.0)
}
