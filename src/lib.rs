//! Lychgate, the gate where bearers stop: an auth gateway in front of backend APIs.
//!
//! # The path of a request
//!
//! `proxy` receives it and judges its framing; [`authorizer`] decides: it finds the route, asks [`token`] for the one
//! credential and whether it is genuine (with the keys that [`token`] keeps and the signatures that [`jose`] checks), asks
//! [`policy`] whether the caller may, and cuts a permit; `proxy` applies the permit and sends the request to its upstream.
//! On no, [`authorizer::Denial`] alone says what the client gets.
//!
//! # The rooms and their floors
//!
//! Imports run downward only; `tests/it/architecture.rs` holds this.
//!
//! | floor | rooms |
//! |---|---|
//! | 8 | `main.rs` |
//! | 7 | [`cli`]: what can be asked on the command line |
//! | 6 | [`server`]: the only builder |
//! | 5 | [`config`]: the fuse box |
//! | 4 | [`proxy`]: the door for HTTP · [`ext_authz`]: the doors for other proxies |
//! | 3 | [`authorizer`]: the heart · [`admin`]: the operator's door · [`issuer`]: local user pools |
//! | 2 | [`token`]: is it genuine? |
//! | 1 | [`policy`] · [`jose`] · [`telemetry`] · [`clock`] · [`short_form`] |
//!
//! The config reference is [`config::Config`]: each section is a type of the room that owns it, and the comment of each
//! field is its manual.

pub mod admin;
pub mod authorizer;
pub mod cli;
pub mod clock;
pub mod config;
pub mod ext_authz;
pub mod issuer;
pub mod jose;
pub mod policy;
pub mod proxy;
pub mod server;
pub mod short_form;
pub mod telemetry;
pub mod token;
