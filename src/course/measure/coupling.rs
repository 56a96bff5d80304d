//! Coupling flows by maximum likelihood: 8 layers with conditioners of two hidden layers of 64 units, 2000 steps of Adam on
//! batches of 512.

use super::likelihood::{Data, Run, fit_exactly};
use super::{Case, Figure};
use pushforward::Result;
use pushforward::change_of_variables::Bijection;
use pushforward::coupling::{RealNvp, SplineFlow};
use pushforward::data::{Pinwheel, Sample, TwoMoons};
use pushforward::dfdx::prelude::{AutoDevice, TensorCollection};
use pushforward::tensor::{Real, Recording, Source};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "realnvp_train/affine",
        run: |seed| coupling(RealNvp::<2, 2, 64, 4, 8>::new(&Source::new(seed))?, &TwoMoons::default(), seed),
    },
    Case {
        name: "realnvp_train/spline",
        run: |seed| {
            coupling(SplineFlow::<2, 2, 64, 46, 8>::new(&Source::new(seed))?, &TwoMoons::default(), seed)
        },
    },
    Case {
        name: "realnvp_train/pinwheel",
        run: |seed| coupling(RealNvp::<2, 2, 64, 4, 8>::new(&Source::new(seed))?, &Pinwheel::default(), seed),
    },
];

fn coupling<M>(model: M, distribution: &impl Sample<2>, seed: u64) -> Result<Vec<Figure>>
where
    M: Bijection<2> + Bijection<2, Recording> + TensorCollection<Real, AutoDevice> + Clone,
{
    let run = Run { steps: 2000, batch: 512, learning_rate: 1e-3, seed, metric: "test_nll_2000" };
    fit_exactly(model, &Data::of(distribution)?, run)
}
