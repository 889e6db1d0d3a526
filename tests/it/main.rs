//! The integration tests, in one binary: each further one would link everything once more.

// the laws of the house, held against every file under `src`
#[cfg(test)]
mod architecture;
// what is judged byte by byte on client connections, and how long they last
#[cfg(test)]
mod wire;
// what the gate signs about a caller
#[cfg(test)]
mod assertion;
// `check` and `explain` as commands, and every exit code
#[cfg(test)]
mod commands;
// where a token may stand, and that it goes no further unless asked
#[cfg(test)]
mod credentials;
// tokens that are bound to a client certificate
#[cfg(test)]
mod bound_certificates;
// tokens that are bound to their sender
#[cfg(test)]
mod dpop;
// one table of decisions, asked at every door: the proxy's, Envoy's, forward-auth's and API Gateway's
#[cfg(test)]
mod doors;
// every config that we show
#[cfg(test)]
mod examples;
// one table of requests and tokens, and what becomes of them
#[cfg(test)]
mod decisions;
// gates that start while an issuer is down, or is not on the open internet
#[cfg(test)]
mod cold_start;
// many connections at rest and many that dawdle, beside those that are served
#[cfg(test)]
mod crowd;
// pages of other origins: what browsers are told
#[cfg(test)]
mod cors;
// messages that could be framed in two ways, and sizes
#[cfg(test)]
mod framing;
// what a client claims about itself never reaches an upstream; what was proved does
#[cfg(test)]
mod identity;
// opaque tokens, and what their issuer says of them
#[cfg(test)]
mod introspection;
// connections to upstreams, and when one is used again
#[cfg(test)]
mod kept_connections;
// keys of trusted issuers over their lives, and issuers that answer badly
#[cfg(test)]
mod keys;
// targets and hosts that could be read in two ways
#[cfg(test)]
mod paths;
// where clients learn whose tokens are taken
#[cfg(test)]
mod protected_resource;
// requests as spans, at a collector of our own, and the trace context that goes on to upstreams
#[cfg(test)]
mod traces;
// the quickstart, from its card to what it leaves behind
#[cfg(test)]
mod quickstart;
// tokens that are refused before their time, by order of the operator
#[cfg(test)]
mod revocations;
// `health`, and what it says of a gate
#[cfg(test)]
mod health;
// changed configs, taken up while requests are served
#[cfg(test)]
mod reload;

// changed policies under a gate that serves: no wrong folder takes effect
#[cfg(test)]
mod reload_policies;
// how often may be asked, and what is told of it
#[cfg(test)]
mod rate_limits;
// which route a request takes
#[cfg(test)]
mod routes;
// tunnels, event streams, gRPC and slow bodies, and how long each may last
#[cfg(test)]
mod streams;
// the gate, issuers, upstreams and clients that the tests are made of
#[cfg(test)]
mod support;
// TLS on both sides, and HTTP/2
#[cfg(test)]
mod tls;
// which endpoint is asked, and what is tried again: health, ejection, retries, limits, names
#[cfg(test)]
mod endpoints;
// who connects, by certificate or by a load balancer's word, and what they are shown
#[cfg(test)]
mod listeners;
// gRPC through the gate, by HTTP/2 on both sides
#[cfg(test)]
mod grpc;
// what changes while requests go on, and that none of them fails
#[cfg(test)]
mod under_load;
// balancing, dead and slow upstreams, and what of their answers is passed on
#[cfg(test)]
mod upstreams;
// how a new process takes the place of an old one
#[cfg(test)]
mod hand_over;
// how the gate stops
#[cfg(test)]
mod stopping;
// what we hand to Prometheus and Grafana
#[cfg(test)]
mod monitoring;
// hostile variety, and that it adds no series
#[cfg(test)]
mod cardinality;
// configs made of API Gateway's documents, and what they let through
#[cfg(test)]
mod import;
// the operator's door, and what is counted and logged
#[cfg(test)]
mod operators;
// the same of a live gate, on the operator's door
#[cfg(test)]
mod live_explanations;
// what `explain` says of denials
#[cfg(test)]
mod explanations;
// `test` and `schema`, and the cases that `check` runs
#[cfg(test)]
mod policy_commands;
// what is tried out beside what counts, and the log of decisions
#[cfg(test)]
mod shadow;
// policies, enforced and in shadow
#[cfg(test)]
mod policies;
// `lychgate pool`: pools, users, groups and clients from the command line, beside a server too.
#[cfg(test)]
mod pools;
// one name for many issuers, each with keys of its own
#[cfg(test)]
mod tenants;
