//! `course book`: the book's pages.

use super::child;
use super::home::{self, Home};
use super::problem::Problem;
use super::tools;
use std::process::{Command, ExitCode};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Open the book in the default browser.
    #[arg(long)]
    open: bool,
    /// Draw the figures first, by running the chapters.
    #[arg(long)]
    figures: bool,
}

/// Installs mdbook where it is missing, and builds the book.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Problem> {
    child::catch_interrupt()?;
    let home = Home::open()?;
    let book = home.repo.join("book");
    if !book.join("book.toml").is_file() {
        return Err(Problem::NoBook(book.display().to_string()));
    }
    {
        let _only_one = home.lock()?;
        tools::ready(&home, &tools::MDBOOK)?;
        tools::ready(&home, &tools::KATEX)?;
    }
    if options.figures {
        let mut draw = child::cargo();
        draw.args(["test", "--doc"]).env("COURSE_FIGURES", "1").current_dir(&home.repo);
        finish("drawing the figures", &mut draw)?;
    }
    let mut build = Command::new(home.tool(tools::MDBOOK.name));
    build.arg("build").arg(&book).env("PATH", home::path_with(&home.tools().join("bin")));
    finish("building the book", &mut build)?;
    let page = book.join("book/index.html");
    println!("The book is in {}", page.display());
    if options.open && !child::open_in_browser(&page.display().to_string()) {
        println!("No browser could be opened: open this file yourself.");
    }
    Ok(ExitCode::SUCCESS)
}

fn finish(what: &str, command: &mut Command) -> Result<(), Problem> {
    let status = child::spawn(command)?.wait().map_err(Problem::io(what))?;
    if child::interrupted() {
        return Err(Problem::Interrupted);
    }
    if status.success() {
        Ok(())
    } else {
        Err(Problem::Failed { what: what.to_owned(), status: status.to_string() })
    }
}
