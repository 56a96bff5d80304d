//! placeholder
use crate::Result;
use crate::tensor::{Points, Source};
/// p
pub trait Sample<const D: usize> {
    /// p
    fn sample(&self, n: usize, source: &mut Source) -> Result<Points<D>>;
}
