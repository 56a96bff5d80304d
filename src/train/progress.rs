//! What training tells while it runs.

use crate::tensor::Real;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Instant;

/// What to tell while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// A bar on a terminal, about ten lines elsewhere (in a notebook whole lines appear at once, bars do not).
    #[default]
    Auto,
    /// Nothing.
    Silent,
}

/// How many lines tell of one training where there is no terminal.
const LINES: usize = 10;

impl Progress {
    pub(super) fn start(self, steps: usize) -> Report {
        let kind = match self {
            Self::Silent => Kind::Silent,
            Self::Auto if stderr().is_terminal() => Kind::Bar(bar(steps)),
            Self::Auto => Kind::Lines,
        };
        Report { kind, steps, started: Instant::now() }
    }
}

fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} step {pos} of {len}, {elapsed} of {duration}  {msg}")
    {
        bar.set_style(style);
    }
    bar
}

/// Tells of one training.
pub(super) struct Report {
    kind: Kind,
    steps: usize,
    started: Instant,
}

enum Kind {
    Silent,
    Bar(ProgressBar),
    Lines,
}

impl Report {
    /// Called after each step with all losses so far.
    pub(super) fn step(&mut self, losses: &[Real]) {
        let done = losses.len();
        let every = self.steps.div_ceil(LINES);
        if !done.is_multiple_of(every) && done != self.steps {
            return;
        }
        self.tell(losses, "");
    }

    /// Called after the last step with all losses; where they are fewer than the steps, the time was over.
    pub(super) fn finish(self, losses: &[Real]) {
        let stopped = losses.len() < self.steps;
        if stopped {
            self.tell(losses, "   stopped here: the time is over");
        }
        match self.kind {
            Kind::Bar(bar) if stopped => bar.abandon(),
            Kind::Bar(bar) => bar.finish(),
            Kind::Lines | Kind::Silent => {}
        }
    }

    /// Tells where the training is, and the mean of the last losses.
    fn tell(&self, losses: &[Real], note: &str) {
        let (done, steps) = (losses.len(), self.steps);
        let recent = &losses[done - steps.div_ceil(LINES).min(done)..];
        let mean = recent.iter().sum::<Real>() / recent.len() as Real;
        match &self.kind {
            Kind::Silent => {}
            Kind::Bar(bar) => {
                bar.set_position(done as u64);
                let loss = if done == 0 { String::new() } else { format!("loss {mean:.4}") };
                bar.set_message(loss + note);
            }
            Kind::Lines => {
                let seconds = self.started.elapsed().as_secs_f64();
                let loss = if done == 0 { String::new() } else { format!("   loss {mean:>8.4}") };
                // A closed output is no reason to stop training.
                let _ = writeln!(stdout(), "step {done:>6} of {steps}{loss}   {seconds:>5.1} s{note}");
            }
        }
    }
}
