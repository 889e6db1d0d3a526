//! A code that is sent as the first factor of `USER_AUTH`.

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::Challenge;
use super::next::Way;
use super::second::{MOST_SENT, delivery_parameters};
use super::underway::Awaits;
use crate::issuer::messages::Medium;
use crate::issuer::pool::proof::{Factor, FirstFactor, MfaLevel};
use crate::issuer::pool::{StoredUser, user_name_key};
use crate::issuer::store::Connection;

impl Engine {
    /// First factors that the way offers. Where a second factor is always asked for, a code that is sent cannot be the first; what
    /// is offered never depends on the user, so it tells nothing about who exists.
    pub(super) fn first_factors(way: &Way<'_>) -> Vec<FirstFactor> {
        let codes = way.pool.settings.mfa() != MfaLevel::On;
        let offered = way.pool.settings.first_factors().into_iter();
        offered.filter(|factor| codes || matches!(factor, FirstFactor::Password | FirstFactor::PasswordSrp)).collect()
    }

    /// Sends a code as the first factor; to a name that nobody has, as if.
    pub(super) async fn ask_first_code(
        &self,
        write: &mut Connection,
        way: &Way<'_>,
        stored: Option<&StoredUser>,
        factor: FirstFactor,
    ) -> Result<Challenge, Refusal> {
        let medium = if factor == FirstFactor::SmsOtp { Medium::Sms } else { Medium::Email };
        // Only to an address that is proved to be the user's: whoever reads it gets in.
        let reachable =
            stored.filter(|stored| stored.user.enabled && stored.user.attributes.is_verified(medium.attribute()));
        let target = reachable.and_then(|stored| stored.user.attributes.get(medium.attribute()));
        let (mark, target) = match (reachable, target) {
            (Some(stored), Some(target)) => {
                (self.send_sign_in_code(write, way, &stored.user, (medium, target)).await?, target.to_owned())
            }
            _ if way.client.settings.hides_users() => {
                // As often as for a user, so that a ceiling tells nothing either.
                let key = user_name_key(way.given);
                self.within(write, "send", (&way.pool.id, &key), "sign-in", MOST_SENT).await?;
                (Vec::new(), self.made_up_target(&way.pool.id, way.given, medium))
            }
            (None, _) if stored.is_none() => return Err(Refusal::UnknownUser),
            _ => return Err(Refusal::NoDelivery),
        };
        let parameters = delivery_parameters(medium, &target);
        let stored = stored.filter(|_| !mark.is_empty());
        self.ask(write, way, stored.map(Into::into), Awaits::FirstCode { factor, mark }, parameters).await
    }
}

/// The second factor that goes the same way.
pub(super) fn same_way(factor: FirstFactor) -> Factor {
    if factor == FirstFactor::SmsOtp { Factor::Sms } else { Factor::Email }
}
