//! What several test files need: a model's parameters as one list, and its laws.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::useless_conversion)]

pub mod laws;

use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorMut, ViewTensorRef};
use dfdx::prelude::{HasErr, HasShape, Shape, Tensor, TensorCollection, TensorOptions};
use pushforward::dfdx;
use pushforward::tensor::{Dev, Gradients, Real};

type Visited<S> = Result<Option<Tensor<S, Real, Dev>>, <Dev as HasErr>::Err>;

/// The parameters of a model, in the order of its tensors.
pub fn parameters<M: TensorCollection<Real, Dev>>(model: &M) -> Vec<Real> {
    let mut reader = Reader(Vec::new());
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut reader }).unwrap();
    reader.0
}

/// Changes the parameters of a model.
pub fn set_parameters<M: TensorCollection<Real, Dev>>(model: &mut M, values: &[Real]) {
    let mut writer = Writer { values, next: 0 };
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut writer }).unwrap();
    assert_eq!(writer.next, values.len(), "every number has found its place");
}

/// The gradients of a model's parameters, in the same order.
pub fn gradients<M: TensorCollection<Real, Dev>>(model: &M, gradients: &Gradients) -> Vec<Real> {
    let mut reader = GradientReader { gradients, values: Vec::new() };
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut reader }).unwrap();
    reader.values
}

struct Reader(Vec<Real>);

impl TensorVisitor<Real, Dev> for Reader {
    type Viewer = ViewTensorRef;
    type Err = <Dev as HasErr>::Err;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(&mut self, _: TensorOptions<S, Real, Dev>, t: &Tensor<S, Real, Dev>) -> Visited<S> {
        self.0.extend(t.as_vec());
        Ok(None)
    }
}

struct Writer<'a> {
    values: &'a [Real],
    next: usize,
}

impl TensorVisitor<Real, Dev> for Writer<'_> {
    type Viewer = ViewTensorMut;
    type Err = <Dev as HasErr>::Err;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, Real, Dev>,
        t: &mut Tensor<S, Real, Dev>,
    ) -> Visited<S> {
        let end = self.next + t.shape().num_elements();
        t.copy_from(&self.values[self.next..end]);
        self.next = end;
        Ok(None)
    }
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
