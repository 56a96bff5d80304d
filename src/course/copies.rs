//! The learner's own copies of the notebooks: JupyterLab opens and saves these, never the repository's files.
//!
//! Beside each copy lies, in another folder, the original that it was made from. A copy that still equals it follows the
//! repository; one that the learner has worked in stays as it is.

use super::home::{self, Home};
use super::problem::Problem;
use super::{lesson, notebook};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the copies, with every lesson in it.
pub(crate) fn ready(home: &Home) -> Result<PathBuf, Problem> {
    let (own, originals) = (home.root.join("notebooks"), home.root.join("originals"));
    for stem in renew(&home.notebooks(), &own, &originals, &seen_from_copies(home))? {
        let path = own.join(format!("{stem}.ipynb"));
        eprintln!(
            "{stem} has changed since you began to work in it. Your copy is kept; to get the new one, rename or remove"
        );
        eprintln!("  {}", path.display());
    }
    Ok(own)
}

/// The repository's path in the copies' first cell.
fn seen_from_copies(home: &Home) -> String {
    let is_inside = home.root.parent().zip(home.repo.canonicalize().ok()).is_some_and(|(a, b)| a == b);
    if is_inside { "../..".to_owned() } else { home.repo.display().to_string() }
}

/// A notebook with another path to the repository in its first cell.
fn moved(text: &str, repository: &str) -> String {
    let line = |path| json!(notebook::setup(path)).to_string();
    text.replace(&line(notebook::REPOSITORY), &line(repository))
}

/// Copies what is missing or was not worked in; gives the lessons that have changed under the learner's work.
fn renew(from: &Path, own: &Path, originals: &Path, repository: &str) -> Result<Vec<String>, Problem> {
    let mut kept = Vec::new();
    for stem in lesson::all(from)? {
        let file = format!("{stem}.ipynb");
        let (source, copy, original) = (from.join(&file), own.join(&file), originals.join(&file));
        let now = moved(&fs::read_to_string(&source).map_err(Problem::io(&source))?, repository);
        let begun_from = fs::read_to_string(&original).unwrap_or_default();
        if copy.exists() && !home::is_stamped(&copy, &begun_from) {
            if begun_from != now {
                kept.push(stem);
            }
            continue;
        }
        home::write(&copy, &now)?;
        home::write(&original, &now)?;
    }
    Ok(kept)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            home::write(&self.path(name), text).unwrap();
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }

        fn renew(&self) -> Vec<String> {
            renew(&self.path("from"), &self.path("own"), &self.path("originals"), "C:\\a \"b\"").unwrap()
        }
    }

    fn place() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("from/01_one.ipynb", "first");
        assert!(place.renew().is_empty());
        place
    }

    #[test]
    fn a_copy_that_nobody_worked_in_follows_the_repository() {
        let place = place();
        assert_eq!(place.read("own/01_one.ipynb"), "first");
        place.write("from/01_one.ipynb", "second");
        place.write("from/02_two.ipynb", "new");
        assert!(place.renew().is_empty());
        assert_eq!(
            (place.read("own/01_one.ipynb"), place.read("own/02_two.ipynb")),
            ("second".into(), "new".into())
        );
    }

    #[test]
    fn work_is_never_overwritten_and_a_change_under_it_is_told() {
        let place = place();
        place.write("own/01_one.ipynb", "my answer");
        place.write("own/scratch.ipynb", "mine");
        assert!(place.renew().is_empty(), "the repository has not changed");
        place.write("from/01_one.ipynb", "second");
        assert_eq!(place.renew(), ["01_one"]);
        assert_eq!(place.renew(), ["01_one"], "told again as long as it is so");
        assert_eq!(
            (place.read("own/01_one.ipynb"), place.read("own/scratch.ipynb")),
            ("my answer".into(), "mine".into())
        );
        fs::remove_file(place.path("own/01_one.ipynb")).unwrap();
        assert!(place.renew().is_empty());
        assert_eq!(place.read("own/01_one.ipynb"), "second");
    }

    #[test]
    fn work_begun_in_the_version_that_is_current_again_is_no_change() {
        let place = place();
        place.write("own/01_one.ipynb", "my answer");
        place.write("from/01_one.ipynb", "second");
        assert_eq!(place.renew(), ["01_one"]);
        place.write("from/01_one.ipynb", "first");
        assert!(place.renew().is_empty());
    }

    #[test]
    fn the_first_cell_of_a_copy_finds_the_repository() {
        let place = place();
        let notebook = |path| json!({ "cells": [{ "source": [notebook::setup(path)] }] }).to_string();
        place.write("from/01_one.ipynb", &notebook(notebook::REPOSITORY));
        place.renew();
        assert_eq!(place.read("own/01_one.ipynb"), notebook("C:\\a \"b\""));
    }
}
