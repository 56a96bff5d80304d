//! The gradients of a model: their norm, and their numbers, which dfdx keeps in lists of its device.

use crate::tensor::{Dev, Gradients, Real};
use crate::{Error, Result};
use dfdx::nn::tensor_collection::{RecursiveWalker, TensorVisitor, ViewTensorRef};
use dfdx::prelude::{Shape, Tensor, TensorCollection, TensorOptions};

/// ‖g‖ = √Σ gᵢ², the Euclidean norm of the gradient with respect to all parameters of a model together, summed in f64.
///
/// It is finite exactly if every number of the gradient is (with the feature `f64`, if the squares are). A parameter
/// without a gradient counts as zero.
pub fn gradient_norm<M: TensorCollection<Real, Dev>>(model: &M, gradients: &mut Gradients) -> Result<f64> {
    let mut norm = Norm { gradients, squares: 0.0 };
    M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut norm })?;
    Ok(norm.squares.sqrt())
}

/// Shortens the gradient of a model to the norm c where it is longer, g ← g min(1, c / ‖g‖), and gives the norm that it
/// had (Pascanu et al. 2012, arXiv:1211.5063, algorithm 1). A gradient whose norm is NaN or infinite stays as it is.
///
/// ```
/// use pushforward::dfdx::prelude::{Backward, SumTo, Trace, ZeroGrads};
/// use pushforward::nn::{Mlp, Tanh};
/// use pushforward::tensor::Source;
/// use pushforward::train::{clip, gradient_norm};
///
/// let mut source = Source::new(0);
/// let network = Mlp::<2, 8, 1, 1, Tanh>::new(&source)?;
/// let x = source.normal::<2>(100)?;
/// let mut gradients = network.apply(x.traced(network.alloc_grads()))?.sum().backward();
/// let before = clip(&network, &mut gradients, 1.0)?;
/// assert!(before > 1.0, "100 points pull at the last bias alone by 100");
/// assert!((gradient_norm(&network, &mut gradients)? - 1.0).abs() < 1e-6, "1, up to rounding in f32");
/// # Ok::<(), pushforward::Error>(())
/// ```
///
/// Errors: [`Error::OutOfDomain`] unless c is a positive number, also after rounding to [`Real`].
pub fn clip<M: TensorCollection<Real, Dev>>(model: &M, gradients: &mut Gradients, c: f64) -> Result<f64> {
    if !(c.is_finite() && c as Real > 0.0) {
        return Err(Error::OutOfDomain {
            what: "the norm to clip at",
            expected: "a positive number",
            found: c,
        });
    }
    let norm = gradient_norm(model, gradients)?;
    if norm.is_finite() && norm > c {
        let mut scale = Scale { gradients, factor: (c / norm) as Real };
        M::iter_tensors(&mut RecursiveWalker { m: model, f: &mut scale })?;
    }
    Ok(norm)
}

struct Norm<'a> {
    gradients: &'a mut Gradients,
    squares: f64,
}

impl TensorVisitor<Real, Dev> for Norm<'_> {
    type Viewer = ViewTensorRef;
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        parameter: &Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        if options.do_gradient_update {
            self.squares += numbers::squares(self.gradients, parameter)?;
        }
        Ok(None)
    }
}

struct Scale<'a> {
    gradients: &'a mut Gradients,
    factor: Real,
}

impl TensorVisitor<Real, Dev> for Scale<'_> {
    type Viewer = ViewTensorRef;
    type Err = Error;
    type E2 = Real;
    type D2 = Dev;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, Real, Dev>,
        parameter: &Tensor<S, Real, Dev>,
    ) -> Result<Option<Tensor<S, Real, Dev>>> {
        if options.do_gradient_update {
            numbers::scale(self.gradients, parameter, self.factor)?;
        }
        Ok(None)
    }
}

pub(super) use numbers::{read, write};

/// On the CPU the lists can be seen.
#[cfg(not(feature = "cuda"))]
mod numbers {
    use crate::Result;
    use crate::tensor::{Dev, Gradients, Real};
    use dfdx::prelude::{Shape, Tensor};

