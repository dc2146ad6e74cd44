//! The log on standard error: one line an event, whatever devices say in it.

use std::io::{self, IsTerminal as _, Write};

use perennial_core::printable::printable_in_colours;
use tracing_subscriber::EnvFilter;

/// Begins to log what `filter` lets through.
pub(crate) fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| Lines(io::stderr()))
        .init();
}

/// Writes events, each of which is one buffer that ends with a line break, as lines.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        self.0.write_all(format!("{}{end}", printable_in_colours(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_device_says_neither_begins_a_line_nor_paints_one() {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_writer(move || Lines(writer.clone()))
            .finish();
        let said = "boo\nERROR all is lost \x1b[2J\u{202e}";

        tracing::subscriber::with_default(log, || tracing::warn!(error = %said, "a device says"));

        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 1, "{written}");
        assert!(written.ends_with('\n') && !written.contains(['\x1b', '\u{202e}']), "{written}");
    }
}
