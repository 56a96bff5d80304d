//! The embedded typeface, and how wide a text in it is.

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use std::sync::Once;

/// The name under which the font is registered, which is also the list of fonts that an SVG asks a browser for.
///
/// Verdana has the same widths as DejaVu Sans.
pub(super) const STACK: &str = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif";

/// How plotters' size of a text relates to the typographer's em, in pictures and in SVG.
pub(super) const SIZE_PER_EM: f64 = 1.164;
pub(super) const SVG_SIZE_PER_EM: f64 = 1.24;

static SANS: &[u8] = include_bytes!("fonts/sans.ttf");
static BOLD: &[u8] = include_bytes!("fonts/sans-bold.ttf");

/// The font at a size given in plotters' units.
pub(super) fn font(size: f64, bold: bool) -> FontDesc<'static> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that cannot be read shows as an error where text is drawn.
        let _ = register_font(STACK, FontStyle::Normal, SANS);
        let _ = register_font(STACK, FontStyle::Bold, BOLD);
    });
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(STACK), size, style)
}

/// The width of a text whose em is `em` logical pixels, in logical pixels.
pub(super) fn width(text: &str, em: f64, bold: bool) -> f64 {
    // Measured large, because plotters rounds widths to whole numbers.
    const FINE: f64 = 16.0;
    let measured = font(em * SIZE_PER_EM * FINE, bold).layout_box(text);
    measured.map_or(0.0, |(low, high)| f64::from(high.0 - low.0) / FINE)
}

/// The text, or as much of its beginning as has room, and an ellipsis.
pub(super) fn shorten(text: &str, em: f64, room: f64) -> String {
    if width(text, em, false) <= room {
        return text.to_owned();
    }
    let mut kept: String = text.to_owned();
    while kept.pop().is_some() && width(&format!("{kept}…"), em, false) > room {}
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::{font, shorten, width};

    #[test]
    fn text_without_room_is_shortened_to_its_room() {
        let short = shorten("a label that is far too long for a small panel", 12.0, 100.0);
        assert!(
            short.ends_with('…') && short.starts_with("a label") && width(&short, 12.0, false) <= 100.0,
            "{short}"
        );
        assert_eq!(shorten("short", 12.0, 100.0), "short");
    }

    #[test]
    fn every_symbol_of_the_course_has_a_glyph_of_its_own() {
        // A missing glyph is drawn as the same box as any other missing glyph.
        let ink = |text: &str| {
            let mut pixels = Vec::new();
            let drawn = font(40.0, false).draw(text, (0, 0), |x, y, alpha| {
                pixels.push((x, y, (alpha * 255.0) as u8));
                Ok::<(), ()>(())
            });
            assert!(drawn.is_ok());
            pixels
        };
        let missing = ink("\u{e000}");
        assert!(!missing.is_empty());
        for symbol in "₀₁₂₉ₜₙᵢ⁰¹²³⁻ⁿσθμφλεπαβΔΣΩ∇∂∫∑√∞≈≠≤≥→←↑↓↦∈ℝ·×±−‖∘∼∝".chars()
        {
            assert_ne!(ink(&symbol.to_string()), missing, "{symbol}");
        }
    }

    #[test]
    fn bold_text_is_wider() {
        assert!(width("A title", 14.0, true) > width("A title", 14.0, false));
    }
}
