//! A collector of traces: takes OTLP over HTTP, and reads it without knowing how the gate writes it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;

use super::message::Message;
use super::server::{Reply, Server};
use super::wait::until;

/// The collector.
pub(crate) struct TestCollector(Server);

/// A span as it was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToldSpan {
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) state: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) flags: u64,
    /// By name; lists are joined by commas.
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) is_error: bool,
    /// What is told of the gate, with every export.
    pub(crate) resource: BTreeMap<String, String>,
}

impl TestCollector {
    /// Takes all.
    pub(crate) fn start() -> Self {
        Self::answering(None, |_| Reply::new(200, ""))
    }

    /// Answers as `handler` says, over TLS if it is given.
    pub(crate) fn answering(
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Message) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self(Server::start(tls, handler))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Every export so far, as a request.
    pub(crate) fn exports(&self) -> Vec<Message> {
        self.0.received()
    }

    /// Every span so far.
    pub(crate) fn spans(&self) -> Vec<ToldSpan> {
        self.exports().iter().flat_map(|export| spans(&export.body)).collect()
    }

    /// The spans of the request of this id, the gate's own first.
    pub(crate) fn told(&self, request_id: &str) -> Vec<ToldSpan> {
        until("the spans of a request", || {
            let all = self.spans();
            let is_it =
                |span: &&ToldSpan| span.attributes.get("lychgate.request_id").is_some_and(|id| id == request_id);
            let whole = all.iter().find(is_it)?.clone();
            let steps = all.into_iter().filter(|span| span.parent == whole.id);
            Some(std::iter::once(whole.clone()).chain(steps).collect())
        })
    }
}

impl ToldSpan {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

/// A field of a protobuf message: its number, and what stands there.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = match key & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => Field::Number(u64::from_le_bytes(take(&mut message, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut message)).unwrap();
                Field::Bytes(take(&mut message, length))
            }
            5 => Field::Number(u64::from(u32::from_le_bytes(take(&mut message, 4).try_into().unwrap()))),
            kind => panic!("no wire type {kind}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = message.split_at(length);
    *message = rest;
    taken
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number without end")
}

fn messages(message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(message).into_iter().filter_map(move |(field, value)| match value {
        Field::Bytes(bytes) if field == number => Some(bytes),
        _ => None,
    })
}

fn spans(export: &[u8]) -> Vec<ToldSpan> {
    let mut told = Vec::new();
    for of_one in messages(export, 1) {
        let resource: BTreeMap<_, _> = messages(of_one, 1).flat_map(|resource| attributes(resource, 1)).collect();
        for span in messages(of_one, 2).flat_map(|scope| messages(scope, 2)) {
            told.push(ToldSpan { resource: resource.clone(), ..span_of(span) });
        }
    }
    told
}

fn span_of(message: &[u8]) -> ToldSpan {
    let mut span = ToldSpan { attributes: attributes(message, 9).collect(), ..ToldSpan::default() };
    for (field, value) in fields(message) {
        match (field, value) {
            (1, Field::Bytes(id)) => span.trace = hex(id),
            (2, Field::Bytes(id)) => span.id = hex(id),
            (3, Field::Bytes(state)) => span.state = text(state),
            (4, Field::Bytes(id)) => span.parent = hex(id),
            (5, Field::Bytes(name)) => span.name = text(name),
            (6, Field::Number(kind)) => span.kind = kind,
            (7, Field::Number(time)) => span.begun = time,
            (8, Field::Number(time)) => span.ended = time,
            (15, Field::Bytes(status)) => {
                span.is_error =
                    fields(status).iter().any(|(field, value)| matches!((field, value), (3, Field::Number(2))));
            }
            (16, Field::Number(flags)) => span.flags = flags,
            _ => {}
        }
    }
    span
}

fn attributes(message: &[u8], number: u64) -> impl Iterator<Item = (String, String)> {
    messages(message, number).map(|pair| {
        let name = messages(pair, 1).next().map(text).unwrap_or_default();
        (name, messages(pair, 2).next().map(value).unwrap_or_default())
    })
}

fn value(message: &[u8]) -> String {
    match fields(message).into_iter().next() {
        Some((1, Field::Bytes(bytes))) => text(bytes),
        Some((3, Field::Number(number))) => number.to_string(),
        Some((5, Field::Bytes(list))) => messages(list, 1).map(value).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
