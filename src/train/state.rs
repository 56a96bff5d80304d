//! What changes while training, beside the model.

use super::adam::Adam;
use super::gradient::{self, clip, gradient_norm};
use super::{Trained, Training};
use crate::tensor::{Dev, Gradients, Loss, Real, entries};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorMut, ViewTensorRef};
use dfdx::prelude::{
    AsArray, Backward, HasShape, ModelEMA, Rank0, Shape, Tensor, TensorCollection, TensorFromVec,
    TensorOptions, ZeroGrads, ZerosTensor,
};

pub(super) struct State<M> {
    pub(super) adam: Adam,
    pub(super) average: Option<M>,
    pub(super) losses: Vec<Real>,
    /// How many steps the checkpoint's file holds.
    pub(super) kept: usize,
    gradients: Gradients,
    mark: Mark,
}

impl<M: TensorCollection<Real, Dev> + Clone> State<M> {
    /// Before the first step.
    pub(super) fn new(model: &M, training: &Training) -> Result<Self> {
        let average = training.ema_decay.map(|_| copy(model)).transpose()?;
        let mut gradients = model.try_alloc_grads()?;
        let mark = Mark::new(&mut gradients)?;
        Ok(Self { adam: Adam::new(), average, losses: Vec::new(), kept: 0, gradients, mark })
    }

    /// One step. Where it fails, neither the model nor the state have changed, except that training cannot go on.
    pub(super) fn step(
        &mut self,
        model: &mut M,
        training: &Training,
        loss: &mut impl FnMut(&M, Gradients, usize) -> Result<Loss>,
    ) -> Result<()> {
        let step = self.losses.len();
        let empty = std::mem::replace(&mut self.gradients, Gradients::leaky());
        let value = loss(model, empty, step)?;
        let now = value.array();
        if !now.is_finite() {
            return Err(Error::LossNotFinite { step, loss: now });
        }
        self.gradients = value.try_backward()?;
        if !self.mark.is_in(&mut self.gradients)? {
            return Err(Error::UnusedParameters { tensors: count(model)? });
        }
        let norm = match training.clip_norm {
            Some(c) => clip(model, &mut self.gradients, c)?,
            None => gradient_norm(model, &mut self.gradients)?,
        };
        if !norm.is_finite() {
            return Err(Error::GradientNotFinite { step, norm });
        }
        self.adam.update(model, &mut self.gradients, training, step)?;
        model.try_zero_grads(&mut self.gradients)?;
        if let (Some(average), Some(decay)) = (&mut self.average, training.ema_decay) {
            average.try_ema(model, decay)?;
        }
        self.losses.push(now);
        Ok(())
    }

    pub(super) fn end(self, model: &M) -> Result<Trained<M>> {
        let average = self.average.map_or_else(|| copy(model), Ok)?;
        Ok(Trained { losses: self.losses, average })
    }
}

/// A number kept with the gradients that are given to the loss: gradients without it are not those.
struct Mark(Tensor<Rank0, Real, Dev>);

impl Mark {
    fn new(gradients: &mut Gradients) -> Result<Self> {
        let mark = Dev::default().try_zeros()?;
        // As a model of one parameter, so that a backward pass does not drop it.
        mark.try_zero_grads(gradients)?;
        gradient::write(gradients, &mark, &[1.0])?;
        Ok(Self(mark))
    }

    fn is_in(&self, gradients: &mut Gradients) -> Result<bool> {
        Ok(gradient::read(gradients, &self.0)? == [1.0])
    }
}

/// A model with the same parameters, which share nothing with the first.
fn copy<M: TensorCollection<Real, Dev> + Clone>(model: &M) -> Result<M> {
    let mut copy = model.clone();
    M::iter_tensors(&mut RecursiveWalker { m: &mut copy, f: &mut Renew })?;
    Ok(copy)
}

/// dfdx's clones are the same tensors to the tape; these are not.
struct Renew;

impl TensorVisitor<Real, Dev> for Renew {
    type Viewer = ViewTensorMut;
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, Real, Dev>,
        tensor: &mut Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        *tensor = tensor.device().try_tensor_from_vec(entries(tensor), *tensor.shape())?;
        Ok(None)
    }
}

/// How many tensors of a model training changes.
fn count<M: TensorCollection<Real, Dev>>(model: &M) -> Result<usize> {
    let mut count = Count(0);
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut count })?;
    Ok(count.0)
}

struct Count(usize);

impl TensorVisitor<Real, Dev> for Count {
    type Viewer = ViewTensorRef;
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        _: &Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        self.0 += usize::from(options.do_gradient_update);
        Ok(None)
    }
}
