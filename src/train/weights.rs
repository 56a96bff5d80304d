//! Models in files.

use super::file::{self, Entry, Tensors};
use super::gradient;
use crate::tensor::{Dev, Gradients, Real, entries};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{
    RecursiveWalker, ScalarOptions, TensorVisitor, ViewTensorMut, ViewTensorName, ViewTensorRef,
};
use dfdx::prelude::{HasShape, Shape, Tensor, TensorCollection, TensorOptions};
use num_traits::NumCast;
use std::path::Path;

/// Writes the parameters of a model to a file in the format safetensors, as dfdx names them.
///
/// An old file is replaced only when the new one is whole: it is written beside it, under a new name that ends with
/// `.partial`, and then renamed. Where the path is a link, the file that it names is replaced.
///
/// ```
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::{Source, rows};
/// use pushforward::train::{load, save};
///
/// let mut source = Source::new(0);
/// let network = Mlp::<2, 8, 1, 1, Tanh>::new(&source)?;
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("network.safetensors");
/// save(&network, &path)?;
/// let mut again = Mlp::<2, 8, 1, 1, Tanh>::new(&Source::new(1))?;
/// load(&mut again, &path)?;
/// let x = source.normal::<2>(10)?;
/// assert_eq!(rows(&again.apply(x.clone())?), rows(&network.apply(x)?), "every bit is kept");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors, which leave an old file as it was: [`Error::Io`] if the file cannot be written; [`Error::TensorNotFinite`] if
/// the model holds a number that is NaN or infinite, because [`load`] would refuse it.
pub fn save<M: TensorCollection<Real, Dev>>(model: &M, path: impl AsRef<Path>) -> Result<()> {
    file::write(path.as_ref(), &finite(model)?, None)
}

/// All tensors of a model; an error if one holds a number that is not finite.
pub(super) fn finite<M: TensorCollection<Real, Dev>>(model: &M) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    gather("", model, None, &mut entries)?;
    entries.iter().try_for_each(Entry::check_finite)?;
    Ok(entries)
}

/// Reads the parameters of a model from a file that [`save`] wrote.
///
/// Errors, which leave the model as it was: [`Error::Io`] if there is no such file; [`Error::BadFile`] if it is
/// truncated, of another format, written for a model with other names, shapes or numbers, or holds a number that is NaN
/// or infinite.
pub fn load<M: TensorCollection<Real, Dev>>(model: &mut M, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let tensors = Tensors::parse(path, &bytes)?;
    let mut check = Pass::Check(Vec::new());
    scatter("", model, None, &tensors, &mut check)?;
    if let Pass::Check(known) = check {
        tensors.no_others(&known)?;
    }
    scatter("", model, None, &tensors, &mut Pass::Change)
}

/// Lists the tensors of a model or, where gradients are given, what they keep for its parameters, under names that
/// begin with the prefix.
pub(super) fn gather<M: TensorCollection<Real, Dev>>(
    prefix: &str,
    model: &M,
    gradients: Option<&mut Gradients>,
    entries: &mut Vec<Entry>,
) -> Result<()> {
    let mut gather = Gather { gradients, entries };
    M::iter_tensors(&mut RecursiveWalker { m: (model, prefix.to_owned()), f: &mut gather })?;
    Ok(())
}

struct Gather<'a> {
    gradients: Option<&'a mut Gradients>,
    entries: &'a mut Vec<Entry>,
}

impl TensorVisitor<Real, Dev> for Gather<'_> {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        (tensor, name): (&Tensor<S, Real, Dev>, String),
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        let shape = tensor.shape().concrete().into();
        match &mut self.gradients {
            None => self.entries.push(Entry::new(name, shape, &entries(tensor))),
            Some(gradients) if options.do_gradient_update => {
                self.entries.push(Entry::new(name, shape, &gradient::read(gradients, tensor)?));
            }
            Some(_) => {}
        }
        Ok(None)
    }

    fn visit_scalar<N: NumCast>(
        &mut self,
        _: ScalarOptions<N>,
        (number, name): (&N, String),
    ) -> Result<Option<N>> {
        if self.gradients.is_none() {
            self.entries.push(Entry::scalar(name, number.to_f64().unwrap_or(f64::NAN)));
        }
        Ok(None)
    }
}

/// A file is first checked as a whole, so that one that does not fit changes nothing.
pub(super) enum Pass {
    /// Lists the names that were looked for.
    Check(Vec<String>),
    Change,
}

/// The way back from what [`gather`] listed.
pub(super) fn scatter<M: TensorCollection<Real, Dev>>(
    prefix: &str,
    model: &mut M,
    gradients: Option<&mut Gradients>,
    tensors: &Tensors<'_>,
    pass: &mut Pass,
) -> Result<()> {
    let mut scatter = Scatter { gradients, tensors, pass };
    M::iter_tensors(&mut RecursiveWalker { m: (model, prefix.to_owned()), f: &mut scatter })?;
    Ok(())
}

struct Scatter<'a> {
    gradients: Option<&'a mut Gradients>,
    tensors: &'a Tensors<'a>,
    pass: &'a mut Pass,
}

impl TensorVisitor<Real, Dev> for Scatter<'_> {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        (tensor, name): (&mut Tensor<S, Real, Dev>, String),
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        if self.gradients.is_some() && !options.do_gradient_update {
            return Ok(None);
        }
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let numbers = self.tensors.numbers(&name, Some(&shape))?;
        match (&mut *self.pass, &mut self.gradients) {
            (Pass::Check(known), _) => known.push(name),
            (Pass::Change, None) => tensor.copy_from(&numbers),
            (Pass::Change, Some(gradients)) => gradient::write(gradients, tensor, &numbers)?,
        }
        Ok(None)
    }

    fn visit_scalar<N: NumCast>(
        &mut self,
        _: ScalarOptions<N>,
        (number, name): (&mut N, String),
    ) -> Result<Option<N>> {
        if self.gradients.is_some() {
            return Ok(None);
        }
        let value = self.tensors.scalar(&name)?;
        let problem =
            || self.tensors.bad(format!("{name} is {value}, which is not in the range of the model"));
        let value = N::from(value).ok_or_else(problem)?;
        match self.pass {
            Pass::Check(known) => known.push(name),
            Pass::Change => *number = value,
        }
        Ok(None)
    }
}
