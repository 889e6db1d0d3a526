//! The keys of an issuer over their lives, from servers that behave in every way.

mod cold_start;
mod misbehaving;
mod over_time;
mod provider;
mod way_there;
