//! How long a fused layer takes, forward and with its gradients, and an activation over many numbers.
//!
//! ```text
//! cargo bench                                            # all
//! cargo bench -- gradients/64                            # the groups whose names hold these words
//! RAYON_NUM_THREADS=1 cargo bench -- --save-baseline one
//! RAYON_NUM_THREADS=2 cargo bench -- --baseline one      # what a second thread changes
//! ```

use criterion::{BenchmarkId, Criterion, Throughput};
use pushforward::Result;
use pushforward::dfdx::nn::modules::Linear;
use pushforward::dfdx::prelude::{Backward, BuildModule, SumTo, Trace, ZeroGrads};
use pushforward::nn::{Activation, Mlp, Selu, Silu, Sine, Tanh, layer};
use pushforward::tensor::{Dev, Points, Real, Source};
use std::time::Duration;

const BATCHES: [usize; 6] = [64, 256, 512, 1024, 2048, 4096];

fn main() -> Result<()> {
    let criterion = Criterion::default().sample_size(30).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(1)).configure_from_args();
    layers::<64, Selu>(&mut criterion)?;
    layers::<256, Silu>(&mut criterion)?;
    networks::<64, Selu>(&mut criterion)?;
    networks::<256, Silu>(&mut criterion)?;
    activation::<Tanh>(&mut criterion, "tanh")?;
    activation::<Silu>(&mut criterion, "silu")?;
    activation::<Selu>(&mut criterion, "selu")?;
    activation::<Sine<1>>(&mut criterion, "sine")?;
    criterion.final_summary();
    Ok(())
}

/// A layer with as many outputs as inputs.
fn layers<const H: usize, A: Activation>(criterion: &mut Criterion) -> Result<()> {
    let mut source = Source::new(0);
    let linear: Linear<H, H, Real, Dev> = BuildModule::build(source.device());
    let mut group = criterion.benchmark_group(format!("forward/{H}"));
    for batch in BATCHES {
        let x: Points<H> = source.normal(batch)?;
        let run = || layer::<A, H, H, _>(&linear, x.clone());
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| bencher.iter(run));
    }
    group.finish();
    let mut group = criterion.benchmark_group(format!("gradients/{H}"));
    for batch in BATCHES {
        let x: Points<H> = source.normal(batch)?;
        // The gradients of one step are the memory of the next.
        let mut kept = Some(linear.try_alloc_grads()?);
        let mut run = || -> Result<()> {
            let empty = kept.take().map_or_else(|| linear.try_alloc_grads(), Ok)?;
            let y = layer::<A, H, H, _>(&linear, x.trace(empty))?;
            let mut gradients = y.try_sum()?.try_backward()?;
            linear.try_zero_grads(&mut gradients)?;
            kept = Some(gradients);
            Ok(())
        };
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| bencher.iter(&mut run));
    }
    group.finish();
    Ok(())
}

/// A network of three hidden layers, where no tape records.
fn networks<const H: usize, A: Activation>(criterion: &mut Criterion) -> Result<()> {
    let mut source = Source::new(0);
    let network = Mlp::<3, H, 2, 2, A>::new(&source)?;
    let mut group = criterion.benchmark_group(format!("network/{H}"));
    for batch in BATCHES {
        let x: Points<3> = source.normal(batch)?;
        let run = || network.apply(x.clone());
        group.bench_function(BenchmarkId::from_parameter(batch), |bencher| bencher.iter(run));
    }
    group.finish();
    Ok(())
}

/// A layer of one input and one output: nearly all of its time goes to the activation.
fn activation<A: Activation>(criterion: &mut Criterion, name: &str) -> Result<()> {
    const ENTRIES: usize = 1 << 16;
    let mut source = Source::new(0);
    let linear: Linear<1, 1, Real, Dev> = BuildModule::build(source.device());
    let x: Points<1> = source.normal(ENTRIES)?;
    let mut group = criterion.benchmark_group("activation");
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function(name, |bencher| bencher.iter(|| layer::<A, 1, 1, _>(&linear, x.clone())));
    group.finish();
    Ok(())
}
