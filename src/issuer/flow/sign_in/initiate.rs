//! The beginning of a sign-in: which flow, by which client, and its first step.

use secrecy::SecretString;

use super::super::engine::Engine;
use super::super::even::evenly;
use super::super::refresh::Refresh;
use super::super::refusal::Refusal;
use super::ask::{Ask, Challenge, Step};
use super::next::{Passed, Way};
use super::underway::Awaits;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::FirstFactor;
use crate::issuer::pool::{Client, Flow};
use crate::issuer::store::Users;

impl Engine {
    /// Takes the first step of a sign-in, or refreshes one.
    pub(crate) async fn initiate(&self, ask: &Ask<'_>) -> Result<Step, Refusal> {
        let client = self.client_of(ask.client_id, ask.admin_of).await?;
        let flow = allowed_flow(&client, ask)?;
        if flow == Flow::RefreshToken {
            let (token, secret_hash) = (ask.get("REFRESH_TOKEN"), ask.get("SECRET_HASH"));
            let refresh = Refresh { client: &client, token, secret_hash };
            return self.refresh(refresh).await.map(|signed_in| Step::SignedIn(Box::new(signed_in)));
        }
        let given = ask.get("USERNAME").ok_or(Refusal::MissingParameter("USERNAME"))?;
        self.prove(&client, ask.get("SECRET_HASH"), &[given]).await?;
        let pool = self.pool_of(&client).await?;
        let by_admin = ask.admin_of.is_some();
        let way = Way { client: &client, pool: &pool, given, by_admin, passed: Passed::Password };
        match flow {
            Flow::UserPassword | Flow::AdminUserPassword => {
                let password = ask.get("PASSWORD").ok_or(Refusal::MissingParameter("PASSWORD"))?;
                self.by_password(&way, SecretString::from(password), ask.address).await
            }
            Flow::UserSrp => {
                let public = ask.get("SRP_A").ok_or(Refusal::MissingParameter("SRP_A"))?;
                self.begin_srp(&way, public, ask.address).await
            }
            Flow::UserAuth => self.begin_choice(&way, ask).await,
            Flow::Custom => {
                Err(Refusal::Invalid("Custom auth lambda trigger is not configured for the user pool.".to_owned()))
            }
            Flow::RefreshToken => Err(Refusal::FlowNotEnabled(ask.flow.to_owned())),
        }
    }

    /// `USER_AUTH`: the factor that the caller prefers, or a question which it shall be.
    async fn begin_choice(&self, way: &Way<'_>, ask: &Ask<'_>) -> Result<Step, Refusal> {
        if let Some(session) = ask.session {
            return self.sign_in_confirmed(way, session).await;
        }
        let offered = Self::first_factors(way);
        let preferred =
            ask.get("PREFERRED_CHALLENGE").and_then(FirstFactor::read).filter(|factor| offered.contains(factor));
        match preferred {
            Some(FirstFactor::Password) if ask.get("PASSWORD").is_some() => {
                let password = SecretString::from(ask.get("PASSWORD").unwrap_or_default());
                self.by_password(way, password, ask.address).await
            }
            Some(FirstFactor::PasswordSrp) if ask.get("SRP_A").is_some() => {
                self.begin_srp(way, ask.get("SRP_A").unwrap_or_default(), ask.address).await
            }
            Some(factor @ (FirstFactor::EmailOtp | FirstFactor::SmsOtp)) => self.begin_first_code(way, factor).await,
            _ => self.ask_first(way, offered).await,
        }
    }

    /// Sends a first factor's code. A user that is not confirmed cannot sign in by one.
    pub(super) async fn begin_first_code(&self, way: &Way<'_>, factor: FirstFactor) -> Result<Step, Refusal> {
        evenly(self.send_first_code(way, factor)).await
    }

    async fn send_first_code(&self, way: &Way<'_>, factor: FirstFactor) -> Result<Step, Refusal> {
        let mut write = self.database.write().await?;
        let stored = Users(&mut write).by_login(&way.pool.id, way.given).await?;
        let asked = self.ask_first_code(&mut write, way, stored.as_ref(), factor).await?;
        write.commit().await.map_err(IssuerError::database("keep a sign-in"))?;
        Ok(Step::Challenge(asked))
    }

    async fn ask_first(&self, way: &Way<'_>, offered: Vec<FirstFactor>) -> Result<Step, Refusal> {
        let mut write = self.database.write().await?;
        let login = Users(&mut write).login(&way.pool.id, way.given).await?;
        if login.is_none() && !way.client.settings.hides_users() {
            return Err(Refusal::UnknownUser);
        }
        let asked = self.ask(&mut write, way, None, Awaits::ChooseFirst(offered), Vec::new()).await?;
        write.commit().await.map_err(IssuerError::database("keep a sign-in"))?;
        let parameters = vec![("USERNAME", way.given.to_owned())];
        Ok(Step::Challenge(Challenge { parameters, ..asked }))
    }

    /// The client of a call: of the pool that an administrator names.
    pub(super) async fn client_of(&self, client_id: &str, admin_of: Option<&str>) -> Result<Client, Refusal> {
        let Some(pool_id) = admin_of else { return self.known_client(client_id).await };
        self.known_pool(pool_id).await?;
        let client = self.known_client(client_id).await?;
        if client.pool_id == pool_id { Ok(client) } else { Err(Refusal::UnknownClient(client_id.to_owned())) }
    }
}

/// The flow of that name, if callers of this kind have it and the client may use it.
fn allowed_flow(client: &Client, ask: &Ask<'_>) -> Result<Flow, Refusal> {
    let by_admin = ask.admin_of.is_some();
    let flow = match ask.flow {
        "REFRESH_TOKEN" => Some(Flow::RefreshToken),
        "ADMIN_NO_SRP_AUTH" => Some(Flow::AdminUserPassword),
        name => Flow::read(name),
    };
    let unsupported = || Refusal::Invalid("Initiate Auth method not supported".to_owned());
    let flow = flow.ok_or_else(unsupported)?;
    let is_admins = flow == Flow::AdminUserPassword;
    if is_admins && !by_admin || by_admin && flow == Flow::UserPassword {
        return Err(unsupported());
    }
    if client.flows.contains(&flow) { Ok(flow) } else { Err(Refusal::FlowNotEnabled(ask.flow.to_owned())) }
}
