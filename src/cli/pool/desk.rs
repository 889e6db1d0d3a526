//! Where commands about pools are worked on: the config's issuer, opened beside whoever serves it.

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};

use super::args::OfConfig;
use crate::cli::input;
use crate::cli::report::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::issuer::{Issuer, IssuerError, Refused};
use crate::server::ServerError;

/// The issuer of a config, and how answers are written.
pub(super) struct Desk {
    pub(super) issuer: Issuer,
    pub(super) json: bool,
}

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
            Refused::No { kind, message } => Self::No(format!("{message} ({kind})")),
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
        Ok(Self { issuer, json: common.json })
    }

    /// Has an administrator's operation done; `null` members are left out.
    pub(super) async fn call(&self, operation: &'static str, input: Value) -> Result<Value, Trouble> {
        let Value::Object(members) = input else { return Err(anyhow!("`{operation}` takes an object").into()) };
        let members: Map<String, Value> = members.into_iter().filter(|(_, value)| !value.is_null()).collect();
        Ok(self.issuer.administer(operation, &members).await?)
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
        let pools = self.all(List::POOLS, json!({}), usize::MAX).await?;
        let is_meant = |pool: &&Value| pool["Id"] == named || pool["Name"] == named;
        let mut meant = pools.iter().filter(is_meant).filter_map(|pool| pool["Id"].as_str());
        match (meant.next(), meant.next()) {
            (Some(id), None) => Ok(id.to_owned()),
            (None, _) => Err(Trouble::No(format!("there is no pool `{named}`"))),
            (Some(_), Some(_)) => Err(Trouble::No(format!("several pools have the name `{named}`: say its id"))),
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
