//! The gate under test: the real binary as a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::command::shell;
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
    /// The process that serves: another than `child` once that one has handed over.
    pid: u32,
}

impl TestGateway {
    pub(super) fn start(setup: &Setup, ready: &str) -> Self {
        // A port that was free may be taken a moment later: then others are tried.
        (0..3).find_map(|_| Self::try_start(setup, ready)).expect("no free ports")
    }

    /// None where a port was taken.
    fn try_start(setup: &Setup, ready: &str) -> Option<Self> {
        let written = setup.write();
        let mut command = Command::new(setup.program(&written));
        setup.hand_sockets(&mut command, &written);
        let mut child = command
            .args(["serve", "--config"])
            .arg(written.config())
            .args(&setup.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let [stdout, stderr] = [follow(child.stdout.take().unwrap()), follow(child.stderr.take().unwrap())];
        let pid = child.id();
        let mut gateway = Self { child, written, stdout, stderr, pid };
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap().count()
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
        let sent = shell(&format!("kill -{name} {}", self.pid), self.written.folder.path());
        assert_eq!(sent.code, Some(0), "{sent:?}");
    }

    /// The process that serves.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Has it hand over to a new process, and waits until the old one has ended.
    pub(crate) fn hand_over(&mut self) {
        self.signal("USR2");
        self.is_handed_over();
    }

    /// Waits until the process that serves has ended, and another does.
    pub(crate) fn is_handed_over(&mut self) {
        let old = self.pid;
        if old == self.child.id() {
            assert_eq!(self.wait().code(), Some(0), "{}", self.stderr());
        } else {
            until("the old process to end", || has_ended(old).then_some(()));
        }
        self.pid = until("the new process", || {
            let pid = u32::try_from(self.admin("/status").json()["pid"].as_u64()?).ok()?;
            (pid != old).then_some(pid)
        });
    }

    /// The processes that it has started and that still run.
    pub(crate) fn children(&self) -> Vec<u32> {
        let parent = format!(" {} ", self.pid);
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        // after the name in brackets: state and parent
        let is_child = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| rest.get(2..).is_some_and(|rest| rest.starts_with(&parent)))
        };
        all.filter(is_child).filter(|pid| !has_ended(*pid)).collect()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        assert_eq!(self.pid, self.child.id(), "it was handed over");
        until("the gate to end", || self.child.try_wait().unwrap())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        if self.pid != self.child.id() {
            self.signal("KILL");
        }
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Whether a process has ended, waited for or not: then it has no words left.
fn has_ended(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.is_empty())
        || !Path::new(&format!("/proc/{pid}")).exists()
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
