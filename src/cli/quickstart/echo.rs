//! The echo upstream: answers with the request as it came through the gate.

use std::collections::BTreeMap;
use std::net::TcpListener;

use anyhow::Context;
use axum::extract::Request;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Answers on this socket for as long as the runtime lives.
pub(super) fn start(listener: TcpListener, runtime: &Runtime) -> anyhow::Result<()> {
    listener.set_nonblocking(true).context("the echo upstream's socket")?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener).context("the echo upstream's socket")?
    };
    runtime.spawn(async move {
        let router = Router::new().fallback(echo);
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the echo upstream has stopped");
        }
    });
    Ok(())
}

async fn echo(request: Request) -> Json<Value> {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    Json(json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "headers": headers,
    }))
}
