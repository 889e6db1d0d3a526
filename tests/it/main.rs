//! The integration tests, in one binary: each further one would link everything once more.

// the laws of the house, held against every file under `src`
#[cfg(test)]
mod architecture;
// what is judged byte by byte on client connections, and how long they last
#[cfg(test)]
mod wire;
