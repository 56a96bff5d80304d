//! What is refused, and with which words.

use super::common::mixtures::{no_points, three, times};
use pushforward::Error;
use pushforward::cnf::{DOPRI5, OdeSolver, Probes, TraceEstimator};
use pushforward::dfdx::prelude::ZeroGrads;
use pushforward::nn::{Mlp, Tanh};
use pushforward::score_matching::{
    AnnealedLangevin, Corrector, Diffused, Langevin, Level, NoiseLevels, NoisyMixture, ProbabilityFlow,
    ReverseSampler, ReverseStep, Score, Sde, Slices, Weighting, denoising_score_matching,
    explicit_score_matching, implicit_score_matching, noise_conditional_loss, sliced_score_matching,
};
use pushforward::tensor::{PerPoint, Points, Real, Source};

fn out_of_domain<T: std::fmt::Debug>(found: pushforward::Result<T>) {
    assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{found:?}");
}

fn not_finite<T: std::fmt::Debug>(found: pushforward::Result<T>) {
    assert!(matches!(found, Err(Error::NotFinite { .. })), "{found:?}");
}

fn empty<T: std::fmt::Debug>(found: pushforward::Result<T>) {
    assert!(matches!(found, Err(Error::Empty { .. })), "{found:?}");
}

fn mismatch<T: std::fmt::Debug>(found: pushforward::Result<T>) {
    assert!(matches!(found, Err(Error::BatchMismatch { .. })), "{found:?}");
}

fn points(n: usize) -> Points<2> {
    Source::new(1).normal(n).unwrap()
}

fn not_a_point() -> Points<2> {
    Source::new(1).points(&[[0.0, Real::NAN], [1.0, 2.0]]).unwrap()
}

fn bad_equations() -> Vec<Sde> {
    let mut bad = Vec::new();
    for (low, high) in [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, f64::NAN), (1.0, f64::INFINITY)] {
        bad.push(Sde::VarianceExploding { sigma_min: low, sigma_max: high });
    }
    for (low, high) in [(-0.1, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.1, f64::INFINITY)] {
        bad.push(Sde::VariancePreserving { beta_min: low, beta_max: high });
        bad.push(Sde::SubVariancePreserving { beta_min: low, beta_max: high });
    }
    bad
}

#[test]
fn equations_with_parameters_out_of_their_ranges_are_refused_everywhere() {
    let network = Mlp::<3, 4, 2, 0, Tanh>::new(&Source::new(0)).unwrap();
    for sde in bad_equations() {
        let mut source = Source::new(0);
        out_of_domain(sde.check());
        out_of_domain(sde.diffuse(points(2), times(0.5, 2), points(2)));
        out_of_domain(sde.sample_prior::<2>(2, &mut source));
        out_of_domain(sde.prior_log_prob(points(2)));
        out_of_domain(sde.noise_from_score(&times(0.5, 2), points(2)));
        out_of_domain(NoisyMixture::new(&three(), sde));
        out_of_domain(NoiseLevels::even(&sde, 3, 1.0));
        let sample = Diffused { t: times(0.5, 2), x_t: points(2), noise: points(2) };
        out_of_domain(
            noise_conditional_loss(&network, &sde, sample, Weighting::Variance, network.alloc_grads())
                .map(drop),
        );
        let flow = ProbabilityFlow { score: network.clone(), sde };
        let solver = OdeSolver::adaptive(DOPRI5, 1e-3);
        out_of_domain(flow.log_prob(points(2), 1.0, solver, TraceEstimator::Exact));
        let level = |t| Level { t, alpha: 1.0, sigma: 1.0 };
        out_of_domain(ReverseStep::EulerMaruyama(sde).coefficients(&level(0.0), &level(0.1)));
    }
}

