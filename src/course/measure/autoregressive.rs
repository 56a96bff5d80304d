//! What a density and a sample of an autoregressive flow cost: 1000 points through 4 layers with 2 × 64 hidden units.

use super::{Case, Figure, median};
use pushforward::Result;
use pushforward::autoregressive::{Iaf, Maf};
use pushforward::change_of_variables::{Density, Flow, Sample, StandardNormal};
use pushforward::tensor::Source;
use std::time::Instant;

pub(super) const CASES: &[Case] = &[
    Case { name: "autoregressive_cost/maf/d2", run: maf::<2, 4> },
    Case { name: "autoregressive_cost/maf/d8", run: maf::<8, 16> },
    Case { name: "autoregressive_cost/maf/d32", run: maf::<32, 64> },
    Case { name: "autoregressive_cost/iaf/d2", run: iaf::<2, 4> },
    Case { name: "autoregressive_cost/iaf/d8", run: iaf::<8, 16> },
    Case { name: "autoregressive_cost/iaf/d32", run: iaf::<32, 64> },
];

fn maf<const D: usize, const O: usize>(seed: u64) -> Result<Vec<Figure>> {
    let mut source = Source::new(seed);
    let bijection = Maf::<D, D, 64, O, 4>::new(&source)?;
    costs(&Flow { bijection, base: StandardNormal }, &mut source)
}

fn iaf<const D: usize, const O: usize>(seed: u64) -> Result<Vec<Figure>> {
    let mut source = Source::new(seed);
    let bijection = Iaf::<D, D, 64, O, 4>::new(&source)?;
    costs(&Flow { bijection, base: StandardNormal }, &mut source)
}

fn costs<const D: usize>(flow: &(impl Density<D> + Sample<D>), source: &mut Source) -> Result<Vec<Figure>> {
    const POINTS: usize = 1000;
    let x = source.normal::<D>(POINTS)?;
    let score = milliseconds(|| flow.log_prob(x.clone()).map(drop))?;
    let sample = milliseconds(|| flow.sample(POINTS, source).map(drop))?;
    Ok(vec![
        Figure { metric: "score", value: score, unit: "ms" },
        Figure { metric: "sample", value: sample, unit: "ms" },
    ])
}

/// The median time of several runs, after one to warm up.
fn milliseconds(mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    run()?;
    let time = |_| {
        let start = Instant::now();
        run()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    Ok(median((0..15).map(time).collect::<Result<_>>()?))
}
