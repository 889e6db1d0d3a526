//! What an issuer says of its opaque tokens: asked once for all who bring the same token, and remembered in bounded memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::watch;
use tracing::{info, warn};

use super::answer::{as_claims, read};
use super::config::IntrospectionConfig;
use super::endpoint::Endpoint;
use crate::clock::Clock;
use crate::telemetry::{CacheLookup, IntrospectionMetrics, TokenCacheMetrics};
use crate::token::claims::Claims;
use crate::token::config::{TokenLimits, TrustedIssuerConfig};
use crate::token::error::TokenError;
use crate::token::hash::TokenHash;
use crate::token::jwks::FetchError;
use crate::token::trust::TrustedIssuer;
use crate::token::verify::VerifiedToken;

/// How long a token that is not active is remembered as such.
const INACTIVE: Duration = Duration::from_secs(10);
/// How many tokens are remembered that are not active: 16,384 of about 200 bytes.
const MOST_INACTIVE: u64 = 1 << 14;
/// How many tokens are asked about at once; beyond, whoever brings one more is told to come again.
const MOST_AT_ONCE: usize = 256;
/// What a remembered answer takes beside its text, which it holds twice.
const ANSWER_BYTES: usize = 1_024;

/// Asks about the opaque tokens of one issuer. Its rules are those of the [`TrustedIssuer`] that it is made with.
pub struct Introspector {
    name: Arc<str>,
    config: IntrospectionConfig,
    endpoint: Endpoint,
    /// Deepest nesting of an answer.
    depth: usize,
    active: Cache<TokenHash, Arc<Answer>>,
    /// Apart, so that a flood of made-up tokens takes no room from good ones. The Unix milliseconds until which it is so.
    inactive: Cache<TokenHash, u64>,
    flights: Mutex<HashMap<TokenHash, Flight>>,
    /// Whether the last answer was none, so that a failure is told once.
    failing: AtomicBool,
    clock: Clock,
    lookups: TokenCacheMetrics,
    metrics: IntrospectionMetrics,
}

/// What becomes of asking about one token; whoever needs it waits for the same.
type Flight = watch::Receiver<Option<Told>>;

/// What the endpoint says; nothing where it says nothing that could be read.
type Told = Option<Said>;

#[derive(Debug, Clone)]
enum Said {
    Active(Arc<Answer>),
    Inactive,
}

/// An answer about an active token.
#[derive(Debug)]
struct Answer {
    claims: Claims,
    /// Unix milliseconds until which it is remembered.
    until: u64,
    /// About how much memory it takes.
    bytes: usize,
    /// What the issuer's rules made of it, once the first request has asked.
    read: OnceLock<Result<Arc<VerifiedToken>, TokenError>>,
}

impl std::fmt::Debug for Introspector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Introspector").field("issuer", &self.name).finish_non_exhaustive()
    }
}

impl Introspector {
    /// For the issuer of this name, which the config trusts so.
    ///
    /// # Errors
    /// Where the way to the endpoint cannot be gone as `fetch` says.
    pub fn new(
        name: &str,
        trust: &TrustedIssuerConfig,
        config: &IntrospectionConfig,
        limits: TokenLimits,
        clock: Clock,
        (lookups, metrics): (TokenCacheMetrics, IntrospectionMetrics),
    ) -> Result<Self, FetchError> {
        Ok(Self {
            name: name.into(),
            config: config.clone(),
            endpoint: Endpoint::new(trust, config)?,
            depth: limits.claims_depth,
            active: Cache::builder()
                .max_capacity(limits.cache.as_u64())
                .weigher(|_, answer: &Arc<Answer>| u32::try_from(answer.bytes).unwrap_or(u32::MAX))
                .time_to_live(config.cache)
                .build(),
            inactive: Cache::builder().max_capacity(MOST_INACTIVE).time_to_live(INACTIVE).build(),
            flights: Mutex::default(),
            failing: AtomicBool::new(false),
            clock,
            lookups,
            metrics,
        })
    }

    /// Whether the endpoint answered when it was last asked.
    pub(in crate::token) fn answers(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }

