//! What policies can speak of: the config's outline, the schema that is written from it, and the names of its entities.

mod extension;
mod names;
mod outline;
mod targets;
mod text;

pub(super) use extension::{EXTENSION_FILE, Extension};
pub(super) use names::Names;
pub use outline::{AttributeType, Outline, RouteOutline};
pub(super) use outline::{BUILT_IN_ATTRIBUTES, check_issuer_name, is_built_in};
pub(super) use targets::{Target, Targets};
pub use text::schema_text;
pub(super) use text::write_schema;
