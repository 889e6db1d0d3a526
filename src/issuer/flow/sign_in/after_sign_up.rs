//! From a sign-up straight into a sign-in: the code that confirmed the account is the first factor.

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::Step;
use super::next::{Passed, Way};
use super::underway::{Awaits, Underway, Whom, stamp};
use crate::issuer::messages::Medium;
use crate::issuer::pool::proof::Factor;
use crate::issuer::pool::{Client, Flow, user_name_key};
use crate::issuer::store::Connection;

impl Engine {
    /// The `Session` that a new account may be confirmed with, where the client lets users go on into a sign-in.
    pub(in super::super) async fn begin_sign_up(
        &self,
        write: &mut Connection,
        client: &Client,
        (whom, given): (Whom<'_>, &str),
    ) -> Result<Option<String>, Refusal> {
        if !client.flows.contains(&Flow::UserAuth) {
            return Ok(None);
        }
        let underway = self.after(client, (whom, given), Awaits::Confirmation);
        self.put_underway(write, &underway).await.map(Some)
    }

    /// The `Session` to sign in with: the account was confirmed just now, by a code that was sent by this medium. The one of the
    /// sign-up need not be given back, but where it is, it must be of this account and this client.
    pub(in super::super) async fn go_on_to_sign_in(
        &self,
        write: &mut Connection,
        client: &Client,
        (whom, given): (Whom<'_>, &str),
        (session, medium): (Option<&str>, Medium),
    ) -> Result<Option<String>, Refusal> {
        if let Some(session) = session {
            let underway = self.take_underway(write, session).await?;
            let is_of = underway.client_id == client.id && underway.sub.as_deref() == Some(whom.sub);
            if !is_of || !matches!(underway.awaits, Awaits::Confirmation) {
                return Err(Refusal::InvalidSession);
            }
        }
        if !client.flows.contains(&Flow::UserAuth) {
            return Ok(None);
        }
        let factor = match medium {
            Medium::Email => Factor::Email,
            Medium::Sms => Factor::Sms,
        };
        let underway = self.after(client, (whom, given), Awaits::FirstSignIn(factor));
        self.put_underway(write, &underway).await.map(Some)
    }

    fn after(&self, client: &Client, (whom, given): (Whom<'_>, &str), awaits: Awaits) -> Underway {
        Underway {
            pool_id: client.pool_id.clone(),
            client_id: client.id.clone(),
            sub: Some(whom.sub.to_owned()),
            name: whom.name.to_owned(),
            given: given.to_owned(),
            by_admin: false,
            stamp: whom.password.map(stamp),
            awaits,
            expires_at: self.deadline(client),
        }
    }

    /// Signs in whoever has just confirmed an account. A second factor is asked for as after any code that was sent.
    pub(super) async fn sign_in_confirmed(&self, way: &Way<'_>, session: &str) -> Result<Step, Refusal> {
        let underway = self.read_underway(&mut self.database.read().await?, session).await?;
        let Awaits::FirstSignIn(factor) = underway.awaits else { return Err(Refusal::InvalidSession) };
        let sub = underway.sub.as_deref().unwrap_or_default();
        let is_name =
            [&underway.name, &underway.given, sub].iter().any(|name| user_name_key(name) == user_name_key(way.given));
        if underway.client_id != way.client.id || underway.by_admin != way.by_admin || !is_name {
            return Err(Refusal::InvalidSession);
        }
        let (mut write, stored) = self.taken_of(session, &underway).await?;
        let way = Way { passed: Passed::FirstCode(factor), ..*way };
        let decided = self.next(&mut write, &way, stored).await;
        self.settle(write, way.client, decided).await
    }
}
