//! Tests of the whole room.

mod support;
