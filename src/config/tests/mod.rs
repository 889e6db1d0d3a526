//! Tests of the whole room: config files in, values or mistakes out.

mod answers;
mod doors;
mod good;
mod hostile;
mod introspection;
mod not_yet;
mod outside;
mod rate_limits;
mod schema;
mod support;
mod tried_out;
mod warned;
mod wrong_names;
mod wrong_shapes;
mod wrong_values;
