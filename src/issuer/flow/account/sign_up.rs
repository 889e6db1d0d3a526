//! Sign-up: an account that a user makes, and its confirmation by a code.

use secrecy::SecretString;
use uuid::Uuid;

use super::super::engine::Engine;
use super::super::even::evenly;
use super::super::refusal::Refusal;
use super::super::sign_in::Whom;
use super::attributes::{Author, Given, keep_aliases};
use super::codes::{Delivery, SIGN_UP, Sending};
use super::passwords::Hashed;
use crate::issuer::error::IssuerError;
use crate::issuer::messages::{Medium, MessageKind};
use crate::issuer::pool::proof::FirstFactor;
use crate::issuer::pool::{Client, Flow, UserPool, UserStatus, is_email, is_phone_number, is_user_name, user_name_key};
use crate::issuer::store::{Connection, NewPassword, NewUser, Users};

/// What a user signs up with.
#[derive(Debug)]
pub(crate) struct SignUp<'a> {
    pub client_id: &'a str,
    pub secret_hash: Option<&'a str>,
    pub user_name: &'a str,
    pub password: Option<SecretString>,
    pub attributes: Given,
}

/// An account that was made.
#[derive(Debug)]
pub(crate) struct SignedUp {
    pub sub: String,
    pub delivery: Option<Delivery>,
    /// What confirms the account and goes on into a sign-in.
    pub session: Option<String>,
}

/// The code of a new account, given back.
#[derive(Debug)]
pub(crate) struct Confirmation<'a> {
    pub client_id: &'a str,
    pub secret_hash: Option<&'a str>,
    pub user_name: &'a str,
    pub code: &'a str,
    /// Whether another user's address may be taken over.
    pub by_force: bool,
    /// What `SignUp` gave, where the caller still has it.
    pub session: Option<&'a str>,
}

/// An account to be made, by whoever makes it.
#[derive(Debug)]
pub(crate) struct Registration<'a> {
    pub pool: &'a UserPool,
    pub sub: &'a str,
    /// What was given for a name: the name, or the address that stands for it.
    pub given_name: &'a str,
    pub attributes: Given,
    pub status: UserStatus,
    /// Whether another user's address may be taken over.
    pub by_force: bool,
}

impl Registration<'_> {
    /// The user's name: a new UUID where an address stands for it.
    pub(crate) fn name(&self) -> &str {
        if self.pool.settings.username_attributes().is_empty() { self.given_name } else { self.sub }
    }

    /// Puts the address that was given for a name among the attributes, or refuses a name that is none.
    pub(crate) fn name_attribute(&mut self) -> Result<(), Refusal> {
        let named = self.pool.settings.username_attributes();
        if !is_user_name(self.given_name) {
            return Err(Refusal::Invalid("Username must be 1 to 128 visible characters".to_owned()));
        }
        if named.is_empty() {
            let aliases = self.pool.settings.alias_attributes();
            if aliases.contains(&"email") && is_email(self.given_name) {
                return Err(Refusal::Invalid(
                    "Username cannot be of email format, since user pool is configured for email alias.".to_owned(),
                ));
            }
            return Ok(());
        }
        let attribute = match self.given_name {
            name if is_email(name) && named.contains(&"email") => "email",
            name if is_phone_number(name) && named.contains(&"phone_number") => "phone_number",
            _ => return Err(Refusal::Invalid(wanted_name(&named))),
        };
        let given = self.given_name.to_owned();
        let other = self.attributes.insert(attribute.to_owned(), given.clone());
        if other.is_some_and(|other| other != given) {
            return Err(Refusal::Invalid(format!("Username and the attribute {attribute} differ")));
        }
        Ok(())
    }
}

fn wanted_name(named: &[&str]) -> String {
    match named {
        ["email"] => "Username should be an email.",
        ["phone_number"] => "Username should be a phone number.",
        _ => "Username should be either an email or a phone number.",
    }
    .to_owned()
}

