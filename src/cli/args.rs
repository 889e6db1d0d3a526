//! What can be asked on the command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::import::ImportCommand;
use super::pool::PoolCommand;
use super::token::TokenCommand;

/// The gate where bearers stop: an auth gateway in front of backend APIs.
#[derive(Debug, Parser)]
#[command(name = "lychgate", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 good, 1 the answer is no, 2 wrong usage, 3 could not start.")]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows the gate at work: issuer, demo pool, echo upstream, routes and policies, all on loopback.
    #[command(after_help = "Examples:
  lychgate quickstart
  lychgate quickstart --state ./demo
  lychgate serve --config ./demo/lychgate.yaml")]
    Quickstart(QuickstartArgs),
    /// Serves a config until SIGTERM; on SIGHUP, or when one of its files changes, takes up the changed config.
    ///
    /// A changed config, with its policies, secret files, key files and certificate authorities, is built beside the one in
    /// force and takes its place whole, in one step; a request ends with the config that it began with. A bad one changes
    /// nothing: the log, `/status` and `lychgate_config_reload_total` say so, with every mistake and its place. The sections
    /// `listeners`, `threads`, `telemetry`, `issuer`, `ext_authz`, `rate_limits` and `admin.address` are read at start only: a file
    /// that changes them is refused as a whole, by name, until the gate is started anew.
    ///
    /// On SIGTERM the gate is unready for `shutdown.delay`, then finishes what is on its way within `shutdown.drain`; a second
    /// one, or SIGINT, ends it at once. On SIGUSR2 it starts its binary anew and hands it the open sockets; when that is ready it
    /// leaves, and where it does not get ready, it goes on.
    #[command(after_help = "Example:
  lychgate serve --config lychgate.yaml")]
    Serve(ServeArgs),
    /// Loads and cross-checks a config and its policies; names every mistake with its place.
    #[command(after_help = "Examples:
  lychgate check --config lychgate.yaml
  lychgate check --config lychgate.yaml --online --json")]
    Check(CheckArgs),
    /// Explains the decision about one request, step by step, without sending it.
    #[command(after_help = "Examples:
  lychgate explain --config lychgate.yaml --request 'GET https://api.example.com/orders/7' --token token.txt
  lychgate explain --config lychgate.yaml --request 'GET http://localhost/orders/7' --token - < token.txt
  lychgate explain --config lychgate.yaml --request 'GET http://localhost/orders/7' --claims claims.json --json")]
    Explain(ExplainArgs),
    /// Asks a running gate whether it is ready: for the health checks of containers, and for scripts.
    #[command(after_help = "Examples:
  lychgate health
  lychgate health --config /etc/lychgate/lychgate.yaml
  lychgate health --address 10.0.0.7:9901 --live --json

It ends with 0 where the gate is ready, with 1 where it is not or does not answer.")]
    Health(HealthArgs),
    /// Makes a config of what another gateway is configured with.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Serves the API Gateway authorizer inside AWS Lambda, as the bootstrap of a function.
    #[command(after_help = "Example, as the function's `bootstrap`:
  exec ./lychgate lambda --config lychgate.yaml")]
    Lambda(ConfigArgs),
    /// Runs the cases of policy bundles; names what did not come out as expected, and policies that no case decided.
    #[command(after_help = "Examples:
  lychgate test --config lychgate.yaml
  lychgate test --config lychgate.yaml --bundle orders --case 'own tenant'
  lychgate test --config lychgate.yaml --junit target/policies.xml")]
    Test(TestArgs),
    /// Prints schemas: of the config, and of what policies may speak of.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Pools, app clients, groups and users of the embedded issuer.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Shows, verifies and mints tokens; they are read from files, never from arguments.
    #[command(subcommand)]
    Token(TokenCommand),
}

/// A config file.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The config file.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: PathBuf,
}

/// How a config is served.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// Evaluates every policy for each decision, instead of those alone that can matter: the same decisions, at a cost that
    /// grows with the policies. For comparison, not for load.
    #[arg(long)]
    pub(super) evaluate_all: bool,
}

/// How the demonstration runs.
#[derive(Debug, Args)]
pub(super) struct QuickstartArgs {
    /// A folder that keeps state, config and policies, to be edited and served. Default: one that goes at the end.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

/// Which gate is asked, and what.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// The config file of the gate: the address of its operator's door is taken from there. Default: 127.0.0.1:9901.
    #[arg(long, short, value_name = "FILE", conflicts_with = "address")]
    pub(super) config: Option<PathBuf>,
    /// Address and port of the gate's operator's door.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) address: Option<String>,
    /// Asks whether it is alive, not whether it should get requests.
    #[arg(long)]
    pub(super) live: bool,
    /// How long the answer may take.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(super) timeout: Duration,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is checked.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// Also fetches the keys of every trusted issuer.
    #[arg(long)]
    pub(super) online: bool,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Which cases are run.
#[derive(Debug, Args)]
pub(super) struct TestArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// Only the cases of this bundle; may be given several times.
    #[arg(long = "bundle", short = 'b', value_name = "NAME")]
    pub(super) bundles: Vec<String>,
    /// Only cases with this text in their names.
    #[arg(long, value_name = "TEXT")]
    pub(super) case: Option<String>,
    /// Evaluates every policy too, instead of those alone that can matter; an answer that differs fails the case.
    #[arg(long)]
    pub(super) evaluate_all: bool,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Also writes a report for CI, in the form of `JUnit`.
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
}

/// Which schema is printed.
#[derive(Debug, Subcommand)]
pub(super) enum SchemaCommand {
    /// The JSON Schema of the config file, for editors.
    #[command(after_help = "Example:
  lychgate schema config > lychgate.schema.json
  # first line of a config: # yaml-language-server: $schema=lychgate.schema.json")]
    Config,
    /// The Cedar schema that a config's policies are checked against, for editors and for Cedar's own tools.
    #[command(after_help = "Examples:
  lychgate schema policy --config lychgate.yaml > lychgate.cedarschema
  lychgate schema policy --config lychgate.yaml --bundle orders > orders.cedarschema
  cedar validate --schema orders.cedarschema --policies policies/orders/orders.cedar")]
    Policy(SchemaPolicyArgs),
}

/// Which policies a schema is for.
#[derive(Debug, Args)]
pub(super) struct SchemaPolicyArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// The bundle: its routes, and its `schema.cedarschema`. Default: the only bundle or, of several, all routes of the config.
    #[arg(long, short, value_name = "NAME")]
    pub(super) bundle: Option<String>,
}

/// What is explained.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) file: ConfigArgs,
    /// Method and URL.
    #[arg(long, value_name = "'METHOD URL'")]
    pub(super) request: String,
    /// A file with the token, or `-` for standard input; never the token itself, since arguments are seen by everyone.
    #[arg(long, value_name = "FILE")]
    pub(super) token: Option<PathBuf>,
    /// A file with claims as a JSON object, or `-`: explains for the bearer of a token that says so, were it signed.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(super) claims: Option<PathBuf>,
    /// A header of the request; may be given several times.
    #[arg(long = "header", short = 'H', value_name = "'NAME: VALUE'")]
    pub(super) headers: Vec<String>,
    /// The client's address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(super) ip: IpAddr,
    /// A file with the certificate that the client shows, in PEM, as on a listener with `client_ca`.
    #[arg(long, value_name = "FILE")]
    pub(super) certificate: Option<PathBuf>,
    /// Says whether evaluating every policy, instead of those alone that can matter, gives the same answer.
    #[arg(long)]
    pub(super) evaluate_all: bool,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}