    /// What this token is by `issuer`'s rules. Whatever changes with time, and what the route asks, is not asked here.
    ///
    /// # Errors
    /// [`TokenError::Inactive`], [`TokenError::IntrospectionUnavailable`], or the first rule that does not hold.
    pub(in crate::token) async fn introspect(
        self: &Arc<Self>,
        token: &str,
        issuer: &TrustedIssuer,
        keep: impl FnOnce(VerifiedToken) -> VerifiedToken,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        let key = TokenHash::of(token);
        let said = match self.remembered(key) {
            Some(said) => said,
            None => self.ask(token, key).await.ok_or_else(|| self.unavailable())?,
        };
        let Said::Active(answer) = said else { return Err(TokenError::Inactive) };
        let read = || {
            let claims = as_claims(&answer.claims, issuer.issuer(), &self.config)?;
            issuer.read_introspected(claims, key.bytes()).map(|token| Arc::new(keep(token)))
        };
        answer.read.get_or_init(read).clone()
    }

    fn remembered(&self, key: TokenHash) -> Option<Said> {
        let now = self.clock.unix_millis();
        let active = self.active.get(&key).filter(|answer| now < answer.until).map(Said::Active);
        let said = active.or_else(|| self.inactive.get(&key).filter(|until| now < *until).map(|_| Said::Inactive));
        self.lookups.lookup(if said.is_some() { CacheLookup::Hit } else { CacheLookup::Miss });
        said
    }

    /// Asks, or waits for the answer that somebody else has asked for.
    async fn ask(self: &Arc<Self>, token: &str, key: TokenHash) -> Told {
        let mut flight = self.join(token, key)?;
        if let Ok(told) = flight.wait_for(Option::is_some).await {
            return told.clone().flatten();
        }
        // Its task is gone without an answer.
        self.flights().remove(&key);
        None
    }

    /// The flight for this token; one that begins goes on whoever leaves, so that no client can break it off for others.
    fn join(self: &Arc<Self>, token: &str, key: TokenHash) -> Option<Flight> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&key) {
            return Some(flight.clone());
        }
        if flights.len() >= MOST_AT_ONCE {
            return None;
        }
        let (sender, flight) = watch::channel(None);
        flights.insert(key, flight.clone());
        drop(flights);
        let (this, token) = (self.clone(), token.to_owned());
        tokio::spawn(async move {
            let told = this.fetch(&token, key).await;
            // What is to be remembered is by now: nobody who comes in between asks again.
            this.flights().remove(&key);
            sender.send_replace(Some(told));
        });
        Some(flight)
    }

    async fn fetch(&self, token: &str, key: TokenHash) -> Told {
        let answered = match self.endpoint.ask(token).await {
            Ok(body) => read(&body, self.depth).map(|claims| (claims, body.len())).map_err(str::to_owned),
            Err(error) => Err(error.to_string()),
        };
        self.tell(answered.as_ref().err());
        let (claims, bytes) = answered.ok()?;
        let now = self.clock.unix_millis();
        let Some(claims) = claims else {
            self.metrics.asked("inactive");
            self.inactive.insert(key, until(now, self.config.cache.min(INACTIVE)));
            return Some(Said::Inactive);
        };
        self.metrics.asked("active");
        let until = until(now, self.config.cache).min(expiry(&claims).unwrap_or(now));
        let answer = Arc::new(Answer { claims, until, bytes: ANSWER_BYTES + 4 * bytes, read: OnceLock::new() });
        if now < until {
            self.active.insert(key, answer.clone());
        }
        Some(Said::Active(answer))
    }

    /// Says it when the endpoint begins to fail, and when it no longer does; every failure is counted.
    fn tell(&self, failure: Option<&String>) {
        let was_failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        let issuer = &*self.name;
        if let Some(reason) = failure {
            self.metrics.asked("failure");
            if !was_failing {
                warn!(issuer, reason, "the introspection endpoint does not answer as it should");
            }
        } else if was_failing {
            info!(issuer, "the introspection endpoint answers again");
        }
    }

    fn unavailable(&self) -> TokenError {
        TokenError::IntrospectionUnavailable(self.name.to_string())
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<TokenHash, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn until(now: u64, lifetime: Duration) -> u64 {
    now.saturating_add(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX))
}

/// `exp` in Unix milliseconds; whether it is one that counts is the issuer's rules to say.
fn expiry(claims: &Claims) -> Option<u64> {
    claims.get("exp")?.as_u64().map(|seconds| seconds.saturating_mul(1_000))
}

/// Whether a token is a JWT or was meant to be one, which tells its issuer itself: three parts, or five of one that is
/// encrypted, and a header that begins as JSON objects do.
pub(in crate::token) fn looks_structured(token: &str) -> bool {
    let dots = memchr::memchr_iter(b'.', token.as_bytes()).count();
    let begins_as_json = token.starts_with("ey") || token.starts_with("ew");
    matches!(dots, 2 | 4) && begins_as_json
}
