//! The config of the policy room: named bundles and how each is applied.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::bundle::Link;

/// A bundle of policies: a folder, and whether its decisions count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleConfig {
    /// The folder with `*.cedar` files, `*.cases.yaml` and, if wanted, `schema.cedarschema`; relative to the config file.
    pub directory: PathBuf,
    /// Whether decisions are enforced or only counted and logged. Default `enforce`.
    #[serde(default)]
    pub mode: Mode,
    /// The bundle's templates, filled: `{id: sales-read-orders, template: group-reads, group: "corp|sales", service: orders}`.
    /// Each link is a policy of its own, under its `id`.
    #[serde(default)]
    pub links: Vec<Link>,
    /// A bundle that is tried out beside this one: asked about every request, compared, counted by
    /// `lychgate_policy_shadow_total` and, where it differs, logged; its answer never counts. Only beside `mode: enforce`.
    #[serde(default)]
    pub candidate: Option<CandidateConfig>,
}

/// A bundle that is tried out beside the one that decides.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateConfig {
    /// Its folder; relative to the config file.
    pub directory: PathBuf,
    /// The links of its templates. Default: those of the bundle beside it.
    #[serde(default)]
    pub links: Option<Vec<Link>>,
}

/// How a bundle's decisions are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
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
