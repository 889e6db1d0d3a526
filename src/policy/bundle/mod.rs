//! A folder of policies: read, named, validated, indexed by its heads, and asked.

mod advice;
mod decide;
mod folder;
mod index;
mod load;
mod policies;

#[cfg(test)]
pub(super) use folder::Folder;
pub use load::Bundle;