impl Engine {
    /// Makes an account that is not yet confirmed, and sends a code to the address that the pool verifies first.
    pub(crate) async fn sign_up(&self, ask: SignUp<'_>) -> Result<SignedUp, Refusal> {
        let client = self.known_client(ask.client_id).await?;
        self.prove(&client, ask.secret_hash, &[ask.user_name]).await?;
        let pool = self.pool_of(&client).await?;
        if pool.settings.admin_only() {
            return Err(Refusal::NotAllowed("SignUp is not permitted for this user pool"));
        }
        Self::judge_attributes(&pool, Author::User(&client), &ask.attributes, true)?;
        let sub = Uuid::new_v4().to_string();
        let mut registration = Registration {
            pool: &pool,
            sub: &sub,
            given_name: ask.user_name,
            attributes: ask.attributes,
            status: UserStatus::Unconfirmed,
            by_force: false,
        };
        registration.name_attribute()?;
        Self::judge_required(&pool, &registration.attributes)?;
        let hashed = self.first_password((&client, &pool), (&sub, registration.name()), ask.password).await?;

        let mut write = self.database.write().await?;
        self.register(&mut write, &registration).await?;
        let (hash, srp) = (hashed.as_ref().map(|hashed| &hashed.hash), hashed.as_ref().map(|hashed| &hashed.srp));
        let new = NewPassword { hash, srp, history: &[], status: UserStatus::Unconfirmed, temporary_until: None };
        Users(&mut write).set_password(&sub, &new, self.clock.unix_millis()).await?;
        let delivery = self.send_sign_up_code(&mut write, &pool, &sub, MessageKind::SignUp).await?;
        let session = match delivery {
            Some(_) => {
                let whom = Whom { sub: &sub, name: registration.name(), password: hash };
                self.begin_sign_up(&mut write, &client, (whom, ask.user_name)).await?
            }
            None => None,
        };
        write.commit().await.map_err(IssuerError::database("add a user"))?;
        Ok(SignedUp { sub, delivery, session })
    }

    /// The password of a new account. It may have none where users of the client can sign in by a code that is sent.
    async fn first_password(
        &self,
        (client, pool): (&Client, &UserPool),
        (sub, name): (&str, &str),
        password: Option<SecretString>,
    ) -> Result<Option<Hashed>, Refusal> {
        let Some(password) = password else {
            let is_code = |factor: &FirstFactor| matches!(factor, FirstFactor::EmailOtp | FirstFactor::SmsOtp);
            let by_code = client.flows.contains(&Flow::UserAuth) && pool.settings.first_factors().iter().any(is_code);
            let required = || Refusal::Invalid("Password is required".to_owned());
            return if by_code { Ok(None) } else { Err(required()) };
        };
        self.judge_password(&pool.settings.password_policy(), None, &password).await?;
        Ok(Some(self.hashed(&pool.id, (sub, name), password).await?))
    }

    /// Adds the account, if its name is nobody's, as a name or as an alias.
    pub(crate) async fn register(&self, write: &mut Connection, ask: &Registration<'_>) -> Result<(), Refusal> {
        let (pool, now) = (ask.pool, self.clock.unix_millis());
        let taken = Users(&mut *write).login(&pool.id, ask.given_name).await?.is_some()
            || Users(&mut *write).has_sub(&pool.id, ask.given_name).await?;
        let name = ask.name();
        if taken || Users(&mut *write).has_name(&pool.id, name).await? {
            return Err(Refusal::UserExists);
        }
        let (sub, status, attributes) = (ask.sub, ask.status, &ask.attributes);
        let user = NewUser { sub, pool_id: &pool.id, name, status, attributes };
        if !Users(&mut *write).add(&user, now).await? {
            return Err(Refusal::UserExists);
        }
        keep_aliases(write, pool, (sub, now), ask.by_force).await
    }

    /// Sends the code of a new account, where the pool verifies an address that the account has.
    async fn send_sign_up_code(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        sub: &str,
        kind: MessageKind,
    ) -> Result<Option<Delivery>, Refusal> {
        let Some(stored) = Users(&mut *write).by_sub(&pool.id, sub).await? else { return Ok(None) };
        let verified = pool.settings.auto_verified();
        // With both, the phone comes first, as Cognito has it.
        let media = [Medium::Sms, Medium::Email].into_iter().filter(|medium| verified.contains(&medium.attribute()));
        let mut reachable = media.filter_map(|medium| Some((medium, stored.user.attributes.get(medium.attribute())?)));
        let Some((medium, target)) = reachable.next() else { return Ok(None) };
        let sending = Sending { pool, user: &stored.user, kind, purpose: SIGN_UP, medium, target };
        self.send_code(write, &sending).await.map(Some)
    }

    /// Sends another code. For a name that nobody has, where the client hides who exists, as if.
    pub(crate) async fn resend_code(
        &self,
        client_id: &str,
        secret_hash: Option<&str>,
        user_name: &str,
    ) -> Result<Delivery, Refusal> {
        evenly(self.send_again(client_id, secret_hash, user_name)).await
    }

    async fn send_again(
        &self,
        client_id: &str,
        secret_hash: Option<&str>,
        user_name: &str,
    ) -> Result<Delivery, Refusal> {
        let client = self.known_client(client_id).await?;
        let pool = self.pool_of(&client).await?;
        let found = Users(&mut self.database.read().await?).by_login(&pool.id, user_name).await?;
        let names = found.as_ref().map_or(vec![user_name], |found| vec![user_name, &found.user.name]);
        self.prove(&client, secret_hash, &names).await?;
        let Some(stored) = found else { return self.as_if_sent(&client, &pool, user_name, "resend").await };
        if stored.user.status != UserStatus::Unconfirmed {
            if client.settings.hides_users() {
                return self.as_if_sent(&client, &pool, user_name, "resend").await;
            }
            return Err(Refusal::Invalid("User is already confirmed.".to_owned()));
        }
        let mut write = self.database.write().await?;
        let delivery = self.send_sign_up_code(&mut write, &pool, &stored.user.sub, MessageKind::ResendCode).await?;
        let delivery = delivery.ok_or_else(|| Refusal::Invalid("Auto verification not turned on.".to_owned()))?;
        write.commit().await.map_err(IssuerError::database("send a code"))?;
        Ok(delivery)
    }

