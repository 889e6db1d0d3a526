//! What can be asked about tokens on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// One command about tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Shows header and claims of a token, and what its times mean. Nothing is verified.
    #[command(after_help = "Examples:
  lychgate token inspect token.txt
  pbpaste | lychgate token inspect --json")]
    Inspect(InspectArgs),
    /// Says what a gateway with this config would say to a token: whose it is, and which check it does not pass.
    #[command(after_help = "Examples:
  lychgate token verify --config lychgate.yaml --token token.txt
  lychgate token verify --config lychgate.yaml --json < token.txt")]
    Verify(VerifyArgs),
    /// Signs a token, for tests and development, with a private key that you name.
    #[command(after_help = "Examples:
  openssl genpkey -algorithm ED25519 -out key.pem
  echo '{\"iss\": \"https://idp.example\", \"aud\": \"orders-api\", \"sub\": \"alice\"}' > claims.json
  lychgate token mint --key key.pem --alg EdDSA --claims claims.json --ttl 5m > token.txt
  lychgate token mint --key key.pem --alg EdDSA --claims claims.json --json | jq .jwks > jwks.json

`jwks` of `--json` is the public half, ready for a trusted issuer's `keys: {file: jwks.json}`.")]
    Mint(MintArgs),
}

/// What is shown.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectArgs {
    /// A file with the token; `-` or none for standard input. Never the token itself, since arguments are seen by everyone.
    #[arg(value_name = "FILE")]
    pub(super) token: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is verified.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The config file.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// A file with the token; `-` or none for standard input. Never the token itself, since arguments are seen by everyone.
    #[arg(long, value_name = "FILE")]
    pub(super) token: Option<PathBuf>,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is signed.
#[derive(Debug, Args)]
pub(in crate::cli) struct MintArgs {
    /// The private key: PEM (PKCS#8, or PKCS#1 for RSA) or a private JWK.
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// The algorithm, such as `RS256`, `PS256`, `ES256`, `ES384` or `EdDSA`. Default: the `alg` of the JWK.
    #[arg(long, value_name = "ALG")]
    pub(super) alg: Option<String>,
    /// A file with the claims, a JSON object; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) claims: PathBuf,
    /// The header's `kid`. Default: the `kid` of the JWK, or none.
    #[arg(long, value_name = "KID")]
    pub(super) kid: Option<String>,
    /// The header's `typ`.
    #[arg(long, value_name = "TYP", default_value = "JWT")]
    pub(super) typ: String,
    /// How long the token is good for. Sets `iat` and `exp` where the claims do not.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(super) ttl: Duration,
    /// Writes JSON, with header, claims and the public key beside the token.
    #[arg(long)]
    pub(super) json: bool,
}
