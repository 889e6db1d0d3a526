//! Steady load: clients that ask again and again while something changes, and what became of each request.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connection::Connection;
use super::message::Message;
use super::request::Request;
use super::wait::until;

/// How long each client rests between two requests.
const REST: Duration = Duration::from_millis(2);

/// Clients at work.
pub(crate) struct Steady {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    asked: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Steady {
    /// Clients that each keep a connection, made by `connect`, and ask `request` on it.
    pub(crate) fn begin(
        clients: usize,
        connect: impl Fn() -> Connection + Send + Sync + 'static,
        request: impl Fn(usize) -> Request + Send + Sync + 'static,
    ) -> Self {
        let (shared, world) = (Arc::new(Shared::default()), Arc::new((connect, request)));
        let client = |_| {
            let (shared, world) = (shared.clone(), world.clone());
            thread::spawn(move || shared.ask(&world.0, &world.1))
        };
        let clients = (0..clients).map(client).collect();
        Self { shared, clients }
    }

    /// Waits until so many more requests were asked.
    pub(crate) fn more(&self, requests: usize) {
        let enough = self.shared.asked.load(Ordering::SeqCst) + requests;
        until("more requests", || (self.shared.asked.load(Ordering::SeqCst) >= enough).then_some(()));
    }

    /// Stops the clients; how many requests they asked, and which of them failed, with why.
    pub(crate) fn end(self) -> (usize, Vec<String>) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().unwrap();
        }
        (self.shared.asked.load(Ordering::SeqCst), self.shared.failed.lock().unwrap().clone())
    }
}

impl Shared {
    fn ask(&self, connect: impl Fn() -> Connection, request: impl Fn(usize) -> Request) {
        let mut connection = connect();
        while !self.stop.load(Ordering::SeqCst) {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            connection.send(&request(number).bytes());
            let answer = connection.try_read(false);
            let good = matches!(&answer, Ok(Some(answer)) if answer.status() == 200);
            if !good {
                let what = format!("{number}: {:?}", answer.as_ref().map(|answer| answer.as_ref().map(Message::code)));
                self.failed.lock().unwrap().push(what);
            }
            if !good || matches!(&answer, Ok(Some(answer)) if answer.header("connection") == Some("close")) {
                connection = connect();
            }
            thread::sleep(REST);
        }
    }
}
