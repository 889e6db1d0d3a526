//! The gate under test: the real binary as a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::command::{LYCHGATE, shell};
use super::connection::Connection;
use super::message::Message;
use super::request::Request;
use super::setup::{Setup, Written};
use super::wait::until;

type Lines = Arc<Mutex<Vec<String>>>;

/// A running gate; it is killed when this is dropped.
pub(crate) struct TestGateway {
    child: Child,
    written: Written,
    stdout: Lines,
    stderr: Lines,
}

impl TestGateway {
    pub(super) fn start(setup: &Setup, ready: &str) -> Self {
        // A port that was free may be taken a moment later: then others are tried.
        (0..3).find_map(|_| Self::try_start(setup, ready)).expect("no free ports")
    }

    /// None where a port was taken.
    fn try_start(setup: &Setup, ready: &str) -> Option<Self> {
        let written = setup.write();
        let mut child = Command::new(LYCHGATE)
            .args(["serve", "--config"])
            .arg(written.config())
            .args(&setup.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let [stdout, stderr] = [follow(child.stdout.take().unwrap()), follow(child.stderr.take().unwrap())];
        let mut gateway = Self { child, written, stdout, stderr };
        until("the gate to open", || gateway.is_open(ready)).then_some(gateway)
    }

    /// Whether all doors are open; `Some(false)` where a port was taken.
    fn is_open(&mut self, ready: &str) -> Option<bool> {
        if let Some(status) = self.child.try_wait().unwrap() {
            let stderr = self.stderr();
            assert!(stderr.contains("could not listen") || stderr.contains("in use"), "{status}: {stderr}");
            return Some(false);
        }
        TcpStream::connect(self.written.admin).ok()?;
        let is_ready = self.admin(ready).status() == 200;
        (is_ready && TcpStream::connect(self.written.gate).is_ok()).then_some(true)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.written.gate
    }

    /// Where its operator's door is.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.written.admin
    }

    /// A file beside its config.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.written.path(name)
    }

    /// Puts something else in a file beside its config, as an editor does: a new file in the place of the old one.
    pub(crate) fn rewrite(&self, name: &str, from: &str, to: &str) {
        let (file, new) = (self.path(name), self.path(".new"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(&new, text.replacen(from, to, 1)).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// The memory that it holds.
    pub(crate) fn resident_bytes(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.written.gate)
    }

    /// Its answer to a request, on a connection of its own.
    pub(crate) fn ask(&self, request: &Request) -> Message {
        self.connect().ask(request)
    }

    /// What the operator's door answers.
    pub(crate) fn admin(&self, path: &str) -> Message {
        self.ask_admin(&Request::get(path).header("Connection", "close"))
    }

    /// What the operator's door answers to a request.
    pub(crate) fn ask_admin(&self, request: &Request) -> Message {
        Connection::open(self.written.admin).ask(request)
    }

    /// A metric's value; 0 where it is not there. `series` is the name with its labels, as `/metrics` writes them.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let metrics = self.admin("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has this value: a request is counted when its answer is already on its way.
    pub(crate) fn counts(&self, series: &str, value: u32) {
        until(&format!("{series} to be {value}"), || {
            ((self.metric(series) - f64::from(value)).abs() < f64::EPSILON).then_some(())
        });
    }

    /// The line of the access log for the request of this id.
    pub(crate) fn logged(&self, request_id: &str) -> Value {
        until("a line in the access log", || {
            let lines = self.stdout.lock().unwrap();
            let line = lines.iter().find(|line| line.contains(request_id))?;
            Some(serde_json::from_str(line).unwrap())
        })
    }

    /// All that it has written to standard output.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.lock().unwrap().join("\n")
    }

    /// All that it has written to standard error.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().join("\n")
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = shell(&format!("kill -{name} {}", self.child.id()), self.written.folder.path());
        assert_eq!(sent.code, Some(0), "{sent:?}");
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the gate to end", || self.child.try_wait().unwrap())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn follow(pipe: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let written = lines.clone();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            written.lock().unwrap().push(line);
        }
    });
    lines
}
