//! Build script.
fn main() {
    // Without this, cargo rebuilds the library whenever any file of the package changes, a saved notebook among them.
    println!("cargo::rerun-if-changed=build.rs");
}
