//! Steps as they stand in the papers.

use super::common::laws::close;
use super::common::mixtures::{SDES, SINGLE, three};
use pushforward::cnf::{DOPRI5, OdeSolver};
use pushforward::score_matching::{
    AncestralVariance, Coefficients, Level, NoiseLevels, NoisyMixture, ProbabilityFlow, ReverseSampler,
    ReverseStep, Sde,
};
use pushforward::tensor::{Source, rows};

fn pairs(levels: &NoiseLevels) -> Vec<(Level, Level)> {
    levels.levels().windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn same(what: &str, expected: [f64; 3], found: Coefficients) {
    let found = [found.point, found.score, found.noise];
    expected.into_iter().zip(found).for_each(|(expected, found)| close(what, expected, found, 1e-10));
}

/// β₁ = 10⁻⁴ to β_T = 0.02.
fn ddpm() -> (Vec<f64>, NoiseLevels) {
    let betas = (0..1000).map(|i| 1e-4 + (0.02 - 1e-4) * f64::from(i) / 999.0).collect();
    (betas, NoiseLevels::ddpm(1000, 1e-4, 0.02).unwrap())
}

#[test]
fn the_levels_of_ddpm_are_products_of_one_minus_beta() {
    let (betas, levels) = ddpm();
    let mut product = 1.0;
    for (i, level) in levels.levels().iter().rev().enumerate() {
        if i > 0 {
            product *= 1.0 - betas[i - 1];
        }
        close("ᾱ", product, level.alpha.powi(2), 1e-12);
        close("1 − ᾱ", 1.0 - product, level.sigma.powi(2), 1e-12);
        close("t", 1.0 - i as f64 / 1000.0, level.t, 1e-12);
    }
    assert_eq!(levels.levels().len(), 1001);
}

#[test]
fn ancestral_steps_on_its_levels_are_those_of_ddpm() {
    let (betas, levels) = ddpm();
    for (step, (from, to)) in pairs(&levels).into_iter().enumerate() {
        let beta = betas[999 - step];
        let (alpha, alpha_bar, before) = (1.0 - beta, from.alpha.powi(2), to.alpha.powi(2));
        // x ← (x − β ε / √(1 − ᾱ)) / √α + σ z with ε = −√(1 − ᾱ) s.
        let mean = [1.0 / alpha.sqrt(), beta / alpha.sqrt()];
        let found = ReverseStep::Ancestral(AncestralVariance::Forward).coefficients(&from, &to).unwrap();
        same("σ² = β", [mean[0], mean[1], beta.sqrt()], found);
        let posterior = (beta * (1.0 - before) / (1.0 - alpha_bar)).sqrt();
        let found = ReverseStep::Ancestral(AncestralVariance::Posterior).coefficients(&from, &to).unwrap();
        same("σ² = β̃", [mean[0], mean[1], posterior], found);
        let found = ReverseStep::ReverseDiffusion.coefficients(&from, &to).unwrap();
        same("reverse diffusion", [2.0 - alpha.sqrt(), beta, beta.sqrt()], found);
    }
}

#[test]
fn ddim_is_equation_12_and_with_eta_1_it_is_ddpm() {
    let levels = ddpm().1.every(50).unwrap();
    assert_eq!(levels.levels().len(), 21);
    for (from, to) in pairs(&levels) {
        for eta in [0.0, 0.3, 1.0] {
            let (now, next) = (from.alpha.powi(2), to.alpha.powi(2));
            let sigma = eta * ((1.0 - next) / (1.0 - now) * (1.0 - now / next)).sqrt();
            // √ᾱ′ (x − √(1 − ᾱ) ε) / √ᾱ + √(1 − ᾱ′ − σ²) ε + σ z with ε = −√(1 − ᾱ) s.
            let noise = (1.0 - next - sigma * sigma).max(0.0).sqrt() - (next * (1.0 - now) / now).sqrt();
            let expected = [(next / now).sqrt(), -(1.0 - now).sqrt() * noise, sigma];
            same("DDIM", expected, ReverseStep::Ddim { eta }.coefficients(&from, &to).unwrap());
        }
        let ancestral =
            ReverseStep::Ancestral(AncestralVariance::Posterior).coefficients(&from, &to).unwrap();
        let found = ReverseStep::Ddim { eta: 1.0 }.coefficients(&from, &to).unwrap();
        same("η = 1", [ancestral.point, ancestral.score, ancestral.noise], found);
    }
}

#[test]
fn ddim_without_noise_is_a_step_of_euler_in_x_over_alpha_and_sigma_over_alpha() {
    for sde in SDES {
        for (from, to) in pairs(&NoiseLevels::even(&sde, 10, sde.end()).unwrap()) {
            // x′/α′ = x/α + ε (σ′/α′ − σ/α) with ε = −σ s.
            let step = to.sigma / to.alpha - from.sigma / from.alpha;
            let expected = [to.alpha / from.alpha, -to.alpha * step * from.sigma, 0.0];
            same("Euler", expected, ReverseStep::Ddim { eta: 0.0 }.coefficients(&from, &to).unwrap());
        }
    }
}

#[test]
fn ancestral_steps_where_variance_explodes_are_those_of_smld() {
    let levels = NoiseLevels::geometric(10.0, 0.1, 8).unwrap();
    for (from, to) in pairs(&levels) {
        // x + (σ² − σ′²) s + √(σ′² (σ² − σ′²) / σ²) z.
        let growth = from.sigma.powi(2) - to.sigma.powi(2);
        let expected = [1.0, growth, to.sigma * growth.sqrt() / from.sigma];
        let step = ReverseStep::Ancestral(AncestralVariance::Posterior);
        same("SMLD", expected, step.coefficients(&from, &to).unwrap());
    }
}

#[test]
fn ddpm_is_the_variance_preserving_equation_up_to_the_squares_of_beta() {
    let sde = Sde::VARIANCE_PRESERVING;
    for level in ddpm().1.levels() {
        // Σ ln(1 − β) against −Σ β: the difference is at most ½ Σ β² = 0.07 and the rounding of a sum to an integral.
        let apart = 2.0 * (sde.alpha(level.t).ln() - level.alpha.ln());
        assert!((-0.003..0.08).contains(&apart), "t = {}: {apart}", level.t);
    }
}

#[test]
fn ddim_follows_the_probability_flow_with_order_one() {
    let sde = Sde::VARIANCE_PRESERVING;
    let score = NoisyMixture::new(&three(), sde).unwrap();
    let x = Source::new(3).normal::<2>(200).unwrap();
    let end = 0.9;
    let solver = OdeSolver::adaptive(DOPRI5, if SINGLE { 1e-6 } else { 1e-9 });
    let flow = ProbabilityFlow { score: score.clone(), sde };
    let exact = rows(&solver.solve(&flow, x.clone(), 0.0, end).unwrap().end);
    let error = |steps: usize| {
        let levels = NoiseLevels::even(&sde, steps, end.into()).unwrap();
        let sampler = ReverseSampler { levels, step: ReverseStep::Ddim { eta: 0.0 }, corrector: None };
        let found = rows(&sampler.run(&score, x.clone(), &mut Source::new(0)).unwrap());
        let distance = |(a, b): (&[pushforward::tensor::Real; 2], &[pushforward::tensor::Real; 2])| {
            f64::from(a[0] - b[0]).abs() + f64::from(a[1] - b[1]).abs()
        };
        found.iter().zip(&exact).map(distance).sum::<f64>() / 200.0
    };
    let (coarse, fine) = (error(80), error(160));
    let order = (coarse / fine).log2();
    println!("DDIM is off by {coarse:.4} with 80 steps and {fine:.4} with 160: order {order:.2}");
    assert!((order - 1.0).abs() < 0.2, "{order}");
}

#[test]
fn geometric_levels_have_one_ratio() {
    let levels = NoiseLevels::geometric(10.0, 0.01, 10).unwrap();
    let ratio = 1000f64.powf(1.0 / 9.0);
    for (from, to) in pairs(&levels) {
        close("ratio", ratio, from.sigma / to.sigma, 1e-12);
    }
    let ends = [levels.levels()[0], levels.levels()[9]];
    assert_eq!(ends.map(|level| level.t), [0.0, 1.0]);
    assert_eq!(ends.map(|level| level.sigma), [10.0, 0.01]);
}

#[test]
fn fewer_levels_keep_the_first_and_the_last() {
    let levels = NoiseLevels::even(&Sde::VARIANCE_PRESERVING, 10, 1.0).unwrap().every(4).unwrap();
    let times: Vec<f64> = levels.levels().iter().map(|level| level.t).collect();
    assert_eq!(times, [0.0, 0.4, 0.8, 1.0]);
}

#[test]
fn steps_of_euler_and_maruyama_are_those_of_the_reverse_equation_at_the_time_they_begin_at() {
    for sde in SDES {
        for (from, to) in pairs(&NoiseLevels::even(&sde, 7, sde.end()).unwrap()) {
            let (h, g) = (to.t - from.t, sde.diffusion(from.t));
            // Backwards in s by h: x − (f x − g² s) h + g √h z.
            let expected = [1.0 - h * sde.drift(from.t), h * g.powi(2), g * h.sqrt()];
            same(
                "Euler-Maruyama",
                expected,
                ReverseStep::EulerMaruyama(sde).coefficients(&from, &to).unwrap(),
            );
        }
    }
}
