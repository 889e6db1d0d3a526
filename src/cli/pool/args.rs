//! What can be asked about pools on the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// One command about pools. POOL is a pool's name or id.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PoolCommand {
    /// Lists the pools.
    #[command(after_help = "Example:
  lychgate pool list --config lychgate.yaml")]
    List(OfConfig),
    /// Makes a pool.
    #[command(after_help = "Examples:
  lychgate pool create staff --config lychgate.yaml
  echo '{\"MfaConfiguration\": \"OPTIONAL\"}' | lychgate pool create staff --settings - --config lychgate.yaml")]
    Create(CreateArgs),
    /// Shows a pool with all its settings.
    #[command(after_help = "Example:
  lychgate pool describe staff --config lychgate.yaml")]
    Describe(OfPool),
    /// Makes the next keys that sign the pool's tokens.
    #[command(after_help = "Examples:
  lychgate pool rotate-keys staff --config lychgate.yaml
  lychgate pool rotate-keys staff --withdraw --config lychgate.yaml   # the old keys were stolen")]
    RotateKeys(RotateArgs),
    /// Writes a pool with its clients, groups and users as JSON lines.
    #[command(after_help = "Examples:
  lychgate pool export staff --config lychgate.yaml > staff.jsonl
  lychgate pool export staff --with-secrets --output staff.backup --config lychgate.yaml")]
    Export(ExportArgs),
    /// Reads JSON lines as `export` writes them. What is there already is kept; users that are there are skipped.
    #[command(after_help = "Examples:
  lychgate pool import --input staff.backup --config lychgate.yaml
  lychgate pool import --into staff --input users.jsonl --config lychgate.yaml

A line for a user needs `kind` and `username` alone:
  {\"kind\": \"user\", \"username\": \"alice\", \"attributes\": {\"email\": \"alice@example.com\"}, \"groups\": [\"sales\"],
   \"password_hash\": \"$argon2id$…\"}
Hashes of other directories are taken too, and replaced by Argon2id when their user first signs in with the password; until then
the user cannot sign in by SRP, and a wrong password may take longer than one for a user that is not there:
  bcrypt   $2b$12$…, also $2a$ and $2y$, cost 4 to 14 (Auth0, Cognito import jobs)
  PBKDF2   $pbkdf2-sha256$i=27500,l=64$SALT$HASH, also sha512 (of Keycloak: `salt` and `value` as they are); Django's pbkdf2_sha256$…
  scrypt   $scrypt$ln=16,r=8,p=1$SALT$HASH, up to 128 MiB")]
    Import(ImportArgs),
    /// Users of a pool.
    #[command(subcommand)]
    User(UserCommand),
    /// Groups of a pool.
    #[command(subcommand)]
    Group(GroupCommand),
    /// App clients of a pool.
    #[command(subcommand)]
    Client(ClientCommand),
}

/// One command about users.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UserCommand {
    /// Adds a user. Without a password the user gets a temporary one by the message of an invitation.
    #[command(after_help = "Examples:
  lychgate pool user add staff alice --attribute email=alice@example.com --config lychgate.yaml
  lychgate pool user add staff bob --password-file - --group sales --config lychgate.yaml < password.txt")]
    Add(AddUserArgs),
    /// Lists users.
    #[command(after_help = "Examples:
  lychgate pool user list staff --config lychgate.yaml
  lychgate pool user list staff --filter 'email ^= \"alice\"' --json --config lychgate.yaml")]
    List(ListUsersArgs),
    /// Shows a user.
    Show(OfUser),
    /// Lets a user sign in no more, and ends all sessions of the user at every gate.
    Disable(OfUser),
    /// Lets a user sign in again.
    Enable(OfUser),
    /// Ends all sessions of a user at every gate.
    SignOut(OfUser),
    /// Sends the user a code to set a new password with; the old one is taken no more.
    Reset(OfUser),
    /// Deletes a user, and ends all sessions of the user at every gate.
    Delete(OfUser),
}

/// One command about groups.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GroupCommand {
    /// Adds a group.
    #[command(after_help = "Example:
  lychgate pool group add staff sales --precedence 5 --config lychgate.yaml")]
    Add(AddGroupArgs),
    /// Lists groups, or the users of one.
    #[command(after_help = "Examples:
  lychgate pool group list staff --config lychgate.yaml
  lychgate pool group list staff --members-of sales --config lychgate.yaml")]
    List(ListGroupsArgs),
    /// Puts a user into a group, or takes the user out of it.
    #[command(after_help = "Examples:
  lychgate pool group member staff sales alice --config lychgate.yaml
  lychgate pool group member staff sales alice --remove --config lychgate.yaml")]
    Member(MemberArgs),
}

