//! The layers of a figure: what is drawn on its axes, from plain data.

use super::heat::Heat;
use super::histogram::Bins;
use super::{Figure, Planar, Values};
use crate::Result;
use std::ops::Range;

/// How many points a function is drawn through.
const EVALUATIONS: u32 = 400;

/// One thing drawn on the axes; layers of equal label share a colour and an entry in the legend.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) label: String,
    pub(super) shape: Shape,
}

/// What a layer draws, in the units of the data.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Scatter(Vec<[f64; 2]>),
    Curve { points: Vec<[f64; 2]>, dashed: bool },
    Band { lower: Vec<[f64; 2]>, upper: Vec<[f64; 2]> },
    Histogram(Bins),
    Heat(Heat),
    Field { at: Vec<[f64; 2]>, arrows: Vec<[f64; 2]> },
    Trajectories(Vec<Vec<[f64; 2]>>),
    Polygon(Vec<[f64; 2]>),
}

impl Figure {
    /// Draws each point as a dot; many points are drawn smaller and fainter. Points that are not finite are left out.
    ///
    /// As in all layers, an empty label keeps the layer out of the legend.
    pub fn scatter(self, label: &str, points: impl Planar) -> Self {
        let points = points.planar();
        self.layer(label, some_finite(label, &points), || Shape::Scatter(points))
    }

    /// Joins the points by a line, which breaks where a point is not finite.
    pub fn curve(self, label: &str, points: impl Planar) -> Self {
        let points = points.planar();
        self.layer(label, some_finite(label, &points), || Shape::Curve { points, dashed: false })
    }

    /// Joins the points by a dashed line, which breaks where a point is not finite.
    pub fn dashed(self, label: &str, points: impl Planar) -> Self {
        let points = points.planar();
        self.layer(label, some_finite(label, &points), || Shape::Curve { points, dashed: true })
    }

    /// Draws the graph of `f` over a range, through 400 points.
    pub fn function(self, label: &str, range: Range<f64>, f: impl Fn(f64) -> f64) -> Self {
        if let Err(problem) = check_range(&format!("the range of function \"{label}\""), &range) {
            return self.record(Err(problem));
        }
        let step = (range.end - range.start) / f64::from(EVALUATIONS - 1);
        let points: Vec<[f64; 2]> =
            (0..EVALUATIONS).map(|i| range.start + f64::from(i) * step).map(|x| [x, f(x)]).collect();
        self.curve(label, points)
    }

    /// Fills the area between two curves of equally many points.
    pub fn band(self, label: &str, lower: impl Planar, upper: impl Planar) -> Self {
        let (lower, upper) = (lower.planar(), upper.planar());
        let checked = same_length(label, "lower and upper points", lower.len(), upper.len())
            .and_then(|()| all_finite(label, &lower))
            .and_then(|()| all_finite(label, &upper));
        self.layer(label, checked, || Shape::Band { lower, upper })
    }

    /// Counts the values in bins of equal width and draws their density: the bars' areas sum to 1.
    pub fn histogram(self, label: &str, values: impl Values, bins: usize) -> Self {
        match Bins::new(label, &values.values(), bins) {
            Ok(bins) => self.layer(label, Ok(()), || Shape::Histogram(bins)),
            Err(problem) => self.record(Err(problem)),
        }
    }

    /// Draws a function of the plane as a heat map, from one call with the centres of n x n cells.
    ///
    /// The centres are in row-major order with y in the outer loop. Cells whose value is not finite stay blank.
    ///
    /// # Errors
    /// Whatever `f` fails with.
    pub fn density(
        self,
        x: Range<f64>,
        y: Range<f64>,
        n: usize,
        mut f: impl FnMut(&[[f64; 2]]) -> Result<Vec<f64>>,
    ) -> Result<Self> {
        if let Err(problem) = check_grid(&x, &y, n) {
            return Ok(self.record(Err(problem)));
        }
        let values = f(&centres(&x, &y, n))?;
        let heat = Heat { x: (x.start, x.end), y: (y.start, y.end), columns: n, values, smooth: true };
        let checked = if heat.values.len() == n * n {
            heat.check()
        } else {
            let found = heat.values.len();
            Err(format!("the density has {found} values for {n} x {n} cells: give one value per cell"))
        };
        Ok(self.layer("", checked, || Shape::Heat(heat)))
    }

