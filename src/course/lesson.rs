//! Lessons by number, by name, or by a part of the name.

use super::problem::Problem;
use std::fs;
use std::path::Path;

/// The stems of all notebooks in a folder, in lesson order.
pub(crate) fn all(folder: &Path) -> Result<Vec<String>, Problem> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut stems: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "ipynb"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    stems.sort();
    if stems.is_empty() { Err(Problem::NoNotebooks(folder.display().to_string())) } else { Ok(stems) }
}

/// The lesson that is meant by `7`, `07`, `07_flow_matching` or `matching`.
pub(crate) fn find(stems: &[String], asked: &str) -> Result<String, Problem> {
    let asked = asked.trim_end_matches(".ipynb");
    if let Some(stem) = stems.iter().find(|stem| *stem == asked) {
        return Ok(stem.clone());
    }
    let words = asked.to_lowercase().replace([' ', '-'], "_");
    let found: Vec<&String> = match asked.parse::<u32>() {
        Ok(number) => stems.iter().filter(|stem| number_of(stem) == Some(number)).collect(),
        Err(_) => stems.iter().filter(|stem| !words.is_empty() && stem.contains(&words)).collect(),
    };
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Problem::NoLesson { asked: asked.to_owned(), nearest: nearest(stems, &words) }),
        several => {
            let found = several.iter().map(|stem| stem.as_str()).collect::<Vec<_>>().join(", ");
            Err(Problem::ManyLessons { asked: asked.to_owned(), found })
        }
    }
}

/// The number that a stem starts with.
pub(crate) fn number_of(stem: &str) -> Option<u32> {
    stem.split('_').next()?.parse().ok()
}

fn nearest(stems: &[String], asked: &str) -> String {
    let likeness = |stem: &&String| {
        let name = stem.split_once('_').map_or(stem.as_str(), |(_, name)| name);
        (strsim::jaro_winkler(name, asked).max(strsim::jaro_winkler(stem, asked)) * 1e6) as u64
    };
    stems.iter().max_by_key(likeness).cloned().unwrap_or_default()
}
