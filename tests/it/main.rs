//! The integration tests, in one binary: each further one would link everything once more.

// the laws of the house, held against every file under `src`
#[cfg(test)]
mod architecture;
