//! Commands of the binary under test, run to their end.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The binary under test.
pub(super) const LYCHGATE: &str = env!("CARGO_BIN_EXE_lychgate");

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Runs `lychgate` with these arguments.
pub(crate) fn lychgate(arguments: &[&str]) -> Finished {
    Command::new(LYCHGATE).args(arguments).stdin(Stdio::null()).output().unwrap().into()
}

/// Runs lines of shell, as if they were pasted.
pub(crate) fn shell(lines: &str, folder: &Path) -> Finished {
    Command::new("sh").arg("-c").arg(lines).current_dir(folder).stdin(Stdio::null()).output().unwrap().into()
}
