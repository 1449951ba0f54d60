//! A progress bar for a person at a terminal.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use super::summary::Summary;

const WITH_SIZE: &str = "{bar:30} {bytes}/{total_bytes} {msg} {eta}";
const WITHOUT: &str = "{spinner} {bytes} {msg}";

/// Shows how far a reading is; nothing where nobody looks.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// For a stream of so many bytes, if that is known.
    pub(super) fn new(size: Option<u64>, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match size {
            Some(size) => (ProgressBar::new(size), WITH_SIZE),
            None => (ProgressBar::new_spinner(), WITHOUT),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub(super) fn count(&self, summary: &Summary) {
        self.0.set_message(summary.line());
    }

    /// Prints something above the bar.
    pub(super) fn apart(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
