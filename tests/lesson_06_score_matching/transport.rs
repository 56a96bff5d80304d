//! The distance of Wasserstein between two sets of points, exactly, and what it says of samplers.

use super::common::mixtures::{SDES, three};
use pushforward::cnf::{DOPRI5, OdeSolver};
use pushforward::data::Sample;
use pushforward::score_matching::{
    NoiseLevels, NoisyMixture, ProbabilityFlow, ReverseSampler, ReverseStep, Sde,
};
use pushforward::tensor::{Points, Real, Source, rows};
use rand::seq::SliceRandom;

/// W₂ of two sets of n points each: the root of the least mean of the squared distances, over all pairings.
fn wasserstein_2(x: &Points<2>, y: &Points<2>) -> f64 {
    let (x, y) = (rows(x), rows(y));
    let square = |x: &[Real; 2], y: &[Real; 2]| (0..2).map(|i| f64::from(x[i] - y[i]).powi(2)).sum::<f64>();
    let cost: Vec<Vec<f64>> = x.iter().map(|x| y.iter().map(|y| square(x, y)).collect()).collect();
    (assignment(&cost) / x.len() as f64).sqrt()
}

/// The least sum of costs of a pairing of rows with columns: row after row, along a shortest path on which the rows before
/// change their partners (Jonker and Volgenant 1987, *A shortest augmenting path algorithm for dense and sparse linear
/// assignment problems*). Place n among the columns belongs to the row that is yet to be placed.
fn assignment(cost: &[Vec<f64>]) -> f64 {
    let n = cost.len();
    let (mut of_row, mut of_column) = (vec![0.0; n], vec![0.0; n + 1]);
    let mut row_at = vec![usize::MAX; n + 1];
    for row in 0..n {
        row_at[n] = row;
        let (mut distance, mut before) = (vec![f64::INFINITY; n], vec![n; n]);
        let (mut reached, mut column) = (vec![false; n + 1], n);
        while row_at[column] != usize::MAX {
            reached[column] = true;
            let from = row_at[column];
            for next in (0..n).filter(|next| !reached[*next]) {
                let length = cost[from][next] - of_row[from] - of_column[next];
                if length < distance[next] {
                    (distance[next], before[next]) = (length, column);
                }
            }
            let open = (0..n).filter(|next| !reached[*next]);
            let nearest = open.min_by(|a, b| distance[*a].total_cmp(&distance[*b])).unwrap();
            let step = distance[nearest];
            for place in 0..=n {
                if reached[place] {
                    of_row[row_at[place]] += step;
                    of_column[place] -= step;
                } else {
                    distance[place] -= step;
                }
            }
            column = nearest;
        }
        while column != n {
            row_at[column] = row_at[before[column]];
            column = before[column];
        }
    }
    (0..n).map(|column| cost[row_at[column]][column]).sum()
}

#[test]
fn no_pairing_is_cheaper_than_the_assignment_that_is_found() {
    let (x, y) = (Source::new(0).normal::<2>(6).unwrap(), Source::new(1).normal::<2>(6).unwrap());
    let found = wasserstein_2(&x, &y);
    let mut orders = vec![Vec::new()];
    for n in 0..6 {
        let longer = |order: &Vec<usize>| {
            (0..=n).map(|place| [&order[..place], &[n], &order[place..]].concat()).collect::<Vec<_>>()
        };
        orders = orders.iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 720);
    let (x, y) = (rows(&x), rows(&y));
    let mean = |order: Vec<usize>| {
        let pairs = x.iter().zip(order.into_iter().map(|n| y[n]));
        pairs.map(|(x, y)| (0..2).map(|i| f64::from(x[i] - y[i]).powi(2)).sum::<f64>()).sum::<f64>() / 6.0
    };
    let least = orders.into_iter().map(mean).fold(f64::INFINITY, f64::min);
    assert!((found - least.sqrt()).abs() < 1e-12, "{found}, not {}", least.sqrt());
}

#[test]
fn points_that_are_shuffled_and_moved_are_as_far_as_they_are_moved() {
    let mut source = Source::new(2);
    let x = rows(&source.normal::<2>(200).unwrap());
    let mut moved: Vec<[Real; 2]> = x.iter().map(|[x, y]| [x + 3.0, y - 4.0]).collect();
    moved.shuffle(&mut source);
    let found = wasserstein_2(&source.points(&x).unwrap(), &source.points(&moved).unwrap());
    assert!((found - 5.0).abs() < 1e-5, "a translation is optimal: {found}");
}

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
    let pair = |_| wasserstein_2(&true_sample(sde, &mut source), &true_sample(sde, &mut source));
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
        let found = wasserstein_2(&reverse(1000, 22), &of_flow);
        let coarse = wasserstein_2(&reverse(5, 22), &of_flow);
        let floor = sampling_floor(&sde);
        println!("{sde:?}: W₂ = {found:.4}, by 5 steps {coarse:.4}; 95 % of true pairs are below {floor:.4}");
        assert!(found < floor, "{sde:?}: {found}, of true samples {floor}");
        assert!(coarse > floor, "{sde:?}: the distance cannot tell 5 steps from the truth: {coarse}");
    }
}
