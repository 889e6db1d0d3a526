//! AWS Signature Version 4: which key signed a request, and that nothing of it was changed.

mod authorization;
mod canonical;
mod verify;

pub(super) use verify::verify;
