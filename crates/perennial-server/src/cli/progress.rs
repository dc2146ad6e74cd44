//! Progress of what takes a while, on standard error, where people see it: a line that is drawn
//! anew on a terminal, and elsewhere a line for each thing that is waited for.

use std::{
    cell::RefCell,
    io::{IsTerminal as _, Write as _, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// What goes on; it is taken away when that ends.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// What was said last, where that stands in lines.
    said: Option<RefCell<String>>,
}

impl Progress {
    /// Counts: `12 listed`.
    pub(crate) fn counting(what: &'static str, out: Output) -> Self {
        let it = Self::new("{spinner} {pos} {msg}", out);
        it.bar.set_message(what);
        it
    }

    /// Says what is waited for.
    pub(crate) fn waiting(what: impl Into<String>, out: Output) -> Self {
        let mut it = Self::new("{spinner} {msg}, {elapsed}", out);
        it.said = (!out.is_json() && !stderr().is_terminal()).then(RefCell::default);
        it.bar.set_message(what.into());
        it
    }

    fn new(template: &str, out: Output) -> Self {
        let target =
            if out.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, said: None }
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        let what = what.into();
        if let Some(said) = self.said.as_ref().filter(|said| *said.borrow() != what) {
            // Nobody reads it: that is no reason to stop.
            let _ = writeln!(stderr(), "{what}");
            said.replace(what.clone());
        }
        self.bar.set_message(what);
    }

    pub(crate) fn set(&self, count: u64) {
        self.bar.set_position(count);
    }

    /// Takes the line away while `print` prints.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
