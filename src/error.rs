//! What can go wrong, in words that say what to do.

use crate::tensor::{Dev, Real};
use dfdx::tensor::HasErr;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a computation was refused or could not be finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two batches that belong together, or a list with a number for each point, are not equally long.
    #[error("{what}: expected {expected}, found {found}: give as many of the one as of the other")]
    BatchMismatch {
        /// What was being computed.
        what: &'static str,
        /// The size of the first batch.
        expected: usize,
        /// The size of the other batch.
        found: usize,
    },
    /// A batch, a table or a list has no entry.
    #[error("{what} is empty: give it at least one entry")]
    Empty {
        /// What was empty.
        what: &'static str,
    },
    /// A number is NaN or infinite.
    #[error("{what} holds {value} at position {index}: every number must be finite")]
    NotFinite {
        /// Where the number was found.
        what: &'static str,
        /// Its position, counted in row-major order.
        index: usize,
        /// The number.
        value: Real,
    },
    /// A number lies outside of the set on which the computation is defined.
    #[error("{what} is {found}, but must be {expected}")]
    OutOfDomain {
        /// The name of the number.
        what: &'static str,
        /// The set it must belong to.
        expected: &'static str,
        /// The number found.
        found: f64,
    },
    /// A list has another length than its shape needs.
    #[error("{what}: the shape needs {expected} numbers, found {found}")]
    WrongLength {
        /// What was being made.
        what: &'static str,
        /// The product of the shape's sizes.
        expected: usize,
        /// How many numbers were given.
        found: usize,
    },
    /// An assignment was asked for with more rows than columns, or fewer.
    #[error(
        "an assignment pairs as many rows as columns, found {rows} rows and {columns} columns: give both sides the same number of points, or use `transport`"
    )]
    NotSquare {
        /// The number of rows.
        rows: usize,
        /// The number of columns.
        columns: usize,
    },
    /// The masses of rows and columns do not add up to the same.
    #[error(
        "the masses of the rows add up to {rows}, those of the columns to {columns}: divide each side by its sum, or use `partial_transport` or `UnbalancedSinkhorn`"
    )]
    UnequalMasses {
        /// The sum over the rows.
        rows: f64,
        /// The sum over the columns.
        columns: f64,
    },
    /// An iteration stopped before its residual was small enough.
    #[error(
        "{what} did not converge: after {steps} steps the residual is {residual:.3e}; allow more steps or a larger tolerance"
    )]
    NotConverged {
        /// The iteration.
        what: &'static str,
        /// How many steps it took.
        steps: usize,
        /// The residual that was left.
        residual: f64,
    },
    /// The path of a point could not be followed to its end.
    #[error("the path of point {point} could not be followed beyond t = {t}: {cause}")]
    Unsolved {
        /// What stopped the solver.
        cause: Obstacle,
        /// Which point, counted from 0.
        point: usize,
        /// How far its path was followed.
        t: f64,
    },
    /// A map is so flat or so steep at a point that the numbers cannot hold what it does.
    #[error(
        "{what} at feature {feature} of point {point}, where it is given {value}, is too flat or too steep for the precision of the numbers: use points nearer to the data, a map whose scale is bounded, or the feature `f64`"
    )]
    Saturated {
        /// The map.
        what: &'static str,
        /// Which point, counted from 0.
        point: usize,
        /// Which of its coordinates, counted from 0.
        feature: usize,
        /// The coordinate that the map was given.
        value: Real,
    },
    /// Training met a loss that is NaN or infinite.
    #[error(
        "the loss is {loss} at step {step}: lower the learning rate, or look for a root, a logarithm or a division at 0"
    )]
    LossNotFinite {
        /// The step, counted from 0.
        step: usize,
        /// The loss found there.
        loss: Real,
    },
    /// Training met a gradient that is NaN or infinite.
    #[error(
        "the norm of the gradient is {norm} at step {step}: look for the derivative of a root, a logarithm or a division at 0, or lower the learning rate"
    )]
    GradientNotFinite {
        /// The step, counted from 0.
        step: usize,
        /// The norm found there.
        norm: f64,
    },
    /// A model holds a number that is NaN or infinite.
    #[error(
        "the tensor \"{tensor}\" holds {value} at position {index}: every number must be finite; if training made it, lower the learning rate"
    )]
    TensorNotFinite {
        /// The name of the tensor.
        tensor: String,
        /// The position of the number, counted in row-major order.
        index: usize,
        /// The number.
        value: Real,
    },
    /// The loss was computed without the gradients that training gave to it. Only that is looked at: a parameter that
    /// the loss does not use has the gradient 0, and is no error.
    #[error(
        "the loss was computed without the gradients that were given to it, so the {tensors} parameter tensors cannot be trained: compute it from a tensor that was traced with them (`x.traced(gradients)`) and went through the model"
    )]
    UnusedParameters {
        /// How many tensors training changes.
        tensors: usize,
    },
    /// A file does not hold what its name or its header promises.
    #[error("{path}: {problem}")]
    BadFile {
        /// The file.
        path: String,
        /// What is wrong with it and what was expected.
        problem: String,
    },
    /// A checkpoint was written by a run with other settings.
    #[error(
        "{path}: this checkpoint is of a run with {setting} = {then}, and now {setting} is {now}: go on with the setting that it was written with, or start anew with another path"
    )]
    OtherRun {
        /// The file.
        path: String,
        /// The setting that differs.
        setting: &'static str,
        /// Its value in the file.
        then: String,
        /// Its value now.
        now: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture cannot be drawn.
    #[error("the figure \"{title}\" cannot be drawn: {problem}")]
    Figure {
        /// The figure's title.
        title: String,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The device that holds the tensors refused (its memory is full, for example).
    #[error("the device failed: {0:?}")]
    Device(<Dev as HasErr>::Err),
}

/// What stops a solver of differential equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// The path is not at its end after as many steps as are allowed.
    #[error(
        "{steps} steps were not enough: allow more of them or a larger tolerance; if the steps stay small where the path is smooth, the field is stiff, and needs a network with smaller weights"
    )]
    TooManySteps {
        /// How many steps were tried, with those that were rejected.
        steps: usize,
    },
    /// The step that the tolerance asks for cannot be told from none in the precision of the numbers.
    #[error(
        "its steps became smaller than the rounding of t: the velocity jumps or grows without bound there, or the tolerance is too tight for the precision of the numbers"
    )]
    StepUnderflow,
    /// A velocity is NaN or infinite, or the point has left the range of the numbers.
    #[error(
        "the velocity or the point itself is not finite there: look for a root, a logarithm or a division at 0, or for a field that carries points beyond all bounds"
    )]
    NotFinite,
}

#[cfg(not(feature = "cuda"))]
impl From<dfdx::tensor::CpuError> for Error {
    fn from(error: dfdx::tensor::CpuError) -> Self {
        Self::Device(error)
    }
}

#[cfg(feature = "cuda")]
impl From<dfdx::tensor::CudaError> for Error {
    fn from(error: dfdx::tensor::CudaError) -> Self {
        Self::Device(error)
    }
}

impl Error {
    /// Names the file that an input or output error is about.
    pub(crate) fn io(path: impl AsRef<std::path::Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        move |source| Self::Io { path, source }
    }
}
