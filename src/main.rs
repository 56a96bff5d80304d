//! `course`: opens the lessons in JupyterLab, checks that all of them run, and builds the book.

mod course;

fn main() -> std::process::ExitCode {
    course::run()
}
