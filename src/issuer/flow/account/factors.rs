//! Which second factors a user has turned on, and which comes first.

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::Factor;
use crate::issuer::pool::{StoredUser, UserPool};
use crate::issuer::store::{Connection, Factors, Users};

/// What is said of one factor: turned on or off, and whether it comes first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preference {
    pub factor: Factor,
    pub enabled: bool,
    pub preferred: bool,
}

impl Engine {
    /// Sets the bearer's own factors.
    pub(crate) async fn prefer_own(&self, access_token: &str, preferences: &[Preference]) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        self.prefer(&pool, &user.sub, preferences).await
    }

    /// Sets a user's factors. What is not said stays.
    pub(crate) async fn prefer(&self, pool: &UserPool, sub: &str, preferences: &[Preference]) -> Result<(), Refusal> {
        if preferences.iter().filter(|preference| preference.enabled && preference.preferred).count() > 1 {
            return Err(Refusal::Invalid("Only one MFA method may be preferred".to_owned()));
        }
        let mut write = self.database.write().await?;
        let stored = Users(&mut write).by_sub(&pool.id, sub).await?.ok_or(Refusal::UnknownUser)?;
        let (mut factors, mut preferred) = (stored.credentials.factors.clone(), stored.credentials.preferred);
        for preference in preferences {
            let Preference { factor, enabled, .. } = *preference;
            if enabled {
                must_have(pool, &stored, factor)?;
            }
            factors.retain(|other| *other != factor);
            factors.extend(enabled.then_some(factor));
            if preference.preferred && enabled {
                preferred = Some(factor);
            } else if preferred == Some(factor) {
                preferred = None;
            }
        }
        Factors(&mut write).set(sub, &factors, preferred).await?;
        write.commit().await.map_err(IssuerError::database("keep a user's factors"))?;
        Ok(())
    }

    /// Turns a factor on within a transaction: it was proved just now.
    pub(crate) async fn turn_on(
        &self,
        write: &mut Connection,
        stored: &StoredUser,
        factor: Factor,
    ) -> Result<(), IssuerError> {
        let mut factors = stored.credentials.factors.clone();
        if !factors.contains(&factor) {
            factors.push(factor);
        }
        Factors(write).set(&stored.user.sub, &factors, stored.credentials.preferred).await
    }

    /// Takes the authenticator app away from a user.
    pub(crate) async fn remove_totp(&self, pool_id: &str, sub: &str) -> Result<(), Refusal> {
        let mut write = self.database.write().await?;
        let stored = Users(&mut write).by_sub(pool_id, sub).await?.ok_or(Refusal::UnknownUser)?;
        let factors: Vec<Factor> =
            stored.credentials.factors.iter().copied().filter(|factor| *factor != Factor::Totp).collect();
        let preferred = stored.credentials.preferred.filter(|factor| *factor != Factor::Totp);
        Factors(&mut write).remove_totp(sub).await?;
        Factors(&mut write).set(sub, &factors, preferred).await?;
        write.commit().await.map_err(IssuerError::database("remove a seed"))?;
        Ok(())
    }
}

/// A factor can be turned on only where the pool takes it and the user has what it needs.
fn must_have(pool: &UserPool, stored: &StoredUser, factor: Factor) -> Result<(), Refusal> {
    if !pool.settings.has_factor(factor) {
        return Err(Refusal::Invalid(format!("{} is not enabled for the user pool", factor.name())));
    }
    let attributes = &stored.user.attributes;
    let has = match factor {
        Factor::Totp if stored.credentials.totp.is_none() => {
            return Err(Refusal::Invalid("User has not verified software token mfa".to_owned()));
        }
        Factor::Totp => true,
        Factor::Sms => attributes.get("phone_number").is_some(),
        Factor::Email => attributes.get("email").is_some(),
    };
    if has {
        Ok(())
    } else {
        Err(Refusal::Invalid(format!("User does not have delivery config set to turn on {}", factor.name())))
    }
}
