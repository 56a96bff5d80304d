//! Vector instructions.

/// Runs a loop with the widest vector instructions that this processor has.
pub(crate) fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// Whether [`simd`] has instructions that multiply and add at once; without them `mul_add` would call a slow function.
pub(crate) fn has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    let wide = pulp::x86::V3::try_new().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    let wide = cfg!(target_arch = "aarch64");
    wide
}
