//! Handing over: a new process of the binary gets the open sockets, and when it is ready, it has the doors.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{PathBuf, absolute};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping, FdMappingCollision};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::heard::{Heard, Told};
use super::inherited::{FIRST_FD, LISTEN_FDS, LISTEN_FDS_FIRST_FD, LISTEN_PID, TAKES_OVER};
use super::sockets::Sockets;
use super::take_over::{Greeting, OPEN, READY};
use crate::token::Revocations;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a process that has closed its line may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// Starts the binary anew, and hands over to it.
pub(in crate::server) struct HandOver {
    program: PathBuf,
    arguments: Vec<OsString>,
    greeting: Greeting,
    revocations: Revocations,
}

/// The line to the process that has the doors now. It is told there what is revoked here, to the last.
pub(super) struct Successor(OwnedWriteHalf);

/// Why the doors stay with this process.
#[derive(Debug, Error)]
pub(super) enum HandOverError {
    #[error("the new process could not be started")]
    Start(#[from] io::Error),
    #[error("the sockets could not be numbered for the new process")]
    Numbers(#[from] FdMappingCollision),
    #[error("the new process ended before it was ready ({0})")]
    Ended(ExitStatus),
    #[error("the new process was not ready within `shutdown.hand_over`")]
    Late,
    #[error("this process was told to stop meanwhile")]
    Told(Told),
}

impl HandOver {
    /// Remembers how this process was called, before anyone puts another binary in the place of its own.
    ///
    /// # Errors
    /// The system does not say what is running.
    pub(in crate::server) fn prepare(greeting: Greeting, revocations: Revocations) -> io::Result<Self> {
        let running = env::current_exe()?;
        // A link that leads to one version today may lead to another tomorrow: it is followed again then.
        let called = env::args_os().next().and_then(|name| absolute(name).ok());
        let program = called.filter(|path| fs::canonicalize(path).is_ok_and(|real| real == running));
        let arguments = env::args_os().skip(1).collect();
        Ok(Self { program: program.unwrap_or(running), arguments, greeting, revocations })
    }

    /// Hands over to a new process that has `within` to get ready. An error has changed nothing.
    pub(super) async fn run(
        &self,
        sockets: &Sockets,
        within: Duration,
        heard: &mut Heard,
    ) -> Result<Successor, HandOverError> {
        info!(program = %self.program.display(), "starting the process that is to take over");
        let (mut child, line) = self.start(sockets)?;
        let met = tokio::select! {
            met = timeout(within, self.meet(line)) => met.unwrap_or(Err(HandOverError::Late)),
            told = heard.end() => Err(HandOverError::Told(told)),
        };
        match met {
            Ok(Some(successor)) => {
                info!(pid = child.id(), "the new process has taken over");
                Ok(successor)
            }
            Ok(None) => Err(HandOverError::Ended(ended(&mut child).await?)),
            Err(error) => {
                end(&mut child)?;
                Err(error)
            }
        }
    }

    fn start(&self, sockets: &Sockets) -> Result<(Child, UnixStream), HandOverError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut handles = sockets.handles()?;
        handles.push(theirs.into());
        let count = handles.len();
        let numbered = handles.into_iter().zip(FIRST_FD..);
        let mappings = numbered.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd }).collect();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).env(TAKES_OVER, "1");
        command.env(LISTEN_FDS, count.to_string()).env_remove(LISTEN_PID).env_remove(LISTEN_FDS_FIRST_FD);
        // The command owns the other end of the line, and closes it here as it goes.
        let child = command.fd_mappings(mappings)?.spawn()?;
        Ok((child, UnixStream::from_std(ours)?))
    }

    /// Speaks with the new process until all its doors are open; none where it is gone.
    async fn meet(&self, line: UnixStream) -> Result<Option<Successor>, HandOverError> {
        let (reading, mut writing) = line.into_split();
        let mut said = BufReader::new(reading).lines();
        let spoken = async {
            writing.write_all(self.greeting.line()?.as_bytes()).await?;
            if said.next_line().await?.as_deref() != Some(READY) {
                return Ok(false);
            }
            writing.write_all(revoked(&self.revocations)?.as_bytes()).await?;
            Ok(said.next_line().await?.as_deref() == Some(OPEN))
        };
        let spoken: io::Result<bool> = spoken.await;
        // A line that breaks is a process that is gone.
        Ok(spoken.is_ok_and(|is_open| is_open).then_some(Successor(writing)))
    }

    /// What was revoked here until the operator's door had closed.
    pub(super) async fn tell_revoked(&self, successor: &mut Successor) {
        let told = async { successor.0.write_all(revoked(&self.revocations)?.as_bytes()).await };
        if let Err(error) = told.await {
            warn!(%error, "the new process could not be told what was revoked last");
        }
    }
}

fn revoked(revocations: &Revocations) -> io::Result<String> {
    Ok(serde_json::to_string(&revocations.list())? + "\n")
}

/// How a process ended that has closed its line; it is ended where it does not by itself.
async fn ended(child: &mut Child) -> io::Result<ExitStatus> {
    let by_itself = async {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            sleep(LOOK_EVERY).await;
        }
    };
    match timeout(ENDING, by_itself).await {
        Ok(status) => status,
        Err(_) => end(child),
    }
}

fn end(child: &mut Child) -> io::Result<ExitStatus> {
    child.kill()?;
    child.wait()
}
