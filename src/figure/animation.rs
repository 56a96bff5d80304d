//! Figures one after another, as a GIF.

use super::quantize::{Indexed, count};
use super::{Figure, Theme};
use crate::{Error, Result};
use std::collections::HashMap;

/// Figures of one size, shown one after another without end.
#[derive(Clone, Debug)]
pub struct Animation {
    frames: Vec<Figure>,
    frames_per_second: f64,
    /// How many seconds the first and the last frame stay.
    hold: f64,
}

/// A GIF above this many bytes is drawn again with fewer pixels or colours.
const LARGE: usize = 1_300_000;
/// Pixels to the logical pixel and colours, from the best to the smallest; one of the 256 stands for "unchanged".
const ATTEMPTS: [(f64, usize); 4] = [(2.0, 255), (1.5, 128), (1.5, 48), (1.0, 128)];

/// Pixels, row by row.
type Picture = (usize, usize, Vec<u8>);

impl Animation {
    /// An animation of these frames; give each the same size and the same ranges, so that only the data moves.
    pub fn new(frames: Vec<Figure>, frames_per_second: f64) -> Self {
        Self { frames, frames_per_second, hold: 0.0 }
    }

    /// Shows the first and the last frame for so many seconds, if that is longer than a frame's time.
    #[must_use]
    pub fn hold(self, seconds: f64) -> Self {
        Self { hold: seconds, ..self }
    }

    /// Draws all frames as one GIF that repeats for ever.
    ///
    /// It has twice as many pixels as its logical size on each side, or fewer if it were larger than about a megabyte.
    ///
    /// # Errors
    /// [`Error::Figure`] if there is no frame, if the frames differ in size, if the rate is not above 0 and at most
    /// 100, or if a frame cannot be drawn.
    pub fn gif(&self, theme: Theme) -> Result<Vec<u8>> {
        self.check()?;
        let mut gif = Vec::new();
        for (scale, colours) in ATTEMPTS {
            gif = self.encode(theme, scale, colours)?;
            if gif.len() <= LARGE {
                break;
            }
        }
        Ok(gif)
    }

    /// The first frame's title.
    pub(super) fn title(&self) -> &str {
        self.frames.first().map_or("", |frame| frame.title.as_str())
    }

    /// The frames' size in logical pixels.
    pub(super) fn logical_size(&self) -> (u32, u32) {
        self.frames.first().map_or((0, 0), Figure::logical_size)
    }

    fn encode(&self, theme: Theme, scale: f64, colours: usize) -> Result<Vec<u8>> {
        let drawn = self.frames.iter().map(|frame| frame.pixels(theme, scale));
        let pictures: Vec<Picture> = drawn.collect::<Result<_>>()?;
        let hundredths = |seconds: f64| (100.0 * seconds).round().clamp(1.0, 60_000.0) as u16;
        let delay = hundredths(self.frames_per_second.recip());
        let mut delays = vec![delay; pictures.len()];
        for end in [0, pictures.len() - 1] {
            delays[end] = delay.max(hundredths(self.hold));
        }
        encode(&pictures, &delays, colours).map_err(|error| self.refuse(error.to_string()))
    }

    /// Draws every frame, small, and keeps none.
    pub(super) fn try_frames(&self) -> Result<()> {
        self.check()?;
        self.frames.iter().try_for_each(|frame| frame.pixels(Theme::Light, 0.5).map(drop))
    }

    fn check(&self) -> Result<()> {
        if !(self.hold >= 0.0 && self.hold <= 600.0) {
            return Err(self.refuse(format!("its ends are held for {} seconds: choose 0 to 600", self.hold)));
        }
        if self.frames.is_empty() {
            return Err(self.refuse("the animation has no frames: give it at least one figure"));
        }
        if !(self.frames_per_second > 0.0 && self.frames_per_second <= 100.0) {
            let rate = self.frames_per_second;
            return Err(
                self.refuse(format!("it runs at {rate} frames per second: choose above 0 and at most 100"))
            );
        }
        let size = self.logical_size();
        match self.frames.iter().map(Figure::logical_size).find(|other| *other != size) {
            Some(other) => {
                Err(self
                    .refuse(format!("its frames are {size:?} and {other:?} large: give all the same `size`")))
            }
            None => Ok(()),
        }
    }

    fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::Figure { title: self.title().to_owned(), problem: problem.into() }
    }
}

/// Writes the frames with one palette; what did not change since the last frame is transparent.
fn encode(pictures: &[Picture], delays: &[u16], colours: usize) -> Result<Vec<u8>, gif::EncodingError> {
    let (width, height) = pictures.first().map_or((0, 0), |picture| (picture.0 as u16, picture.1 as u16));
    let mut counts: HashMap<[u8; 3], u64> = HashMap::new();
    for (colour, times) in pictures.iter().flat_map(|picture| count(&picture.2)) {
        *counts.entry(colour).or_default() += times;
    }
    let indexed = Indexed::new(&counts, colours);
    let unchanged = indexed.palette.len() as u8;
    let mut palette = indexed.palette.concat();
    palette.extend([0; 3]);
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &palette)?;
    encoder.set_repeat(gif::Repeat::Infinite)?;
    let mut last: Vec<u8> = Vec::new();
    for ((_, _, rgb), &delay) in pictures.iter().zip(delays) {
        let indices = indexed.indices(rgb);
        let changed = |(i, &index): (usize, &u8)| if last.get(i) == Some(&index) { unchanged } else { index };
        let buffer: Vec<u8> = indices.iter().enumerate().map(changed).collect();
        let frame = gif::Frame {
            delay,
            width,
            height,
            transparent: Some(unchanged),
            dispose: gif::DisposalMethod::Keep,
            buffer: buffer.into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame)?;
        last = indices;
    }
    drop(encoder);
    Ok(file)
}
