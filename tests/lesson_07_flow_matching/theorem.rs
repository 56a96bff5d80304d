//! The theorem: conditional flow matching has the gradients of flow matching.

use super::common::gradients;
use super::common::mixtures::{mean_and_error, three};
use pushforward::Result;
use pushforward::change_of_variables::Sample;
use pushforward::cnf::VectorField;
use pushforward::dfdx::prelude::{AsArray, Backward, ZeroGrads};
use pushforward::flow_matching::{PathSample, ProbabilityPath, flow_matching_loss};
use pushforward::nn::{Mlp, Tanh};
use pushforward::score_matching::NoisyMixture;
use pushforward::tensor::{Source, rows};

type Net = Mlp<3, 6, 2, 0, Tanh>;

/// The same points with the velocity of their pair, and with the marginal one.
fn samples(path: ProbabilityPath, n: usize, source: &mut Source) -> Result<(PathSample<2>, PathSample<2>)> {
    let flow = NoisyMixture::new(&three(), path)?;
    let (x_0, x_1) = (source.normal::<2>(n)?, three().sample(n, source)?);
    let t = source.uniform(n)?;
    let of_pairs = path.sample(x_0, x_1, t)?;
    let target = VectorField::velocity(&flow, of_pairs.t.clone(), of_pairs.x_t.clone())?;
    Ok((of_pairs.clone(), PathSample { target, ..of_pairs }))
}

#[test]
fn both_losses_have_the_same_gradient_by_every_parameter() -> Result<()> {
    for path in [ProbabilityPath::STRAIGHT, ProbabilityPath::Cosine] {
        let mut source = Source::new(11);
        let net = Net::new(&source)?;
        let mut differences: Vec<Vec<f64>> = Vec::new();
        for _ in 0..200 {
            let (of_pairs, marginal) = samples(path, 256, &mut source)?;
            let gradient = |sample| -> Result<Vec<f64>> {
                let loss = flow_matching_loss(&net, sample, net.alloc_grads())?;
                Ok(gradients(&net, &loss.backward()).into_iter().map(f64::from).collect())
            };
            let pairs = gradient(of_pairs)?.into_iter().zip(gradient(marginal)?);
            differences.push(pairs.map(|(one, other)| one - other).collect());
        }
        for parameter in 0..differences[0].len() {
            let list: Vec<f64> = differences.iter().map(|batch| batch[parameter]).collect();
            let (mean, error) = mean_and_error(&list);
            assert!(mean.abs() < 3.0 * error, "{path:?}, parameter {parameter}: {mean} ± {error}");
        }
    }
    Ok(())
}

#[test]
fn the_losses_differ_by_the_disagreement_of_the_pairs_whatever_the_network() -> Result<()> {
    let path = ProbabilityPath::STRAIGHT;
    let mut source = Source::new(5);
    // E |dx_t/dt − u|², which no network has a part in.
    let (of_pairs, marginal) = samples(path, 40_000, &mut source)?;
    let squares: Vec<f64> = rows(&of_pairs.target)
        .into_iter()
        .zip(rows(&marginal.target))
        .map(|(v, u)| [0, 1].iter().map(|i| f64::from(v[*i] - u[*i]).powi(2)).sum::<f64>() / 2.0)
        .collect();
    let (expected, error) = mean_and_error(&squares);
    for seed in 0..3 {
        let net = Net::new(&Source::new(seed))?;
        let differences: Vec<f64> = (0..40)
            .map(|_| {
                let (of_pairs, marginal) = samples(path, 1000, &mut source)?;
                let loss = |sample| {
                    Ok::<_, pushforward::Error>(f64::from(
                        flow_matching_loss(&net, sample, net.alloc_grads())?.array(),
                    ))
                };
                Ok(loss(of_pairs)? - loss(marginal)?)
            })
            .collect::<Result<_>>()?;
        let (found, own) = mean_and_error(&differences);
        assert!(
            (found - expected).abs() < 3.0 * error.hypot(own),
            "network {seed}: {expected} ± {error}, found {found} ± {own}"
        );
    }
    assert!(expected > 20.0 * error, "it is not nothing: {expected}");
    Ok(())
}
