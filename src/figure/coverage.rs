//! How much of each pixel a shape covers: smooth edges at any position.

/// The covered part of each pixel, from 0 to 1, in the rectangle that has been touched.
///
/// A shape is gathered here as a whole and painted once, so that a translucent line is equally strong where its
/// pieces meet.
#[derive(Debug)]
pub(super) struct Coverage {
    width: usize,
    height: usize,
    covered: Vec<f32>,
    /// First and past-the-end column, first and past-the-end row.
    touched: [usize; 4],
}

const UNTOUCHED: [usize; 4] = [usize::MAX, 0, usize::MAX, 0];

impl Coverage {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, covered: vec![0.0; width * height], touched: UNTOUCHED }
    }

    /// Covers a line from `a` to `b` with round ends.
    pub(super) fn line(&mut self, a: [f64; 2], b: [f64; 2], half_width: f64) {
        let reach = half_width + 0.5;
        let d = [b[0] - a[0], b[1] - a[1]];
        let square = (d[0] * d[0] + d[1] * d[1]).max(1e-12);
        for row in rows(a[1].min(b[1]) - reach, a[1].max(b[1]) + reach, self.height) {
            let y = row as f64 + 0.5;
            // Where the line's middle is within reach of this row, so that long lines do not visit their whole box.
            let along =
                |height: f64| if d[1] == 0.0 { 0.0 } else { ((height - a[1]) / d[1]).clamp(0.0, 1.0) };
            let (t0, t1) = if d[1] == 0.0 { (0.0, 1.0) } else { (along(y - reach), along(y + reach)) };
            let (x0, x1) = (a[0] + t0 * d[0], a[0] + t1 * d[0]);
            for column in rows(x0.min(x1) - reach, x0.max(x1) + reach, self.width) {
                let p = [column as f64 + 0.5 - a[0], y - a[1]];
                let t = ((p[0] * d[0] + p[1] * d[1]) / square).clamp(0.0, 1.0);
                let distance = (p[0] - t * d[0]).hypot(p[1] - t * d[1]);
                self.cover_most(column, row, (half_width + 0.5 - distance).min(2.0 * half_width));
            }
        }
    }

    /// Covers what lies between two radii around a centre.
    pub(super) fn ring(&mut self, centre: [f64; 2], inner: f64, outer: f64) {
        let reach = outer + 0.5;
        for row in rows(centre[1] - reach, centre[1] + reach, self.height) {
            for column in rows(centre[0] - reach, centre[0] + reach, self.width) {
                let radius = (column as f64 + 0.5 - centre[0]).hypot(row as f64 + 0.5 - centre[1]);
                self.cover_most(column, row, (outer + 0.5 - radius).min(radius - inner + 0.5));
            }
        }
    }

    /// Covers the inside of a polygon (where its winding number is not 0).
    pub(super) fn polygon(&mut self, points: &[[f64; 2]]) {
        const LINES: usize = 4;
        let (top, bottom) = points.iter().fold((f64::MAX, f64::MIN), |(t, b), p| (t.min(p[1]), b.max(p[1])));
        for row in rows(top, bottom, self.height) {
            for line in 0..LINES {
                let y = row as f64 + (line as f64 + 0.5) / LINES as f64;
                for (from, to) in inside(&crossings(points, y)) {
                    self.add_span(row, from, to, 1.0 / LINES as f64);
                }
            }
        }
    }

    fn add_span(&mut self, row: usize, from: f64, to: f64, weight: f64) {
        for column in rows(from, to, self.width) {
            let x = column as f64;
            self.add(column, row, weight * (to.min(x + 1.0) - from.max(x)).max(0.0));
        }
    }

    /// Adds to what is covered of a pixel.
    pub(super) fn add(&mut self, column: usize, row: usize, amount: f64) {
        if column < self.width && row < self.height {
            self.touch(column, row);
            self.covered[row * self.width + column] += amount as f32;
        }
    }

    fn cover_most(&mut self, column: usize, row: usize, amount: f64) {
        if amount > 0.0 {
            self.touch(column, row);
            let covered = &mut self.covered[row * self.width + column];
            *covered = covered.max(amount as f32);
        }
    }

    fn touch(&mut self, column: usize, row: usize) {
        let [left, right, top, bottom] = self.touched;
        self.touched = [left.min(column), right.max(column + 1), top.min(row), bottom.max(row + 1)];
    }

    /// Hands over each covered pixel's index and its coverage, and forgets them.
    pub(super) fn drain(&mut self, mut paint: impl FnMut(usize, f32)) {
        let [left, right, top, bottom] = std::mem::replace(&mut self.touched, UNTOUCHED);
        for row in top..bottom {
            for index in row * self.width + left..row * self.width + right {
                let covered = std::mem::take(&mut self.covered[index]);
                if covered > 0.0 {
                    paint(index, covered.min(1.0));
                }
            }
        }
    }
}

/// The pixels that an interval touches, among `count`.
fn rows(from: f64, to: f64, count: usize) -> std::ops::Range<usize> {
    (from.floor().max(0.0) as usize)..(to.ceil().max(0.0) as usize).min(count)
}

/// Where the edges of a polygon cross a horizontal line, from left to right, and whether downwards (1) or upwards (-1).
fn crossings(points: &[[f64; 2]], y: f64) -> Vec<(f64, i32)> {
    let mut found = Vec::new();
    for (i, b) in points.iter().enumerate() {
        let a = points[(i + points.len() - 1) % points.len()];
        if (a[1] <= y) != (b[1] <= y) {
            let x = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
            found.push((x, if a[1] <= y { 1 } else { -1 }));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

/// The intervals in which the winding number is not 0.
fn inside(crossings: &[(f64, i32)]) -> Vec<(f64, f64)> {
    let mut winding = 0;
    let mut spans = Vec::new();
    for pair in crossings.windows(2) {
        winding += pair[0].1;
        if winding != 0 {
            spans.push((pair[0].0, pair[1].0));
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::Coverage;

    fn total(coverage: &mut Coverage) -> f64 {
        let mut sum = 0.0;
        coverage.drain(|_, covered| sum += f64::from(covered));
        sum
    }

    #[test]
    fn coverage_sums_to_the_area_of_the_shape() {
        let mut coverage = Coverage::new(100, 100);
        coverage.polygon(&[[10.25, 10.0], [50.75, 10.0], [50.75, 30.5], [10.25, 30.5]]);
        assert!((total(&mut coverage) - 40.5 * 20.5).abs() < 1e-3);
        coverage.ring([50.0, 50.0], 0.0, 20.0);
        // The edge is a ramp of one pixel instead of an exact intersection: 1 % of the area.
        assert!((total(&mut coverage) / (400.0 * std::f64::consts::PI) - 1.0).abs() < 0.01);
        coverage.line([20.0, 20.0], [80.0, 65.0], 2.0);
        let capsule = 75.0 * 4.0 + 4.0 * std::f64::consts::PI;
        assert!((total(&mut coverage) / capsule - 1.0).abs() < 0.02);
        assert_eq!(total(&mut coverage), 0.0);
    }

    #[test]
    fn pieces_of_one_line_do_not_add_up_where_they_meet() {
        let mut whole = Coverage::new(60, 20);
        whole.line([5.0, 10.0], [55.0, 10.0], 1.5);
        let mut pieces = Coverage::new(60, 20);
        pieces.line([5.0, 10.0], [30.0, 10.0], 1.5);
        pieces.line([30.0, 10.0], [55.0, 10.0], 1.5);
        assert!((total(&mut whole) - total(&mut pieces)).abs() < 1e-3);
    }
}
