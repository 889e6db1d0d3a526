//! Puts the demonstration together and runs it until Ctrl-C.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::Context;
use tokio::runtime::Runtime;

use super::card::Card;
use super::echo;
use super::state::State;
use crate::authorizer::Evaluation;
use crate::cli::args::QuickstartArgs;
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::config::{Config, Loaded};
use crate::server::ServerError;

/// The upstream that the quickstart answers for itself.
const ECHO: &str = "echo";

pub(in crate::cli) fn run(args: &QuickstartArgs) -> Result<Verdict, Failure> {
    let state = State::open(args.state.as_deref())?;
    let config_file = state.config();
    let loaded = Config::load(&config_file).map_err(ServerError::from)?;
    crate::telemetry::start(&loaded.config.telemetry).map_err(ServerError::from)?;
    let _answering = start_echo(&loaded)?;
    let card = Card::of(&loaded.config, &config_file, state.is_kept());
    if let Some(card) = card.as_ref().filter(|_| state.is_kept()) {
        write_card(&state, card)?;
    }
    crate::server::serve(&loaded, Evaluation::default(), None, || {
        if let Some(card) = &card {
            print!("{}", card.text());
        }
    })?;
    Ok(Verdict::Good)
}

/// Answers for the upstream `echo`, where the config still has it and nobody else answers there.
fn start_echo(loaded: &Loaded) -> anyhow::Result<Option<Runtime>> {
    let Some(endpoint) = loaded.config.upstreams.get(ECHO).and_then(|upstream| upstream.endpoints.first()) else {
        return Ok(None);
    };
    let Ok(listener) = TcpListener::bind(&endpoint.address) else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("could not start the echo upstream")?;
    echo::start(listener, &runtime)?;
    Ok(Some(runtime))
}

/// For scripts; it has passwords in it, as the folder has anyway.
fn write_card(state: &State, card: &Card<'_>) -> anyhow::Result<()> {
    let path = state.folder().join("card.json");
    let written = fs::write(&path, format!("{:#}\n", card.json()));
    let private = written.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)));
    private.with_context(|| format!("could not write `{}`", path.display()))
}
