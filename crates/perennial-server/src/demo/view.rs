//! The view: one bar for each state, so that one sees where the fleet is.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use perennial_core::{
    audit::{AuditTask, CheckName},
    rotation::State,
};

use super::Options;

/// What people see of the demo, on standard error; nothing when nobody watches.
pub(super) struct View {
    bars: MultiProgress,
    preparation: ProgressBar,
    states: Vec<ProgressBar>,
    devices: u64,
}

impl View {
    pub(super) fn new(options: &Options) -> Self {
        let target = if options.watched {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bars = MultiProgress::with_draw_target(target);
        let devices = options.devices as u64;
        let preparation = bars.add(ProgressBar::new(devices));
        preparation.set_style(style("{msg:>14} {wide_bar:.blue} {pos:>6}/{len}"));
        Self { bars, preparation, states: Vec::new(), devices }
    }

    pub(super) fn enrolled(&self, count: usize) {
        self.preparation.set_message("enrolled");
        self.preparation.set_position(count as u64);
    }

    pub(super) fn connected(&self, count: usize) {
        self.preparation.set_message("connected");
        self.preparation.set_position(count as u64);
    }

    /// The audit is over: from now on the states are shown.
    pub(super) fn audited(&self, task: &AuditTask) {
        self.preparation.abandon();
        let expiring = task.audit_details.get(&CheckName::DeviceCertificateExpiring);
        let found = expiring.map_or(0, |check| check.non_compliant);
        let line = format!("audit {}: {found} certificates about to expire", task.task_id);
        // The terminal may be gone; the demo goes on.
        let _ = self.bars.println(line);
    }

    pub(super) fn draw(&self, counts: &[(String, u64)]) {
        for (number, state) in State::NAMES.iter().enumerate() {
            let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, n)| *n);
            if let Some(bar) = self.states.get(number) {
                bar.set_position(count);
            }
        }
    }

    pub(super) fn finish(&self) {
        for bar in &self.states {
            bar.abandon();
        }
    }

    /// Adds the bars of the states.
    pub(super) fn with_states(mut self) -> Self {
        for state in State::NAMES {
            let bar = self.bars.add(ProgressBar::new(self.devices));
            let colour = match state {
                "Rotated" => "green",
                "Failed" | "RollingBack" => "red",
                _ => "yellow",
            };
            bar.set_style(style(&format!("{{msg:>14}} {{wide_bar:.{colour}}} {{pos:>6}}")));
            bar.set_message(state);
            self.states.push(bar);
        }
        self
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▌ ")
}
