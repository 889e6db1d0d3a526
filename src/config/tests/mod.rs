//! Tests of the whole room: config files in, values or mistakes out.

mod answers;
mod doors;
mod good;
mod hostile;
mod introspection;
mod outside;
mod rate_limits;
mod schema;
mod support;
mod traces;
mod tried_out;
mod warned;
mod wrong_names;
mod wrong_shapes;
mod wrong_values;
