//! The operator's door, asked through a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::routes::{AdminState, router};
use crate::telemetry::{Metrics, Readiness};

struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn state() -> AdminState {
    let asked = AtomicU64::new(0);
    AdminState {
        metrics: Metrics::new().unwrap(),
        readiness: Readiness::awaiting(["keys:corp", "policies"]),
        status: Arc::new(move || json!({ "asked": asked.fetch_add(1, Ordering::SeqCst) })),
        revocations: None,
        messages: None,
        explain: None,
    }
}

/// Each request on a connection of its own, through a real socket.
async fn ask(state: &AdminState, requests: &[&str]) -> Vec<Answer> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, router(state.clone())).into_future());
    let mut answers = Vec::new();
    for request in requests {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        answers.push(Answer { head: head.to_owned(), body: body.to_owned() });
    }
    server.abort();
    answers
}

#[tokio::test]
async fn metrics_are_shown_in_prometheus_text() {
    let answer = &ask(&state(), &["GET /metrics"]).await[0];
    assert_eq!(answer.status(), "200");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.body.contains("# HELP lychgate_build_info "), "{}", answer.body);
}

#[tokio::test]
async fn the_process_is_alive_while_it_is_not_ready() {
    let answer = &ask(&state(), &["GET /livez"]).await[0];
    assert_eq!((answer.status(), answer.json()), ("200", json!({ "live": true })));
}

#[tokio::test]
async fn it_is_ready_only_once_nothing_is_missing() {
    let state = state();
    state.readiness.met("policies");
    let answer = &ask(&state, &["GET /readyz"]).await[0];
    assert_eq!((answer.status(), answer.json()), ("503", json!({ "ready": false, "missing": ["keys:corp"] })));

    state.readiness.met("keys:corp");
    let answer = &ask(&state, &["GET /readyz"]).await[0];
    assert_eq!((answer.status(), answer.json()), ("200", json!({ "ready": true, "missing": [] })));

    state.readiness.drain();
    let answer = &ask(&state, &["GET /readyz"]).await[0];
    assert_eq!((answer.status(), answer.json()), ("503", json!({ "ready": false, "missing": ["draining"] })));
}

#[tokio::test]
async fn the_status_is_put_together_anew_each_time() {
    let answers = ask(&state(), &["GET /status", "GET /status"]).await;
    assert_eq!(answers[0].json(), json!({ "asked": 0 }));
    assert_eq!(answers[1].json(), json!({ "asked": 1 }));
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem_with_a_code() {
    for request in ["GET /", "GET /metrics/", "POST /nowhere", "GET /status/../metrics"] {
        let answer = &ask(&state(), &[request]).await[0];
        assert_eq!((answer.status(), answer.json()["code"].as_str()), ("404", Some("not-found")), "{request}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{request}");
    }
}

#[tokio::test]
async fn another_method_is_refused_and_told_which_are_allowed() {
    for request in ["POST /metrics", "PUT /livez", "DELETE /readyz", "OPTIONS /status"] {
        let answer = &ask(&state(), &[request]).await[0];
        assert_eq!(answer.status(), "405", "{request}");
        assert_eq!(answer.json()["code"], "method-not-allowed", "{request}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{request}");
    }
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let state = state();
    for path in ["/metrics", "/livez", "/readyz"] {
        let answers = ask(&state, &[&format!("GET {path}"), &format!("HEAD {path}")]).await;
        assert_eq!(answers[0].status(), answers[1].status(), "{path}");
        assert_eq!(answers[0].header("content-length"), answers[1].header("content-length"), "{path}");
        assert_eq!(answers[1].body, "", "{path}");
    }
}

#[tokio::test]
async fn no_answer_may_be_stored() {
    for request in ["GET /metrics", "GET /livez", "GET /readyz", "GET /status", "GET /nowhere", "POST /status"] {
        let answer = &ask(&state(), &[request]).await[0];
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{request}");
    }
}
