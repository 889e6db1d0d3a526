//! A folder of policies: read, named, validated, indexed by its heads, and asked.

mod advice;
mod attributes;
mod decide;
mod folder;
mod index;
mod links;
mod load;
mod origin;
mod policies;
mod revision;
mod validate;

#[cfg(test)]
pub(super) use folder::Folder;
pub use links::Link;
pub use load::Bundle;
pub(super) use policies::NamedPolicy;
pub use policies::PolicySummary;
