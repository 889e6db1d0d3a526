//! Tests of the room that are too long for the foot of a file.

mod metrics;
