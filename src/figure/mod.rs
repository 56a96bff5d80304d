//! placeholder
use crate::Result;
/// p
pub trait Picture {
    /// c
    fn check(&self) -> Result<()>;
    /// s
    fn save(&self, path: &std::path::Path) -> Result<()>;
}
