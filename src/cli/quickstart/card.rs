//! The card: where everything is, who can sign in, and lines to paste.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::state::{ADMIN_KEY, ADMIN_SECRET};
use crate::admin::AdminConfig;
use crate::config::Config;
use crate::issuer::{IssuerConfig, PoolConfig, UserConfig};

/// What the card tells, taken from the config that runs.
pub(super) struct Card<'a> {
    gate: String,
    issuer: String,
    admin: Option<String>,
    pool: &'a PoolConfig,
    /// The secret of the key that administers, where the config still has it.
    admin_secret: Option<&'a SecretString>,
    config_file: &'a Path,
    kept: bool,
}

impl<'a> Card<'a> {
    /// The card of a config with a listener and a pool; a config that was edited may have neither, and then there is no card.
    pub(super) fn of(config: &'a Config, config_file: &'a Path, kept: bool) -> Option<Self> {
        let listener = config.listeners.first()?;
        let scheme = if listener.tls.is_some() { "https" } else { "http" };
        let issuer: &IssuerConfig = config.issuer.as_ref()?;
        let admin = match config.admin {
            AdminConfig::At { address, .. } => Some(format!("http://{address}")),
            AdminConfig::Off => None,
        };
        Some(Self {
            gate: format!("{scheme}://{}", listener.address),
            issuer: issuer.public_url.clone().unwrap_or_else(|| format!("http://{}", issuer.address)),
            admin,
            pool: issuer.pools.values().next()?,
            admin_secret: issuer.admin_keys.get(ADMIN_KEY),
            config_file,
            kept,
        })
    }

    /// The card for people.
    pub(super) fn text(&self) -> String {
        let paint = Paint { on: std::io::stdout().is_terminal() };
        let mut card = String::new();
        // Writing to a string does not fail.
        let _infallible = self.write(&mut card, &paint);
        card
    }

    fn write(&self, card: &mut String, paint: &Paint) -> std::fmt::Result {
        let Self { gate, issuer, .. } = self;
        writeln!(card, "\n  {}  the gate where bearers stop\n", paint.bold("lychgate"))?;
        writeln!(card, "  gate     {gate}")?;
        writeln!(card, "  issuer   {issuer}   (Cognito API, OpenID discovery)")?;
        if let Some(admin) = &self.admin {
            writeln!(card, "  operator {admin}   (/metrics /livez /readyz /status)")?;
        }
        writeln!(card, "  config   {}\n", self.config_file.display())?;
        writeln!(card, "  user     password               groups   tenant")?;
        for (name, user) in &self.pool.users {
            let password = user.password.expose_secret();
            writeln!(card, "  {name:<8} {password:<22} {:<8} {}", user.groups.join(","), tenant(user))?;
        }
        self.write_steps(card, paint)?;
        if !self.kept {
            writeln!(card, "  {}", paint.dim("This state goes at the end; keep and edit it with --state DIR."))?;
        }
        writeln!(card, "  {}\n", paint.dim("Ctrl-C ends it. Requests are logged below."))
    }

    fn write_steps(&self, card: &mut String, paint: &Paint) -> std::fmt::Result {
        let gate = &self.gate;
        let bearer = "-H \"authorization: Bearer $TOKEN\"";
        let sign_in = self.sign_in_line().unwrap_or_default();
        let steps = [
            ("open to everyone", format!("curl -i {gate}/public/hello")),
            ("no token: 401, and the challenge says what is missing", format!("curl -i {gate}/orders/7")),
            ("sign in as alice", sign_in),
            (
                "her token has the scope: 200, and the upstream is told who she is",
                format!("curl -i {bearer} {gate}/orders/7"),
            ),
            ("her own tenant: 200", format!("curl -i {bearer} {gate}/tenants/acme/invoices")),
            ("another tenant: 403, by policy", format!("curl -i {bearer} {gate}/tenants/globex/invoices")),
            ("not her group: 403", format!("curl -i {bearer} {gate}/admin/users")),
            (
                "a claim of her own is dropped: the upstream does not see it",
                format!("curl -s -H 'X_Auth_Sub: root' {gate}/public/hello"),
            ),
            (
                "what was decided",
                format!("curl -s {}/metrics | grep lychgate_requests_total", self.admin.as_deref().unwrap_or_default()),
            ),
        ];
        let aws = self.aws_line().map(|line| ("administer with the AWS CLI", line));
        for (number, (what, line)) in steps.iter().chain(&aws).enumerate() {
            writeln!(card, "\n  {}", paint.dim(&format!("{}. {what}", number + 1)))?;
            writeln!(card, "{line}")?;
        }
        writeln!(card)
    }

    /// One line that signs the first user in through the first client that asks for no secret, and keeps the access token.
    fn sign_in_line(&self) -> Option<String> {
        let (name, user) = self.pool.users.iter().next()?;
        let client = self.client_id()?;
        let body = json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": client,
            "AuthParameters": {"USERNAME": name, "PASSWORD": user.password.expose_secret()},
        });
        Some(format!(
            "TOKEN=$(curl -s {} -H 'content-type: application/x-amz-json-1.1' \
             -H 'x-amz-target: AWSCognitoIdentityProviderService.InitiateAuth' \
             -d '{body}' | sed 's/.*\"AccessToken\":\"\\([^\"]*\\)\".*/\\1/')",
            self.issuer
        ))
    }

    /// One line that lists the pool's users as an administrator. The secret stays in its file.
    fn aws_line(&self) -> Option<String> {
        self.admin_secret?;
        let secret = self.config_file.parent()?.join(ADMIN_SECRET);
        let pool = self.pool.id.as_deref()?;
        let (region, _) = pool.rsplit_once('_')?;
        Some(format!(
            "AWS_ACCESS_KEY_ID={ADMIN_KEY} AWS_SECRET_ACCESS_KEY=\"$(cat '{}')\" aws cognito-idp list-users \
             --endpoint-url {} --region {region} --user-pool-id {pool}",
            secret.display(),
            self.issuer
        ))
    }

    /// The client with the most rights.
    fn client_id(&self) -> Option<&str> {
        let mut clients: Vec<_> = self.pool.clients.values().filter(|client| client.secret.is_none()).collect();
        clients.sort_by_key(|client| std::cmp::Reverse(client.access_token_scopes.len()));
        clients.first()?.id.as_deref()
    }

    /// The card for scripts.
    pub(super) fn json(&self) -> Value {
        let users = self.pool.users.iter().map(|(name, user)| {
            json!({"username": name, "password": user.password.expose_secret(), "groups": user.groups, "tenant": tenant(user)})
        });
        let clients = self.pool.clients.iter().map(|(name, client)| (name.clone(), json!(client.id)));
        json!({
            "gateway": self.gate,
            "issuer": self.issuer,
            "admin": self.admin,
            "pool_id": self.pool.id,
            "admin_key": self.admin_secret.map(|secret| json!({"id": ADMIN_KEY, "secret": secret.expose_secret()})),
            "client_id": self.client_id(),
            "clients": clients.collect::<serde_json::Map<_, _>>(),
            "users": users.collect::<Vec<_>>(),
        })
    }
}

fn tenant(user: &UserConfig) -> &str {
    user.attributes.get("custom:tenant").map_or("", String::as_str)
}

/// Colours, on a terminal alone.
struct Paint {
    on: bool,
}

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
