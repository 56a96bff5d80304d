//! Runs that can be stopped.

use super::Training;
use super::file::{self, Entry, Tensors};
use super::state::State;
use super::weights::{Pass, gather, scatter};
use crate::tensor::{Dev, Real};
use crate::{Error, Result};
use dfdx::prelude::TensorCollection;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where a run is kept, so that it can be stopped and go on: see [`train_resumable`](super::train_resumable).
///
/// The file is in the format safetensors. It holds the model (`model.…`), its average (`average.…`), Adam's moments
/// (`adam.m.…`, `adam.v.…`), the `losses`, and as text the settings of the run. It is replaced only by a whole one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The file; it is made where there is none.
    pub path: PathBuf,
    /// After how many steps it is written again.
    pub every: usize,
    /// The seed of the run: what is drawn in step k depends on it and on k alone.
    pub seed: u64,
}

impl Checkpoint {
    /// Goes on from the file; where there is none, writes it, so that a path that cannot be written shows at once.
    pub(super) fn begin<M>(&self, model: &mut M, state: &mut State<M>, training: &Training) -> Result<()>
    where
        M: TensorCollection<Real, Dev> + Clone,
    {
        if self.every == 0 {
            let what = "the number of steps between checkpoints";
            return Err(Error::OutOfDomain { what, expected: "at least 1", found: 0.0 });
        }
        match std::fs::read(&self.path) {
            Ok(bytes) => self.resume(&bytes, model, state, training),
            Err(error) if error.kind() == ErrorKind::NotFound => self.write(model, state, training),
            Err(error) => Err(Error::io(&self.path)(error)),
        }
    }

    pub(super) fn after_step<M>(&self, model: &M, state: &mut State<M>, training: &Training) -> Result<()>
    where
        M: TensorCollection<Real, Dev>,
    {
        if state.losses.len().is_multiple_of(self.every) {
            self.write(model, state, training)
        } else {
            Ok(())
        }
    }

    /// Writes what the file does not hold yet.
    pub(super) fn end<M>(&self, model: &M, state: &mut State<M>, training: &Training) -> Result<()>
    where
        M: TensorCollection<Real, Dev>,
    {
        if state.kept == state.losses.len() { Ok(()) } else { self.write(model, state, training) }
    }

    fn write<M>(&self, model: &M, state: &mut State<M>, training: &Training) -> Result<()>
    where
        M: TensorCollection<Real, Dev>,
    {
        let losses = &state.losses;
        let mut entries = vec![Entry::new("losses".to_owned(), vec![losses.len()], losses)];
        gather("model", model, None, &mut entries)?;
        gather("adam.m", model, Some(&mut state.adam.m), &mut entries)?;
        gather("adam.v", model, Some(&mut state.adam.v), &mut entries)?;
        if let Some(average) = &state.average {
            gather("average", average, None, &mut entries)?;
        }
        entries.iter().try_for_each(Entry::check_finite)?;
        let about = self.settings(training).map(|(setting, value)| format!("{setting} = {value}"));
        file::write(&self.path, &entries, Some(about.join("\n")))?;
        state.kept = state.losses.len();
        Ok(())
    }

    fn resume<M>(&self, bytes: &[u8], model: &mut M, state: &mut State<M>, training: &Training) -> Result<()>
    where
        M: TensorCollection<Real, Dev>,
    {
        let tensors = Tensors::parse(&self.path, bytes)?;
        self.check_settings(&tensors, training)?;
        let losses = tensors.numbers("losses", None)?;
        if losses.len() > training.steps {
            let (found, steps) = (losses.len(), training.steps);
            return Err(tensors.bad(format!("it holds {found} losses of {steps} steps: remove the file")));
        }
        let mut check = Pass::Check(vec!["losses".to_owned()]);
        read(&tensors, model, state, &mut check)?;
        if let Pass::Check(known) = check {
            tensors.no_others(&known)?;
        }
        read(&tensors, model, state, &mut Pass::Change)?;
        state.kept = losses.len();
        state.losses = losses;
        Ok(())
    }

    fn check_settings(&self, tensors: &Tensors<'_>, training: &Training) -> Result<()> {
        let foreign = || tensors.bad("it is not a checkpoint of this course: give another path".to_owned());
        let lines: HashMap<_, _> =
            tensors.about().ok_or_else(foreign)?.lines().filter_map(|line| line.split_once(" = ")).collect();
        for (setting, now) in self.settings(training) {
            let then = *lines.get(setting).ok_or_else(foreign)?;
            if then != now {
                let path = self.path.display().to_string();
                return Err(Error::OtherRun { path, setting, then: then.to_owned(), now });
            }
        }
        Ok(())
    }

    /// All that the numbers of a run depend on, beside the model and the loss.
    fn settings(&self, training: &Training) -> [(&'static str, String); 8] {
        [
            ("seed", self.seed.to_string()),
            ("steps", training.steps.to_string()),
            ("learning_rate", format!("{:?}", training.learning_rate)),
            ("schedule", format!("{:?}", training.schedule)),
            ("warm_up", training.warm_up.to_string()),
            ("weight_decay", format!("{:?}", training.weight_decay)),
            ("clip_norm", format!("{:?}", training.clip_norm)),
            ("ema_decay", format!("{:?}", training.ema_decay)),
        ]
    }
}

/// All parts of a run but the losses.
fn read<M>(tensors: &Tensors<'_>, model: &mut M, state: &mut State<M>, pass: &mut Pass) -> Result<()>
where
    M: TensorCollection<Real, Dev>,
{
    scatter("model", model, None, tensors, pass)?;
    scatter("adam.m", model, Some(&mut state.adam.m), tensors, pass)?;
    scatter("adam.v", model, Some(&mut state.adam.v), tensors, pass)?;
    match &mut state.average {
        Some(average) => scatter("average", average, None, tensors, pass),
        None => Ok(()),
    }
}
