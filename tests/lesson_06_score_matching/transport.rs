//! What the distance of Wasserstein says of samplers.

use super::common::mixtures::{SDES, three};
use pushforward::cnf::{DOPRI5, OdeSolver};
use pushforward::data::Sample;
use pushforward::ot_coupling::wasserstein_2;
use pushforward::score_matching::{
    NoiseLevels, NoisyMixture, ProbabilityFlow, ReverseSampler, ReverseStep, Sde,
};
use pushforward::tensor::{Points, Real, Source};

const POINTS: usize = 300;

/// How many pairs of true samples tell how far such sets are apart by chance.
const PAIRS: usize = 99;

/// Points at the last time, drawn from the data and their noise.
fn true_sample(sde: &Sde, source: &mut Source) -> Points<2> {
    let data = three().sample(POINTS, source).unwrap();
    let t = source.per_point(&vec![sde.end() as Real; POINTS]).unwrap();
    let noise = source.normal(POINTS).unwrap();
    sde.diffuse(data, t, noise).unwrap().x_t
}

/// The distance that 95 of 100 pairs of true samples stay below.
fn sampling_floor(sde: &Sde) -> f64 {
    let mut source = Source::new(11);
    let pair = |_| wasserstein_2(&true_sample(sde, &mut source), &true_sample(sde, &mut source)).unwrap();
    let mut distances: Vec<f64> = (0..PAIRS).map(pair).collect();
    distances.sort_by(f64::total_cmp);
    distances[95 * (PAIRS + 1) / 100 - 1]
}

#[test]
fn the_reverse_equation_and_the_probability_flow_give_the_same_density() {
    for sde in SDES {
        let flow = ProbabilityFlow { score: NoisyMixture::new(&three(), sde).unwrap(), sde };
        let reverse = |steps, seed| {
            let mut source = Source::new(seed);
            let levels = NoiseLevels::even(&sde, steps, sde.end()).unwrap();
            let sampler = ReverseSampler { levels, step: ReverseStep::EulerMaruyama(sde), corrector: None };
            let start = sde.sample_prior(POINTS, &mut source).unwrap();
            sampler.run(&flow.score, start, &mut source).unwrap()
        };
        let solver = OdeSolver::adaptive(DOPRI5, 1e-4);
        let of_flow = flow.sample(POINTS, sde.end() as Real, solver, &mut Source::new(21)).unwrap();
        let found = wasserstein_2(&reverse(1000, 22), &of_flow).unwrap();
        let coarse = wasserstein_2(&reverse(5, 22), &of_flow).unwrap();
        let floor = sampling_floor(&sde);
        println!("{sde:?}: W₂ = {found:.4}, by 5 steps {coarse:.4}; 95 % of true pairs are below {floor:.4}");
        assert!(found < floor, "{sde:?}: {found}, of true samples {floor}");
        assert!(coarse > floor, "{sde:?}: the distance cannot tell 5 steps from the truth: {coarse}");
    }
}
