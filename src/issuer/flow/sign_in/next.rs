//! What comes after a factor was proved: a new password, a second factor, or tokens. Every flow goes through here, and there is
//! no other way to tokens.

use serde_json::{Value, json};

use super::super::engine::{Engine, SignedIn};
use super::super::refusal::Refusal;
use super::ask::{Challenge, Step};
use super::underway::{Awaits, Underway, Whom, stamp};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{Factor, MfaLevel};
use crate::issuer::pool::{Client, RefreshToken, Session, StoredUser, UserPool, UserStatus};
use crate::issuer::store::{Connection, Write};

/// By which client a user is on the way in, and how far.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub client: &'a Client,
    pub pool: &'a UserPool,
    /// The name that was given.
    pub given: &'a str,
    pub by_admin: bool,
    pub passed: Passed,
}

/// What was proved so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// The password.
    Password,
    /// A code that was sent as the first factor: the same way does not count as the second.
    FirstCode(Factor),
    /// A second factor too.
    Both,
}

/// What was decided in a transaction, to be told once that is committed.
pub(super) enum Decided {
    Tokens { user: Box<StoredUser>, session: Session, refresh_token: RefreshToken },
    Ask(Challenge),
}

impl Engine {
    /// Decides what comes next for a user who has proved something. The user was read in this transaction.
    pub(super) async fn next(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: StoredUser,
    ) -> Result<Decided, Refusal> {
        // Told only to who has proved a factor.
        if !stored.user.enabled {
            return Err(Refusal::UserDisabled);
        }
        match stored.user.status {
            UserStatus::Unconfirmed => return Err(Refusal::NotConfirmed),
            UserStatus::ResetRequired => return Err(Refusal::ResetRequired),
            UserStatus::ForceChangePassword => return self.ask_new_password(write, way, &stored).await,
            UserStatus::Confirmed => {}
        }
        if way.passed != Passed::Both
            && let Some(challenge) = self.second_factor(write, way, &stored).await?
        {
            return Ok(Decided::Ask(challenge));
        }
        let (session, refresh_token) =
            self.begin_session(write, (way.pool, way.client), &stored.user, self.clock.unix_millis()).await?;
        Ok(Decided::Tokens { user: Box::new(stored), session, refresh_token })
    }

    async fn ask_new_password(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: &StoredUser,
    ) -> Result<Decided, Refusal> {
        // A temporary password is proof only for as long as it may be used, and no code that was sent stands for it.
        let until = stored.credentials.temporary_until.unwrap_or_default();
        if until <= self.clock.unix_millis() || way.passed != Passed::Password {
            return Err(Refusal::TemporaryPasswordExpired);
        }
        let attributes = stored.user.attributes.only(|name| way.client.settings.may_read(name));
        let attributes: serde_json::Map<String, Value> =
            attributes.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let definitions = way.pool.settings.definitions().into_iter();
        let missing = definitions.filter(|definition| {
            definition.required && definition.name != "sub" && stored.user.attributes.get(&definition.name).is_none()
        });
        let required: Vec<String> = missing.map(|definition| format!("userAttributes.{}", definition.name)).collect();
        let parameters = vec![
            ("USER_ID_FOR_SRP", stored.user.name.clone()),
            ("requiredAttributes", json!(required).to_string()),
            ("userAttributes", Value::Object(attributes).to_string()),
        ];
        self.ask(write, way, Some(stored.into()), Awaits::NewPassword, parameters).await.map(Decided::Ask)
    }

