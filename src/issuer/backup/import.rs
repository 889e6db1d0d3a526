//! Reads the lines of a backup, or of whoever writes users in their form, and keeps what is not there yet.

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::time::Duration;

use uuid::Uuid;

use super::line::{ClientLine, GroupLine, Line, PoolLine, UserLine};
use crate::issuer::error::IssuerError;
use crate::issuer::flow::Engine;
use crate::issuer::pool::proof::Factor;
use crate::issuer::pool::{
    Attributes, Client, ClientSettings, Flow, Group, Lifetimes, PasswordHash, PoolSettings, UserPool, UserStatus,
    is_attribute_name, is_client_id, is_group_name, is_pool_id, is_user_name,
};
use crate::issuer::store::{
    CLIENT_SECRET, Changes, ClientSecrets, Clients, Groups, KeptSecret, Pools, SRP_VERIFIER, TOTP_SEED, WholeProofs,
    WholeUser, WholeUsers, Write,
};
use crate::jose::Algorithm;

/// Lines that are kept in one transaction.
const AT_ONCE: usize = 1000;
/// Longest line, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// What became of the lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Users that were added.
    pub users: u64,
    /// Users that were there already, by name or `sub`, and stay as they are.
    pub skipped: u64,
    /// Clients that were added.
    pub clients: u64,
    /// Groups that were added or brought up to date.
    pub groups: u64,
}

/// Reads lines into this pool, or into the one that the lines begin with. A line that cannot be ends it: the thousand before it may not
/// have been kept, everything before them was.
pub(crate) async fn import(
    engine: &Engine,
    into: Option<String>,
    lines: &mut (dyn BufRead + Send),
) -> Result<Imported, IssuerError> {
    let (made, now) = (Imported::default(), engine.clock.unix_millis());
    let mut import = Import { engine, pool: None, made, now, groups: HashSet::new() };
    if let Some(id) = into {
        import.pool = Pools(&mut engine.database.read().await?).by_id(&id).await?;
    }
    let fixed = import.pool.is_some();
    let mut number = 0;
    loop {
        let mut write = engine.database.write().await?;
        let begun = number;
        while number < begun + AT_ONCE {
            let Some(text) = next_line(lines, number + 1)? else { break };
            number += 1;
            if !text.trim().is_empty() {
                import.line(&mut write, &text, fixed).await.map_err(|error| error.at_line(number))?;
            }
        }
        if let Some(pool) = &import.pool {
            Changes(&mut write).pool_changed(&pool.id, import.now).await?;
        }
        write.commit().await.map_err(IssuerError::database("keep imported lines"))?;
        if number < begun + AT_ONCE {
            return Ok(import.made);
        }
    }
}

/// The next line; `None` at the end.
fn next_line(lines: &mut (dyn BufRead + Send), number: usize) -> Result<Option<String>, IssuerError> {
    let mut text = Vec::new();
    let read =
        std::io::Read::take(&mut *lines, LONGEST_LINE).read_until(b'\n', &mut text).map_err(IssuerError::Written)?;
    if read == 0 {
        return Ok(None);
    }
    let unreadable = |problem: &str| Unfit::Line(problem.to_owned()).at_line(number);
    if read as u64 == LONGEST_LINE && !text.ends_with(b"\n") {
        return Err(unreadable("is longer than a mebibyte"));
    }
    String::from_utf8(text).map(Some).map_err(|_| unreadable("is not UTF-8"))
}

/// Why a line is not kept.
enum Unfit {
    /// What is wrong with it. Values of the line are not repeated: some are secret.
    Line(String),
    House(IssuerError),
}

impl Unfit {
    fn at_line(self, number: usize) -> IssuerError {
        match self {
            Self::Line(problem) => IssuerError::ImportedLine { number, problem },
            Self::House(error) => error,
        }
    }
}

impl From<IssuerError> for Unfit {
    fn from(error: IssuerError) -> Self {
        Self::House(error)
    }
}

struct Import<'a> {
    engine: &'a Engine,
    pool: Option<UserPool>,
    made: Imported,
    now: u64,
    /// Groups that were found to be there.
    groups: HashSet<String>,
}

