//! The keys of a pool, how they follow one another, and the tokens made with them.

mod key_ring;
mod mint;
mod pool_keeper;
mod rotation;
mod served_pool;

pub(crate) use key_ring::Purpose;
pub(crate) use mint::{Mint, USER_ADMIN_SCOPE};
pub(crate) use pool_keeper::PoolKeeper;
pub use pool_keeper::RotateKeys;
pub(crate) use rotation::Rotation;
pub(crate) use served_pool::{ServedPool, ServedPools};
