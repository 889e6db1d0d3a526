//! Tables of the heart: what is found, and what is decided.

mod routes;
