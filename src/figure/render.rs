//! From a figure to a PNG or an SVG.

use super::canvas::Canvas;
use super::clip::Rect;
use super::font::{SIZE_PER_EM, SVG_SIZE_PER_EM};
use super::layout::{MARGIN, Surround, title_lines};
use super::pen::{Drawn, Letters, Pen, UNITS};
use super::style::{Theme, grey};
use super::{Content, Figure, marks, quantize};
use crate::Result;
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::HPos;
use plotters_backend::DrawingBackend;

/// The size of a figure that was given none.
const SIZE: (u32, u32) = (480, 400);
/// The width that panels of no given size share.
const ROW: f64 = 960.0;
/// Between panels, beside their own margins.
const GAP: f64 = 4.0;
const IMAGE_GAP: f64 = 4.0;
/// The titles of a figure of its own and of a panel.
const OWN: Heading = Heading { em: 14.0, first: 25.0, line: 19.0, lines: 0, surround: Surround::NONE };
const PANEL: Heading = Heading { em: 12.5, first: 16.0, line: 17.0, lines: 0, surround: Surround::NONE };
/// The longest side that is drawn, in logical pixels.
const LONGEST: u32 = 8000;

/// How a title is set.
#[derive(Clone, Copy, Debug)]
struct Heading {
    em: f64,
    /// From the top of the figure to the first baseline, and from there to the next.
    first: f64,
    line: f64,
    /// How many lines are kept free at least, so that panels side by side begin at one height.
    lines: usize,
    /// What is kept free around the plotting area at least, for the same reason.
    surround: Surround,
}

impl Heading {
    fn set(&self, title: &str, width: f64) -> Vec<String> {
        title_lines(title, self.em, width - 2.0 * MARGIN)
    }

    /// The height of a title of so many lines, with the room around it.
    fn height(&self, lines: usize) -> f64 {
        match lines.max(self.lines) {
            0 => 12.0,
            lines => self.first - 7.0 + self.line * lines as f64,
        }
    }
}

impl Figure {
    /// Draws the figure as a PNG with twice as many pixels as its logical size, for sharp screens.
    ///
    /// # Errors
    /// [`Error::Figure`](crate::Error::Figure) if the figure was given data that cannot be drawn.
    pub fn png(&self, theme: Theme) -> Result<Vec<u8>> {
        let (width, height, rgb) = self.pixels(theme, 2.0)?;
        quantize::png(width, height, &rgb).map_err(|error| self.refuse(error.to_string()))
    }