#[test]
fn times_outside_of_0_to_1_and_batches_that_do_not_fit_are_refused() {
    let sde = Sde::VARIANCE_PRESERVING;
    let exact = NoisyMixture::new(&three(), sde).unwrap();
    for t in [-0.1, 1.1, Real::NAN] {
        out_of_domain(sde.diffuse(points(2), times(t, 2), points(2)));
        out_of_domain(exact.score(times(t, 2), points(2)));
        out_of_domain(exact.log_prob_at(t, points(2)));
        out_of_domain(sde.data_from_score(&times(t, 2), points(2), points(2)));
        out_of_domain(Langevin { step: 0.1, steps: 1 }.run(&exact, t, points(2), &mut Source::new(0)));
        let flow = ProbabilityFlow { score: exact.clone(), sde };
        let solver = OdeSolver::adaptive(DOPRI5, 1e-3);
        out_of_domain(flow.log_prob(points(2), t, solver, TraceEstimator::Exact));
        out_of_domain(flow.sample::<2>(2, t, solver, &mut Source::new(0)));
        out_of_domain(NoiseLevels::even(&sde, 3, t.into()));
    }
    mismatch(sde.diffuse(points(2), times(0.5, 3), points(2)));
    mismatch(sde.diffuse(points(2), times(0.5, 2), points(3)));
    mismatch(exact.score(times(0.5, 3), points(2)));
    mismatch(sde.data_from_score(&times(0.5, 2), points(2), points(3)));
    mismatch(sde.data_from_noise(&times(0.5, 2), points(3), points(2)));
    mismatch(sde.noise_from_data(&times(0.5, 3), points(2), points(2)));
    empty(sde.diffuse(no_points::<2>(), times(0.5, 1), no_points::<2>()));
    empty(exact.score(times(0.5, 1), no_points::<2>()));
    not_finite(sde.diffuse(not_a_point(), times(0.5, 2), points(2)));
    not_finite(sde.diffuse(points(2), times(0.5, 2), not_a_point()));
    not_finite(exact.score(times(0.5, 2), not_a_point()));
}

#[test]
fn objectives_refuse_what_is_no_batch_of_points() {
    let s = Mlp::<2, 4, 2, 0, Tanh>::new(&Source::new(0)).unwrap();
    let gradients = || s.alloc_grads();
    let v = |n| Probes::draw(pushforward::residual::Noise::Gaussian, n, &mut Source::new(0)).unwrap();
    not_finite(explicit_score_matching(&s, not_a_point(), points(2), gradients()).map(drop));
    not_finite(explicit_score_matching(&s, points(2), not_a_point(), gradients()).map(drop));
    mismatch(explicit_score_matching(&s, points(2), points(3), gradients()).map(drop));
    not_finite(implicit_score_matching(&s, not_a_point(), gradients()).map(drop));
    empty(implicit_score_matching(&s, no_points::<2>(), gradients()).map(drop));
    mismatch(sliced_score_matching(&s, points(2), &v(3), Slices::Plain, gradients()).map(drop));
    not_finite(sliced_score_matching(&s, not_a_point(), &v(2), Slices::Plain, gradients()).map(drop));
    empty(sliced_score_matching(&s, points(2), &Probes::Axes, Slices::Plain, gradients()).map(drop));
    for sigma in [0.0, -1.0, Real::NAN, Real::INFINITY] {
        out_of_domain(denoising_score_matching(&s, points(2), points(2), sigma, gradients()).map(drop));
    }
    mismatch(denoising_score_matching(&s, points(2), points(3), 0.1, gradients()).map(drop));
    not_finite(denoising_score_matching(&s, points(2), not_a_point(), 0.1, gradients()).map(drop));
}

#[test]
fn the_loss_refuses_what_does_not_belong_together_and_infinite_weights() {
    let network = Mlp::<3, 4, 2, 0, Tanh>::new(&Source::new(0)).unwrap();
    let loss = |sde: Sde, t: PerPoint, x_t, noise, weighting| {
        let sample = Diffused { t, x_t, noise };
        noise_conditional_loss(&network, &sde, sample, weighting, network.alloc_grads()).map(drop)
    };
    let preserving = Sde::VARIANCE_PRESERVING;
    mismatch(loss(preserving, times(0.5, 3), points(2), points(2), Weighting::Variance));
    mismatch(loss(preserving, times(0.5, 2), points(2), points(3), Weighting::Variance));
    out_of_domain(loss(preserving, times(2.0, 2), points(2), points(2), Weighting::Variance));
    not_finite(loss(preserving, times(0.5, 2), not_a_point(), points(2), Weighting::Variance));
    empty(loss(preserving, times(0.5, 1), no_points(), no_points(), Weighting::Variance));
    out_of_domain(loss(preserving, times(1.0, 2), points(2), points(2), Weighting::Likelihood));
    loss(preserving, times(1.0, 2), points(2), points(2), Weighting::Variance).unwrap();
    loss(Sde::VARIANCE_EXPLODING, times(1.0, 2), points(2), points(2), Weighting::Likelihood).unwrap();
}