    /// Draws rows of numbers as a heat map over a rectangle; the first row lies at `y.start`.
    ///
    /// A bar beside it tells which colour is which number. Numbers of both signs get a map that is neutral at 0. For a matrix with its first row at the top, give the
    /// figure a descending `y_range`.
    pub fn heat(self, x: Range<f64>, y: Range<f64>, rows: &[Vec<f64>]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        let checked = if columns == 0 {
            Err("the heat map has no numbers: give it at least one row of at least one number".into())
        } else if rows.iter().any(|row| row.len() != columns) {
            Err("the rows of the heat map differ in length: make them equally long".into())
        } else {
            check_range("the x range of the heat map", &x)
                .and_then(|()| check_range("the y range of the heat map", &y))
        };
        let heat =
            Heat { x: (x.start, x.end), y: (y.start, y.end), columns, values: rows.concat(), smooth: false };
        let checked = checked.and_then(|()| heat.check());
        self.layer("", checked, || Shape::Heat(heat))
    }

    /// Draws an arrow at each point; the arrows are scaled together so that they fit between their neighbours.
    pub fn field(self, label: &str, at: impl Planar, arrows: impl Planar) -> Self {
        let (at, arrows) = (at.planar(), arrows.planar());
        let checked = same_length(label, "points and arrows", at.len(), arrows.len())
            .and_then(|()| all_finite(label, &at))
            .and_then(|()| all_finite(label, &arrows));
        self.layer(label, checked, || Shape::Field { at, arrows })
    }

    /// Draws paths as thin lines, with a hollow dot where each starts and a filled dot where it ends.
    pub fn trajectories(self, label: &str, paths: &[Vec<[f64; 2]>]) -> Self {
        let paths = paths.to_vec();
        self.layer(label, some_finite(label, &paths.concat()), || Shape::Trajectories(paths))
    }

    /// Draws a closed outline with a light fill.
    pub fn polygon(self, label: &str, points: impl Planar) -> Self {
        let points = points.planar();
        self.layer(label, all_finite(label, &points), || Shape::Polygon(points))
    }

    fn layer(self, label: &str, checked: Result<(), String>, shape: impl FnOnce() -> Shape) -> Self {
        let label = label.to_owned();
        self.chart(|chart| {
            checked?;
            chart.layers.push(Layer { label, shape: shape() });
            Ok(())
        })
    }
}

/// The centres of n x n cells, y in the outer loop.
fn centres(x: &Range<f64>, y: &Range<f64>, n: usize) -> Vec<[f64; 2]> {
    let at =
        |range: &Range<f64>, i: usize| range.start + (range.end - range.start) * (i as f64 + 0.5) / n as f64;
    (0..n * n).map(|i| [at(x, i % n), at(y, i / n)]).collect()
}

fn check_grid(x: &Range<f64>, y: &Range<f64>, n: usize) -> Result<(), String> {
    if !(1..=2000).contains(&n) {
        return Err(format!("the density has {n} x {n} cells: ask for 1 to 2000 on each side"));
    }
    check_range("the x range of the density", x).and_then(|()| check_range("the y range of the density", y))
}

/// Ranges of layers ascend; only axes may be turned round.
fn check_range(what: &str, range: &Range<f64>) -> Result<(), String> {
    if range.start < range.end && (range.end - range.start).is_finite() {
        return Ok(());
    }
    Err(format!("{what} is {} to {}: give a finite start below a finite end", range.start, range.end))
}

fn same_length(label: &str, what: &str, first: usize, second: usize) -> Result<(), String> {
    if first == second {
        return Ok(());
    }
    Err(format!("layer \"{label}\" has {first} and {second} {what}: give as many of the one as of the other"))
}

fn some_finite(label: &str, points: &[[f64; 2]]) -> Result<(), String> {
    if points.iter().flatten().any(|value| !value.is_nan()) && points.iter().any(is_finite) {
        return Ok(());
    }
    Err(format!(
        "layer \"{label}\" has no finite point among {}: check how its points were computed",
        points.len()
    ))
}

fn all_finite(label: &str, points: &[[f64; 2]]) -> Result<(), String> {
    match points.iter().position(|point| !is_finite(point)) {
        _ if points.is_empty() => Err(format!("layer \"{label}\" is empty: give it at least one point")),
        Some(index) => Err(format!(
            "layer \"{label}\" holds {:?} at position {index}: give it finite points only",
            points[index]
        )),
        None => Ok(()),
    }
}

pub(super) fn is_finite(point: &[f64; 2]) -> bool {
    point.iter().all(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::centres;

    #[test]
    fn density_cells_are_listed_row_by_row_from_their_centres() {
        assert_eq!(
            centres(&(0.0..2.0), &(10.0..14.0), 2),
            [[0.5, 11.0], [1.5, 11.0], [0.5, 13.0], [1.5, 13.0]]
        );
    }
}
