//! The config of the policy room: named bundles and how each is applied.

use std::path::PathBuf;

use serde::Deserialize;

/// A bundle of policies: a folder, and whether its decisions count.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleConfig {
    /// The folder with `*.cedar` files, `*.cases.yaml` and, if wanted, `schema.cedarschema`; relative to the config file.
    pub directory: PathBuf,
    /// Whether decisions are enforced or only counted and logged. Default `enforce`.
    #[serde(default)]
    pub mode: Mode,
}

/// How a bundle's decisions are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A deny refuses the request.
    #[default]
    Enforce,
    /// A deny is counted and logged, and the request goes on.
    Shadow,
}

impl Mode {
    /// Its name in configs, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}
