//! Adam with moments that can be written to a file (dfdx's own are private); the arithmetic is dfdx's.

use super::Training;
use crate::tensor::{Dev, Gradients, Real};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorMut};
use dfdx::optim::{AdamConfig, WeightDecay};
use dfdx::prelude::{Shape, Tensor, TensorCollection, TensorOptions};

/// The moments m and v, by parameter.
pub(super) struct Adam {
    pub(super) m: Gradients,
    pub(super) v: Gradients,
}

impl Adam {
    /// Moments of zero.
    pub(super) fn new() -> Self {
        Self { m: Gradients::leaky(), v: Gradients::leaky() }
    }

    /// Step `step`, counted from 0.
    pub(super) fn update<M: TensorCollection<Real, Dev>>(
        &mut self,
        model: &mut M,
        gradients: &mut Gradients,
        training: &Training,
        step: usize,
    ) -> Result<()> {
        let factor = training.schedule.factor(step, training.warm_up, training.steps);
        let decay = training.weight_decay;
        let config = AdamConfig {
            lr: training.learning_rate * factor,
            weight_decay: (decay > 0.0).then_some(WeightDecay::Decoupled(decay)),
            ..AdamConfig::default()
        };
        // 1 − βᵗ is 1 long before t leaves the range.
        let t = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let mut update = Update { config, t, adam: self, gradients };
        M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut update })?;
        Ok(())
    }
}

struct Update<'a> {
    config: AdamConfig,
    t: i32,
    adam: &'a mut Adam,
    gradients: &'a mut Gradients,
}

impl TensorVisitor<Real, Dev> for Update<'_> {
    type Viewer = ViewTensorMut;
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        parameter: &mut Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        if options.do_gradient_update {
            let m = self.adam.m.get_or_alloc_mut(parameter)?;
            let v = self.adam.v.get_or_alloc_mut(parameter)?;
            let g = self.gradients.get_or_alloc_mut(parameter)?;
            self.config.try_update(self.t, parameter, m, v, g)?;
        }
        Ok(None)
    }
}
