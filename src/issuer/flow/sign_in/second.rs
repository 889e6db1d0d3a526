//! Second factors: a code of an authenticator app, or one that was sent.

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::Challenge;
use super::next::Way;
use super::underway::Awaits;
use crate::issuer::messages::{Medium, Message, MessageKind};
use crate::issuer::pool::proof::{Code, Factor};
use crate::issuer::pool::{StoredUser, User};
use crate::issuer::store::Connection;

/// Most codes that are sent to one user for signing in within an hour.
pub(super) const MOST_SENT: u64 = 30;
/// What marks of codes for signing in are bound to.
const PLACE: &str = "sign-in code";

impl Engine {
    /// Asks for this factor, and sends its code where it is one that is sent.
    pub(super) async fn ask_factor(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: &StoredUser,
        factor: Factor,
    ) -> Result<Challenge, Refusal> {
        let medium = match factor {
            Factor::Totp => {
                let parameters =
                    vec![("FRIENDLY_DEVICE_NAME", "TOTP".to_owned()), ("USER_ID_FOR_SRP", stored.user.name.clone())];
                return self.ask(write, way, Some(stored.into()), Awaits::Totp, parameters).await;
            }
            Factor::Sms => Medium::Sms,
            Factor::Email => Medium::Email,
        };
        let target = stored.user.attributes.get(medium.attribute()).ok_or(Refusal::NoDelivery)?;
        let mark = self.send_sign_in_code(write, way, &stored.user, (medium, target)).await?;
        let mut parameters = delivery_parameters(medium, target);
        parameters.push(("USER_ID_FOR_SRP", stored.user.name.clone()));
        self.ask(write, way, Some(stored.into()), Awaits::Code { factor, mark }, parameters).await
    }

    /// Sends a code that is good for one step of one sign-in, and gives its mark.
    pub(super) async fn send_sign_in_code(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        user: &User,
        (medium, target): (Medium, &str),
    ) -> Result<Vec<u8>, Refusal> {
        self.within(write, "send", (&way.pool.id, &user.sub), "sign-in", MOST_SENT).await?;
        let code = Code::generate()?;
        let (kind, now) = (MessageKind::Authentication, self.clock.unix_millis());
        let (sub, user_name, destination) = (user.sub.as_str(), user.name.as_str(), target);
        let message = Message { kind, medium, sub, user_name, destination, code: code.expose().into() };
        self.courier.post(write, way.pool, &message, now).await?;
        Ok(self.sign_in_mark(sub, code.expose()))
    }

    fn sign_in_mark(&self, sub: &str, code: &str) -> Vec<u8> {
        self.sealer.mark(&format!("{PLACE}/{sub}"), code)
    }

    /// Whether this is the code that was sent.
    pub(super) fn is_sign_in_code(&self, sub: &str, mark: &[u8], given: &str) -> bool {
        self.sealer.is_mark_of(mark, &format!("{PLACE}/{sub}"), given)
    }
}

pub(super) fn delivery_parameters(medium: Medium, target: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CODE_DELIVERY_DELIVERY_MEDIUM", medium.name().to_owned()),
        ("CODE_DELIVERY_DESTINATION", medium.masked(target)),
    ]
}
