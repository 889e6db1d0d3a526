//! The config of the operator's door.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::short_form::ShortForm;

/// Where operators look: `/metrics`, `/livez`, `/readyz`, `/status`; or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ShortForm<AdminFields>")]
pub enum AdminConfig {
    /// No such door is hung.
    Off,
    /// The door listens here. Default `127.0.0.1:9901`.
    At(SocketAddr),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminFields {
    address: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self::At(SocketAddr::from(([127, 0, 0, 1], 9901)))
    }
}

impl TryFrom<ShortForm<AdminFields>> for AdminConfig {
    type Error = String;

    fn try_from(form: ShortForm<AdminFields>) -> Result<Self, Self::Error> {
        match form {
            ShortForm::Short(word) if word == "off" => Ok(Self::Off),
            ShortForm::Short(word) => Err(format!("`admin` is `off` or `{{address: …}}`, not `{word}`")),
            ShortForm::Full(fields) => Ok(Self::At(fields.address)),
        }
    }
}