/// One command about app clients.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ClientCommand {
    /// Adds a client.
    #[command(after_help = "Examples:
  lychgate pool client add staff web --config lychgate.yaml
  lychgate pool client add staff server --secret-file server.secret --flow ALLOW_USER_SRP_AUTH --config lychgate.yaml")]
    Add(AddClientArgs),
    /// Lists clients.
    List(OfPool),
}

/// What every command about pools takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfConfig {
    /// The config file; its `issuer.database` is worked on.
    #[arg(long, short, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Writes JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A pool.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfPool {
    /// Its name or id.
    #[arg(value_name = "POOL")]
    pub(super) pool: String,
    #[command(flatten)]
    pub(super) common: OfConfig,
}

/// A user of a pool.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfUser {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// The user's name.
    #[arg(value_name = "USER")]
    pub(super) user: String,
}

/// A pool that is made.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// A file with further members of `CreateUserPool`, a JSON object; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: OfConfig,
}

/// Keys that are rotated.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// The next keys sign at once; those who keep our keys may refuse tokens until they ask again.
    #[arg(long)]
    pub(super) now: bool,
    /// The next keys sign at once and the old ones are gone: every token of the pool ends.
    #[arg(long, conflicts_with = "now")]
    pub(super) withdraw: bool,
}

/// What is written.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// The file, for its owner alone; there must be none yet. Default: standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// With password hashes and verifiers, secrets of authenticator apps and of clients: all that a restored pool needs. Wants `--output`.
    #[arg(long, requires = "output")]
    pub(super) with_secrets: bool,
}

/// What is read.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The pool that users, groups and clients come into. Default: the one that the lines begin with, made where there is none.
    #[arg(long, value_name = "POOL")]
    pub(super) into: Option<String>,
    /// The file. Default: standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: OfConfig,
}

/// A user that is added.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddUserArgs {
    #[command(flatten)]
    pub(super) of: OfUser,
    /// An attribute of the user; may be given several times.
    #[arg(long = "attribute", short, value_name = "NAME=VALUE")]
    pub(super) attributes: Vec<String>,
    /// A group that the user is put into; may be given several times.
    #[arg(long = "group", short, value_name = "GROUP")]
    pub(super) groups: Vec<String>,
    /// A file with the password, or `-` for standard input; never the password itself, since arguments are seen by everyone.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// The user must change the password at the first sign-in.
    #[arg(long, requires = "password_file")]
    pub(super) temporary: bool,
}

/// Users that are listed.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListUsersArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// A filter as `ListUsers` takes it, such as `email = "alice@example.com"`.
    #[arg(long, value_name = "FILTER")]
    pub(super) filter: Option<String>,
    /// Most users that are listed.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(super) limit: usize,
}

/// A group that is added.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddGroupArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// Its name.
    #[arg(value_name = "GROUP")]
    pub(super) group: String,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    /// Its order among a user's groups: the lowest comes first.
    #[arg(long, value_name = "NUMBER")]
    pub(super) precedence: Option<u32>,
}

/// Groups that are listed.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListGroupsArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// Lists the users of this group instead.
    #[arg(long, value_name = "GROUP")]
    pub(super) members_of: Option<String>,
}

/// Who comes into a group or goes.
#[derive(Debug, Args)]
pub(in crate::cli) struct MemberArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// The group.
    #[arg(value_name = "GROUP")]
    pub(super) group: String,
    /// The user's name.
    #[arg(value_name = "USER")]
    pub(super) user: String,
    /// Takes the user out.
    #[arg(long)]
    pub(super) remove: bool,
}

/// A client that is added.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddClientArgs {
    #[command(flatten)]
    pub(super) of: OfPool,
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Makes the client confidential and writes its secret to this file, for its owner alone; there must be none yet.
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
    /// A flow that it may use, such as `ALLOW_USER_SRP_AUTH`; may be given several times. Default: Cognito's.
    #[arg(long = "flow", value_name = "FLOW")]
    pub(super) flows: Vec<String>,
}
