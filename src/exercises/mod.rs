//! Checks for the exercises, one module per lesson.
//!
//! A check takes the learner's function, value or model, tries it on cases of its own, and answers in words.

pub mod autoregressive;
pub mod change_of_variables;
pub mod cnf;
pub mod coupling;
pub mod flow_matching;
pub mod ot_coupling;
pub mod residual;
pub mod score_matching;
pub mod tensors_and_tapes;

use std::fmt;

/// What a check says of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    solved: bool,
    words: String,
}

impl Verdict {
    /// The answer is right; `words` say what was seen.
    pub fn right(words: impl Into<String>) -> Self {
        Self { solved: true, words: words.into() }
    }

    /// The answer is not right yet; `words` say where it goes wrong and what was expected.
    pub fn not_yet(words: impl Into<String>) -> Self {
        Self { solved: false, words: words.into() }
    }

    /// Whether the answer is right.
    pub fn is_solved(&self) -> bool {
        self.solved
    }

    /// Shows the verdict as the result of a notebook's cell.
    pub fn evcxr_display(&self) {
        let colour = if self.solved { "#009e73" } else { "#d55e00" };
        let text = self.to_string().replace('&', "&amp;").replace('<', "&lt;");
        println!(
            "EVCXR_BEGIN_CONTENT text/html\n<div style=\"border-left: 4px solid {colour}; padding-left: 0.8em\">{text}</div>\nEVCXR_END_CONTENT"
        );
        println!("EVCXR_BEGIN_CONTENT text/plain\n{self}\nEVCXR_END_CONTENT");
    }

    /// The end of an exercise in a chapter: an error if its stub already passes.
    #[doc(hidden)]
    pub fn must_be_open(&self) -> Result<(), String> {
        if self.solved {
            Err(format!("this stub already solves its exercise: {}", self.words))
        } else {
            Ok(())
        }
    }

    /// The end of a solution in a chapter: an error, with the check's words, if it does not pass.
    #[doc(hidden)]
    pub fn must_be_solved(&self) -> Result<(), String> {
        if self.solved { Ok(()) } else { Err(format!("this solution does not pass: {}", self.words)) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.solved { "✓ Right:" } else { "✗ Not yet:" }, self.words)
    }
}

/// Whether a number is off by more than an honest rounding error of double precision; so is NaN.
fn differs(found: f64, expected: f64) -> bool {
    let error = (found - expected).abs();
    error.is_nan() || error > 1e-6 * (1.0 + expected.abs())
}