    /// Draws the figure as a self-contained SVG, with its text as text.
    ///
    /// # Errors
    /// [`Error::Figure`](crate::Error::Figure) if the figure was given data that cannot be drawn.
    pub fn svg(&self, theme: Theme) -> Result<String> {
        let (width, height) = self.checked_size()?;
        let fine = (width * UNITS as u32, height * UNITS as u32);
        let mut svg = String::new();
        let backend = SVGBackend::with_string(&mut svg, fine);
        self.draw(Pen { backend, size_per_em: SVG_SIZE_PER_EM, fine: false }, theme, (width, height))?;
        // Control characters have no place in XML, not even escaped.
        svg.retain(|c| c == '\n' || !c.is_control());
        // plotters gives the drawing its size in units, and lines sharp corners.
        let head = format!("<svg width=\"{}\" height=\"{}\"", fine.0, fine.1);
        let with = format!(
            "<svg width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\" stroke-linecap=\"round\""
        );
        // Quotation marks in texts are escaped: these are attributes, and they say what holds without them.
        Ok(svg.replacen(&head, &with, 1).replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""))
    }

    /// The picture's width, height and colour bytes, at so many pixels to the logical pixel.
    pub(super) fn pixels(&self, theme: Theme, scale: f64) -> Result<(usize, usize, Vec<u8>)> {
        let (width, height) = self.checked_size()?;
        let large = |length: u32| (f64::from(length) * scale).round() as usize;
        let size = (large(width), large(height));
        let mut rgb = vec![0; 3 * size.0 * size.1];
        let backend = Canvas::new(&mut rgb, size, scale / UNITS);
        drop(self.draw(Pen { backend, size_per_em: SIZE_PER_EM, fine: true }, theme, (width, height))?);
        Ok((size.0, size.1, rgb))
    }

    fn draw<B: DrawingBackend>(
        &self,
        mut pen: Pen<B>,
        theme: Theme,
        (width, height): (u32, u32),
    ) -> Result<Pen<B>> {
        let page = Rect { left: 0.0, top: 0.0, right: f64::from(width), bottom: f64::from(height) };
        let refuse = |problem: String| self.refuse(problem);
        pen.rect(page, theme.palette().background.into()).map_err(refuse)?;
        self.draw_in(&mut pen, page, theme, OWN)?;
        pen.finish().map_err(refuse)?;
        Ok(pen)
    }

    /// Draws the figure in an area.
    fn draw_in<B: DrawingBackend>(
        &self,
        pen: &mut Pen<B>,
        area: Rect,
        theme: Theme,
        heading: Heading,
    ) -> Result<()> {
        self.check()?;
        let refuse = |problem: String| self.refuse(problem);
        let look = Letters { em: heading.em, bold: true, colour: theme.palette().text, anchor: HPos::Left };
        let title = heading.set(&self.title, area.width());
        for (line, words) in title.iter().enumerate() {
            let baseline = area.top + heading.first + heading.line * line as f64;
            pen.text(words, [area.left + MARGIN, baseline], look).map_err(refuse)?;
        }
        let room = Rect { top: area.top + heading.height(title.len()), ..area };
        match &self.content {
            Content::Chart(chart) => marks::draw(pen, chart, (room, heading.surround), theme).map_err(refuse),
            Content::Images { images, width, columns } => {
                draw_images(pen, images, *width, *columns, room).map_err(refuse)
            }
            Content::Panels { panels, columns } => draw_panels(pen, panels, *columns, room, theme),
        }
    }

    /// What the figure, `width` wide, keeps free around its plotting area.
    fn surround(&self, width: f64) -> Surround {
        match &self.content {
            Content::Chart(chart) => Surround::of(chart, width),
            _ => Surround::NONE,
        }
    }

    /// What was recorded as wrong, as an error.
    pub(super) fn check(&self) -> Result<()> {
        match &self.problem {
            Some(problem) => Err(self.refuse(problem.clone())),
            None => Ok(()),
        }
    }

    fn checked_size(&self) -> Result<(u32, u32)> {
        self.check()?;
        let (width, height) = self.logical_size();
        if width.max(height) > LONGEST {
            return Err(self.refuse(format!(
                "it is {width} x {height} logical pixels large: show fewer panels or images, or give it a `size`"
            )));
        }
        Ok((width, height))
    }

    /// The size in logical pixels: as given, or as the content needs.
    pub(super) fn logical_size(&self) -> (u32, u32) {
        let (width, height) = match (&self.content, self.size) {
            (_, Some(size)) => return size,
            (Content::Chart(_), None) => return SIZE,
            (Content::Images { images, width, columns }, None) => images_size(images, *width, *columns),
            (Content::Panels { panels, columns }, None) => {
                let (widths, heights) = panel_sizes(panels, *columns);
                (total(&widths, GAP) + 2.0 * GAP, total(&heights, GAP) + GAP)
            }
        };
        let height = height + OWN.height(OWN.set(&self.title, width).len());
        (width.round() as u32, height.round() as u32)
    }
}

/// Draws panels in a grid that fills the room.
fn draw_panels<B: DrawingBackend>(
    pen: &mut Pen<B>,
    panels: &[Figure],
    columns: usize,
    room: Rect,
    theme: Theme,
) -> Result<()> {
    let (widths, heights) = panel_sizes(panels, columns);
    let across = room.width() / (total(&widths, GAP) + 2.0 * GAP);
    let down = room.height() / (total(&heights, GAP) + GAP);
    let mut top = room.top;
    for (row, height) in panels.chunks(columns).zip(heights) {
        let titles =
            row.iter().zip(&widths).map(|(panel, width)| PANEL.set(&panel.title, width * across).len());
        let surrounds = row.iter().zip(&widths).map(|(panel, width)| panel.surround(width * across));
        let surround = surrounds.fold(Surround::NONE, Surround::or);
        let heading = Heading { lines: titles.max().unwrap_or(0), surround, ..PANEL };
        let mut left = room.left + GAP * across;
        for (panel, width) in row.iter().zip(&widths) {
            let area = Rect { left, top, right: left + width * across, bottom: top + height * down };
            panel.draw_in(pen, area, theme, heading)?;
            left += (width + GAP) * across;
        }
        top += (height + GAP) * down;
    }
    Ok(())
}

fn total(lengths: &[f64], gap: f64) -> f64 {
    lengths.iter().sum::<f64>() + gap * lengths.len().saturating_sub(1) as f64
}

