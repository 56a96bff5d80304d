//! Files of named tensors in the format safetensors (<https://github.com/huggingface/safetensors>), read and written
//! as a whole.

use crate::tensor::Real;
use crate::{Error, Result};
use dfdx::tensor::safetensors::SafeDtype;
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensors, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A tensor as the file holds it.
pub(super) struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Entry {
    pub(super) fn new(name: String, shape: Vec<usize>, numbers: &[Real]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { name, dtype: Real::safe_dtype(), shape, bytes }
    }

    /// An error if a number of a tensor is not finite.
    pub(super) fn check_finite(&self) -> Result<()> {
        match not_finite(&reals(&self.bytes)) {
            Some((index, value)) if self.dtype == Real::safe_dtype() => {
                Err(Error::TensorNotFinite { tensor: self.name.clone(), index, value })
            }
            _ => Ok(()),
        }
    }

    /// A number that belongs to the configuration of a model; dfdx keeps them in f64.
    pub(super) fn scalar(name: String, number: f64) -> Self {
        Self { name, dtype: Dtype::F64, shape: Vec::new(), bytes: number.to_le_bytes().to_vec() }
    }
}

impl View for &Entry {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The name of the text in a file. There is one text only: the library writes several in random order.
const ABOUT: &str = "pushforward";

/// Writes tensors, and a text about them, to a file, or where the path is a link to the file that it names. It is
/// written beside its place and moved there: whoever reads finds the old file or the new, never a part.
pub(super) fn write(path: &Path, entries: &[Entry], about: Option<String>) -> Result<()> {
    let about = about.map(|text| HashMap::from([(ABOUT.to_owned(), text)]));
    let named = entries.iter().map(|entry| (entry.name.as_str(), entry));
    let bytes = safetensors::serialize(named, &about).map_err(|problem| bad(path, problem.to_string()))?;
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (beside, mut file) = create_beside(&place).map_err(Error::io(path))?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    let moved = written.and_then(|()| fs::rename(&beside, &place));
    if moved.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    moved.map_err(Error::io(path))
}

/// A new file in the folder of another. No file that is there is opened, so no two writers share one.
fn create_beside(place: &Path) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = place.as_os_str().to_owned();
        name.push(format!(".{}-{number}.partial", std::process::id()));
        match File::create_new(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (name.into(), file)),
        }
    }
}

/// A file that was read; its header fits its length.
pub(super) struct Tensors<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    about: Metadata,
}

impl<'a> Tensors<'a> {
    pub(super) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        check_header(path, bytes)?;
        let refused = |problem: safetensors::SafeTensorError| {
            bad(path, format!("not a whole safetensors file ({problem}): write it again"))
        };
        let (_, about) = SafeTensors::read_metadata(bytes).map_err(refused)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(refused)?;
        Ok(Self { path, tensors, about })
    }

    /// The text that was written with the tensors.
    pub(super) fn about(&self) -> Option<&str> {
        Some(self.about.metadata().as_ref()?.get(ABOUT)?)
    }

    /// The numbers of a tensor, all finite, that must have this shape; with nothing, it may be any list.
    pub(super) fn numbers(&self, name: &str, shape: Option<&[usize]>) -> Result<Vec<Real>> {
        let view = self.find(name, Real::safe_dtype())?;
        if shape.map_or(view.shape().len() != 1, |shape| shape != view.shape()) {
            let expected = shape.map_or("one size".to_owned(), |shape| format!("{shape:?}"));
            let problem = format!("\"{name}\" has the shape {:?}, expected {expected}", view.shape());
            return Err(bad(self.path, problem + ANOTHER));
        }
        let numbers = reals(view.data());
        if let Some((index, value)) = not_finite(&numbers) {
            return Err(self.bad(format!(
                "\"{name}\" holds {value} at position {index}, and every number must be finite: train anew or use an older file"
            )));
        }
        Ok(numbers)
    }

    /// A number that belongs to the configuration of a model.
    pub(super) fn scalar(&self, name: &str) -> Result<f64> {
        let view = self.find(name, Dtype::F64)?;
        match <[u8; 8]>::try_from(view.data()) {
            Ok(bytes) => Ok(f64::from_le_bytes(bytes)),
            Err(_) => Err(self.bad(format!("\"{name}\" is not one number{ANOTHER}"))),
        }
    }

    fn find(&self, name: &str, dtype: Dtype) -> Result<TensorView<'_>> {
        let missing = |_| self.bad(format!("there is no tensor \"{name}\"{ANOTHER}"));
        let view = self.tensors.tensor(name).map_err(missing)?;
        if view.dtype() != dtype {
            let found = view.dtype();
            return Err(self.bad(format!(
                "\"{name}\" holds {found:?}, expected {dtype:?}: read it with the build that wrote it (feature `f64`)"
            )));
        }
        Ok(view)
    }

    /// An error if the file holds a tensor that is not in the list.
    pub(super) fn no_others(&self, known: &[String]) -> Result<()> {
        let mut names: Vec<_> = self.tensors.names();
        names.sort();
        match names.into_iter().find(|name| !known.contains(name)) {
            Some(name) => Err(self.bad(format!("the tensor \"{name}\" has no place{ANOTHER}"))),
            None => Ok(()),
        }
    }

    pub(super) fn bad(&self, problem: String) -> Error {
        bad(self.path, problem)
    }
}

const ANOTHER: &str = ": the file was written for another model";

fn reals(bytes: &[u8]) -> Vec<Real> {
    bytes.as_chunks().0.iter().map(|bytes| Real::from_le_bytes(*bytes)).collect()
}

/// The first number that is not finite, with its position.
fn not_finite(numbers: &[Real]) -> Option<(usize, Real)> {
    numbers.iter().copied().enumerate().find(|(_, number)| !number.is_finite())
}

/// A size of 19 digits in the header could overflow the sums of the library safetensors. Names and texts may hold any
/// digits.
fn check_header(path: &Path, bytes: &[u8]) -> Result<()> {
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let end = usize::try_from(header).unwrap_or(usize::MAX).saturating_add(8).min(bytes.len());
    let (mut in_text, mut escaped, mut digits) = (false, false, 0);
    for byte in bytes.get(8..end).unwrap_or_default() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
        digits = if byte.is_ascii_digit() && !in_text { digits + 1 } else { 0 };
        if digits > 18 {
            let problem = "a size in the header is larger than any file: write the file again";
            return Err(bad(path, problem.to_owned()));
        }
    }
    Ok(())
}

fn bad(path: &Path, problem: String) -> Error {
    Error::BadFile { path: path.display().to_string(), problem }
}
