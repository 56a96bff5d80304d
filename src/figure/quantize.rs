//! Few colours for small files: exact where a picture has at most 256, the nearest of 256 otherwise.

use std::collections::HashMap;

type Rgb = [u8; 3];

/// How many colours a palette holds.
const COLOURS: usize = 256;

/// A list of colours, and where each colour of the pictures is found in it.
#[derive(Debug, Default)]
pub(super) struct Indexed {
    pub(super) palette: Vec<Rgb>,
    index: HashMap<Rgb, u8>,
}

/// Encodes a picture, with a palette if it has few colours.
pub(super) fn png(width: usize, height: usize, rgb: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_compression(png::Compression::High);
    let indexed = Indexed::new(&count(rgb), COLOURS);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(indexed.palette.concat());
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&indexed.indices(rgb))?;
    writer.finish()?;
    Ok(file)
}

/// How often each colour occurs.
pub(super) fn count(rgb: &[u8]) -> HashMap<Rgb, u64> {
    let mut counts = HashMap::new();
    // Pictures have long runs of one colour.
    let mut run: (Rgb, u64) = ([0; 3], 0);
    for pixel in rgb.chunks_exact(3) {
        let colour = [pixel[0], pixel[1], pixel[2]];
        if colour == run.0 {
            run.1 += 1;
        } else {
            *counts.entry(run.0).or_default() += run.1;
            run = (colour, 1);
        }
    }
    *counts.entry(run.0).or_default() += run.1;
    counts.retain(|_, count| *count > 0);
    counts
}

impl Indexed {
    /// A palette of at most `most` colours for pictures with these counts.
    ///
    /// The most frequent colours are kept exactly, so that pages and inks keep their colours; the others are the means
    /// of boxes in the colour cube, halved at their widest side where they weigh most (Heckbert's median cut).
    pub(super) fn new(counts: &HashMap<Rgb, u64>, most: usize) -> Self {
        let mut colours: Vec<(Rgb, u64)> = counts.iter().map(|(&colour, &count)| (colour, count)).collect();
        // By count, then by colour: hash maps have no order of their own.
        colours.sort_by_key(|&(colour, count)| (std::cmp::Reverse(count), colour));
        let exact = if colours.len() <= most { colours.len() } else { most / 8 };
        let boxes = median_cut(colours.split_off(exact), most - exact);
        let mut indexed = Self::default();
        for group in colours.into_iter().map(|colour| vec![colour]).chain(boxes) {
            let index = indexed.palette.len() as u8;
            indexed.palette.push(mean(&group));
            indexed.index.extend(group.iter().map(|&(colour, _)| (colour, index)));
        }
        indexed
    }

    /// The palette's index for each pixel.
    pub(super) fn indices(&self, rgb: &[u8]) -> Vec<u8> {
        let mut last = ([0; 3], self.find([0; 3]));
        let find = |pixel: &[u8]| {
            let colour = [pixel[0], pixel[1], pixel[2]];
            if colour != last.0 {
                last = (colour, self.find(colour));
            }
            last.1
        };
        rgb.chunks_exact(3).map(find).collect()
    }

    fn find(&self, colour: Rgb) -> u8 {
        self.index.get(&colour).copied().unwrap_or(0)
    }
}

/// Splits colours into at most `most` groups of near ones.
fn median_cut(colours: Vec<(Rgb, u64)>, most: usize) -> Vec<Vec<(Rgb, u64)>> {
    if colours.is_empty() {
        return Vec::new();
    }
    let mut boxes = vec![colours];
    while boxes.len() < most {
        let widest = (0..boxes.len()).max_by_key(|&i| spread(&boxes[i]).0);
        let Some(widest) = widest.filter(|&i| boxes[i].len() > 1) else { break };
        let mut low = boxes.swap_remove(widest);
        let channel = spread(&low).1;
        low.sort_by_key(|&(colour, _)| (colour[channel], colour));
        let high = low.split_off(heavy_half(&low));
        boxes.extend([low, high]);
    }
    boxes
}

/// The squared width of a group of colours in its widest channel, times the square root of its weight; the channel.
fn spread(colours: &[(Rgb, u64)]) -> (u64, usize) {
    let weight: u64 = colours.iter().map(|&(_, count)| count).sum();
    let width = |channel: usize| {
        let values = colours.iter().map(|&(colour, _)| u64::from(colour[channel]));
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    };
    let (width, channel) = (0..3).map(|channel| (width(channel), channel)).max().unwrap_or((0, 0));
    (width * width * weight.isqrt(), channel)
}

/// Where half of the weight lies, leaving something on both sides.
fn heavy_half(colours: &[(Rgb, u64)]) -> usize {
    let total: u64 = colours.iter().map(|&(_, count)| count).sum();
    let mut below = 0;
    let half = colours.iter().position(|&(_, count)| {
        below += count;
        2 * below >= total
    });
    (half.unwrap_or(0) + 1).min(colours.len() - 1)
}

fn mean(colours: &[(Rgb, u64)]) -> Rgb {
    let total: u64 = colours.iter().map(|&(_, count)| count).sum::<u64>().max(1);
    let sum = |channel: usize| {
        colours.iter().map(|&(colour, count)| u64::from(colour[channel]) * count).sum::<u64>()
    };
    [0, 1, 2].map(|channel| ((sum(channel) + total / 2) / total) as u8)
}

#[cfg(test)]
mod tests {
    use super::{Indexed, count};

    #[test]
    fn few_colours_are_kept_exactly() {
        let rgb = [[1, 2, 3], [4, 5, 6], [1, 2, 3], [0, 0, 0]].concat();
        let indexed = Indexed::new(&count(&rgb), 256);
        let drawn: Vec<u8> =
            indexed.indices(&rgb).iter().flat_map(|&i| indexed.palette[i as usize]).collect();
        assert_eq!(drawn, rgb);
    }

    #[test]
    fn many_colours_become_near_ones_and_the_page_stays() {
        let mut rgb: Vec<u8> = vec![17; 3 * 5000];
        rgb.extend((0..64u8).flat_map(|r| (0..64u8).flat_map(move |g| [4 * r, 4 * g, 128])));
        let indexed = Indexed::new(&count(&rgb), 256);
        assert!(indexed.palette.len() <= 256 && indexed.palette.contains(&[17, 17, 17]));
        let drawn = indexed.indices(&rgb).into_iter().flat_map(|i| indexed.palette[i as usize]);
        let worst = drawn.zip(&rgb).map(|(a, &b)| a.abs_diff(b)).max();
        // 224 boxes on a square of 252: about 17 on a side, so 8 from the middle; uneven cuts double it.
        assert!(worst <= Some(18), "{worst:?}");
    }
}
