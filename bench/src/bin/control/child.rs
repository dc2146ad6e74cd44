//! This program again, as a process that is talked with: a line is asked, a line of JSON answers.

use std::{env, ffi::OsStr, process::Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child as Process, ChildStdin, ChildStdout, Command},
};

/// A child; it ends when dropped.
pub(crate) struct Child {
    process: Process,
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts it with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        Self::spawn(Command::new(env::current_exe()?), arguments)
    }

    /// As [`start`](Self::start), but others get the processor first, as if it ran elsewhere.
    pub(crate) fn start_behind(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new("nice");
        command.args([OsStr::new("-n19"), env::current_exe()?.as_os_str()]);
        Self::spawn(command, arguments)
    }

    fn spawn(mut command: Command, arguments: &[&str]) -> Result<Self> {
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process =
            command.kill_on_drop(true).spawn().with_context(|| format!("{command:?}"))?;
        let asked = process.stdin.take().context("a pipe")?;
        let answers = BufReader::new(process.stdout.take().context("a pipe")?).lines();
        Ok(Self { process, asked, answers })
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.process.id().context("it has ended")
    }

    /// What it says next.
    pub(crate) async fn says(&mut self) -> Result<Value> {
        let line = self.answers.next_line().await?.context("a process ended too early")?;
        Ok(serde_json::from_str(&line)?)
    }

    pub(crate) async fn ask(&mut self, command: &str) -> Result<Value> {
        self.asked.write_all(format!("{command}\n").as_bytes()).await?;
        self.says().await
    }

    /// Asks no more, and waits for its end.
    pub(crate) async fn end(self) -> Result<()> {
        let Self { mut process, asked, .. } = self;
        drop(asked);
        process.wait().await?;
        Ok(())
    }
}

/// On the child's side: what is asked next; nothing any more when it is to end.
pub(crate) async fn asked() -> Result<Option<String>> {
    let line = || std::io::stdin().lines().next().transpose();
    Ok(tokio::task::spawn_blocking(line).await??)
}

/// On the child's side: an answer.
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
pub(crate) fn say(answer: &Value) {
    println!("{answer}");
}
