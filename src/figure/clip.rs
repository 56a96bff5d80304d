//! Cuts lines and areas at the edges of the plotting area.

/// A rectangle in logical pixels, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Whether a point lies inside or, but for rounding, on the edge; NaN does not.
    pub(super) fn holds(&self, [x, y]: [f64; 2]) -> bool {
        const SLACK: f64 = 1e-6;
        (self.left - SLACK..=self.right + SLACK).contains(&x)
            && (self.top - SLACK..=self.bottom + SLACK).contains(&y)
    }

    /// The visible pieces of a line, which breaks at points that are not finite.
    pub(super) fn line(&self, points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
        let mut pieces: Vec<Vec<[f64; 2]>> = Vec::new();
        for pair in points.windows(2) {
            let Some((start, end)) = self.segment(pair[0], pair[1]) else { continue };
            match pieces.last_mut() {
                Some(piece) if piece.last() == Some(&start) => piece.push(end),
                _ => pieces.push(vec![start, end]),
            }
        }
        pieces
    }

    /// The visible part of a segment (Liang and Barsky).
    fn segment(&self, a: [f64; 2], b: [f64; 2]) -> Option<([f64; 2], [f64; 2])> {
        let d = [b[0] - a[0], b[1] - a[1]];
        if !(d[0].is_finite() && d[1].is_finite()) {
            return None;
        }
        let walls = [
            (-d[0], a[0] - self.left),
            (d[0], self.right - a[0]),
            (-d[1], a[1] - self.top),
            (d[1], self.bottom - a[1]),
        ];
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (speed, room) in walls {
            if speed < 0.0 {
                enter = enter.max(room / speed);
            } else if speed > 0.0 {
                leave = leave.min(room / speed);
            } else if room < 0.0 {
                return None;
            }
        }
        let at = |t: f64| [a[0] + t * d[0], a[1] + t * d[1]];
        let start = if enter > 0.0 { at(enter) } else { a };
        let end = if leave < 1.0 { at(leave) } else { b };
        (enter <= leave).then_some((start, end))
    }

    /// The visible part of a polygon (Sutherland and Hodgman).
    pub(super) fn area(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let walls =
            [(0, 1.0, self.left), (0, -1.0, -self.right), (1, 1.0, self.top), (1, -1.0, -self.bottom)];
        walls.iter().fold(points.to_vec(), |points, &(axis, sign, wall)| {
            behind(&points, |point: [f64; 2]| sign * point[axis] - wall)
        })
    }
}

/// The part of a polygon where `depth` is not negative.
fn behind(points: &[[f64; 2]], depth: impl Fn([f64; 2]) -> f64) -> Vec<[f64; 2]> {
    let mut kept = Vec::with_capacity(points.len() + 4);
    for (i, &b) in points.iter().enumerate() {
        let a = points[(i + points.len() - 1) % points.len()];
        let (from, to) = (depth(a), depth(b));
        if (from < 0.0) != (to < 0.0) {
            let t = from / (from - to);
            kept.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
        }
        if to >= 0.0 {
            kept.push(b);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::Rect;

    const UNIT: Rect = Rect { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    #[test]
    fn line_that_leaves_and_returns_gives_two_pieces() {
        let pieces = UNIT.line(&[[-1.0, 0.5], [0.5, 0.5], [2.0, 0.5], [2.0, 0.25], [0.5, 0.25]]);
        assert_eq!(pieces, [vec![[0.0, 0.5], [0.5, 0.5], [1.0, 0.5]], vec![[1.0, 0.25], [0.5, 0.25]]]);
    }

    #[test]
    fn line_breaks_where_a_point_is_not_finite() {
        let pieces = UNIT.line(&[[0.1, 0.1], [0.2, 0.1], [f64::NAN, 0.1], [0.4, 0.1], [0.5, 0.1]]);
        assert_eq!(pieces.len(), 2);
    }

    #[test]
    fn area_larger_than_the_rectangle_becomes_the_rectangle() {
        let mut found = UNIT.area(&[[-1.0, -1.0], [2.0, -1.0], [2.0, 2.0], [-1.0, 2.0]]);
        found.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(found, [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    }
}
