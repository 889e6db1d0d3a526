//! The fuse box: composes every room's config into one file, loads it, and checks the names that must meet.

mod sections;

pub use sections::Config;
