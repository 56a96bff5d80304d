//! Where pictures go: into a notebook's cell, or into files for the book.

use super::{Animation, Figure, Theme};
use crate::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// What a chapter can show: it writes itself as files for the book.
pub trait Picture {
    /// Writes `name.png` for white pages and `name-dark.png` for dark ones; likewise `.svg` and `.gif`.
    ///
    /// Each file is written beside its place and then renamed, so that a reader never meets half a picture and a
    /// failure leaves the old one.
    ///
    /// # Errors
    /// [`Error::Figure`] if the picture cannot be drawn or has no form with the path's extension; [`Error::Io`] if a
    /// file cannot be written.
    fn save(&self, path: &Path) -> Result<()>;

    /// Draws the picture and forgets it: an error if it cannot be drawn.
    ///
    /// # Errors
    /// [`Error::Figure`] if the picture cannot be drawn.
    fn dry_run(&self) -> Result<()>;
}

impl Picture for Figure {
    fn save(&self, path: &Path) -> Result<()> {
        match extension(path) {
            "png" => save_both(path, |theme| self.png(theme)),
            "svg" => save_both(path, |theme| self.svg(theme).map(String::into_bytes)),
            other => Err(unknown(&self.title, other, "`.png` or `.svg`")),
        }
    }

    fn dry_run(&self) -> Result<()> {
        self.png(Theme::Light).map(drop)
    }
}

impl Picture for Animation {
    fn save(&self, path: &Path) -> Result<()> {
        match extension(path) {
            "gif" => save_both(path, |theme| self.gif(theme)),
            other => Err(unknown(self.title(), other, "`.gif`")),
        }
    }

    fn dry_run(&self) -> Result<()> {
        self.try_frames()
    }
}

impl<P: Picture + ?Sized> Picture for &P {
    fn save(&self, path: &Path) -> Result<()> {
        (**self).save(path)
    }

    fn dry_run(&self) -> Result<()> {
        (**self).dry_run()
    }
}

impl Figure {
    /// Shows the figure in a Jupyter notebook, for a white or a dark page.
    ///
    /// evcxr calls this for the last expression of a cell. If the figure cannot be drawn, the reason goes to stderr.
    pub fn evcxr_display(&self) {
        show(&self.title, "image/png", self.logical_size().0, |theme| self.png(theme));
    }
}

impl Animation {
    /// Shows the animation in a Jupyter notebook, for a white or a dark page.
    ///
    /// evcxr calls this for the last expression of a cell. If a frame cannot be drawn, the reason goes to stderr.
    pub fn evcxr_display(&self) {
        show(self.title(), "image/gif", self.logical_size().0, |theme| self.gif(theme));
    }
}

/// Prints what evcxr sends to the notebook.
fn show(title: &str, mime: &str, width: u32, draw: impl Fn(Theme) -> Result<Vec<u8>>) {
    let drawn = draw(Theme::Light).and_then(|light| Ok((light, draw(Theme::Dark)?)));
    match drawn {
        Ok((light, dark)) => println!("{}", content(title, mime, width, &light, &dark)),
        Err(error) => eprintln!("{error}"),
    }
}

/// The picture for white pages, and a hidden one that a style shows instead on JupyterLab's dark pages.
///
/// It is hidden twice, because some pages strip one or the other.
fn content(title: &str, mime: &str, width: u32, light: &[u8], dark: &[u8]) -> String {
    let escaped = escape(title);
    let image = |class: &str, hidden: &str, file: &[u8]| {
        let data = STANDARD.encode(file);
        format!(
            "<img class=\"{class}\"{hidden} alt=\"{escaped}\" width=\"{width}\" src=\"data:{mime};base64,{data}\">"
        )
    };
    let style = "<style>\
        body[data-jp-theme-light=\"false\"] .pushforward-light{display:none}\
        body[data-jp-theme-light=\"false\"] .pushforward-dark{display:inline!important}\
        </style>";
    let light = image("pushforward-light", "", light);
    let dark = image("pushforward-dark", " hidden style=\"display:none\"", dark);
    format!(
        "EVCXR_BEGIN_CONTENT text/html\n<div>{style}{light}{dark}</div>\nEVCXR_END_CONTENT\n\
         EVCXR_BEGIN_CONTENT text/plain\nFigure: {title}\nEVCXR_END_CONTENT"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}

fn unknown(title: &str, extension: &str, known: &str) -> Error {
    let problem =
        format!("there is no way to write it as \".{extension}\": let the file's name end in {known}");
    Error::Figure { title: title.to_owned(), problem }
}

/// Draws for both pages before any file is touched.
fn save_both(path: &Path, draw: impl Fn(Theme) -> Result<Vec<u8>>) -> Result<()> {
    let (light, dark) = (draw(Theme::Light)?, draw(Theme::Dark)?);
    replace(path, &light)?;
    replace(&dark_path(path), &dark)
}

fn dark_path(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map_or_else(OsString::new, OsString::from);
    name.push("-dark.");
    name.push(extension(path));
    path.with_file_name(name)
}

/// Writes beside the file, then renames.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = OsString::from(".");
    beside.push(path.file_name().unwrap_or_default());
    // Two processes that draw the same picture must not share this file.
    beside.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell; what is left of the file may stay if even this fails.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(Error::io(path))
}

#[cfg(test)]
mod tests {
    use super::content;

    #[test]
    fn only_the_light_picture_shows_where_styles_are_stripped() {
        let html = content("a < \"b\" & c", "image/png", 48, b"light", b"dark");
        let images: Vec<&str> = html.split("<img").skip(1).collect();
        assert_eq!(images.len(), 2);
        assert!(!images[0].contains("display:none") && images[1].contains(" hidden style=\"display:none\""));
        assert!(
            images.iter().all(|image| image.contains("alt=\"a &lt; &quot;b&quot; &amp; c\" width=\"48\""))
        );
    }

    #[test]
    fn notebook_output_is_html_in_one_line_and_then_plain_text() {
        let shown = content("A title", "image/png", 48, b"light", b"dark");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 6);
        assert_eq!((lines[0], lines[2]), ("EVCXR_BEGIN_CONTENT text/html", "EVCXR_END_CONTENT"));
        assert_eq!(lines[3..], ["EVCXR_BEGIN_CONTENT text/plain", "Figure: A title", "EVCXR_END_CONTENT"]);
    }
}
