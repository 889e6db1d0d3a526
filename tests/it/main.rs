//! The integration tests, in one binary: each further one would link everything once more.

// the laws of the house, held against every file under `src`
#[cfg(test)]
mod architecture;
// where a token may stand, and that it goes no further unless asked
#[cfg(test)]
mod credentials;
// every config that we show
#[cfg(test)]
mod examples;
// messages that could be framed in two ways, and sizes
#[cfg(test)]
mod framing;
// what a client claims about itself never reaches an upstream; what was proved does
#[cfg(test)]
mod identity;
// keys of trusted issuers over their lives, and issuers that answer badly
#[cfg(test)]
mod keys;
// targets and hosts that could be read in two ways
#[cfg(test)]
mod paths;
// which route a request takes
#[cfg(test)]
mod routes;
// the gate, issuers, upstreams and clients that the tests are made of
#[cfg(test)]
mod support;
