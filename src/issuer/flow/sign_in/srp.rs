//! The password by SRP: the client proves that it knows it, and the server that it knows its verifier.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use super::ask::{Reply, Step};
use super::next::{Passed, Way};
use super::password::Counted;
use super::underway::{AwaitedProof, Awaits, Underway};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{PublicValue, SrpAnswer, Verifier, hex, is_recent, pool_name};
use crate::issuer::pool::{RefreshToken, is_email, is_phone_number, user_name_key};
use crate::issuer::store::{PasswordAttempts, Users, Write};

impl Engine {
    /// Answers `SRP_A` with `PASSWORD_VERIFIER`. A name that nobody has gets a salt of its own, always the same, for as much work.
    pub(super) async fn begin_srp(
        &self,
        way: &Way<'_>,
        public: &str,
        address: Option<IpAddr>,
    ) -> Result<Step, Refusal> {
        // One statement, whoever has the name: more of them for a user could be timed.
        let login = Users(&mut self.database.read().await?).login(&way.pool.id, way.given).await?;
        let sub = login.as_ref().map(|login| login.sub.as_str());
        let counted = Counted { pool_id: &way.pool.id, given: way.given, sub, address };
        self.not_locked(&mut self.database.read().await?, counted).await?;
        let public = PublicValue::read(public);
        let public = public.ok_or_else(|| Refusal::Invalid("SRP_A is not a public value of the group".to_owned()))?;
        if login.is_none() && !way.client.settings.hides_users() {
            return Err(Refusal::UnknownUser);
        }
        let kept = login.as_ref().and_then(|login| Some((login, login.srp.as_ref()?)));
        let verifier = match kept {
            Some((login, srp)) => self.opened_verifier(&login.sub, srp)?,
            // Nobody has the name, or an imported password cannot do SRP yet: nothing will prove this one.
            None => self.verifier_of_nobody(way),
        };
        let login = login.filter(|login| login.srp.is_some());
        let work = move || verifier.exchange().map(|exchange| (verifier, exchange));
        let (verifier, exchange) = self.hashing.run(work).await??;
        // What the client signs besides its proof: random, so that no signature is good twice. It is the `Session` too, because
        // some clients give back this one alone.
        let session = RefreshToken::generate()?.expose().to_owned();
        let block = session.as_bytes().to_vec();
        let awaited = AwaitedProof {
            identity: verifier.identity.clone(),
            salt: verifier.salt.to_vec(),
            verifier: verifier.value.to_vec(),
            secret: exchange.secret.to_vec(),
            client: public.to_hex(),
            block: block.clone(),
        };
        let parameters = vec![
            ("SALT", hex(&verifier.salt)),
            ("SECRET_BLOCK", STANDARD.encode(&block)),
            ("SRP_B", exchange.public),
            ("USERNAME", verifier.identity.clone()),
            ("USER_ID_FOR_SRP", verifier.identity),
        ];
        let mut write = self.database.write().await?;
        let whom = login.as_ref().map(Into::into);
        let asked = self.ask_under(&mut write, (way, &session), whom, Awaits::Srp(awaited), parameters).await?;
        write.commit().await.map_err(IssuerError::database("keep a sign-in"))?;
        Ok(Step::Challenge(asked))
    }

    /// What nobody has a password for: the same for a name each time, so that asking twice tells nothing.
    fn verifier_of_nobody(&self, way: &Way<'_>) -> Verifier {
        let key = user_name_key(way.given);
        let mark = self.sealer.mark(&format!("srp/{}", way.pool.id), &key);
        // SRP has the user's own name, whatever was given: an address is never one where it stands for a name, and case is not
        // given back as it came.
        let stands_for_a_name = |attribute: &str| match attribute {
            "email" => is_email(way.given),
            "phone_number" => is_phone_number(way.given),
            _ => false,
        };
        let aliases = way.pool.settings.alias_attributes();
        let is_address = aliases.into_iter().any(stands_for_a_name);
        let has_made_up_name = is_address || !way.pool.settings.username_attributes().is_empty();
        Verifier::of_nobody(if has_made_up_name { made_up_uuid(&mark) } else { key }, &mark)
    }

    /// Judges the proof. Each exchange is judged once, and a wrong one counts as a wrong password does.
    pub(super) async fn judge_proof(
        &self,
        mut write: Write,
        (way, underway): (&Way<'_>, &Underway),
        awaited: &AwaitedProof,
        reply: &Reply<'_>,
    ) -> Result<Step, Refusal> {
        let counted = Counted {
            pool_id: &underway.pool_id,
            given: &underway.given,
            sub: underway.sub.as_deref(),
            address: reply.address,
        };
        let proved = self.is_proved(way, awaited, reply).await?;
        let judged = self.not_locked(&mut write, counted).await;
        let stored = match &underway.sub {
            Some(sub) => Users(&mut write).by_sub(&underway.pool_id, sub).await?,
            None => None,
        };
        let stored = stored.filter(|stored| underway.is_of(stored.password.as_ref()));
        let judged = match (judged, stored) {
            (Err(locked), _) => Err(locked),
            (Ok(()), Some(stored)) if proved => Ok(stored),
            (Ok(()), _) => {
                self.count_failure(&mut write, counted).await?;
                Err(Refusal::WrongCredentials)
            }
        };
        let stored = match judged {
            Ok(stored) => stored,
            Err(refusal) => {
                write.commit().await.map_err(IssuerError::database("count a wrong password"))?;
                return Err(refusal);
            }
        };
        PasswordAttempts(&mut write).clear(counted.key()).await?;
        let way = Way { passed: Passed::Password, ..*way };
        let decided = self.next(&mut write, &way, stored).await;
        self.settle(write, way.client, decided).await
    }

    async fn is_proved(&self, way: &Way<'_>, awaited: &AwaitedProof, reply: &Reply<'_>) -> Result<bool, Refusal> {
        let needed = |name: &'static str| reply.get(name).ok_or(Refusal::MissingParameter(name));
        let signature = STANDARD.decode(needed("PASSWORD_CLAIM_SIGNATURE")?).unwrap_or_default();
        let block = STANDARD.decode(needed("PASSWORD_CLAIM_SECRET_BLOCK")?).unwrap_or_default();
        let timestamp = needed("TIMESTAMP")?.to_owned();
        if block != awaited.block || !is_recent(&timestamp, self.clock.unix_seconds()) {
            return Ok(false);
        }
        let Some(client) = PublicValue::read(&awaited.client) else { return Ok(false) };
        let mut salt = [0; 16];
        salt.iter_mut().zip(&awaited.salt).for_each(|(to, from)| *to = *from);
        let value = Zeroizing::new(awaited.verifier.clone());
        let verifier = Verifier { identity: awaited.identity.clone(), salt, value };
        let (pool, secret) = (pool_name(&way.pool.id).to_owned(), Zeroizing::new(awaited.secret.clone()));
        let work = move || {
            let (pool_name, secret_block) = (pool.as_str(), block.as_slice());
            let answer = SrpAnswer { pool_name, secret_block, timestamp: &timestamp, signature: &signature };
            verifier.proves(&client, &secret, &answer)
        };
        Ok(self.hashing.run(work).await?)
    }
}

/// The `Session` of a proof that comes without one: the block that it signs.
pub(super) fn session_in_block(reply: &Reply<'_>) -> Option<String> {
    let block = STANDARD.decode(reply.get("PASSWORD_CLAIM_SECRET_BLOCK")?).ok()?;
    String::from_utf8(block).ok()
}

fn made_up_uuid(mark: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(mark.iter().rev()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
