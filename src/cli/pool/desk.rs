//! Where commands about pools are worked on: the config's issuer, opened beside whoever serves it.

use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_lc_rs::rand;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::args::OfConfig;
use crate::cli::input;
use crate::cli::report::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::issuer::{Issuer, IssuerError, Recorder, Refused};
use crate::server::ServerError;
use crate::telemetry::{AuditLog, Metrics};

/// The issuer of a config, how answers are written, and where it is said what was done.
pub(super) struct Desk {
    pub(super) issuer: Issuer,
    pub(super) json: bool,
    recorder: Recorder,
    writing: JoinHandle<()>,
    audit: AuditLog,
}

/// How long the last audit lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Why a command ends without having done what it was asked for.
pub(super) enum Trouble {
    /// The issuer has said no.
    No(String),
    /// It could not be asked.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<IssuerError> for Trouble {
    fn from(error: IssuerError) -> Self {
        Self::Failure(ServerError::from(error).into())
    }
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::No { kind, message, .. } => Self::No(format!("{message} ({kind})")),
            Refused::House(error) => error.into(),
        }
    }
}

pub(super) type Done = Result<(), Trouble>;

/// Most items that Cognito's lists give at once.
const PAGE: u64 = 60;

impl Desk {
    pub(super) async fn open(common: &OfConfig) -> Result<Self, Failure> {
        let loaded = Config::load(&common.config).map_err(ServerError::from)?;
        let missing = || Failure::Usage("the config has no `issuer`".to_owned());
        let issuer = loaded.config.issuer.clone().ok_or_else(missing)?;
        let issuer = Issuer::open_beside(issuer, Clock::system()).await.map_err(ServerError::from)?;
        let metrics = Metrics::new().map_err(ServerError::from)?;
        let mut salt = [0; 32];
        rand::fill(&mut salt).map_err(|_| ServerError::Randomness)?;
        // Standard output is for what was asked for.
        let audit = AuditLog::start(&loaded.config.telemetry, salt, &metrics, Box::new(std::io::stderr()));
        let audit = audit.map_err(ServerError::from)?;
        let (recorder, recording) = issuer.recorder(audit.clone(), metrics.identity());
        Ok(Self { issuer, json: common.json, recorder, writing: tokio::spawn(recording.run()), audit })
    }

    /// Waits until what was done is said, and lets the database go.
    pub(super) async fn close(self) {
        drop(self.recorder);
        // Late or not, what was handed over is written below.
        let _ = tokio::time::timeout(LAST_LINES, self.writing).await;
        self.issuer.close().await;
        if !self.audit.close(LAST_LINES) {
            eprintln!("warning: the last lines of the audit log could not be written");
        }
    }

    /// Says in the audit log how something ended that was done to a pool and is no operation of the API.
    pub(super) fn record<T>(
        &self,
        operation: &'static str,
        pool_id: Option<&str>,
        ended: Result<T, IssuerError>,
    ) -> Result<T, IssuerError> {
        self.issuer.record(&self.recorder, operation, pool_id, ended.as_ref().err().map(IssuerError::code));
        ended
    }

    /// Has an administrator's operation done; `null` members are left out.
    pub(super) async fn call(&self, operation: &'static str, input: Value) -> Result<Value, Trouble> {
        let Value::Object(members) = input else { return Err(anyhow!("`{operation}` takes an object").into()) };
        let members: Map<String, Value> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Ok(self.issuer.administer(&self.recorder, operation, &members).await?)
    }

    /// All items of a list, or the first of them, page by page. `token` is what the operation calls the mark of the next page.
    pub(super) async fn all(&self, list: List, mut input: Value, most: usize) -> Result<Vec<Value>, Trouble> {
        let mut items = Vec::new();
        loop {
            let room = u64::try_from(most - items.len()).unwrap_or(PAGE);
            set(&mut input, list.limit, json!(PAGE.min(room)));
            let mut page = self.call(list.operation, input.clone()).await?;
            if let Some(Value::Array(more)) = page.get_mut(list.items).map(Value::take) {
                items.extend(more);
            }
            let next = page.get(list.token).cloned();
            match next.filter(|_| items.len() < most) {
                None => return Ok(items),
                Some(next) => set(&mut input, list.token, next),
            }
        }
    }

    /// The id of the pool with this name or id.
    pub(super) async fn pool_id(&self, named: &str) -> Result<String, Trouble> {
        let meant = self.issuer.pools_called(named).await?;
        match meant.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(Trouble::No(format!("there is no pool `{named}`"))),
            _ => Err(Trouble::No(format!("several pools have the name `{named}`: say its id"))),
        }
    }

    /// Writes JSON for machines, or what `shown` makes of it for people.
    pub(super) fn tell(&self, value: &Value, shown: impl FnOnce(&Value) -> String) {
        if self.json {
            println!("{}", input::shown(value));
        } else {
            print!("{}", shown(value));
        }
    }

    /// Says that something was done.
    pub(super) fn done(&self, value: &Value, words: &str) {
        self.tell(value, |_| format!("{words}\n"));
    }
}

/// Puts a member into an object.
pub(super) fn set(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

/// A list of the API.
#[derive(Clone, Copy)]
pub(super) struct List {
    pub(super) operation: &'static str,
    /// What it calls the items.
    pub(super) items: &'static str,
    /// What it calls the mark of the next page.
    pub(super) token: &'static str,
    /// What it calls the most items of a page.
    pub(super) limit: &'static str,
}

impl List {
    pub(super) const POOLS: Self =
        Self { operation: "ListUserPools", items: "UserPools", token: "NextToken", limit: "MaxResults" };
    pub(super) const CLIENTS: Self =
        Self { operation: "ListUserPoolClients", items: "UserPoolClients", token: "NextToken", limit: "MaxResults" };
    pub(super) const GROUPS: Self =
        Self { operation: "ListGroups", items: "Groups", token: "NextToken", limit: "Limit" };
    pub(super) const MEMBERS: Self =
        Self { operation: "ListUsersInGroup", items: "Users", token: "NextToken", limit: "Limit" };
    pub(super) const USERS: Self =
        Self { operation: "ListUsers", items: "Users", token: "PaginationToken", limit: "Limit" };
}

/// A new file for its owner alone, with this text.
pub(super) fn write_secret_file(path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut file = create_private(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("could not write `{}`", path.display()))
}

/// A new file for its owner alone; one that is there is never written over.
pub(super) fn create_private(path: &std::path::Path) -> anyhow::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    made.with_context(|| format!("could not make the file `{}`", path.display()))
}
