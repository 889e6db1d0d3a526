//! Taking over: the gate whose place this process takes, as it is spoken with from here.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::telemetry::Readiness;
use crate::token::Revocations;

/// What this side says when it could serve, and when it does.
pub(super) const READY: &str = "ready";
pub(super) const OPEN: &str = "open";

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a process must know before it is built.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::server) struct Greeting {
    /// What the nonces of DPoP proofs are made of: those that clients have stay good.
    pub(in crate::server) nonce_secret: [u8; 32],
}

impl Greeting {
    pub(super) fn line(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// The gate whose place this process takes.
pub(in crate::server) struct Predecessor {
    said: Lines<BufReader<OwnedReadHalf>>,
    writing: OwnedWriteHalf,
}

impl Predecessor {
    /// Reads its greeting; none where it is gone already, and its sockets are ours alone.
    pub(in crate::server) async fn meet(line: std::os::unix::net::UnixStream) -> Option<(Self, Greeting)> {
        let met = async {
            line.set_nonblocking(true)?;
            let (reading, writing) = UnixStream::from_std(line)?.into_split();
            let mut said = BufReader::new(reading).lines();
            let greeting = said.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok::<_, io::Error>((Self { said, writing }, serde_json::from_str(&greeting)?))
        };
        met.await.inspect_err(|error| warn!(%error, "the gate whose place is to be taken does not speak")).ok()
    }

    /// Says that this process could serve, once it can, and learns what is revoked. A gate that is gone is not waited for.
    pub(in crate::server) async fn ready(&mut self, readiness: &Readiness, revocations: &Revocations) {
        let is_ready = async {
            while !readiness.missing().is_empty() {
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = is_ready => {}
            _gone = self.said.next_line() => return,
        }
        if self.say(READY).await {
            self.learn(revocations).await;
        }
    }

    /// Says that every door is open here; what is revoked there until its own have closed is learned from then on.
    pub(in crate::server) async fn open(mut self, revocations: Revocations) {
        if self.say(OPEN).await {
            info!("the doors are taken over");
            tokio::spawn(async move { while self.learn(&revocations).await {} });
        }
    }

    async fn say(&mut self, word: &str) -> bool {
        self.writing.write_all(format!("{word}\n").as_bytes()).await.is_ok()
    }

    /// Whether there was a list.
    async fn learn(&mut self, revocations: &Revocations) -> bool {
        let Ok(Some(list)) = self.said.next_line().await else { return false };
        match serde_json::from_str(&list) {
            Ok(list) => revocations.add(list),
            Err(error) => warn!(%error, "what is revoked could not be taken over"),
        }
        true
    }
}
