//! Appending lines to files of the server's, which begin anew when they are large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use perennial_core::rule::action::Payload;

use super::Undelivered;

/// How many files are kept open.
const MAX_OPEN: usize = 32;

/// The files that rules write, in one folder.
pub(crate) struct Files {
    folder: PathBuf,
    max_bytes: u64,
    kept: u32,
    open: Arc<Mutex<Vec<Open>>>,
}

struct Open {
    name: String,
    file: File,
    len: u64,
}

impl Files {
    pub(crate) fn new(folder: PathBuf, max_bytes: u64, kept: u32) -> Self {
        Self { folder, max_bytes: max_bytes.max(1), kept, open: Arc::default() }
    }

    /// Appends a line; its file is made if need be.
    pub(crate) async fn append(&self, name: &str, payload: &Payload) -> Result<(), Undelivered> {
        let mut line = Vec::with_capacity(payload.0.len() + 1);
        line.extend_from_slice(&payload.0);
        line.push(b'\n');
        let (path, name) = (self.folder.join(name), name.to_owned());
        let (open, max_bytes, kept) = (Arc::clone(&self.open), self.max_bytes, self.kept);
        let shown = path.display().to_string();
        let written = tokio::task::spawn_blocking(move || {
            let mut open = open.lock();
            let written = append(&mut open, (&path, &name), &line, (max_bytes, kept));
            if written.is_err() {
                // Whatever is wrong with it, it is opened again the next time.
                open.retain(|it| it.name != name);
            }
            written
        });
        let failed = |why: &dyn std::fmt::Display| Undelivered::for_now(format!("{shown}: {why}"));
        written.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }
}

fn append(
    open: &mut Vec<Open>,
    (path, name): (&Path, &str),
    line: &[u8],
    (max_bytes, kept): (u64, u32),
) -> io::Result<()> {
    let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
    let at = position(open, path, name)?;
    if open[at].len > 0 && open[at].len.saturating_add(len) > max_bytes {
        open.remove(at);
        shift(path, kept)?;
        return append(open, (path, name), line, (u64::MAX, kept));
    }
    open[at].file.write_all(line)?;
    open[at].len += len;
    Ok(())
}

/// Where the file is among those that are open, the one used longest ago first.
fn position(open: &mut Vec<Open>, path: &Path, name: &str) -> io::Result<usize> {
    let found = open.iter().position(|it| it.name == name);
    let entry = match found {
        Some(at) => open.remove(at),
        None => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            let len = file.metadata()?.len();
            if open.len() >= MAX_OPEN {
                open.remove(0);
            }
            Open { name: name.to_owned(), file, len }
        }
    };
    open.push(entry);
    Ok(open.len() - 1)
}

/// `name` becomes `name.1`, that `name.2`, and so on; the oldest is gone.
fn shift(path: &Path, kept: u32) -> io::Result<()> {
    let numbered = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    if kept == 0 {
        return fs::remove_file(path);
    }
    for number in (1..kept).rev() {
        match fs::rename(numbered(number), numbered(number + 1)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    fs::rename(path, numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Payload {
        Payload(text.as_bytes().into())
    }

    #[tokio::test]
    async fn a_full_file_makes_room_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join("rules").join(name);
        let files = Files::new(folder.path().join("rules"), 4, 2);

        for text in ["1", "2", "3", "4", "5", "6", "7"] {
            files.append("a", &payload(text)).await.unwrap();
        }

        let read = |name: &str| fs::read_to_string(path(name)).ok();
        assert_eq!(read("a").as_deref(), Some("7\n"));
        assert_eq!(read("a.1").as_deref(), Some("5\n6\n"));
        assert_eq!(read("a.2").as_deref(), Some("3\n4\n"));
        assert_eq!(read("a.3"), None);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_written_says_which_and_may_work_later() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rules"), "in the way").unwrap();
        let files = Files::new(folder.path().join("rules"), 4, 2);

        let refused = files.append("a", &payload("1")).await.unwrap_err();

        assert!(refused.may_work_later && refused.reason.contains("rules/a: "), "{refused:?}");
    }

    #[tokio::test]
    async fn more_files_than_are_kept_open_all_get_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().to_owned(), 1 << 20, 1);

        for round in 0..2 {
            for number in 0..=MAX_OPEN {
                files.append(&number.to_string(), &payload(&round.to_string())).await.unwrap();
            }
        }

        for number in 0..=MAX_OPEN {
            let text = fs::read_to_string(folder.path().join(number.to_string())).unwrap();
            assert_eq!(text, "0\n1\n");
        }
        assert!(files.open.lock().len() <= MAX_OPEN);
    }
}
