//! Progress of what takes a while, on standard error, where people see it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// A line that is drawn anew for as long as something goes on; it goes when that ends.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts: `12 listed`.
    pub(crate) fn counting(what: &'static str, out: Output) -> Self {
        let it = Self::new("{spinner} {pos} {msg}", out);
        it.0.set_message(what);
        it
    }

    /// Says what is waited for.
    pub(crate) fn waiting(what: impl Into<String>, out: Output) -> Self {
        let it = Self::new("{spinner} {msg}, {elapsed}", out);
        it.say(what);
        it
    }

    fn new(template: &str, out: Output) -> Self {
        let target =
            if out.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    pub(crate) fn set(&self, count: u64) {
        self.0.set_position(count);
    }

    /// Takes the line away while `print` prints.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
