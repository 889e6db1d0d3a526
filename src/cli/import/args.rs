//! What can be imported on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What another gateway is configured with.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ImportCommand {
    /// Makes a config of an OpenAPI document as Amazon API Gateway exports it.
    ///
    /// Routes with Cognito user-pool or JWT authorizers and HTTP integrations are carried over, with their scopes, path parameters
    /// and CORS. What cannot be is said on standard error with a JSON Pointer to it. An operation that is left out is closed: its
    /// path is refused, and falls to no other route.
    #[command(after_help = "Examples:
  aws apigateway get-export --rest-api-id a1b2c3 --stage-name prod --export-type oas30 \\
      --parameters '{\"extensions\": \"integrations,authorizers\"}' api.json
  lychgate import api-gateway api.json --client-id 1example23456789 > lychgate.yaml
  aws apigatewayv2 export-api --api-id a1b2c3 --output-type YAML --specification OAS30 api.yaml
  lychgate import api-gateway api.yaml --output lychgate.yaml
  lychgate check --config lychgate.yaml

It ends with 1 where not one operation could be carried over, and then writes no config.")]
    ApiGateway(ApiGatewayArgs),
}

/// What is imported, and how.
#[derive(Debug, Args)]
pub(in crate::cli) struct ApiGatewayArgs {
    /// The document, OpenAPI 3 or Swagger 2, as JSON or YAML; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub(super) document: PathBuf,
    /// Writes the config to this file, which must not be there yet. Default: standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Where the gate will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// A host that clients ask for; may be given several times. Default: any. Backends are sent the host that the client asked for.
    #[arg(long = "host", value_name = "HOST")]
    pub(super) hosts: Vec<String>,
    /// An app client whose tokens are taken; may be given several times. A user-pool authorizer takes those of every client of its
    /// pool, and the document does not say which there are.
    #[arg(long = "client-id", value_name = "ID")]
    pub(super) client_ids: Vec<String>,
    /// What a stage variable is, for integrations that name one; may be given several times.
    #[arg(long = "stage-variable", value_name = "NAME=VALUE", value_parser = stage_variable)]
    pub(super) stage_variables: Vec<(String, String)>,
    /// Sends tokens on to upstreams, as API Gateway's HTTP integrations do.
    #[arg(long)]
    pub(super) forward_token: bool,
    /// Carries operations over although API Gateway also asks for this, which the gate does not; may be given several times.
    #[arg(long, value_name = "CHECK")]
    pub(super) without: Vec<LostCheck>,
    /// Writes the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A check of API Gateway that has no like here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LostCheck {
    /// API keys of usage plans. An operation that nothing else guards is never carried over.
    ApiKeys,
    /// The API's resource policy.
    ResourcePolicy,
}

fn stage_variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