    /// Σ gᵢ² of one parameter.
    pub(super) fn squares<S: Shape>(gradients: &mut Gradients, of: &Tensor<S, Real, Dev>) -> Result<f64> {
        Ok(sum_of_squares(gradients.get_or_alloc_mut(of)?))
    }

    /// Eight sums go side by side, which is what a processor can do at once.
    fn sum_of_squares(numbers: &[Real]) -> f64 {
        let (eights, rest) = numbers.as_chunks::<8>();
        let mut sums = [0.0; 8];
        for eight in eights {
            for (sum, g) in sums.iter_mut().zip(eight) {
                *sum += square(*g);
            }
        }
        sums.iter().sum::<f64>() + rest.iter().map(|g| square(*g)).sum::<f64>()
    }

    #[allow(clippy::useless_conversion, reason = "with the feature `f64` a Real is an f64")]
    fn square(g: Real) -> f64 {
        let g = f64::from(g);
        g * g
    }

    /// g ← factor · g for one parameter.
    pub(super) fn scale<S: Shape>(g: &mut Gradients, of: &Tensor<S, Real, Dev>, factor: Real) -> Result<()> {
        g.get_or_alloc_mut(of)?.iter_mut().for_each(|g| *g *= factor);
        Ok(())
    }

    /// The numbers that are kept for one parameter.
    pub(in super::super) fn read<S: Shape>(
        gradients: &mut Gradients,
        of: &Tensor<S, Real, Dev>,
    ) -> Result<Vec<Real>> {
        Ok(gradients.get_or_alloc_mut(of)?.to_vec())
    }

    /// Replaces the numbers that are kept for one parameter; they must be as many.
    pub(in super::super) fn write<S: Shape>(
        gradients: &mut Gradients,
        of: &Tensor<S, Real, Dev>,
        numbers: &[Real],
    ) -> Result<()> {
        let list = gradients.get_or_alloc_mut(of)?;
        list.clear();
        list.extend_from_slice(numbers);
        Ok(())
    }
}

/// On the GPU they cannot. They are read by dfdx's copy, and changed by a backward pass: the gradient of Σ pᵢ aᵢ with
/// respect to p is a, and a backward pass adds it.
#[cfg(feature = "cuda")]
mod numbers {
    use crate::Result;
    use crate::tensor::{Dev, Gradients, Real};
    use dfdx::prelude::{AsArray, Backward, HasShape, Shape, SumTo, Tensor, TensorFromVec, Trace, TryMul};

    pub(super) fn squares<S: Shape>(gradients: &mut Gradients, of: &Tensor<S, Real, Dev>) -> Result<f64> {
        gradients.try_alloc_for(of)?;
        Ok(gradients.get(of).try_to_dtype::<f64>()?.try_square()?.try_sum::<(), _>()?.array())
    }

    pub(super) fn scale<S: Shape>(g: &mut Gradients, of: &Tensor<S, Real, Dev>, factor: Real) -> Result<()> {
        g.try_alloc_for(of)?;
        let change = g.get(of).try_mul(factor - 1.0)?;
        add(g, of, change)
    }

    pub(in super::super) fn read<S: Shape>(
        gradients: &mut Gradients,
        of: &Tensor<S, Real, Dev>,
    ) -> Result<Vec<Real>> {
        gradients.try_alloc_for(of)?;
        Ok(gradients.get(of).as_vec())
    }

    pub(in super::super) fn write<S: Shape>(
        gradients: &mut Gradients,
        of: &Tensor<S, Real, Dev>,
        numbers: &[Real],
    ) -> Result<()> {
        gradients.try_alloc_for(of)?;
        let minus = gradients.get(of).try_mul(-1.0)?;
        add(gradients, of, minus)?;
        let wanted = of.device().try_tensor_from_vec(numbers.to_vec(), *of.shape())?;
        add(gradients, of, wanted)
    }

    fn add<S: Shape>(g: &mut Gradients, of: &Tensor<S, Real, Dev>, a: Tensor<S, Real, Dev>) -> Result<()> {
        let given = std::mem::replace(g, Gradients::leaky());
        *g = of.clone().traced(given).try_mul(a)?.try_sum::<(), _>()?.try_backward()?;
        Ok(())
    }
}
