//! A model's parameters as one list of numbers.

use crate::tensor::{Dev, Real, check_all_finite, entries};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorMut, ViewTensorRef};
use dfdx::prelude::{HasErr, HasShape, Shape, Tensor, TensorCollection, TensorOptions};

type Visited<S> = Result<Option<Tensor<S, Real, Dev>>, <Dev as HasErr>::Err>;

/// All parameters of a model, tensor after tensor in the order of its fields, each in row-major order: of a linear layer
/// the weights, shape (outputs, inputs), and then the biases.
///
/// ```
/// use pushforward::nn::{Mlp, Tanh, parameters};
/// use pushforward::tensor::Source;
///
/// let network = Mlp::<1, 8, 1, 0, Tanh>::new(&Source::new(0))?;
/// assert_eq!(parameters(&network)?.len(), (1 + 1) * 8 + (8 + 1));
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn parameters<M: TensorCollection<Real, Dev>>(model: &M) -> Result<Vec<Real>> {
    let mut reader = Reader(Vec::new());
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut reader })?;
    Ok(reader.0)
}

/// Sets all parameters of a model, in the order of [`parameters`].
///
/// Errors, which leave the model as it was: [`Error::WrongLength`] if there are more numbers than parameters, or fewer;
/// [`Error::NotFinite`] for a number that is infinite or NaN.
///
/// ```
/// use pushforward::nn::{Identity, Mlp, set_parameters};
/// use pushforward::tensor::Source;
///
/// let source = Source::new(0);
/// let mut line = Mlp::<1, 1, 1, 0, Identity>::new(&source)?;
/// set_parameters(&mut line, &[2.0, 1.0, 3.0, 0.5])?;
/// let y = line.apply(source.points(&[[10.0]])?)?;
/// assert_eq!(y.as_vec(), [3.0 * (2.0 * 10.0 + 1.0) + 0.5]);
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn set_parameters<M: TensorCollection<Real, Dev>>(model: &mut M, values: &[Real]) -> Result<()> {
    let what = "the parameters of a model";
    let (expected, found) = (parameters(model)?.len(), values.len());
    if expected != found {
        return Err(Error::WrongLength { what, expected, found });
    }
    if expected > 0 {
        check_all_finite(what, values)?;
    }
    let mut writer = Writer { rest: values };
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut writer })?;
    Ok(())
}

struct Reader(Vec<Real>);

impl TensorVisitor<Real, Dev> for Reader {
    type Viewer = ViewTensorRef;
    type Err = <Dev as HasErr>::Err;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(&mut self, _: TensorOptions<S, Real, Dev>, t: &Tensor<S, Real, Dev>) -> Visited<S> {
        self.0.extend(entries(t));
        Ok(None)
    }
}

struct Writer<'a> {
    rest: &'a [Real],
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
        // There is a number for each entry: their count was compared before.
        let (own, rest) = self.rest.split_at(t.shape().num_elements());
        t.copy_from(own);
        self.rest = rest;
        Ok(None)
    }
}