impl Import<'_> {
    async fn line(&mut self, write: &mut Write, text: &str, fixed: bool) -> Result<(), Unfit> {
        // serde's own message may repeat a value; its place is enough.
        let line = serde_json::from_str(text)
            .map_err(|error| Unfit::Line(format!("is not a line of a backup, from column {} on", error.column())))?;
        match line {
            Line::Pool(_) if fixed => Ok(()),
            Line::Pool(line) => self.pool(write, line).await,
            Line::Group(line) => self.group(write, line).await,
            Line::Client(line) => self.client(write, line).await,
            Line::User(line) => self.user(write, *line).await,
        }
    }

    fn pool_of_line(&self) -> Result<&UserPool, Unfit> {
        self.pool.as_ref().ok_or_else(|| Unfit::Line("comes before the line of its pool".to_owned()))
    }

    async fn pool(&mut self, write: &mut Write, line: PoolLine) -> Result<(), Unfit> {
        must(is_pool_id(&line.id), "`id` cannot be a pool's")?;
        if let Some(kept) = Pools(&mut *write).by_id(&line.id).await? {
            self.pool = Some(kept);
            return Ok(());
        }
        let algorithm = Algorithm::from_name(&line.token_algorithm);
        let token_algorithm = algorithm.ok_or_else(|| Unfit::Line("`token_algorithm` is unknown".to_owned()))?;
        let (created_at, updated_at) = (self.now, self.now);
        let settings = PoolSettings::of(line.settings);
        let PoolLine { id, name, issuer_url, .. } = line;
        let pool = UserPool { id, name, settings, created_at, updated_at, issuer_url, token_algorithm };
        Pools(write).put(&pool, self.now).await?;
        self.pool = Some(pool);
        Ok(())
    }

    async fn group(&mut self, write: &mut Write, line: GroupLine) -> Result<(), Unfit> {
        must(is_group_name(&line.name), "`name` cannot be a group's")?;
        let GroupLine { name, description, precedence, role_arn } = line;
        let group = Group { name, description, precedence, role_arn, created_at: self.now, updated_at: self.now };
        Groups(write).put(&self.pool_of_line()?.id, &group, self.now).await?;
        self.made.groups += 1;
        Ok(())
    }

    async fn client(&mut self, write: &mut Write, line: ClientLine) -> Result<(), Unfit> {
        must(is_client_id(&line.id), "`id` cannot be a client's")?;
        if Clients(&mut *write).by_id(&line.id).await?.is_some() {
            return Ok(());
        }
        let flows = line.flows.iter().map(|name| Flow::ALL.into_iter().find(|flow| flow.name() == name));
        let flows: Option<Vec<Flow>> = flows.collect();
        let id = line.id.clone();
        // What was revoked is remembered for as long as a token may live, so none may live longer.
        let lifetimes = Lifetimes::new(
            Some(Duration::from_secs(line.access_token_seconds)),
            Some(Duration::from_secs(line.id_token_seconds)),
            Some(Duration::from_secs(line.refresh_token_seconds)),
        );
        let lifetimes = lifetimes.map_err(|_| Unfit::Line("has a lifetime of tokens out of its range".to_owned()))?;
        let client = Client {
            id: line.id,
            pool_id: self.pool_of_line()?.id.clone(),
            name: line.name,
            confidential: line.confidential,
            flows: flows.ok_or_else(|| Unfit::Line("`flows` has an unknown one".to_owned()))?,
            lifetimes,
            access_token_attributes: line.access_token_attributes,
            access_token_scopes: line.access_token_scopes,
            settings: ClientSettings::of(line.settings),
            created_at: self.now,
            updated_at: self.now,
        };
        Clients(&mut *write).put(&client, self.now).await?;
        for (place, secret) in (0..).zip(&line.secrets) {
            let secret_id = Uuid::new_v4().to_string();
            let sealed = self.engine.sealer.seal(CLIENT_SECRET, &secret_id, secret.as_bytes())?;
            // In the order in which they were made.
            let kept = KeptSecret { id: secret_id, sealed, created_at: self.now + place };
            ClientSecrets(&mut *write).add(&id, &kept).await?;
        }
        self.made.clients += 1;
        Ok(())
    }

    async fn user(&mut self, write: &mut Write, line: UserLine) -> Result<(), Unfit> {
        fits(&line)?;
        self.has_groups(write, &line.groups).await?;
        let pool = self.pool_of_line()?;
        let user = self.whole(pool, line)?;
        if WholeUsers(write).add(&pool.id, &user).await? {
            self.made.users += 1;
        } else {
            self.made.skipped += 1;
        }
        Ok(())
    }

    async fn has_groups(&mut self, write: &mut Write, groups: &[String]) -> Result<(), Unfit> {
        let pool_id = self.pool_of_line()?.id.clone();
        for group in groups {
            if self.groups.contains(group) {
                continue;
            }
            let is_there = Groups(&mut *write).by_name(&pool_id, group).await?.is_some();
            must(
                is_there,
                "`groups` has one that the pool has not: the line of a group stands before those of its users",
            )?;
            self.groups.insert(group.clone());
        }
        Ok(())
    }

    fn whole(&self, pool: &UserPool, line: UserLine) -> Result<WholeUser, Unfit> {
        let sub = line.sub.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let has_password = line.password_hash.is_some();
        let default = if has_password { UserStatus::Confirmed } else { UserStatus::ResetRequired };
        let aliases = line.aliases.clone().map_or_else(|| aliases_of(pool, &line), |said| said.into_iter().collect());
        let proofs = self.proofs(pool, &sub, &line)?;
        Ok(WholeUser {
            name: line.username,
            enabled: line.enabled,
            status: line.status.unwrap_or_else(|| default.name().to_owned()),
            created_at: line.created_at.unwrap_or(self.now),
            updated_at: line.updated_at.unwrap_or(self.now),
            attributes: line.attributes.into_iter().collect(),
            groups: line.groups,
            aliases,
            proofs,
            sub,
        })
    }

    fn proofs(&self, pool: &UserPool, sub: &str, line: &UserLine) -> Result<WholeProofs, IssuerError> {
        let sealer = &self.engine.sealer;
        let srp = line.srp.as_ref().filter(|srp| srp.pool == pool.id);
        let verifier = srp.map(|srp| sealer.seal(SRP_VERIFIER, sub, &srp.verifier.0)).transpose()?;
        let totp = line.totp.as_ref().map(|totp| sealer.seal(TOTP_SEED, sub, &totp.0)).transpose()?;
        Ok(WholeProofs {
            password_hash: line.password_hash.clone(),
            password_history: line.password_history.clone(),
            srp_identity: srp.map(|srp| srp.identity.clone()),
            srp_salt: srp.map(|srp| srp.salt.0.clone()),
            srp_verifier: verifier,
            totp,
            totp_used: line.totp_used,
            factors: line.factors.clone(),
            preferred_factor: line.preferred_factor.clone(),
            temporary_until: line.temporary_until,
        })
    }
}