#[test]
fn samplers_refuse_settings_that_make_no_sense() {
    let sde = Sde::VARIANCE_PRESERVING;
    let exact = NoisyMixture::new(&three(), sde).unwrap();
    let mut source = Source::new(0);
    for step in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        out_of_domain(Langevin { step, steps: 1 }.run(&exact, 0.5, points(2), &mut source));
        let levels = NoiseLevels::geometric(1.0, 0.1, 3).unwrap();
        let annealed = AnnealedLangevin { levels, step, steps_per_level: 1 };
        out_of_domain(annealed.run(&exact, points(2), &mut source));
        let sampler = ReverseSampler {
            levels: NoiseLevels::even(&sde, 3, 0.9).unwrap(),
            step: ReverseStep::ReverseDiffusion,
            corrector: Some(Corrector { signal_to_noise: step, steps: 1 }),
        };
        out_of_domain(sampler.run(&exact, points(2), &mut source));
    }
    let to_data = NoiseLevels::even(&sde, 3, 1.0).unwrap();
    let annealed = AnnealedLangevin { levels: to_data, step: 0.1, steps_per_level: 1 };
    out_of_domain(annealed.run(&exact, points(2), &mut source));
    not_finite(Langevin { step: 0.1, steps: 0 }.run(&exact, 0.5, not_a_point(), &mut source));
    // Steps that are too long for the curvature: every one multiplies the distance.
    not_finite(Langevin { step: 100.0, steps: 500 }.run(&exact, 1.0, points(2), &mut source));
    out_of_domain(NoiseLevels::geometric(1.0, 0.1, 1));
    out_of_domain(NoiseLevels::geometric(0.1, 1.0, 4));
    out_of_domain(NoiseLevels::even(&sde, 0, 1.0));
    out_of_domain(NoiseLevels::even(&sde, 3, 0.0));
    for (steps, first, last) in
        [(0, 0.1, 0.2), (3, 0.0, 0.2), (3, 0.1, 1.0), (3, 0.3, 0.2), (3, 0.1, f64::NAN)]
    {
        out_of_domain(NoiseLevels::ddpm(steps, first, last));
    }
    out_of_domain(NoiseLevels::ddpm(10, 0.1, 0.2).unwrap().every(0));
    let levels = NoiseLevels::even(&sde, 3, 0.9).unwrap();
    for eta in [-0.1, 1.1, f64::NAN] {
        let step = ReverseStep::Ddim { eta };
        out_of_domain(ReverseSampler { levels: levels.clone(), step, corrector: None }.run(
            &exact,
            points(2),
            &mut source,
        ));
    }
    let sampler = ReverseSampler { levels, step: ReverseStep::ReverseDiffusion, corrector: None };
    not_finite(sampler.run(&exact, not_a_point(), &mut source));
    empty(sampler.run(&exact, no_points::<2>(), &mut source));
    empty(sde.draw_times(0, &mut source));
    empty(sde.sample_prior::<2>(0, &mut source));
}

/// A score that forgets a point.
struct Forgets;

impl Score<2> for Forgets {
    fn score(&self, _: PerPoint, _: Points<2>) -> pushforward::Result<Points<2>> {
        Ok(points(1))
    }
}