    /// What an unknown name is told: a destination that is always the same for the name, counted as if a code went there.
    pub(crate) async fn as_if_sent(
        &self,
        client: &Client,
        pool: &UserPool,
        user_name: &str,
        what: &str,
    ) -> Result<Delivery, Refusal> {
        if !client.settings.hides_users() {
            return Err(Refusal::UnknownUserOfClient);
        }
        let mut write = self.database.write().await?;
        self.within(&mut write, "send", (&pool.id, &user_name_key(user_name)), what, 5).await?;
        write.commit().await.map_err(IssuerError::database("count a code"))?;
        let medium = if pool.settings.auto_verified() == ["phone_number"] { Medium::Sms } else { Medium::Email };
        let target = self.made_up_target(&pool.id, user_name, medium);
        Ok(Delivery { attribute: medium.attribute().to_owned(), medium, destination: medium.masked(&target) })
    }

    /// An address that is nobody's, always the same for a name.
    pub(crate) fn made_up_target(&self, pool_id: &str, user_name: &str, medium: Medium) -> String {
        let mark = self.sealer.mark(&format!("destination/{pool_id}"), &user_name_key(user_name));
        let letter = |index: usize| char::from(b'a' + mark.get(index).copied().unwrap_or_default() % 26);
        match medium {
            Medium::Email => format!("{}@{}", letter(0), letter(1)),
            Medium::Sms => {
                let digits = mark.iter().take(10).map(|byte| char::from(b'0' + byte % 10));
                format!("+1{}", digits.collect::<String>())
            }
        }
    }

    /// Confirms an account by the code that was sent, which proves the address that it was sent to. Gives the `Session` to sign in
    /// with, where the client lets users go on.
    pub(crate) async fn confirm_sign_up(&self, ask: Confirmation<'_>) -> Result<Option<String>, Refusal> {
        evenly(self.take_confirmation(ask)).await
    }

    async fn take_confirmation(&self, ask: Confirmation<'_>) -> Result<Option<String>, Refusal> {
        let client = self.known_client(ask.client_id).await?;
        let pool = self.pool_of(&client).await?;
        let found = Users(&mut self.database.read().await?).by_login(&pool.id, ask.user_name).await?;
        let names = found.as_ref().map_or(vec![ask.user_name], |found| vec![ask.user_name, &found.user.name]);
        self.prove(&client, ask.secret_hash, &names).await?;
        let user = found.as_ref().map(|found| &found.user);
        if user.is_none() && !client.settings.hides_users() {
            return Err(Refusal::UnknownUserOfClient);
        }
        if user.is_some_and(|user| user.status == UserStatus::Confirmed) && !client.settings.hides_users() {
            return Err(Refusal::NotAllowed("User cannot be confirmed. Current status is CONFIRMED"));
        }
        let who = (pool.id.as_str(), ask.user_name, user);
        let (mut write, sent) = self.spend_code(Some(&client), who, SIGN_UP, ask.code).await?;
        let Some(user) = user else { return Err(Refusal::WrongCode) };
        let addressed = (sent.attribute.as_str(), sent.target.as_str());
        // The address may have been changed since; then the code proves nothing.
        let proves = user.attributes.get(&sent.attribute) == Some(&sent.target);
        if proves {
            self.prove_attribute(&mut write, &pool, user, addressed, ask.by_force).await?;
        }
        Users(&mut write).set_status(&user.sub, UserStatus::Confirmed, self.clock.unix_millis()).await?;
        let whom = Whom {
            sub: &user.sub,
            name: &user.name,
            password: found.as_ref().and_then(|found| found.password.as_ref()),
        };
        let session = match Medium::of(&sent.attribute).filter(|_| proves) {
            Some(medium) => {
                let (whom, how) = ((whom, ask.user_name), (ask.session, medium));
                self.go_on_to_sign_in(&mut write, &client, whom, how).await?
            }
            None => None,
        };
        write.commit().await.map_err(IssuerError::database("confirm a user"))?;
        Ok(session)
    }

    /// Deletes the bearer's account. When it has answered, the gateway refuses all its tokens.
    pub(crate) async fn delete_own(self: &std::sync::Arc<Self>, access_token: &str) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        self.delete_user(&pool.id, &user.sub).await
    }
}
