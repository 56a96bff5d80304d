//! The checks of lesson 02's exercises: each accepts a right answer and says what is wrong with typical others.

use super::common::verdicts::rejected;
use pushforward::exercises::Verdict;
use pushforward::exercises::coupling::{affine_inverse, bin, masks, normalization};

#[test]
fn the_inverse_check_tells_each_mistake_by_its_name() {
    let right = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) / s.exp()], -s)
    });
    assert!(right.is_solved(), "{right}");
    let sign = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) / s.exp()], s)
    });
    rejected(&sign, "log|det| has the wrong sign at z = [1.2000");
    let none = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) / s.exp()], 0.0)
    });
    rejected(&none, "log|det| is wrong");
    let forward = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, z_2 * s.exp() + b], -s)
    });
    rejected(&forward, "forward map");
    let order = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, z_2 * (-s).exp() - b], -s)
    });
    rejected(&order, "takes the shift away first");
    let multiplied = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) * s.exp()], -s)
    });
    rejected(&multiplied, "divides by exp(s)");
    let asked = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_2);
        ([z_1, (z_2 - b) * (-s).exp()], -s)
    });
    rejected(&asked, "not at z₂");
    let logarithm = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) / s], -s)
    });
    rejected(&logarithm, "s is the logarithm");
    let shifted = affine_inverse(|[z_1, z_2], network| {
        let (s, b) = network(z_1);
        ([z_1, (z_2 - b) / s.exp()], -s - b)
    });
    rejected(&shifted, "A shift has the slope 1");
    rejected(&affine_inverse(|_, _| ([f64::NAN; 2], f64::NAN)), "x₁");
    rejected(&affine_inverse(|z, _| (z, 0.0)), "still z₂");
    rejected(&affine_inverse(|[a, b], _| ([b, a], 0.0)), "first coordinate is kept");
}

#[test]
fn the_masks_check_rejects_halves_idle_features_and_too_many_layers() {
    let digits = |features: usize| {
        let digits = features.next_power_of_two().ilog2() as usize;
        let bit = move |layer: usize, feature: usize| (feature >> (layer / 2)) % 2 != layer % 2;
        (0..2 * digits)
            .map(|layer| (0..features).map(|f| bit(layer, f)).collect())
            .collect::<Vec<Vec<bool>>>()
    };
    assert!(masks(digits).is_solved());
    let halves = |features: usize| -> Vec<Vec<bool>> {
        let first: Vec<bool> = (0..features).map(|f| f < features / 2).collect();
        vec![first.clone(), first.iter().map(|kept| !kept).collect()]
    };
    rejected(&masks(halves), "for 3 features no layer transforms feature 1 while it keeps feature 2");
    let same = |features: usize| vec![(0..features).map(|f| f == 0).collect(); 4];
    rejected(&masks(same), "feature 0 (counted from 0) is kept by every mask");
    let one_by_one = |features: usize| -> Vec<Vec<bool>> {
        (0..features).map(|layer| (0..features).map(|f| f != layer).collect()).collect()
    };
    rejected(&masks(one_by_one), "for 8 features every pair is served, but with 8 layers: 6 are enough");
    rejected(&masks(|_| vec![vec![true, false]; 2]), "feature 0 (counted from 0) is kept by every mask");
    rejected(&masks(|features| vec![vec![true; features + 1]]), "has 3 entries: expected 2");
    rejected(&masks(|_| Vec::new()), "there are no masks");
}

#[test]
fn the_bin_check_looks_at_knots_tails_and_nan() {
    let reached = |x: f32, knots: &[f32]| knots.iter().filter(|knot| x >= **knot).count();
    let within = |x: f32, knots: &[f32], k: usize| {
        (1..knots.len()).contains(&k).then(|| k - 1).filter(|_| !x.is_nan())
    };
    assert!(bin(|x, knots| within(x, knots, reached(x, knots))).is_solved());
    let strict = |x: f32, knots: &[f32]| knots.iter().filter(|knot| x > **knot).count();
    rejected(&bin(|x, knots| within(x, knots, strict(x, knots))), "first knot belongs to the first bin");
    // As if the last knot were moved up a little, as published codes do.
    let moved = |x: f32, knots: &[f32]| {
        let last = knots.len() - 1;
        let end = knots[last] + 1e-6;
        let k = knots[..last].iter().filter(|knot| x >= **knot).count();
        (k > 0 && x < end).then(|| k - 1)
    };
    rejected(&bin(moved), "last knot belongs to the tail");
    rejected(&bin(|x, knots| Some(reached(x, knots).saturating_sub(1))), "expected no bin");
    rejected(
        &bin(|x, knots| within(x, knots, reached(x, knots)).map(|k| k + 1)),
        "expected bin 0, found bin 1. Bins count from 0.",
    );
    let nan = |x: f32, knots: &[f32]| {
        let below = knots.iter().filter(|knot| x >= **knot || x.is_nan()).count();
        if x.is_nan() { Some(0) } else { within(x, knots, below) }
    };
    rejected(&bin(nan), "NaN is in no bin");
}

#[test]
fn the_normalization_check_tells_signs_scales_and_variances_apart() {
    fn moments(batch: &[[f64; 2]], feature: usize, less: f64) -> (f64, f64) {
        let n = batch.len() as f64;
        let mean = batch.iter().map(|x| x[feature]).sum::<f64>() / n;
        let squares = batch.iter().map(|x| (x[feature] - mean).powi(2)).sum::<f64>();
        (mean, (squares / (n - less)).sqrt())
    }
    fn tried(less: f64, answer: fn(f64, f64) -> (f64, f64)) -> Verdict {
        normalization(|batch| {
            let [(s_1, b_1), (s_2, b_2)] = [0, 1].map(|feature| {
                let (mean, std) = moments(batch, feature, less);
                answer(mean, std)
            });
            ([s_1, s_2], [b_1, b_2])
        })
    }
    assert!(tried(0.0, |mean, std| (-std.ln(), -mean / std)).is_solved());
    rejected(&tried(0.0, |mean, std| (std.ln(), -mean / std)), "must shrink: the sign");
    rejected(&tried(0.0, |mean, std| (1.0 / std, -mean / std)), "s is its logarithm");
    rejected(&tried(0.0, |mean, std| (-2.0 * std.ln(), -mean / std)), "take its root");
    rejected(&tried(1.0, |mean, std| (-std.ln(), -mean / std)), "not by n − 1");
    rejected(&tried(0.0, |mean, std| (-std.ln(), -mean)), "is scaled too");
    rejected(&tried(0.0, |mean, std| (-std.ln(), mean / std)), "The sign: the mean");
    rejected(&normalization(|_| ([f64::NAN; 2], [0.0; 2])), "s =");
}
