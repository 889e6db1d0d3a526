//! The doors at which other proxies ask, each in its own words, and what all of them must agree on.

// what the gate answers itself: preflight requests, documents, and what stands beside a refusal
mod answers;
// Lambda-authorizer events of every shape, and both forms of answers
mod api_gateway;
// the words in which each proxy asks
mod asked;
// `lychgate lambda` against a runtime API, and the example under `deploy`
mod lambda;
// the doors while the gate stops or is changed, and how much they take
mod lifecycle;
// the manual's page on the doors
mod manual;
// what is told of the original request: too much, too little, or two things at once
mod original;
// tokens that are bound to their sender: proofs and certificates that other proxies hand on
mod possession;
// one table of decisions, asked at every door
mod table;
// who may connect, by TLS and by certificate, and the health of the gate in gRPC's words
mod transport;
// a gate with every door
mod world;
