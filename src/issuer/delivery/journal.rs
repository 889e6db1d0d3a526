//! Messages that are written down instead of being sent: for development.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use secrecy::ExposeSecret;
use serde_json::json;

use super::config::WriteMessagesTo;
use super::error::Undelivered;
use super::letter::Letter;

/// Where messages are written.
#[derive(Debug)]
pub(super) struct Journal(WriteMessagesTo);

impl Journal {
    pub(super) fn new(to: WriteMessagesTo) -> Self {
        Self(to)
    }

    /// Writes one JSON object a line.
    pub(super) async fn write(&self, letter: &Letter) -> Result<(), Undelivered> {
        let line = format!("{}\n", shown(letter));
        let to = self.0.clone();
        let written = tokio::task::spawn_blocking(move || append(&to, &line)).await;
        if matches!(written, Ok(Ok(()))) { Ok(()) } else { Err(Undelivered::ForNow("journal")) }
    }
}

fn append(to: &WriteMessagesTo, line: &str) -> io::Result<()> {
    match to {
        WriteMessagesTo::Console => io::stderr().write_all(line.as_bytes()),
        WriteMessagesTo::File(path) => {
            // One write of the whole line: several nodes may share a file.
            OpenOptions::new().create(true).append(true).mode(0o600).open(path)?.write_all(line.as_bytes())
        }
    }
}

fn shown(letter: &Letter) -> serde_json::Value {
    let Letter { id, pool_id, kind, medium, to, subject, body } = letter;
    json!({"id": id, "pool_id": pool_id, "kind": kind, "medium": medium.name(), "to": to.expose_secret(),
        "subject": subject, "body": body.expose_secret()})
}
