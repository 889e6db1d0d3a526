//! The integration tests, in one binary: each further one would link everything once more.

// the laws of the house, held against every file under `src`
#[cfg(test)]
mod architecture;
// where a token may stand, and that it goes no further unless asked
#[cfg(test)]
mod credentials;
// what a client claims about itself never reaches an upstream; what was proved does
#[cfg(test)]
mod identity;
// the gate, issuers, upstreams and clients that the tests are made of
#[cfg(test)]
mod support;