/// The widths of the columns and the heights of the rows.
fn panel_sizes(panels: &[Figure], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let columns = columns.clamp(1, panels.len().max(1));
    let share = ((ROW - GAP * (columns + 1) as f64) / columns as f64).clamp(150.0, 460.0).floor();
    let size = |panel: &Figure| match (&panel.content, panel.size) {
        (Content::Chart(_), None) => (share, (0.92 * share).round() + 10.0),
        (Content::Images { images, width, columns }, None) => {
            let (width, height) = images_size(images, *width, *columns);
            (share, (height * share / width).round() + PANEL.height(1))
        }
        _ => {
            let (width, height) = panel.logical_size();
            (f64::from(width), f64::from(height))
        }
    };
    let mut widths = vec![0.0f64; columns];
    for (i, panel) in panels.iter().enumerate() {
        widths[i % columns] = widths[i % columns].max(size(panel).0);
    }
    let heights =
        panels.chunks(columns).map(|row| row.iter().map(|panel| size(panel).1).fold(0.0, f64::max)).collect();
    (widths, heights)
}

/// What is wrong with a grid of images.
pub(super) fn check_images(images: &[Vec<f64>], width: usize, columns: usize) -> Result<(), String> {
    let Some(first) = images.first() else { return Err("it has no images: give it at least one".into()) };
    if width == 0 || columns == 0 {
        return Err(format!("its images are {width} wide in {columns} columns: give both at least 1"));
    }
    if first.is_empty() || first.len() % width != 0 {
        return Err(format!(
            "its images have {} values: make that a multiple of the width {width}",
            first.len()
        ));
    }
    if let Some(other) = images.iter().find(|image| image.len() != first.len()) {
        return Err(format!(
            "its images have {} and {} values: make them equally large",
            first.len(),
            other.len()
        ));
    }
    match images.iter().position(|image| image.iter().any(|value| !value.is_finite())) {
        Some(index) => Err(format!("image {index} holds a number that is not finite: check how it was made")),
        None => Ok(()),
    }
}

/// The size of one image in pixels, and of the grid in images.
fn image_grid(images: &[Vec<f64>], width: usize, columns: usize) -> (usize, usize, usize) {
    let columns = columns.clamp(1, images.len().max(1));
    let height = images.first().map_or(1, |image| image.len() / width.max(1));
    (height, columns, images.len().div_ceil(columns))
}

fn images_size(images: &[Vec<f64>], width: usize, columns: usize) -> (f64, f64) {
    let (height, columns, rows) = image_grid(images, width, columns);
    let most = (ROW - 2.0 * MARGIN) / columns as f64 - IMAGE_GAP;
    // Half pixels: whole pixels of the doubled PNG.
    let pixel = ((2.0 * most.min(56.0) / width.max(1) as f64).floor() / 2.0).max(0.5);
    let length = |count: usize, pixels: usize| count as f64 * (pixel * pixels as f64 + IMAGE_GAP) - IMAGE_GAP;
    (length(columns, width) + 2.0 * MARGIN, length(rows, height) + MARGIN)
}

fn draw_images<B: DrawingBackend>(
    pen: &mut Pen<B>,
    images: &[Vec<f64>],
    width: usize,
    columns: usize,
    room: Rect,
) -> Drawn {
    let (height, columns, rows) = image_grid(images, width, columns);
    let share = |length: f64, count: usize, pixels: usize| {
        ((length + IMAGE_GAP) / count as f64 - IMAGE_GAP) / pixels as f64
    };
    let pixel =
        share(room.width() - 2.0 * MARGIN, columns, width).min(share(room.height() - MARGIN, rows, height));
    let pixel = if pixel >= 0.5 { (2.0 * pixel + 1e-6).floor() / 2.0 } else { pixel };
    if pixel <= 0.0 {
        return Err("there is no room for its images: give it a larger `size` or more columns".into());
    }
    for (i, image) in images.iter().enumerate() {
        let step = |pixels: usize| pixel * pixels as f64 + IMAGE_GAP;
        let left = room.left + MARGIN + step(width) * (i % columns) as f64;
        let top = room.top + step(height) * (i / columns) as f64;
        let area =
            Rect { left, top, right: left + pixel * width as f64, bottom: top + pixel * height as f64 };
        pen.cells(area, (width, height), |row, column| Some(grey(image[row * width + column])))?;
    }
    Ok(())
}
