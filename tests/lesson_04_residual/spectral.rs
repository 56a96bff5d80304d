//! Bounds of the spectral norm.

use super::singular_values;
use pushforward::Error;
use pushforward::dfdx::prelude::{Const, Rank2, Tensor, TensorFromVec};
use pushforward::residual::{MatrixNorm, PowerIteration, spectral_bound};
use pushforward::tensor::{Dev, Real, Source};
use rand::Rng;
use rand_distr::StandardNormal;

type Weight<const I: usize, const O: usize> = Tensor<Rank2<O, I>, Real, Dev>;

fn weight<const I: usize, const O: usize>(entries: &[f64]) -> Weight<I, O> {
    let entries = entries.iter().map(|w| *w as Real).collect();
    Source::new(0).device().tensor_from_vec(entries, (Const::<O>, Const::<I>))
}

fn exact<const I: usize, const O: usize>(weight: &Weight<I, O>) -> Vec<f64> {
    weight.as_vec().into_iter().map(f64::from).collect()
}

fn random(rows: usize, columns: usize) -> Vec<f64> {
    let mut source = Source::new(rows as u64);
    (0..rows * columns).map(|_| source.sample(StandardNormal)).collect()
}

/// H diag(σ) G with reflections H and G.
fn with_spectrum<const N: usize>(sigma: impl Fn(usize) -> f64) -> Vec<f64> {
    let reflection = |seed: usize| {
        let mut v = random(seed, N)[..N].to_vec();
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        move |i: usize, j: usize| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j]
    };
    let (h, g) = (reflection(N), reflection(N + 1));
    (0..N * N).map(|e| (0..N).map(|k| h(e / N, k) * sigma(k) * g(k, e % N)).sum()).collect()
}

/// The claims of both bounds, for one matrix.
fn law<const I: usize, const O: usize>(name: &str, entries: &[f64]) {
    let weight = weight::<I, O>(entries);
    let entries = exact(&weight);
    let sigma = singular_values(&entries, O)[0];
    let rounding = 1e-12 * sigma;
    for squarings in [0, 3, 8, 20] {
        let p = f64::from((1u32 << squarings) + 1);
        let MatrixNorm { value, gradient } = spectral_bound(&weight, squarings).unwrap();
        assert!(value >= sigma - rounding, "{name}, {squarings} squarings: {value} is below {sigma}");
        let most = (I.min(O) as f64).powf(1.0 / (2.0 * p)) * sigma;
        assert!(value <= most + rounding, "{name}, {squarings} squarings: {value} is above {most}");
        let inner: f64 = gradient.iter().zip(&entries).map(|(g, w)| g * w).sum();
        assert!((inner - value).abs() <= rounding, "{name}: ⟨∇S, W⟩ = {inner} is S = {value}");
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}: the gradient is finite");
    }
    let mut iteration = PowerIteration::new(I, &mut Source::new(1)).unwrap();
    let mut last = 0.0;
    for _ in 0..30 {
        let MatrixNorm { value, gradient } = iteration.update(&weight, 1).unwrap();
        assert!(value <= sigma + rounding, "{name}: power iteration gives {value}, above {sigma}");
        assert!(value >= last - rounding, "{name}: power iteration fell from {last} to {value}");
        let inner: f64 = gradient.iter().zip(&entries).map(|(g, w)| g * w).sum();
        assert!((inner - value).abs() <= rounding, "{name}: ⟨u vᵀ, W⟩ = {inner} is {value}");
        last = value;
    }
}

#[test]
fn one_bound_is_above_and_the_other_below_the_largest_singular_value() {
    law::<64, 64>("random, square", &random(64, 64));
    law::<2, 64>("random, tall", &random(64, 2));
    law::<64, 3>("random, wide", &random(3, 64));
    law::<7, 5>("random, of odd sizes", &random(5, 7));
    law::<1, 1>("one entry", &[-0.3]);
    law::<1, 9>("a column", &random(9, 1));
    let (u, v) = (random(20, 1), random(30, 1));
    law::<30, 20>("of rank one", &u.iter().flat_map(|u| v.iter().map(move |v| u * v)).collect::<Vec<_>>());
    law::<16, 16>("orthogonal", &with_spectrum::<16>(|_| 1.0));
    law::<16, 16>("with a spectrum in a cluster", &with_spectrum::<16>(|k| 1.0 - 1e-3 * k as f64));
    law::<16, 16>("of tiny entries", &random(16, 16).iter().map(|w| w * 1e-30).collect::<Vec<_>>());
    law::<16, 16>("of huge entries", &random(16, 16).iter().map(|w| w * 1e30).collect::<Vec<_>>());
    law::<6, 4>("zero", &[0.0; 24]);
}

#[test]
fn the_gradient_of_the_upper_bound_is_its_central_difference() {
    fn check<const I: usize, const O: usize>() {
        let entries = random(O, I);
        let gradient = spectral_bound(&weight::<I, O>(&entries), 8).unwrap().gradient;
        for place in 0..entries.len() {
            let [above, below] = [1e-5, -1e-5].map(|step| {
                let mut moved = entries.clone();
                moved[place] += step;
                let moved = weight::<I, O>(&moved);
                (exact(&moved)[place], spectral_bound(&moved, 8).unwrap().value)
            });
            let difference = (above.1 - below.1) / (above.0 - below.0);
            // The bound bends by about p = 257: (257 · 10⁻⁵)², and entries that f32 has rounded.
            assert!(
                (difference - gradient[place]).abs() < 1e-4,
                "{place}: {difference}, {}",
                gradient[place]
            );
        }
    }
    check::<5, 7>();
    check::<7, 5>();
}

#[test]
fn power_iteration_is_far_below_where_singular_values_are_close() {
    let weight = weight::<16, 16>(&with_spectrum::<16>(|k| if k == 0 { 1.0 } else { 0.9 }));
    let sigma = singular_values(&exact(&weight), 16)[0];
    let mut iteration = PowerIteration::new(16, &mut Source::new(1)).unwrap();
    let after_one = iteration.update(&weight, 1).unwrap().value;
    assert!(after_one < 0.96 * sigma, "{after_one}: what was divided by it would expand by 4 %");
    let later = iteration.update(&weight, 300).unwrap().value;
    assert!((later - sigma).abs() < 1e-9 * sigma, "(0.9)⁶⁰⁰ of the other directions is left: {later}");
}

#[test]
fn bounds_refuse_what_they_cannot_take() {
    let bad = weight::<2, 1>(&[1.0, f64::NAN]);
    assert!(matches!(spectral_bound(&bad, 8), Err(Error::NotFinite { index: 1, .. })));
    let good = weight::<2, 1>(&[1.0, 2.0]);
    assert!(matches!(spectral_bound(&good, 25), Err(Error::OutOfDomain { .. })));
    let mut source = Source::new(0);
    assert!(matches!(PowerIteration::new(0, &mut source), Err(Error::Empty { .. })));
    let mut iteration = PowerIteration::new(3, &mut source).unwrap();
    assert!(matches!(iteration.update(&good, 1), Err(Error::WrongLength { expected: 2, found: 3, .. })));
    let mut iteration = PowerIteration::new(2, &mut source).unwrap();
    assert!(matches!(iteration.update(&bad, 1), Err(Error::NotFinite { .. })));
}
