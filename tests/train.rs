//! The training loop, and models in files.
#![allow(clippy::unwrap_used, clippy::useless_conversion)]

mod common;

use common::gradients;
use pushforward::dfdx::nn::modules::Linear;
use pushforward::dfdx::prelude::{
    AsArray, Backward, BuildModule, LoadFromSafetensors, MeanTo, SaveToSafetensors, SumTo, TensorFrom, Trace,
    TryMul, ZeroGrads,
};
use pushforward::nn::{Mlp, Tanh, parameters, set_parameters};
use pushforward::tensor::{Dev, Gradients, Loss, Points, Real, Source};
use pushforward::train::{
    Checkpoint, Progress, Schedule, Trained, Training, clip, gradient_norm, load, save, train,
    train_resumable,
};
use pushforward::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Network = Mlp<2, 5, 1, 1, Tanh>;

fn network(seed: u64) -> Network {
    Network::new(&Source::new(seed)).unwrap()
}

fn silent(steps: usize) -> Training {
    Training { steps, learning_rate: 0.01, progress: Progress::Silent, ..Training::default() }
}

/// Every setting that changes the numbers.
fn all_settings(steps: usize) -> Training {
    Training {
        weight_decay: 0.1,
        clip_norm: Some(0.5),
        ema_decay: Some(0.9),
        schedule: Schedule::Cosine,
        warm_up: 3,
        ..silent(steps)
    }
}

/// The mean of (f(x) − x₁ x₂)² over 16 points.
fn regression(network: &Network, gradients: Gradients, source: &mut Source) -> Result<Loss> {
    let x = source.normal::<2>(16)?;
    let y: Points<1> =
        source.points(&pushforward::tensor::rows(&x).iter().map(|[a, b]| [a * b]).collect::<Vec<_>>())?;
    Ok((network.apply(x.traced(gradients))? - y).square().mean())
}

fn bits(model: &Network) -> Vec<u64> {
    parameters(model).unwrap().into_iter().map(|p| f64::from(p).to_bits()).collect()
}

