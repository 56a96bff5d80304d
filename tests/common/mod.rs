//! What several test files need: the gradients of a model's parameters as one list, and its laws.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::useless_conversion)]

pub mod laws;
pub mod mixtures;
pub mod verdicts;

use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorRef};
use dfdx::prelude::{HasErr, Shape, Tensor, TensorCollection, TensorOptions};
use pushforward::dfdx;
use pushforward::nn::{parameters, set_parameters};
use pushforward::tensor::{Dev, Gradients, Real, Source};
use rand::Rng;
use rand_distr::StandardNormal;

type Visited<S> = Result<Option<Tensor<S, Real, Dev>>, <Dev as HasErr>::Err>;

/// The gradients of a model's parameters, in the order of `nn::parameters`; 0 for a number that is not trained.
pub fn gradients<M: TensorCollection<Real, Dev>>(model: &M, gradients: &Gradients) -> Vec<Real> {
    let mut reader = GradientReader { gradients, values: Vec::new() };
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut reader }).unwrap();
    reader.values
}

struct GradientReader<'a> {
    gradients: &'a Gradients,
    values: Vec<Real>,
}

impl TensorVisitor<Real, Dev> for GradientReader<'_> {
    type Viewer = ViewTensorRef;
    type Err = <Dev as HasErr>::Err;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(&mut self, o: TensorOptions<S, Real, Dev>, t: &Tensor<S, Real, Dev>) -> Visited<S> {
        if o.do_gradient_update {
            self.values.extend(self.gradients.get(t).as_vec());
        } else {
            self.values.extend(vec![0.0; t.as_vec().len()]);
        }
        Ok(None)
    }
}

/// Which of a model's parameters are trained, in the order of `nn::parameters`.
pub fn trained<M: TensorCollection<Real, Dev>>(model: &M) -> Vec<bool> {
    let mut reader = TrainedReader(Vec::new());
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut reader }).unwrap();
    reader.0
}

struct TrainedReader(Vec<bool>);

impl TensorVisitor<Real, Dev> for TrainedReader {
    type Viewer = ViewTensorRef;
    type Err = <Dev as HasErr>::Err;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(&mut self, o: TensorOptions<S, Real, Dev>, t: &Tensor<S, Real, Dev>) -> Visited<S> {
        self.0.extend(vec![o.do_gradient_update; t.as_vec().len()]);
        Ok(None)
    }
}

/// The model with normal noise added to all that is trained, as if it had been trained.
pub fn stirred<M: TensorCollection<Real, Dev>>(mut model: M, noise: Real) -> M {
    let mut source = Source::new(11);
    let mut values = parameters(&model).unwrap();
    for (value, trained) in values.iter_mut().zip(trained(&model)) {
        if trained {
            *value += noise * source.sample::<Real, _>(StandardNormal);
        }
    }
    set_parameters(&mut model, &values).unwrap();
    model
}