    /// The second factor that is asked for; none where the pool or the user wants none.
    ///
    /// INVARIANT: with MFA on, a user gets past this only by a second factor.
    async fn second_factor(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: &StoredUser,
    ) -> Result<Option<Challenge>, Refusal> {
        let level = way.pool.settings.mfa();
        if level == MfaLevel::Off {
            return Ok(None);
        }
        let mut active = active_factors(way.pool, stored, level);
        if active.is_empty() && level == MfaLevel::Optional {
            return Ok(None);
        }
        if let Passed::FirstCode(used) = way.passed {
            active.retain(|factor| *factor != used);
            if active.is_empty() {
                return Err(Refusal::NoFactor);
            }
        }
        let preferred = stored.credentials.preferred.filter(|factor| active.contains(factor));
        match (preferred, active.as_slice()) {
            (Some(factor), _) => self.ask_factor(write, way, stored, factor).await.map(Some),
            (None, [factor]) => self.ask_factor(write, way, stored, *factor).await.map(Some),
            (None, []) => self.ask_set_up(write, way, stored).await.map(Some),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|factor| factor.name()).collect();
                let parameters = vec![("MFAS_CAN_CHOOSE", json!(names).to_string())];
                self.ask(write, way, Some(stored.into()), Awaits::ChooseFactor(several.to_vec()), parameters)
                    .await
                    .map(Some)
            }
        }
    }

    async fn ask_set_up(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: &StoredUser,
    ) -> Result<Challenge, Refusal> {
        // Only an authenticator app can be set up on the way in: it needs nothing that an address would have to be proved for.
        if !way.pool.settings.has_factor(Factor::Totp) {
            return Err(Refusal::NoFactor);
        }
        let parameters = vec![("MFAS_CAN_SETUP", json!([Factor::Totp.name()]).to_string())];
        self.ask(write, way, Some(stored.into()), Awaits::SetUp { done: false }, parameters).await
    }

    /// Keeps what is waited for and makes the question.
    pub(super) async fn ask(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        whom: Option<Whom<'_>>,
        awaits: Awaits,
        parameters: Vec<(&'static str, String)>,
    ) -> Result<Challenge, Refusal> {
        let session = RefreshToken::generate()?.expose().to_owned();
        self.ask_under(write, (way, &session), whom, awaits, parameters).await
    }

    /// The same, under this `Session`.
    pub(super) async fn ask_under(
        &self,
        write: &mut Connection,
        (way, session): (&Way<'_>, &str),
        whom: Option<Whom<'_>>,
        awaits: Awaits,
        parameters: Vec<(&'static str, String)>,
    ) -> Result<Challenge, Refusal> {
        let name = awaits.challenge();
        let available = match &awaits {
            Awaits::ChooseFirst(factors) => factors.iter().map(|factor| factor.name()).collect(),
            _ => Vec::new(),
        };
        // Nobody answers by the name that the question had for nobody, as a user does by the user's.
        let nobody = match &awaits {
            Awaits::Srp(proof) => proof.identity.as_str(),
            _ => way.given,
        };
        let underway = Underway {
            pool_id: way.pool.id.clone(),
            client_id: way.client.id.clone(),
            sub: whom.map(|whom| whom.sub.to_owned()),
            name: whom.map_or(nobody, |whom| whom.name).to_owned(),
            given: way.given.to_owned(),
            by_admin: way.by_admin,
            stamp: whom.and_then(|whom| whom.password).map(stamp),
            expires_at: self.deadline(way.client),
            awaits,
        };
        self.put_back(write, session, &underway).await?;
        Ok(Challenge { name, session: session.into(), parameters, available })
    }

    /// Signs and tells what was decided and committed.
    pub(super) async fn tell(&self, client: &Client, decided: Decided) -> Result<Step, Refusal> {
        match decided {
            Decided::Ask(challenge) => Ok(Step::Challenge(challenge)),
            Decided::Tokens { user, session, refresh_token } => {
                let tokens = self.tokens(client, &user.user, &session, session.signed_in_at).await?;
                let signed_in = SignedIn { refresh_token: Some(refresh_token), ..tokens };
                Ok(Step::SignedIn(Box::new(signed_in)))
            }
        }
    }

    /// Commits what was decided, then tells it.
    pub(super) async fn settle(
        &self,
        write: Write,
        client: &Client,
        decided: Result<Decided, Refusal>,
    ) -> Result<Step, Refusal> {
        let decided = decided?;
        write.commit().await.map_err(IssuerError::database("keep a sign-in"))?;
        self.tell(client, decided).await
    }
}

/// The second factors that count for this user. Where MFA is on, an address that the user has stands for one that was turned on:
/// else a user without an app could not get in.
pub(in super::super) fn active_factors(pool: &UserPool, stored: &StoredUser, level: MfaLevel) -> Vec<Factor> {
    if level == MfaLevel::Off {
        return Vec::new();
    }
    let (credentials, attributes) = (&stored.credentials, &stored.user.attributes);
    let has = |factor: &Factor| match factor {
        Factor::Totp => credentials.totp.is_some(),
        Factor::Sms => attributes.get("phone_number").is_some(),
        Factor::Email => attributes.get("email").is_some(),
    };
    let usable: Vec<Factor> =
        Factor::ALL.into_iter().filter(|factor| pool.settings.has_factor(*factor) && has(factor)).collect();
    let chosen: Vec<Factor> = usable.iter().copied().filter(|factor| credentials.factors.contains(factor)).collect();
    match level {
        MfaLevel::On if chosen.is_empty() && usable.contains(&Factor::Totp) => vec![Factor::Totp],
        MfaLevel::On if chosen.is_empty() => usable,
        _ => chosen,
    }
}
