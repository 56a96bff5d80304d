//! Draws with logical pixels on any plotters backend.

use super::clip::Rect;
use super::font::font;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, RGBColor, ShapeStyle, TextStyle};
use plotters_backend::DrawingBackend;
use std::fmt::Display;

/// plotters' whole numbers for each logical pixel: a quarter of a pixel of the doubled PNG.
pub(super) const UNITS: f64 = 8.0;

/// What a drawing step gives: nothing, or why it failed.
pub(super) type Drawn = Result<(), String>;

/// A plotters backend with positions in logical pixels.
#[derive(Debug)]
pub(super) struct Pen<B> {
    pub(super) backend: B,
    /// plotters' size of a text whose em is 1.
    pub(super) size_per_em: f64,
    /// Whether small cells are cheap: true for pixels, false for SVG, where each is an element.
    pub(super) fine: bool,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Letters {
    pub(super) em: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
    pub(super) anchor: HPos,
}

impl<B: DrawingBackend> Pen<B> {
    pub(super) fn line(&mut self, points: &[[f64; 2]], ink: RGBAColor, width: f64) -> Drawn {
        let style = ShapeStyle { color: ink, filled: false, stroke_width: length(width) };
        said(self.backend.draw_path(points.iter().copied().map(whole), &style))
    }

    /// Draws a line in dashes.
    pub(super) fn dashes(&mut self, points: &[[f64; 2]], ink: RGBAColor, width: f64) -> Drawn {
        dashes(points, 6.0, 4.5).iter().try_for_each(|dash| self.line(dash, ink, width))
    }

    pub(super) fn disc(&mut self, centre: [f64; 2], radius: f64, ink: RGBAColor) -> Drawn {
        said(self.backend.draw_circle(whole(centre), length(radius), &ink.filled(), true))
    }

    pub(super) fn ring(&mut self, centre: [f64; 2], radius: f64, ink: RGBAColor, width: f64) -> Drawn {
        let style = ShapeStyle { color: ink, filled: false, stroke_width: length(width) };
        said(self.backend.draw_circle(whole(centre), length(radius), &style, false))
    }

    pub(super) fn area(&mut self, points: &[[f64; 2]], ink: RGBAColor) -> Drawn {
        if points.len() < 3 {
            return Ok(());
        }
        said(self.backend.fill_polygon(points.iter().copied().map(whole), &ink.filled()))
    }

    pub(super) fn rect(&mut self, rect: Rect, ink: RGBAColor) -> Drawn {
        let (a, b) = (whole([rect.left, rect.top]), whole([rect.right, rect.bottom]));
        said(self.backend.draw_rect(a, b, &ink.filled(), true))
    }

    /// Fills a rectangle with rows and columns of cells, the first row at the top; `None` stays blank.
    ///
    /// Neighbours of one colour are drawn as one.
    pub(super) fn cells(
        &mut self,
        rect: Rect,
        (columns, rows): (usize, usize),
        colour: impl Fn(usize, usize) -> Option<RGBColor>,
    ) -> Drawn {
        let x = |column: usize| rect.left + rect.width() * column as f64 / columns as f64;
        let y = |row: usize| rect.top + rect.height() * row as f64 / rows as f64;
        for row in 0..rows {
            let colours: Vec<Option<RGBColor>> = (0..columns).map(|column| colour(row, column)).collect();
            let mut start = 0;
            for run in colours.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                if let Some(colour) = run[0] {
                    let rect = Rect { left: x(start), right: x(end), top: y(row), bottom: y(row + 1) };
                    self.rect(rect, colour.mix(1.0))?;
                }
                start = end;
            }
        }
        Ok(())
    }

    /// Writes a text on a baseline.
    pub(super) fn text(&mut self, text: &str, [x, baseline]: [f64; 2], look: Letters) -> Drawn {
        let font = font(look.em * self.size_per_em * UNITS, look.bold);
        let style = TextStyle::from(font).color(&look.colour).pos(Pos::new(look.anchor, VPos::Top));
        // plotters' SVG puts the baseline 0.76 em below the top, and so does our canvas.
        said(self.backend.draw_text(text, &style, whole([x, baseline - 0.76 * look.em])))
    }

    pub(super) fn finish(&mut self) -> Drawn {
        said(self.backend.present())
    }
}

fn said<E: Display>(drawn: Result<(), E>) -> Drawn {
    drawn.map_err(|error| error.to_string())
}

fn whole([x, y]: [f64; 2]) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}

fn length(pixels: f64) -> u32 {
    ((pixels * UNITS).round() as u32).max(1)
}

/// Cuts a line into dashes of `dash` pixels with gaps of `gap`.
fn dashes(points: &[[f64; 2]], dash: f64, gap: f64) -> Vec<Vec<[f64; 2]>> {
    let mut found: Vec<Vec<[f64; 2]>> = vec![points.first().copied().into_iter().collect()];
    let (mut drawing, mut left) = (true, dash);
    for pair in points.windows(2) {
        let (mut a, b) = (pair[0], pair[1]);
        let mut rest = (b[0] - a[0]).hypot(b[1] - a[1]);
        while rest > left {
            let t = left / rest;
            a = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
            rest -= left;
            match (drawing, found.last_mut()) {
                (true, Some(current)) => current.push(a),
                _ => found.push(vec![a]),
            }
            drawing = !drawing;
            left = if drawing { dash } else { gap };
        }
        left -= rest;
        if let (true, Some(current)) = (drawing, found.last_mut()) {
            current.push(b);
        }
    }
    found
}
