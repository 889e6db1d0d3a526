//! What the types cannot ask: names that must meet, values that must make sense, files that must be there.

mod cors;
mod doors;
mod findings;
mod headers;
mod messages;
mod path;
mod pools;
mod rates;
mod routes;
mod run;
mod sockets;
mod traces;
mod trusted;
mod upstreams;
mod url;

pub(crate) use run::check;
pub(crate) use url::is_loopback;
