//! What people look at: points, curves, densities, vector fields, trajectories, images and animations.
//!
//! A [`Figure`] is a plain value. Its builders take data, copy it and give the figure back; nothing can fail until
//! the figure is drawn, and whatever was wrong with the data is reported there, in words that say what to do.
//!
//! ```
//! use pushforward::figure::{Figure, Theme};
//!
//! let figure = Figure::new("The standard normal density")
//!     .x_label("x")
//!     .y_label("p(x)")
//!     .function("exp(−x²/2) / √2π", -4.0..4.0, |x| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt());
//! let svg = figure.svg(Theme::Light)?;
//! assert!(svg.contains("The standard normal density"));
//! # Ok::<(), pushforward::Error>(())
//! ```

mod animation;
mod axis;
mod canvas;
mod clip;
mod coverage;
mod data;
mod extent;
mod flow;
mod font;
mod heat;
mod histogram;
mod layers;
mod layout;
mod marks;
mod pen;
mod quantize;
mod render;
mod show;
mod style;

pub use animation::Animation;
pub use data::{Pair, Planar, Values};
pub use show::Picture;
pub use style::Theme;

use crate::{Error, Result};
use axis::Axis;
use layers::Layer;
use std::fmt;
use std::ops::Range;

/// A picture that is described first and drawn later, for a white or a dark page.
///
/// A figure holds either layers on one pair of axes, or panels, or images.
#[derive(Clone)]
pub struct Figure {
    title: String,
    size: Option<(u32, u32)>,
    content: Content,
    /// The first thing that was wrong with what a builder was given.
    problem: Option<String>,
}

/// Its title: where a picture cannot be shown, its thousands of points should not be either.
impl fmt::Debug for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figure({:?})", self.title)
    }
}

#[derive(Clone)]
enum Content {
    Chart(Chart),
    Panels { panels: Vec<Figure>, columns: usize },
    Images { images: Vec<Vec<f64>>, width: usize, columns: usize },
}

/// Layers on one pair of axes.
#[derive(Clone, Debug, Default)]
struct Chart {
    layers: Vec<Layer>,
    x: Axis,
    y: Axis,
    equal: bool,
    bare: bool,
}

impl Figure {
    /// An empty figure of 480 by 400 logical pixels, whose axes will fit the data.
    pub fn new(title: impl Into<String>) -> Self {
        Self::with(title, Content::Chart(Chart::default()))
    }

    /// A grid of grey images, each a row-major list of values from 0 (black) to 1 (white), `width` pixels wide.
    ///
    /// Values outside of [0, 1] are clamped.
    pub fn images(images: &[Vec<f64>], width: usize, columns: usize, title: impl Into<String>) -> Self {
        let figure = Self::with(title, Content::Images { images: images.to_vec(), width, columns });
        figure.record(render::check_images(images, width, columns))
    }

    /// Panels side by side, all of the same height, each with its own title.
    ///
    /// Panels whose size was not given share about 960 logical pixels.
    pub fn row(title: impl Into<String>, panels: impl IntoIterator<Item = Self>) -> Self {
        let panels: Vec<Self> = panels.into_iter().collect();
        let columns = panels.len();
        Self::rows(title, panels, columns)
    }

    /// Panels in a grid of so many columns, filled row by row.
    pub fn rows(title: impl Into<String>, panels: impl IntoIterator<Item = Self>, columns: usize) -> Self {
        let panels: Vec<Self> = panels.into_iter().collect();
        let checked = match (panels.len(), columns) {
            (0, _) => Err("it has no panels: give it at least one figure".into()),
            (_, 0) => Err("its panels are in 0 columns: ask for at least 1 column".into()),
            _ => Ok(()),
        };
        Self::with(title, Content::Panels { panels, columns }).record(checked)
    }

    fn with(title: impl Into<String>, content: Content) -> Self {
        Self { title: title.into(), size: None, content, problem: None }
    }

    /// Sets the size in logical pixels; a PNG has twice as many on each side.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = Some((width, height));
        let sound = |length: u32| (1..=4000).contains(&length);
        let checked = if sound(width) && sound(height) {
            Ok(())
        } else {
            Err(format!("its size is {width} x {height}: give each side 1 to 4000 logical pixels"))
        };
        self.record(checked)
    }

    /// Names the horizontal axis.
    pub fn x_label(self, label: &str) -> Self {
        self.chart(|chart| {
            chart.x.label = label.into();
            Ok(())
        })
    }

    /// Names the vertical axis.
    pub fn y_label(self, label: &str) -> Self {
        self.chart(|chart| {
            chart.y.label = label.into();
            Ok(())
        })
    }

    /// Shows this part of the horizontal axis instead of all data; a descending range turns the axis round.
    pub fn x_range(self, range: Range<f64>) -> Self {
        self.chart(|chart| chart.x.set_range("x", &range))
    }

    /// Shows this part of the vertical axis instead of all data; a descending range turns the axis round.
    pub fn y_range(self, range: Range<f64>) -> Self {
        self.chart(|chart| chart.y.set_range("y", &range))
    }

    /// Makes one unit as long in x as in y.
    ///
    /// An axis whose range was not given is lengthened to fill the figure; if both were given, the plotting area
    /// shrinks.
    pub fn equal_axes(self) -> Self {
        self.chart(|chart| {
            chart.equal = true;
            Ok(())
        })
    }

    /// Makes the horizontal axis logarithmic; data at or below 0 is left out.
    pub fn log_x(self) -> Self {
        self.chart(|chart| chart.x.set_log("x"))
    }

    /// Makes the vertical axis logarithmic; data at or below 0 is left out.
    pub fn log_y(self) -> Self {
        self.chart(|chart| chart.y.set_log("y"))
    }

    /// Leaves out axes, ticks and grid: for images and small panels.
    pub fn bare(self) -> Self {
        self.chart(|chart| {
            chart.bare = true;
            Ok(())
        })
    }

    /// Changes the chart, and remembers why it could not be changed.
    fn chart(mut self, change: impl FnOnce(&mut Chart) -> Result<(), String>) -> Self {
        let changed = match &mut self.content {
            Content::Chart(chart) => change(chart),
            Content::Panels { .. } => {
                Err("it is made of panels: give labels, ranges and layers to its panels".into())
            }
            Content::Images { .. } => {
                Err("it is made of images: layers need a figure from `Figure::new`".into())
            }
        };
        self.record(changed)
    }

    /// Keeps the first problem: later ones are often only its consequences.
    fn record(mut self, checked: Result<(), String>) -> Self {
        self.problem = self.problem.or(checked.err());
        self
    }

    /// The error that says why this figure cannot be drawn.
    fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::Figure { title: self.title.clone(), problem: problem.into() }
    }
}
