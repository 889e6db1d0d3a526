//! Steady load on a gate: some clients that ask again and again, and what they were answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connection::Connection;
use super::request::Request;

/// How long a client pauses between two requests.
const PAUSE: Duration = Duration::from_millis(4);

/// Clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Load {
    /// Each of these requests by a client of its own, again and again; anything but 200 is a failure. A client keeps its
    /// connection until the gate says that it is the last answer on it.
    pub(crate) fn on(gate: SocketAddr, requests: &[Request]) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = requests.iter().map(|request| {
            let (shared, request) = (shared.clone(), request.clone());
            thread::spawn(move || shared.ask(gate, &request))
        });
        Self { clients: clients.collect(), shared }
    }

    /// How many requests were answered with 200 so far.
    pub(crate) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Ends it, and gives how many requests were answered with 200 and what became of the others.
    pub(crate) fn stop(self) -> (usize, Vec<String>) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        (self.shared.answered.load(Ordering::SeqCst), self.shared.failed.lock().unwrap().clone())
    }
}

impl Shared {
    fn ask(&self, gate: SocketAddr, request: &Request) {
        let mut kept = None;
        while !self.stopped.load(Ordering::SeqCst) {
            let mut connection = kept.take().unwrap_or_else(|| Connection::open(gate));
            connection.send(&request.bytes());
            match connection.try_read(false) {
                Ok(Some(answer)) if answer.status() == 200 => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    let is_last = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                    kept = (!is_last).then_some(connection);
                }
                Ok(Some(answer)) => self.failed.lock().unwrap().push(format!("{} {}", answer.status(), answer.text())),
                other => self.failed.lock().unwrap().push(format!("{:?}", other.map(|_| "closed"))),
            }
            thread::sleep(PAUSE);
        }
    }
}
