//! What several test files need: the gradients of a model's parameters as one list, and its laws.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::useless_conversion)]

pub mod laws;

use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorRef};
use dfdx::prelude::{HasErr, Shape, Tensor, TensorCollection, TensorOptions};
use pushforward::dfdx;
use pushforward::tensor::{Dev, Gradients, Real};

type Visited<S> = Result<Option<Tensor<S, Real, Dev>>, <Dev as HasErr>::Err>;

/// The gradients of a model's parameters, in the order of `nn::parameters`.
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

    fn visit<S: Shape>(&mut self, _: TensorOptions<S, Real, Dev>, t: &Tensor<S, Real, Dev>) -> Visited<S> {
        self.values.extend(self.gradients.get(t).as_vec());
        Ok(None)
    }
}
