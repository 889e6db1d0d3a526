//! The binary: installs what must be there before anything else, and hands over to the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First of all: pingora would install another provider, and a second one means no default at all.
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    lychgate::cli::run()
}