/// Those attributes that the pool lets users sign in by: always where they are the user name, else once they are verified.
fn aliases_of(pool: &UserPool, line: &UserLine) -> Vec<(String, String)> {
    let named = |name: &str| line.attributes.get(name).map(|value| (name.to_owned(), value.clone()));
    let verified = |name: &str| line.attributes.get(&format!("{name}_verified")).is_some_and(|said| said == "true");
    let as_names = pool.settings.list("UsernameAttributes").into_iter();
    let as_aliases = pool.settings.list("AliasAttributes").into_iter();
    let as_aliases = as_aliases.filter(|name| *name == "preferred_username" || verified(name));
    as_names.chain(as_aliases).filter_map(named).collect()
}

/// Refuses what the directory could not have come to by itself.
fn fits(line: &UserLine) -> Result<(), Unfit> {
    must(is_user_name(&line.username), "`username` cannot be a user's")?;
    let sub_fits = line.sub.as_deref().is_none_or(|sub| Uuid::parse_str(sub).is_ok_and(|uuid| uuid.to_string() == sub));
    must(sub_fits, "`sub` is no UUID in lower case")?;
    let status_fits = line.status.as_deref().is_none_or(|status| UserStatus::read(status).is_some());
    must(status_fits, "`status` is unknown")?;
    for (name, value) in &line.attributes {
        must(is_attribute_name(name), "`attributes` has a name that no attribute has")?;
        must(Attributes::accepts(name, value), "`attributes` has a value that the attribute cannot have")?;
    }
    let factors = line.factors.iter().chain(&line.preferred_factor);
    must(factors.into_iter().all(|name| Factor::read(name).is_some()), "`factors` has an unknown one")?;
    let aliases = line.aliases.iter().flat_map(BTreeMap::keys);
    must(
        aliases.into_iter().all(|name| ["email", "phone_number", "preferred_username"].contains(&name.as_str())),
        "`aliases` has an attribute that nobody signs in by",
    )?;
    let hashes = line.password_hash.iter().chain(&line.password_history);
    must(
        hashes.into_iter().all(|hash| PasswordHash::is_fit(hash)),
        "`password_hash` is none of Argon2id, bcrypt, PBKDF2 and scrypt in a known form, or too costly",
    )
}

fn must(holds: bool, problem: &str) -> Result<(), Unfit> {
    if holds { Ok(()) } else { Err(Unfit::Line(problem.to_owned())) }
}
