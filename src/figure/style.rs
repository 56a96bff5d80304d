//! Colours: one palette for a white page, one for a dark page, and the maps from numbers to colours.

use plotters::style::RGBColor;

/// The page that a picture is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Theme {
    /// Dark ink on white.
    Light,
    /// Light ink on near-black, `#111318`.
    Dark,
}

/// The colours of everything that is not data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) background: RGBColor,
    pub(super) text: RGBColor,
    pub(super) muted: RGBColor,
    pub(super) grid: RGBColor,
    pub(super) series: [RGBColor; 7],
}

/// The hues of Okabe and Ito, which readers with any colour vision tell apart; yellow is left out (it has no contrast
/// on white) and each is darkened until its contrast with white is at least 3 : 1.
const LIGHT: Palette = Palette {
    background: RGBColor(255, 255, 255),
    text: RGBColor(0x1b, 0x1f, 0x27),
    muted: RGBColor(0x57, 0x5e, 0x6b),
    grid: RGBColor(0xe8, 0xea, 0xee),
    series: [
        RGBColor(0x00, 0x6f, 0xb3),
        RGBColor(0xd5, 0x5e, 0x00),
        RGBColor(0x00, 0x92, 0x6b),
        RGBColor(0xb8, 0x56, 0x92),
        RGBColor(0xb5, 0x7d, 0x00),
        RGBColor(0x3a, 0x93, 0xcc),
        RGBColor(0x6b, 0x72, 0x80),
    ],
};

/// The same hues, lightened for the dark page.
const DARK: Palette = Palette {
    background: RGBColor(0x11, 0x13, 0x18),
    text: RGBColor(0xe8, 0xea, 0xee),
    muted: RGBColor(0xa3, 0xaa, 0xb8),
    grid: RGBColor(0x25, 0x29, 0x31),
    series: [
        RGBColor(0x5a, 0xb4, 0xf0),
        RGBColor(0xff, 0x84, 0x45),
        RGBColor(0x35, 0xcf, 0xa0),
        RGBColor(0xe8, 0x9a, 0xc8),
        RGBColor(0xf0, 0xb9, 0x3a),
        RGBColor(0x9a, 0xa8, 0xff),
        RGBColor(0xb4, 0xbb, 0xc7),
    ],
};

/// Maps are cut into this many steps: too fine to see, and coarse enough for pictures to stay small.
const STEPS: i32 = 128;

impl Theme {
    pub(super) fn palette(self) -> &'static Palette {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }

    /// Colours from the page's own to the strongest ink, in equal steps of lightness.
    pub(super) fn sequential(self) -> Vec<RGBColor> {
        let colour = |u: f64| {
            let rise = 1.0 - (1.0 - u).powi(3);
            match self {
                Self::Light => oklch(1.0 - 0.72 * u, 0.115 * rise, 165.0 + 120.0 * u),
                Self::Dark => oklch(0.187 + 0.763 * u, 0.01 + 0.115 * rise - 0.03 * u * u, 285.0 - 175.0 * u),
            }
        };
        let above = (1..=STEPS).map(|step| colour(f64::from(step) / f64::from(STEPS)));
        std::iter::once(self.palette().background).chain(above).collect()
    }

    /// Colours from blue over the page's own to vermilion.
    pub(super) fn diverging(self) -> Vec<RGBColor> {
        let colour = |step: i32| {
            let strength = f64::from(step.abs()) / f64::from(STEPS / 2);
            let hue = if step < 0 { 250.0 } else { 45.0 };
            match self {
                _ if step == 0 => self.palette().background,
                Self::Light => oklch(1.0 - 0.48 * strength, 0.15 * strength, hue),
                Self::Dark => oklch(0.187 + 0.56 * strength, 0.14 * strength, hue),
            }
        };
        (-STEPS / 2..=STEPS / 2).map(colour).collect()
    }
}

/// A grey of lightness `u` in [0, 1], as images store it.
pub(super) fn grey(u: f64) -> RGBColor {
    let level = (u.clamp(0.0, 1.0) * 255.0).round() as u8;
    RGBColor(level, level, level)
}

/// The sRGB colour of a lightness, chroma and hue in Ottosson's OKLab, where equal steps look equal.
fn oklch(lightness: f64, chroma: f64, hue: f64) -> RGBColor {
    let (sin, cos) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    RGBColor(
        gamma(4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s),
        gamma(-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s),
        gamma(-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701 * s),
    )
}

/// The byte that stores a linear intensity in sRGB.
fn gamma(linear: f64) -> u8 {
    let curved = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (curved.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::{RGBColor, Theme};

    fn luminance(colour: RGBColor) -> f64 {
        let linear = |byte: u8| {
            let u = f64::from(byte) / 255.0;
            if u <= 0.04045 { u / 12.92 } else { ((u + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
    }

    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_has_contrast_4_5_and_data_has_3_on_both_pages() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = theme.palette();
            assert!(contrast(palette.text, palette.background) >= 4.5);
            assert!(contrast(palette.muted, palette.background) >= 4.5);
            for series in palette.series {
                assert!(contrast(series, palette.background) >= 3.0, "{theme:?}: {series:?}");
            }
        }
    }

    #[test]
    fn sequential_map_starts_at_the_page_and_moves_away_from_it_all_the_way() {
        for theme in [Theme::Light, Theme::Dark] {
            let page = theme.palette().background;
            let steps: Vec<f64> =
                theme.sequential().into_iter().map(|colour| contrast(colour, page)).collect();
            assert_eq!(steps[0], 1.0, "{theme:?}");
            assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{theme:?}: {steps:?}");
        }
    }
}
