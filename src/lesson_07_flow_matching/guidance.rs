//! Classes: a field for each, and more of a class than there is.

use crate::lesson_05_cnf::VectorField;
use crate::nn::{Activation, Mlp};
use crate::tensor::{Dev, PerPoint, Points, Real, Source, check_same_batch, join, repeat, values};
use crate::{Error, Result};
use dfdx::prelude::{Const, HasShape, NoneTape, Tape, TensorFromVec, TryAdd, TryMul, TrySub};
use rand::Rng;

/// A velocity field for each class, and one for all together.
pub trait ConditionalField<const D: usize, T: Tape<Real, Dev> = NoneTape> {
    /// v(t, x | c), shape (N, D), with a class for each point; `None` asks for the field of all classes together.
    ///
    /// Errors: [`Error::BatchMismatch`] if there is not one time and one class per point; [`Error::OutOfDomain`] for a
    /// class that there is not.
    fn velocity(&self, t: PerPoint, x: Points<D, T>, classes: &[Option<usize>]) -> Result<Points<D, T>>;
}

/// A network that reads x, t and a class, as C − 1 numbers of which that of the class is 1: I = D + C inputs for C − 1
/// classes. Where all are 0, no class is named.
#[derive(Clone, Debug)]
pub struct OneHot<N, const C: usize>(pub N);

impl<const I: usize, const H: usize, const D: usize, const L: usize, const C: usize, A, T>
    ConditionalField<D, T> for OneHot<Mlp<I, H, D, L, A>, C>
where
    A: Activation,
    T: Tape<Real, Dev>,
{
    fn velocity(&self, t: PerPoint, x: Points<D, T>, classes: &[Option<usize>]) -> Result<Points<D, T>> {
        self.0.apply(join(x, context::<C>(&t, classes)?)?)
    }
}

/// (t, the class): shape (N, C).
fn context<const C: usize>(t: &PerPoint, classes: &[Option<usize>]) -> Result<Points<C>> {
    const { assert!(C > 0, "the network needs a place for the time") };
    let n = t.shape().0;
    check_same_batch("a class for each point", n, classes.len())?;
    let mut numbers = vec![0.0; n * C];
    for ((row, t), class) in numbers.chunks_exact_mut(C).zip(values(t)).zip(classes) {
        row[0] = t;
        let Some(class) = class else { continue };
        match row[1..].get_mut(*class) {
            Some(place) => *place = 1.0,
            None => {
                let (what, expected) = ("a class", "below the number of classes");
                return Err(Error::OutOfDomain { what, expected, found: *class as f64 });
            }
        }
    }
    Ok(t.device().try_tensor_from_vec(numbers, (n, Const::<C>))?)
}

/// The classes of training for classifier-free guidance: each is forgotten with this probability, so that one network
/// learns the fields of the classes and the field of all (Ho and Salimans 2022, arXiv:2207.12598, algorithm 1).
///
/// Errors: [`Error::OutOfDomain`] for a probability outside of [0, 1].
pub fn forget_classes(
    classes: &[usize],
    probability: f64,
    source: &mut Source,
) -> Result<Vec<Option<usize>>> {
    if !(0.0..=1.0).contains(&probability) {
        let (what, expected) = ("the probability to forget a class", "between 0 and 1");
        return Err(Error::OutOfDomain { what, expected, found: probability });
    }
    Ok(classes.iter().map(|class| (source.r#gen::<f64>() >= probability).then_some(*class)).collect())
}

/// The field of one class, guided: (1 − w) v(t, x) + w v(t, x | c) (Ho and Salimans 2022, arXiv:2207.12598; for velocities
/// Zheng et al. 2023, arXiv:2311.13443).
///
/// w = 0 forgets the class, w = 1 is its field, and w > 1 goes away from what the classes have in common: samples are
/// clearer and vary less. For w other than 0 and 1 they are not those of a density that anything was trained on.
#[derive(Clone, Debug)]
pub struct Guided<'a, F> {
    /// v.
    pub field: &'a F,
    /// c, the class of all points.
    pub class: usize,
    /// w.
    pub weight: Real,
}

impl<const D: usize, F: ConditionalField<D>> VectorField<D> for Guided<'_, F> {
    fn velocity(&self, t: PerPoint, x: Points<D>) -> Result<Points<D>> {
        let n = x.shape().0;
        let of_class = self.field.velocity(t.clone(), x.clone(), &repeat(n, || Some(self.class))?)?;
        if self.weight == 1.0 {
            return Ok(of_class);
        }
        let of_all = self.field.velocity(t, x, &repeat(n, || None)?)?;
        let away = of_class.try_sub(of_all.clone())?.try_mul(self.weight)?;
        Ok(of_all.try_add(away)?)
    }
}
