//! Handwritten digits of 8 × 8 pixels, embedded.

use crate::tensor::{Points, Real, Source};
use crate::{Error, Result};
use flate2::read::GzDecoder;
use std::io::Read;

const FILE: &str = "datasets/digits/digits.csv.gz";
const BYTES: &[u8] = include_bytes!("../../datasets/digits/digits.csv.gz");

/// The brightest value of a pixel; the darkest is 0.
const BRIGHTEST: u8 = 16;

/// Images of handwritten digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// The pixels of each image, row by row from the top, integers in 0, …, 16.
    pub images: Vec<[u8; Self::PIXELS]>,
    /// Which digit each image shows, 0, …, 9.
    pub labels: Vec<u8>,
}

impl Digits {
    /// The number of pixels along each side of an image.
    pub const SIDE: usize = 8;
    /// The number of pixels of an image.
    pub const PIXELS: usize = Self::SIDE * Self::SIDE;
    /// How many values a pixel can have: 0, …, 16. (Bits per dimension count in these.)
    pub const LEVELS: usize = BRIGHTEST as usize + 1;

    /// Reads gzip-compressed lines of 64 pixels and a label, separated by commas; `name` stands for the file in
    /// messages.
    ///
    /// Errors: [`Error::BadFile`] for data that is truncated or not compressed, and with its line for a line of
    /// another width, a pixel above 16, a label above 9 and anything that is not an integer; also where there is no
    /// line at all.
    pub fn read(name: &str, reader: impl Read) -> Result<Self> {
        let mut text = String::new();
        let read = GzDecoder::new(reader).read_to_string(&mut text);
        read.map_err(|error| {
            bad(name, format!("expected gzip-compressed text, found another thing: {error}"))
        })?;
        let mut digits = Self { images: Vec::new(), labels: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let (image, label) =
                image(line).map_err(|problem| bad(name, format!("line {}: {problem}", index + 1)))?;
            digits.images.push(image);
            digits.labels.push(label);
        }
        if digits.images.is_empty() {
            return Err(bad(name, "expected at least one image, found none".into()));
        }
        Ok(digits)
    }

    /// The images as points, shape (N, 64), with coordinates in \[0, 16\]. Errors: [`Error::Empty`].
    pub fn points(&self, source: &Source) -> Result<Points<{ Self::PIXELS }>> {
        let points: Vec<_> = self.images.iter().map(|image| image.map(Real::from)).collect();
        source.points(&points)
    }
}

/// 1797 handwritten digits of 8 × 8 pixels (Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, the
/// test part), from a file embedded in the crate.
///
/// Each pixel counts the black ones in a block of 4 × 4 of the original; 13 people wrote these digits.
/// `datasets/README.md` says more. Errors: [`Error::BadFile`], which a test rules out.
///
/// ```
/// use pushforward::data::digits;
///
/// let digits = digits()?;
/// assert_eq!(digits.images.len(), 1797);
/// assert_eq!(digits.labels[..4], [0, 1, 2, 3], "the first lines of the file");
/// assert_eq!(digits.images[0][..8], [0, 0, 5, 13, 9, 1, 0, 0], "the top of a zero");
/// # Ok::<(), pushforward::Error>(())
/// ```
pub fn digits() -> Result<Digits> {
    Digits::read(FILE, BYTES)
}

/// One line: the pixels and the label, or what is wrong with it.
fn image(line: &str) -> Result<([u8; Digits::PIXELS], u8), String> {
    let number =
        |cell: &str| cell.trim().parse::<u8>().map_err(|_| format!("expected an integer, found \"{cell}\""));
    let numbers = line.split(',').map(number).collect::<Result<Vec<u8>, String>>()?;
    let wrong = || format!("expected {} pixels and a label, found {} numbers", Digits::PIXELS, numbers.len());
    let (&label, pixels) = numbers.split_last().ok_or_else(wrong)?;
    let image = <[u8; Digits::PIXELS]>::try_from(pixels).map_err(|_| wrong())?;
    if let Some(pixel) = image.iter().find(|pixel| **pixel > BRIGHTEST) {
        return Err(format!("expected pixels from 0 to {BRIGHTEST}, found {pixel}"));
    }
    if label > 9 { Err(format!("expected a label from 0 to 9, found {label}")) } else { Ok((image, label)) }
}

fn bad(name: &str, problem: String) -> Error {
    Error::BadFile { path: name.to_owned(), problem }
}
