//! A plotters backend that draws into plotters' bitmap with smooth edges, round joins and positions finer than a pixel.
//!
//! plotters counts in whole numbers. Here they are [`UNITS`](super::pen::UNITS) to the logical pixel.

use super::coverage::Coverage;
use super::font::SIZE_PER_EM;
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};
use plotters_bitmap::{BitMapBackend, BitMapBackendError};
use std::convert::Infallible;

/// A bitmap, and the part of it that is being covered.
pub(super) struct Canvas<'a> {
    width: usize,
    height: usize,
    /// Pixels for each of plotters' units.
    scale: f64,
    bitmap: BitMapBackend<'a>,
    coverage: Coverage,
}

type Drawn = Result<(), DrawingErrorKind<BitMapBackendError>>;

impl<'a> Canvas<'a> {
    /// Draws into the red, green and blue bytes of width × height pixels, row by row.
    pub(super) fn new(rgb: &'a mut [u8], (width, height): (usize, usize), scale: f64) -> Self {
        let bitmap = BitMapBackend::with_buffer(rgb, (width as u32, height as u32));
        Self { width, height, scale, bitmap, coverage: Coverage::new(width, height) }
    }

    fn pixels(&self, (x, y): BackendCoord) -> [f64; 2] {
        [f64::from(x) * self.scale, f64::from(y) * self.scale]
    }

    /// Paints what is covered.
    fn paint(&mut self, colour: BackendColor) -> Drawn {
        let (width, bitmap) = (self.width, &mut self.bitmap);
        let mut drawn = Ok(());
        self.coverage.drain(|pixel, covered| {
            let alpha = (colour.alpha * f64::from(covered)).clamp(0.0, 1.0);
            let at = ((pixel % width) as i32, (pixel / width) as i32);
            if drawn.is_ok() {
                drawn = bitmap.draw_pixel(at, BackendColor { alpha, ..colour });
            }
        });
        drawn
    }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = BitMapBackendError;

    fn get_size(&self) -> (u32, u32) {
        let units = |pixels: usize| (pixels as f64 / self.scale).round() as u32;
        (units(self.width), units(self.height))
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn {
        self.draw_rect(point, (point.0 + 1, point.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    /// Rectangles keep to whole pixels: neighbours meet without a seam.
    fn draw_rect<S: BackendStyle>(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        if !fill {
            return self.draw_path([a, (b.0, a.1), b, (a.0, b.1), a], style);
        }
        let whole = |length: f64, most: usize| (length.round().max(0.0) as usize).min(most);
        let (a, b) = (self.pixels(a), self.pixels(b));
        let (left, right) = (whole(a[0].min(b[0]), self.width), whole(a[0].max(b[0]), self.width));
        let (top, bottom) = (whole(a[1].min(b[1]), self.height), whole(a[1].max(b[1]), self.height));
        let corner = |x: usize, y: usize| (x as i32, y as i32);
        self.bitmap.draw_rect(corner(left, top), corner(right, bottom), &style.color(), true)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let half_width = 0.5 * f64::from(style.stroke_width()) * self.scale;
        let points: Vec<[f64; 2]> = path.into_iter().map(|point| self.pixels(point)).collect();
        for pair in points.windows(2) {
            self.coverage.line(pair[0], pair[1], half_width);
        }
        self.paint(style.color())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        centre: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let radius = f64::from(radius) * self.scale;
        let half_width = 0.5 * f64::from(style.stroke_width()) * self.scale;
        let (inner, outer) = if fill { (-1.0, radius) } else { (radius - half_width, radius + half_width) };
        self.coverage.ring(self.pixels(centre), inner, outer);
        self.paint(style.color())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<[f64; 2]> = path.into_iter().map(|point| self.pixels(point)).collect();
        self.coverage.polygon(&points);
        self.paint(style.color())
    }

    /// Draws text whose top is at `pos`: its baseline lies 0.76 em below, as in plotters' SVG.
    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, pos: BackendCoord) -> Drawn {
        let font_error = |error: T::FontError| DrawingErrorKind::FontError(Box::new(error));
        let (low, high) = style.layout_box(text).map_err(font_error)?;
        let left = match style.anchor().h_pos {
            HPos::Left => pos.0,
            HPos::Center => pos.0 - (high.0 - low.0) / 2,
            HPos::Right => pos.0 - (high.0 - low.0),
        };
        // plotters puts the baseline half a size below the origin.
        let baseline = 0.76 * style.size() / SIZE_PER_EM - 0.5 * style.size();
        let top = pos.1 + baseline.round() as i32;
        let (scale, coverage) = (self.scale, &mut self.coverage);
        let drawn = style.draw(text, (left, top), |x, y, colour| {
            let (column, row) = ((f64::from(x) + 0.5) * scale, (f64::from(y) + 0.5) * scale);
            if column >= 0.0 && row >= 0.0 {
                coverage.add(column as usize, row as usize, colour.alpha * scale * scale);
            }
            Ok::<(), Infallible>(())
        });
        // Adding to the coverage does not fail.
        let Ok(()) = drawn.map_err(font_error)?;
        self.paint(style.color())
    }
}
