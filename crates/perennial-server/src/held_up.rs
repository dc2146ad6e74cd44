//! What is held up and tried again: told when that begins and when it ends, not at each try.

use std::fmt::Display;

use tracing::{info, warn};

/// Something that is tried again and again.
pub(crate) struct HeldUp {
    what: String,
    is_held_up: bool,
}

impl HeldUp {
    /// Of `what`, as a log names it.
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), is_held_up: false }
    }

    /// What became of a try.
    pub(crate) fn tried<T, E: Display>(&mut self, done: &Result<T, E>) {
        let what = &self.what;
        match (self.is_held_up, done) {
            (false, Err(error)) => warn!(%error, "{what} are held up; trying again"),
            (true, Ok(_)) => info!("{what} go on"),
            (false, Ok(_)) | (true, Err(_)) => {}
        }
        self.is_held_up = done.is_err();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Result as IoResult, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> IoResult<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_held_up_is_told_twice_however_often_it_is_tried() {
        let (kept, mut held_up) = (Kept::default(), HeldUp::of("notices"));
        let writer = kept.clone();
        let log =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();

        tracing::subscriber::with_default(log, || {
            for done in [Ok(()), Err("full"), Err("full"), Err("full"), Ok(()), Ok(())] {
                held_up.tried(&done);
            }
        });

        let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let [began, ended] = written.lines().collect::<Vec<_>>()[..] else { panic!("{written}") };
        assert!(began.contains("notices are held up; trying again error=full"), "{began}");
        assert!(ended.contains("notices go on"), "{ended}");
    }
}
