//! The checkerboard's squares.

use crate::exact;
use pushforward::data::{Checkerboard, ExactDensity, Sample};
use pushforward::tensor::{Real, Source, rows};
use pushforward::{Error, Result};

#[test]
fn every_checkerboard_sample_lies_in_a_dark_square_and_each_is_hit_equally() -> Result<()> {
    for board in [Checkerboard::default(), Checkerboard::FLOW_MATCHING] {
        let points = board.sample(400_000, &mut Source::new(11))?;
        // In f32 a coordinate may be rounded out of flow_matching's squares by its last bit, 3e-7.
        assert_eq!(board.share_near_dark(&points, 1e-6), 1.0);
        let mut counts = [0.0; 16];
        for [x, y] in rows(&points) {
            let [i, j] = [x, y].map(|x| ((exact(x) / board.side).floor() + 2.0).clamp(0.0, 3.0) as usize);
            counts[4 * i + j] += 1.0;
        }
        let dark = (0..16).filter(|square| (square / 4 + square % 4) % 2 == 0).map(|square| counts[square]);
        let chi_square: f64 = dark.map(|count: f64| (count - 50_000.0).powi(2) / 50_000.0).sum();
        assert!(chi_square < 24.3, "7 degrees of freedom exceed 24.3 once in 1000 times: {chi_square}");
    }
    let default = Checkerboard::default();
    let points = default.sample(400_000, &mut Source::new(11))?;
    assert_eq!(default.share_near_dark(&points, 0.0), 1.0, "squares of side 2 have edges that f32 can hold");
    Ok(())
}

#[test]
fn the_board_is_ffjords() {
    // x₁ = 4 u − 2, x₂ = v − 2 {0, 1} + ⌊x₁⌋ mod 2, times 2: with x₁ in [0, 1) x₂ is in [0, 1) or [−2, −1).
    for dark in [[1.0, 1.0], [1.0, -3.0], [3.0, 3.0], [3.0, -1.0], [-1.0, -1.0], [-1.0, 3.0], [-3.0, 1.0]] {
        assert!(
            (Checkerboard::default().log_density(dark) + 32.0_f64.ln()).abs() < 1e-14,
            "{dark:?} (rounding)"
        );
    }
    for light in [[1.0, 3.0], [-1.0, 1.0], [3.0, 1.0], [-3.0, -1.0], [5.0, 5.0], [-5.0, -3.0]] {
        assert_eq!(Checkerboard::default().log_density(light), f64::NEG_INFINITY, "{light:?}");
    }
}

#[test]
fn share_near_dark_measures_euclidean_distance_to_the_squares() -> Result<()> {
    let share = |points: &[[Real; 2]], margin| {
        Ok::<_, Error>(Checkerboard::default().share_near_dark(&Source::new(0).points(points)?, margin))
    };
    assert_eq!(share(&[[1.0, 1.0]], 0.1)?, 1.0, "inside");
    assert_eq!(share(&[[0.0, 2.0]], 0.0)?, 1.0, "a corner belongs to its square");
    assert_eq!(share(&[[1.0, 2.09]], 0.1)?, 1.0, "0.09 above an edge");
    assert_eq!(share(&[[1.0, 2.11]], 0.1)?, 0.0, "0.11 above an edge");
    assert_eq!(share(&[[4.07, 4.07]], 0.1)?, 1.0, "0.099 from a corner");
    assert_eq!(share(&[[4.08, 4.08]], 0.1)?, 0.0, "0.113 from a corner, though 0.08 along each axis");
    assert_eq!(share(&[[1.0, 3.0]], 0.99)?, 0.0, "the middle of a light square");
    assert_eq!(share(&[[1.0, 3.0], [1.0, 1.0], [9.0, 9.0], [3.0, 3.0]], 0.1)?, 0.5, "two of four");
    assert_eq!(
        share(&[[Real::NAN, 1.0], [1.0, Real::INFINITY]], 1e9)?,
        0.0,
        "what is not finite is near nothing"
    );
    assert_eq!(share(&[[1.0, 1.0]], f64::NAN)?, 0.0);
    assert_eq!(share(&[[1.0, 1.0]], -0.1)?, 0.0);
    Ok(())
}