#[test]
fn a_score_that_forgets_a_point_is_found_out() {
    let sde = Sde::VARIANCE_PRESERVING;
    let mut source = Source::new(0);
    mismatch(Langevin { step: 0.1, steps: 1 }.run(&Forgets, 0.5, points(2), &mut source));
    let levels = NoiseLevels::even(&sde, 3, 0.9).unwrap();
    let sampler = ReverseSampler { levels, step: ReverseStep::ReverseDiffusion, corrector: None };
    mismatch(sampler.run(&Forgets, points(2), &mut source));
    let flow = ProbabilityFlow { score: Forgets, sde };
    mismatch(pushforward::cnf::VectorField::velocity(&flow, times(0.5, 2), points(2)));
}

#[test]
fn more_steps_than_there_is_memory_for_are_refused() {
    let sde = Sde::VARIANCE_PRESERVING;
    for steps in [usize::MAX, usize::MAX - 1, 1 << 60] {
        out_of_domain(NoiseLevels::even(&sde, steps, 1.0));
        out_of_domain(NoiseLevels::ddpm(steps, 1e-4, 0.02));
    }
}

#[test]
fn conversions_refuse_what_is_not_finite_and_what_nothing_is_left_of() {
    let sde = Sde::VARIANCE_PRESERVING;
    let t = times(0.5, 2);
    not_finite(sde.noise_from_score(&t, not_a_point()));
    not_finite(sde.score_from_noise(&t, not_a_point()));
    not_finite(sde.data_from_score(&t, not_a_point(), points(2)));
    not_finite(sde.score_from_data(&t, points(2), not_a_point()));
    not_finite(sde.prior_log_prob(not_a_point()));
    // exp(−B / 2) is too small a number for f64.
    let strong = Sde::VariancePreserving { beta_min: 0.1, beta_max: 1e4 };
    out_of_domain(strong.data_from_score(&times(0.0, 2), points(2), points(2)));
    out_of_domain(strong.data_from_noise(&times(0.0, 2), points(2), points(2)));
}

#[test]
fn noise_that_is_too_small_to_divide_by_is_refused() {
    let tiny = if size_of::<Real>() == 4 { 1e-40 } else { 1e-310 };
    let sde = Sde::VarianceExploding { sigma_min: tiny, sigma_max: 100.0 * tiny };
    out_of_domain(sde.score_from_noise(&times(1.0, 2), points(2)));
    let s = Mlp::<2, 4, 2, 0, Tanh>::new(&Source::new(0)).unwrap();
    let refused = denoising_score_matching(&s, points(2), points(2), tiny as Real, s.alloc_grads());
    out_of_domain(refused.map(|_| ()));
    out_of_domain(Sde::VarianceExploding { sigma_min: 1e-200, sigma_max: 1e200 }.check());
    if size_of::<Real>() == 4 {
        out_of_domain(Sde::VarianceExploding { sigma_min: 1.0, sigma_max: 1e39 }.check());
    }
}

#[test]
fn a_gaussian_without_width_is_refused() {
    use pushforward::dfdx::prelude::TensorFrom;
    let mut mixture = three();
    mixture.log_std = Source::new(0).device().tensor([0.0, -1000.0, 0.0]);
    out_of_domain(NoisyMixture::new(&mixture, Sde::VARIANCE_PRESERVING));
}

#[test]
fn a_step_to_more_noise_or_without_data_is_refused() {
    let level = |t: f64, alpha: f64, sigma: f64| Level { t, alpha, sigma };
    let here = level(0.5, 0.5, 0.5);
    let sde = Sde::VARIANCE_PRESERVING;
    out_of_domain(ReverseStep::EulerMaruyama(sde).coefficients(&here, &level(0.4, 0.4, 0.6)));
    for bad in
        [level(0.6, 0.0, 0.4), level(0.6, f64::NAN, 0.4), level(0.6, 0.6, f64::NAN), level(0.6, 0.6, -0.1)]
    {
        out_of_domain(ReverseStep::ReverseDiffusion.coefficients(&here, &bad));
        out_of_domain(ReverseStep::Ddim { eta: 0.0 }.coefficients(&here, &bad));
    }
    out_of_domain(ReverseStep::ReverseDiffusion.coefficients(&level(0.1, 0.0, 1.0), &here));
}
