//! What the tests of the exercises' checks say of a verdict.

use pushforward::exercises::Verdict;

/// An answer that is right.
#[track_caller]
pub fn accepted(verdict: &Verdict) {
    assert!(verdict.is_solved(), "{verdict}");
}

/// An answer that is refused, with these words.
#[track_caller]
pub fn rejected(verdict: &Verdict, words: &str) {
    assert!(!verdict.is_solved() && verdict.to_string().contains(words), "{words:?} is not in: {verdict}");
}
