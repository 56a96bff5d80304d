//! What moves: vector fields and trajectories.

use super::clip::Rect;
use super::marks::Marks;
use super::pen::Drawn;
use plotters::style::{Color, RGBColor};
use plotters_backend::DrawingBackend;

impl<B: DrawingBackend> Marks<'_, B> {
    pub(super) fn field(&mut self, at: &[[f64; 2]], arrows: &[[f64; 2]], colour: RGBColor) -> Drawn {
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
    pub(super) fn arrow(
        &mut self,
        middle: [f64; 2],
        arrow: [f64; 2],
        colour: RGBColor,
        inside: Rect,
    ) -> Drawn {
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

    pub(super) fn trajectories(&mut self, paths: &[Vec<[f64; 2]>], colour: RGBColor) -> Drawn {
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
