//! How far the axes reach: as far as was asked for, or around the data.

use super::Chart;
use super::axis::Axis;
use super::heat::Heat;
use super::layers::{Layer, Shape, is_finite};

/// How much more than the data is shown when nothing else was asked for.
const ROOM: f64 = 0.04;

/// Whether an axis may be made longer than the data.
pub(super) fn is_free(chart: &Chart, axis: &Axis) -> bool {
    axis.range.is_none() && heats(chart).next().is_none()
}

/// The first heat map whose colours a reader looks up.
pub(super) fn matrix(chart: &Chart) -> Option<&Heat> {
    heats(chart).find(|heat| !heat.smooth)
}

fn heats(chart: &Chart) -> impl Iterator<Item = &Heat> {
    chart.layers.iter().filter_map(|layer| match &layer.shape {
        Shape::Heat(heat) => Some(heat),
        _ => None,
    })
}

/// The ends of an axis on its ruler: what was asked for, or what holds the data.
pub(super) fn ends(chart: &Chart, dimension: usize) -> Result<(f64, f64), String> {
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
