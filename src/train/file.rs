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
use std::io::Write;
use std::path::Path;

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
        let numbers = reals(&self.bytes);
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(index) if self.dtype == Real::safe_dtype() => {
                Err(Error::NotFinite { what: "a tensor of the run", index, value: numbers[index] })
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

/// Writes tensors, and a text about them, to a file. It is written beside its place and moved there: whoever reads finds the old file or the new, never a part.
pub(super) fn write(path: &Path, entries: &[Entry], about: Option<String>) -> Result<()> {
    let about = about.map(|text| HashMap::from([(ABOUT.to_owned(), text)]));
    let named = entries.iter().map(|entry| (entry.name.as_str(), entry));
    let bytes = safetensors::serialize(named, &about).map_err(|problem| bad(path, problem.to_string()))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let written = File::create(&beside)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(Error::io(path))
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

    /// The numbers of a tensor that must have this shape; with nothing, it may be any list.
    pub(super) fn numbers(&self, name: &str, shape: Option<&[usize]>) -> Result<Vec<Real>> {
        let view = self.find(name, Real::safe_dtype())?;
        if shape.map_or(view.shape().len() != 1, |shape| shape != view.shape()) {
            let expected = shape.map_or("one size".to_owned(), |shape| format!("{shape:?}"));
            let problem = format!("\"{name}\" has the shape {:?}, expected {expected}", view.shape());
            return Err(bad(self.path, problem + ANOTHER));
        }
        Ok(reals(view.data()))
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

/// A number of 19 digits in the header could overflow the sums of the library safetensors.
fn check_header(path: &Path, bytes: &[u8]) -> Result<()> {
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    let end = usize::try_from(header).unwrap_or(usize::MAX).saturating_add(8).min(bytes.len());
    let header = bytes.get(8..end).unwrap_or_default();
    if header.split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() > 18) {
        return Err(bad(
            path,
            "a size in the header is larger than any file: write the file again".to_owned(),
        ));
    }
    Ok(())
}

fn bad(path: &Path, problem: String) -> Error {
    Error::BadFile { path: path.display().to_string(), problem }
}