/// The largest difference, relative to 1.
fn apart(found: &[Real], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

/// Rounding of numbers of about 1 over a few operations.
const ROUNDING: f64 = 10.0 * Real::EPSILON as f64;

fn norm(g: &[Real]) -> f64 {
    g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_clipped_gradient_has_the_norm_asked_for_and_the_direction_it_had() {
    let mut source = Source::new(1);
    let model = network(0);
    let mut g = regression(&model, model.alloc_grads(), &mut source).unwrap().backward();
    let before = gradients(&model, &g);
    let found = gradient_norm(&model, &mut g).unwrap();
    assert!((found - norm(&before)).abs() < 1e-12 * found, "the same sum in another order, in f64");
    assert_eq!(clip(&model, &mut g, 2.0 * found).unwrap(), found);
    assert_eq!(gradients(&model, &g), before, "a gradient that is short enough stays");
    let c = 0.25 * found;
    assert_eq!(clip(&model, &mut g, c).unwrap(), found, "the norm that it had");
    let scaled: Vec<f64> = before.iter().map(|g| f64::from(*g) * c / norm(&before)).collect();
    assert!(apart(&gradients(&model, &g), &scaled) < ROUNDING);
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY, TOO_SMALL] {
        assert!(matches!(clip(&model, &mut g, c), Err(Error::OutOfDomain { .. })));
    }
}

/// A positive number that is 0 as a `Real` (with the feature `f64` it is 0).
const TOO_SMALL: f64 = Real::MIN_POSITIVE as f64 * (Real::EPSILON as f64 / 4.0);

/// A number that is infinite as a `Real`.
const TOO_LARGE: f64 = 2.0 * Real::MAX as f64;

#[test]
fn a_gradient_that_is_a_little_too_long_is_clipped() {
    let model = network(0);
    let mut g = regression(&model, model.alloc_grads(), &mut Source::new(1)).unwrap().backward();
    let found = gradient_norm(&model, &mut g).unwrap();
    let c = found * (1.0 - 5e-5);
    clip(&model, &mut g, c).unwrap();
    assert!((norm(&gradients(&model, &g)) - c).abs() < ROUNDING * c);
}

#[test]
fn a_gradient_whose_norm_is_not_finite_stays_as_it_is() {
    let source = Source::new(0);
    let model: Linear<3, 1, Real, Dev> = BuildModule::build(source.device());
    for bad in [Real::NAN, Real::INFINITY] {
        let factors = source.device().tensor([[2.0, bad, -3.0]]);
        let mut g =
            model.weight.clone().traced(model.alloc_grads()).try_mul(factors).unwrap().sum().backward();
        let found = clip(&model, &mut g, 1.0).unwrap();
        assert_eq!(found.is_nan(), bad.is_nan());
        assert!(!found.is_finite());
        let kept = g.get(&model.weight).array()[0];
        assert_eq!([kept[0], kept[2]], [2.0, -3.0]);
        assert!(kept[1] == bad || bad.is_nan() && kept[1].is_nan(), "{kept:?}");
    }
}

#[test]
fn the_norm_of_a_gradient_is_summed_in_double_precision_over_every_entry() {
    // 11 entries: eight side by side and three more. The squares do not fit into f32.
    let source = Source::new(0);
    let model: Linear<11, 1, Real, Dev> = BuildModule::build(source.device());
    let big: [Real; 11] = std::array::from_fn(|i| (i + 1) as Real * 1e25);
    let weight = source.device().tensor([big]);
    let mut g = model.weight.clone().traced(model.alloc_grads()).try_mul(weight).unwrap().sum().backward();
    let expected = 506f64.sqrt() * 1e25;
    let found = gradient_norm(&model, &mut g).unwrap();
    assert!((found - expected).abs() < f64::from(Real::EPSILON) * expected, "{found} and {expected}");
}

/// Adam in f64, written as its paper writes it, for θ ∈ ℝ³ and the gradient of Σ aᵢ θᵢ² / 2, clipped.
fn plain_adam(training: &Training, a: [f64; 3], start: [f64; 3]) -> ([f64; 3], [f64; 3]) {
    let (mut theta, mut m, mut v) = (start, [0.0; 3], [0.0; 3]);
    let mut average = theta;
    for step in 0..training.steps {
        let g: [f64; 3] = std::array::from_fn(|i| a[i] * theta[i]);
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        let shorter = training.clip_norm.map_or(1.0, |c| if norm > c { c / norm } else { 1.0 });
        let rate = training.learning_rate * training.schedule.factor(step, training.warm_up, training.steps);
        let t = step as i32 + 1;
        for i in 0..3 {
            let g = g[i] * shorter;
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            let (m_hat, v_hat) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
            theta[i] -= rate * (m_hat / (v_hat.sqrt() + 1e-8) + training.weight_decay * theta[i]);
            let d = training.ema_decay.unwrap_or(0.0);
            average[i] = d * average[i] + (1.0 - d) * theta[i];
        }
    }
    (theta, average)
}

type Three = Linear<2, 1, Real, Dev>;

/// θ = (w₁, w₂, b), trained on Σ aᵢ θᵢ² / 2.
fn trained(training: &Training, a: [Real; 3], start: [Real; 3]) -> (Vec<Real>, Vec<Real>) {
    let source = Source::new(0);
    let mut model: Three = BuildModule::build(source.device());
    set_parameters(&mut model, &start).unwrap();
    let (a_w, a_b) = (source.device().tensor([[a[0], a[1]]]), source.device().tensor([a[2]]));
    let trained = train(&mut model, training, |model, gradients| {
        let w = (model.weight.clone().traced(gradients).square() * a_w.clone()).sum();
        let b = (model.bias.clone().leaky_trace().square() * a_b.clone()).sum();
        Ok((w + b) * 0.5)
    })
    .unwrap();
    (parameters(&model).unwrap(), parameters(&trained.average).unwrap())
}

#[test]
fn ten_steps_are_those_of_adam_and_adamw_in_double_precision() {
    // The last gradient is small, the first large: clipping at 1 ends within the ten steps.
    let (a, start) = ([3.0, 0.5, 0.01], [0.6, -1.0, 0.3]);
    let plain = silent(10);
    let cases = [
        ("Adam", plain.clone()),
        ("AdamW", Training { weight_decay: 0.3, ..plain.clone() }),
        ("AdamW with a small decay", Training { weight_decay: 0.01, ..plain.clone() }),
        ("clipped", Training { clip_norm: Some(1.8), learning_rate: 0.05, ..plain.clone() }),
        ("average", Training { ema_decay: Some(0.7), ..plain.clone() }),
        ("warm-up", Training { warm_up: 4, ..plain.clone() }),
        ("warm-up and cosine", Training { warm_up: 4, schedule: Schedule::Cosine, ..plain.clone() }),
    ];
    let (theta, _) = plain_adam(&plain, a, start);
    for (name, training) in cases {
        let (expected, expected_average) = plain_adam(&training, a, start);
        let other = expected.iter().zip(theta).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let (found, average) = trained(&training, a.map(|a| a as Real), start.map(|x| x as Real));
        // A step is 0.01 and known to the precision of 1 − 0.999ᵗ in f32, 1e-4 of it in the first steps.
        let tolerance = if Real::EPSILON > 1e-10 { 1e-5 } else { 1e-12 };
        assert!(apart(&found, &expected) < tolerance, "{name}: {found:?} and {expected:?}");
        assert!(apart(&average, &expected_average) < tolerance, "{name}: {average:?}, {expected_average:?}");
        assert!(["Adam", "average"].contains(&name) || other > 50.0 * tolerance, "{name} is not Adam");
    }
}

#[test]
fn without_a_decay_the_average_is_the_model_and_shares_nothing_with_it() {
    let (mut model, mut source) = (network(0), Source::new(0));
    let mut run = |model: &mut Network| {
        train(model, &silent(3), |model, gradients| regression(model, gradients, &mut source)).unwrap()
    };
    let first = run(&mut model);
    assert_eq!(bits(&first.average), bits(&model));
    let before = bits(&first.average);
    let gradient = regression(&model, model.alloc_grads(), &mut Source::new(5)).unwrap().backward();
    let of_average = gradient_norm(&first.average, &mut gradient.clone()).unwrap();
    assert_eq!(of_average, 0.0, "to the tape the parameters of the average are others");
    run(&mut model);
    assert_eq!(bits(&first.average), before);
    assert_ne!(bits(&model), before);
}

#[test]
fn the_warm_up_grows_from_zero_and_the_schedule_begins_after_it() {
    let factors = |schedule: Schedule, warm_up| -> Vec<f64> {
        (0..8).map(|step| schedule.factor(step, warm_up, 8)).collect()
    };
    assert_eq!(factors(Schedule::Constant, 0), [1.0; 8]);
    assert_eq!(factors(Schedule::Constant, 4), [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(factors(Schedule::Constant, 8)[7], 7.0 / 8.0);
    let half = 0.5f64.sqrt() / 2.0;
    let expected = [0.0, 0.25, 0.5, 0.75, 1.0, 0.5 + half, 0.5, 0.5 - half];
    for (found, expected) in factors(Schedule::Cosine, 4).iter().zip(expected) {
        assert!((found - expected).abs() < 1e-15, "{found} and {expected}, up to rounding in f64");
    }
    let first = factors(Schedule::Cosine, 0);
    assert_eq!(first[0], 1.0);
    assert!((first[4] - 0.5).abs() < 1e-15);
    assert!(first[7] > 0.0, "the last step moves the parameters");
}

#[test]
fn the_schedule_is_defined_beyond_the_last_step() {
    for step in [8, 9, 12, 15, usize::MAX] {
        assert_eq!(Schedule::Cosine.factor(step, 4, 8), 0.0, "it does not rise again");
        assert_eq!(Schedule::Constant.factor(step, 4, 8), 1.0);
    }
    assert_eq!(Schedule::Cosine.factor(4, 4, 4), 1.0, "nothing but a warm-up, which ends at 1");
    assert_eq!(Schedule::Cosine.factor(9, 4, 4), 1.0);
    assert_eq!(Schedule::Cosine.factor(0, 0, 0), 1.0);
}

#[test]
fn training_stops_when_its_time_is_over() {
    let (mut model, mut source) = (network(0), Source::new(0));
    let limit = Duration::from_millis(60);
    let training = Training { time_limit: Some(limit), ..silent(1_000_000) };
    let started = Instant::now();
    let losses = train(&mut model, &training, |model, gradients| {
        std::thread::sleep(Duration::from_millis(10));
        regression(model, gradients, &mut source)
    })
    .unwrap()
    .losses;
    assert!(started.elapsed() >= limit, "not before");
    // A step takes 10 ms at least, so the sixth ends after the limit at the latest.
    assert!((1..=6).contains(&losses.len()), "{} steps", losses.len());
    let none = Training { time_limit: Some(Duration::ZERO), ..silent(5) };
    let trained = train(&mut model, &none, |_, _| unreachable!("there is no time")).unwrap();
    assert!(trained.losses.is_empty());
}

/// Three runs that tell of themselves, in lines, since the output is no terminal.
fn tell_in_lines() {
    let (mut model, mut source) = (network(0), Source::new(0));
    for (steps, limit) in [(1_000_000, 30), (2, 60_000), (5, 0)] {
        let time_limit = Some(Duration::from_millis(limit));
        let training = Training { time_limit, progress: Progress::Auto, ..silent(steps) };
        train(&mut model, &training, |model, gradients| regression(model, gradients, &mut source)).unwrap();
    }
}

#[test]
fn the_last_line_of_a_run_says_that_its_time_was_over() {
    const TELLER: &str = "PUSHFORWARD_TEST_TELLS";
    if std::env::var_os(TELLER).is_some() {
        return tell_in_lines();
    }
    // What a run prints is read from this same test in a process of its own.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_last_line_of_a_run_says_that_its_time_was_over", "--nocapture"])
        .env(TELLER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> =
        text.lines().filter_map(|line| line.split_once("step ")).map(|(_, line)| line).collect();
    let [limited, first, second, none] = lines[..] else { panic!("{text}") };
    let words = "stopped here: the time is over";
    assert!(limited.contains("of 1000000   loss") && limited.ends_with(words), "{text}");
    assert!(!first.contains("stopped") && !second.contains("stopped"), "{text}");
    assert!(
        none.trim_start().starts_with("0 of 5") && !none.contains("loss") && none.ends_with(words),
        "{text}"
    );
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let mut model = network(0);
    for training in [
        Training { learning_rate: 0.0, ..silent(5) },
        Training { learning_rate: f64::INFINITY, ..silent(5) },
        Training { learning_rate: TOO_SMALL, ..silent(5) },
        Training { learning_rate: TOO_LARGE, ..silent(5) },
        Training { weight_decay: -0.1, ..silent(5) },
        Training { weight_decay: f64::NAN, ..silent(5) },
        Training { clip_norm: Some(0.0), ..silent(5) },
        Training { clip_norm: Some(TOO_SMALL), ..silent(5) },
        Training { clip_norm: Some(f64::NAN), ..silent(5) },
        Training { ema_decay: Some(1.0), ..silent(5) },
        Training { ema_decay: Some(-0.1), ..silent(5) },
        Training { warm_up: 6, ..silent(5) },
    ] {
        let found = train(&mut model, &training, |_, _| unreachable!());
        assert!(matches!(found, Err(Error::OutOfDomain { .. })), "{training:?}");
    }
    let never = Checkpoint { path: "never/written".into(), every: 0, seed: 0 };
    let found = train_resumable(&mut model, &silent(5), &never, |_, _, _| unreachable!());
    assert!(matches!(found, Err(Error::OutOfDomain { .. })));
}

/// A folder that is removed at the end, and a file in it.
fn place(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}

#[test]
fn a_loaded_model_is_the_saved_one_bit_for_bit_and_dfdx_reads_and_writes_the_same_file() {
    let (folder, path) = place("model.safetensors");
    let saved = network(0);
    save(&saved, &path).unwrap();
    let mut loaded = network(1);
    assert_ne!(bits(&loaded), bits(&saved));
    load(&mut loaded, &path).unwrap();
    assert_eq!(bits(&loaded), bits(&saved));
    let mut by_dfdx = network(2);
    by_dfdx.load_safetensors(&path).unwrap();
    assert_eq!(bits(&by_dfdx), bits(&saved));
    network(3).save_safetensors(&path).unwrap();
    load(&mut loaded, &path).unwrap();
    assert_eq!(bits(&loaded), bits(&network(3)));
    save(&saved, &path).unwrap();
    load(&mut loaded, &path).unwrap();
    assert_eq!(bits(&loaded), bits(&saved), "an old file is replaced");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// Loading fails with `words`, and the model is as it was.
fn refused(model: &mut Network, path: &Path, words: &str) {
    let before = bits(model);
    let error = load(model, path).unwrap_err();
    let said = error.to_string();
    assert!(said.contains(words) && said.contains(&path.display().to_string()), "{said}: not \"{words}\"");
    assert_eq!(bits(model), before, "{said}");
}

#[test]
fn a_file_that_does_not_fit_is_refused_and_changes_nothing() {
    let (_folder, path) = place("model.safetensors");
    let mut model = network(0);
    save(&network(1), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in [0, 4, 8, 9, 100, whole.len() - 4, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        refused(&mut model, &path, "not a whole safetensors file");
    }
    fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
    refused(&mut model, &path, "not a whole safetensors file");
    fs::write(&path, b"PK\x03\x04 this is another kind of file, long enough for a header").unwrap();
    refused(&mut model, &path, "not a whole safetensors file");
    let huge = format!(r#"{{"a":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}}}}"#, u64::MAX);
    fs::write(&path, [&(huge.len() as u64).to_le_bytes()[..], huge.as_bytes()].concat()).unwrap();
    refused(&mut model, &path, "larger than any file");
    // A quote inside a name does not end it.
    let huge = huge.replace("\"a\"", r#""a\"b\\""#);
    fs::write(&path, [&(huge.len() as u64).to_le_bytes()[..], huge.as_bytes()].concat()).unwrap();
    refused(&mut model, &path, "larger than any file");
    fs::remove_file(&path).unwrap();
    assert!(matches!(load(&mut model, &path), Err(Error::Io { .. })));
}

/// The file with another last number, which belongs to the model.
fn spoil_last_number(path: &Path, value: Real) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len();
    bytes[end - size_of::<Real>()..].copy_from_slice(&value.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_with_a_number_that_is_not_finite_is_refused_and_changes_nothing() {
    let (folder, path) = place("model.safetensors");
    let checkpoint = Checkpoint { path: folder.path().join("run.safetensors"), every: 4, seed: 7 };
    let mut model = network(0);
    for value in [Real::NAN, Real::INFINITY, Real::NEG_INFINITY] {
        save(&network(1), &path).unwrap();
        spoil_last_number(&path, value);
        refused(&mut model, &path, &format!("holds {value}"));
        let _ = fs::remove_file(&checkpoint.path);
        run_until(&mut network(1), &silent(8), &checkpoint, 5).unwrap_err();
        spoil_last_number(&checkpoint.path, value);
        let before = bits(&model);
        let found = train_resumable(&mut model, &silent(8), &checkpoint, |_, _, _| unreachable!());
        assert!(
            matches!(&found, Err(Error::BadFile { problem, .. }) if problem.contains("\"model.")),
            "{found:?}"
        );
        assert_eq!(bits(&model), before);
    }
}

#[test]
fn a_file_of_another_model_is_refused_and_changes_nothing() {
    let (_folder, path) = place("model.safetensors");
    let mut model = network(0);
    // The last layer is the one that differs: the layers before it must not be read.
    save(&Mlp::<2, 5, 3, 1, Tanh>::new(&Source::new(1)).unwrap(), &path).unwrap();
    refused(&mut model, &path, "has the shape");
    save(&Mlp::<2, 5, 1, 0, Tanh>::new(&Source::new(1)).unwrap(), &path).unwrap();
    refused(&mut model, &path, "there is no tensor \"hidden.0.weight\"");
    save(&Mlp::<2, 5, 1, 2, Tanh>::new(&Source::new(1)).unwrap(), &path).unwrap();
    refused(&mut model, &path, "\"hidden.1.bias\" has no place");
    // The same model in the other precision, as dfdx writes it.
    #[cfg(not(feature = "f64"))]
    type Other = f64;
    #[cfg(feature = "f64")]
    type Other = f32;
    let other: Mlp<2, 5, 1, 1, Tanh, Other> = pushforward::dfdx::prelude::ToDtype::to_dtype(&network(1));
    other.save_safetensors(&path).unwrap();
    refused(&mut model, &path, "feature `f64`");
}

#[test]
fn a_save_that_fails_leaves_the_old_file_and_nothing_else() {
    let (folder, path) = place("model.safetensors");
    save(&network(0), &path).unwrap();
    let before = fs::read(&path).unwrap();
    // A name as long as a name may be has no place beside it.
    let long = folder.path().join("m".repeat(255));
    fs::copy(&path, &long).unwrap();
    assert!(matches!(save(&network(1), &long), Err(Error::Io { .. })));
    assert!(fs::read(&long).unwrap() == before);
    // A file cannot take the place of a folder that is not empty.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::copy(&path, taken.join("model.safetensors")).unwrap();
    assert!(matches!(save(&network(1), &taken), Err(Error::Io { .. })));
    assert!(fs::read(taken.join("model.safetensors")).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside them");
    let nowhere = folder.path().join("no such folder").join("model");
    assert!(matches!(save(&network(1), &nowhere), Err(Error::Io { .. })));
}

#[test]
fn a_save_touches_no_other_file() {
    let (folder, path) = place("model.safetensors");
    let own = folder.path().join("model.safetensors.partial");
    fs::write(&own, "a file of the user").unwrap();
    save(&network(0), &path).unwrap();
    save(&network(1), &path).unwrap();
    assert_eq!(fs::read_to_string(&own).unwrap(), "a file of the user");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    // Two at a time do not meet.
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let path = &path;
            scope.spawn(move || (0..20).for_each(|_| save(&network(seed), path).unwrap()));
        }
    });
    load(&mut network(0), &path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn a_save_through_a_link_writes_the_file_that_the_link_names() {
    let (folder, link) = place("link.safetensors");
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("model.safetensors");
    save(&network(0), &file).unwrap();
    std::os::unix::fs::symlink("elsewhere/model.safetensors", &link).unwrap();
    save(&network(1), &link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mut model = network(2);
    load(&mut model, &file).unwrap();
    assert_eq!(bits(&model), bits(&network(1)));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// A run that the closure stops before step `stop`.
fn run_until(
    model: &mut Network,
    training: &Training,
    checkpoint: &Checkpoint,
    stop: usize,
) -> Result<Trained<Network>> {
    let mut calls = 0;
    let begin = done(checkpoint);
    train_resumable(model, training, checkpoint, |model, gradients, source| {
        if begin + calls == stop {
            return Err(Error::Empty { what: "the patience of this test" });
        }
        calls += 1;
        regression(model, gradients, source)
    })
}

/// How many steps the file holds.
fn done(checkpoint: &Checkpoint) -> usize {
    let Ok(bytes) = fs::read(&checkpoint.path) else { return 0 };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let after = text.split("\"losses\":").nth(1).unwrap().split("\"shape\":[").nth(1).unwrap();
    after.split(']').next().unwrap().parse().unwrap()
}

#[test]
fn a_run_that_is_stopped_anywhere_and_resumed_ends_with_the_same_bits() {
    let (folder, path) = place("whole.safetensors");
    let training = all_settings(20);
    let whole = Checkpoint { path, every: 4, seed: 7 };
    let mut model = network(0);
    let expected = run_until(&mut model, &training, &whole, usize::MAX).unwrap();
    assert_eq!(expected.losses.len(), 20);
    for stop in [0, 1, 4, 10, 19] {
        let path = folder.path().join(format!("{stop}.safetensors"));
        let checkpoint = Checkpoint { path, ..whole.clone() };
        assert!(run_until(&mut network(0), &training, &checkpoint, stop).is_err());
        assert_eq!(done(&checkpoint), stop / 4 * 4);
        // What the resumed model begins with is read from the file.
        let mut resumed = network(99);
        let found = run_until(&mut resumed, &training, &checkpoint, usize::MAX).unwrap();
        assert_eq!(found.losses, expected.losses, "stopped before step {stop}");
        assert_eq!(bits(&resumed), bits(&model), "stopped before step {stop}");
        assert_eq!(bits(&found.average), bits(&expected.average), "stopped before step {stop}");
        assert!(fs::read(&checkpoint.path).unwrap() == fs::read(&whole.path).unwrap(), "the moments too");
    }
}

#[test]
fn a_run_goes_on_whatever_the_digits_of_its_settings() {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path, every: 4, seed: u64::MAX };
    let training = Training { learning_rate: 1e-3 / 7.0, ..silent(8) };
    assert_eq!(format!("{:?}", training.learning_rate).len(), 22);
    run_until(&mut network(0), &training, &checkpoint, 5).unwrap_err();
    let found = run_until(&mut network(99), &training, &checkpoint, usize::MAX).unwrap();
    assert_eq!(found.losses.len(), 8);
}

#[test]
fn a_run_without_a_new_step_leaves_its_file_alone() {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path, every: 4, seed: 7 };
    let mut model = network(0);
    let expected = run_until(&mut model, &all_settings(10), &checkpoint, usize::MAX).unwrap();
    assert_eq!(done(&checkpoint), 10);
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&checkpoint.path).unwrap().set_modified(old).unwrap();
    for time_limit in [None, Some(Duration::ZERO)] {
        let mut again = network(99);
        let training = Training { time_limit, ..all_settings(10) };
        let found = train_resumable(&mut again, &training, &checkpoint, |_, _, _| unreachable!()).unwrap();
        assert_eq!(found.losses, expected.losses);
        assert_eq!(bits(&again), bits(&model));
        assert_eq!(fs::metadata(&checkpoint.path).unwrap().modified().unwrap(), old);
    }
}

#[test]
fn a_run_that_its_time_limit_stops_goes_on_where_it_was() {
    let (folder, path) = place("whole.safetensors");
    let whole = Checkpoint { path, every: 1000, seed: 3 };
    let mut model = network(0);
    let expected = run_until(&mut model, &all_settings(12), &whole, usize::MAX).unwrap();
    let checkpoint = Checkpoint { path: folder.path().join("parts.safetensors"), ..whole };
    let limited = Training { time_limit: Some(Duration::from_millis(1)), ..all_settings(12) };
    let mut parts = 0;
    let (found, resumed) = loop {
        parts += 1;
        // What a part but the first begins with is read from the file.
        let mut resumed = network(if parts == 1 { 0 } else { 99 });
        let found = train_resumable(&mut resumed, &limited, &checkpoint, |model, gradients, source| {
            std::thread::sleep(Duration::from_millis(1));
            regression(model, gradients, source)
        })
        .unwrap();
        if found.losses.len() == 12 {
            break (found, resumed);
        }
    };
    assert_eq!(bits(&resumed), bits(&model));
    assert!(parts > 10, "one step each");
    assert_eq!(found.losses, expected.losses);
    assert_eq!(bits(&found.average), bits(&expected.average));
}

#[test]
fn each_step_and_each_seed_draw_other_numbers() {
    let (folder, _) = place("");
    let draws = |seed: u64| {
        let mut drawn = Vec::new();
        let checkpoint = Checkpoint { path: folder.path().join(seed.to_string()), every: 100, seed };
        train_resumable(&mut network(0), &silent(40), &checkpoint, |model, gradients, source| {
            drawn.push(source.clone().uniform(1)?.as_vec()[0]);
            regression(model, gradients, source)
        })
        .unwrap();
        drawn
    };
    let mut all = [draws(0), draws(1), draws(1 << 40)].concat();
    all.sort_by(Real::total_cmp);
    all.dedup();
    assert_eq!(all.len(), 120);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_changes_nothing() {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path: path.clone(), every: 4, seed: 7 };
    let training = all_settings(8);
    run_until(&mut network(0), &training, &checkpoint, 6).unwrap_err();
    let file = fs::read(&path).unwrap();
    let mut model = network(1);
    let before = bits(&model);
    let mut refuse = |training: &Training, checkpoint: &Checkpoint, words: &str| {
        let found = train_resumable(&mut model, training, checkpoint, |_, _, _| unreachable!("{words}"));
        let said = found.unwrap_err().to_string();
        assert!(said.contains(words), "{said}: not \"{words}\"");
        assert_eq!(bits(&model), before);
    };
    let t = || training.clone();
    refuse(&Training { steps: 9, ..t() }, &checkpoint, "steps = 8, and now steps is 9");
    refuse(&Training { learning_rate: 0.02, ..t() }, &checkpoint, "learning_rate = 0.01");
    refuse(&Training { schedule: Schedule::Constant, ..t() }, &checkpoint, "schedule = Cosine");
    refuse(&Training { warm_up: 0, ..t() }, &checkpoint, "warm_up = 3");
    refuse(&Training { weight_decay: 0.0, ..t() }, &checkpoint, "weight_decay = 0.1");
    refuse(&Training { clip_norm: None, ..t() }, &checkpoint, "clip_norm = Some(0.5)");
    refuse(&Training { ema_decay: None, ..t() }, &checkpoint, "ema_decay = Some(0.9)");
    refuse(&t(), &Checkpoint { seed: 8, ..checkpoint.clone() }, "seed = 7, and now seed is 8");
    fs::write(&path, &file[..file.len() - 1]).unwrap();
    refuse(&t(), &checkpoint, "not a whole safetensors file");
    save(&network(0), &path).unwrap();
    refuse(&t(), &checkpoint, "not a checkpoint");
    fs::write(&path, &file).unwrap();
    let mut wider = Mlp::<2, 6, 1, 1, Tanh>::new(&Source::new(0)).unwrap();
    let other = parameters(&wider).unwrap();
    let found = train_resumable(&mut wider, &training, &checkpoint, |_, _, _| unreachable!());
    assert!(matches!(found, Err(Error::BadFile { problem, .. }) if problem.contains("another model")));
    assert_eq!(parameters(&wider).unwrap(), other);
    assert!(fs::read(&path).unwrap() == file, "and the file is as it was");
    // A model with a layer less, all others of which fit.
    fs::remove_file(&path).unwrap();
    let mut deeper = Mlp::<2, 5, 1, 2, Tanh>::new(&Source::new(0)).unwrap();
    let none = Training { time_limit: Some(Duration::ZERO), ..training.clone() };
    train_resumable(&mut deeper, &none, &checkpoint, |_, _, _| unreachable!()).unwrap();
    let found = train_resumable(&mut model, &training, &checkpoint, |_, _, _| unreachable!());
    assert!(matches!(found, Err(Error::BadFile { problem, .. }) if problem.contains("has no place")));
    assert_eq!(bits(&model), before);
}

#[test]
fn a_checkpoint_with_more_losses_than_steps_is_refused_and_changes_nothing() {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path: path.clone(), every: 2, seed: 7 };
    run_until(&mut network(0), &silent(8), &checkpoint, 7).unwrap_err();
    let mut file = fs::read(&path).unwrap();
    let steps = b"steps = ";
    let at = file.windows(steps.len()).position(|bytes| bytes == steps).unwrap() + steps.len();
    let mut resume = |steps: u8| {
        file[at] = b'0' + steps;
        fs::write(&path, &file).unwrap();
        let mut model = network(1);
        let found = train_resumable(&mut model, &silent(steps.into()), &checkpoint, |_, _, _| unreachable!());
        (found, bits(&model))
    };
    assert_eq!(resume(6).0.unwrap().losses.len(), 6, "as many are a finished run");
    let (found, after) = resume(5);
    assert!(matches!(found, Err(Error::BadFile { problem, .. }) if problem.contains("6 losses of 5 steps")));
    assert_eq!(after, bits(&network(1)));
}

/// What a training that fails in step 6 of 8 leaves behind.
fn fails_in_step_six(
    training: &Training,
    spoil: impl Fn(&Network, Loss) -> Loss,
) -> (Error, Vec<u64>, Vec<u64>, usize) {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path, every: 2, seed: 7 };
    let (mut model, mut step, mut before) = (network(0), 0, Vec::new());
    let found = train_resumable(&mut model, training, &checkpoint, |model, gradients, source| {
        let loss = regression(model, gradients, source)?;
        step += 1;
        before = bits(model);
        Ok(if step == 7 { spoil(model, loss) } else { loss })
    });
    let kept = done(&checkpoint);
    // The file is whole: the run can go on from it.
    run_until(&mut network(1), training, &checkpoint, usize::MAX).unwrap();
    (found.unwrap_err(), before, bits(&model), kept)
}

#[test]
fn a_loss_that_is_not_finite_names_its_step_and_changes_neither_model_nor_checkpoint() {
    for value in [Real::NAN, Real::INFINITY] {
        let (error, before, after, kept) = fails_in_step_six(&all_settings(8), |_, loss| loss * value);
        assert!(matches!(error, Error::LossNotFinite { step: 6, .. }), "{error}");
        assert_eq!(after, before);
        assert_eq!(kept, 6);
    }
}

#[test]
fn a_gradient_that_is_not_finite_names_its_step_and_changes_neither_model_nor_checkpoint() {
    for training in [all_settings(8), silent(8)] {
        // The derivative of the root at 0 is infinite; times the derivative of what is under it, 0, it is NaN.
        let root = |_: &Network, loss: Loss| {
            let zero = loss * 0.0;
            assert_eq!(zero.array(), 0.0);
            zero.sqrt()
        };
        let (error, before, after, kept) = fails_in_step_six(&training, root);
        assert!(matches!(error, Error::GradientNotFinite { step: 6, .. }), "{error}");
        assert_eq!(after, before);
        assert_eq!(kept, 6);
    }
}

#[test]
fn parameters_that_are_not_finite_do_not_replace_a_checkpoint() {
    let (_folder, path) = place("run.safetensors");
    let checkpoint = Checkpoint { path: path.clone(), every: 1, seed: 7 };
    let training = diverging(8);
    let found = train_resumable(&mut network(0), &training, &checkpoint, |model, gradients, source| {
        regression(model, gradients, source)
    });
    assert!(
        matches!(&found, Err(Error::TensorNotFinite { tensor, .. }) if tensor.contains('.')),
        "{found:?}"
    );
    assert_eq!(done(&checkpoint), 0);
}

/// The product of the rate and the decay does not fit into the number type: the first step leaves no finite parameter.
fn diverging(steps: usize) -> Training {
    Training { learning_rate: f64::from(Real::MAX), weight_decay: 1e3, ..silent(steps) }
}

#[test]
fn parameters_that_the_last_step_makes_infinite_are_an_error_and_are_not_saved() {
    let (_folder, path) = place("run.safetensors");
    let (mut model, mut source) = (network(0), Source::new(0));
    save(&model, &path).unwrap();
    let found =
        train(&mut model, &diverging(1), |model, gradients| regression(model, gradients, &mut source));
    let Err(Error::TensorNotFinite { tensor, value, .. }) = &found else { panic!("{found:?}") };
    assert!(tensor.ends_with("weight") || tensor.ends_with("bias"), "{tensor}");
    assert!(!value.is_finite());
    assert!(found.unwrap_err().to_string().contains("learning rate"));
    assert!(
        parameters(&model).unwrap().iter().any(|p| !p.is_finite()),
        "the model is left as the step made it"
    );
    assert!(matches!(save(&model, &path), Err(Error::TensorNotFinite { .. })));
    load(&mut model, &path).unwrap();
    assert_eq!(bits(&model), bits(&network(0)));
    let checkpoint = Checkpoint { path: path.with_extension("run"), every: 1000, seed: 7 };
    let found = train_resumable(&mut model, &diverging(1), &checkpoint, regression);
    assert!(matches!(found, Err(Error::TensorNotFinite { .. })), "{found:?}");
    assert_eq!(done(&checkpoint), 0);
}

#[test]
fn a_path_that_cannot_be_written_shows_before_the_first_step() {
    let (folder, _) = place("");
    let path = folder.path().join("no such folder").join("run");
    let checkpoint = Checkpoint { path, every: 1000, seed: 0 };
    let found = train_resumable(&mut network(0), &silent(8), &checkpoint, |_, _, _| unreachable!());
    assert!(matches!(found, Err(Error::Io { .. })));
}

#[test]
fn a_loss_without_the_given_gradients_is_refused_in_any_step() {
    let (mut model, mut source, mut step) = (network(0), Source::new(0), 0);
    let before = bits(&model);
    let found = train(&mut model, &silent(5), |model, gradients| {
        step += 1;
        let gradients = if step == 1 { Gradients::leaky() } else { gradients };
        regression(model, gradients, &mut source)
    });
    assert!(matches!(found, Err(Error::UnusedParameters { tensors: 6 })));
    assert_eq!(bits(&model), before);
}
