//! A decision played through with a caller who is said rather than proved: nothing goes on by it.

use http::HeaderName;

use super::access::{Access, Caller, Rules};
use super::ask::Asked;
use super::authorize::{Authorizer, Findings};
use super::denial::Denial;
use super::permit::Permit;
use super::request::AccessRequest;
use crate::policy::Query;
use crate::token::{SupposedToken, TokenError};

/// Who asks in a rehearsal.
#[derive(Debug, Clone)]
pub enum SupposedCaller {
    /// Whoever comes without a token.
    Anonymous,
    /// The bearer of this token, were it signed.
    Token(SupposedToken),
    /// The bearer of a token that would be refused.
    Refused(TokenError),
}

/// A decision, told and not carried out.
#[derive(Debug)]
pub struct Rehearsal {
    /// What would go on, or why nothing would.
    pub outcome: Result<Passage, Denial>,
    /// What was learned, as far as it got.
    pub findings: Findings,
}

/// What would be changed in a request that goes on, in words: it opens no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The route's name.
    pub route: String,
    /// The upstream's name.
    pub upstream: String,
    /// Headers that would be set.
    pub set: Vec<(String, String)>,
    /// Headers of the client that would not go on.
    pub removed: Vec<String>,
}

impl From<&Permit> for Passage {
    fn from(permit: &Permit) -> Self {
        let shown = |value: &http::HeaderValue| value.to_str().unwrap_or("?").to_owned();
        Self {
            route: permit.route().name().to_string(),
            upstream: permit.route().upstream().to_string(),
            set: permit.set().iter().map(|(name, value)| (name.to_string(), shown(value))).collect(),
            removed: permit.remove().iter().map(HeaderName::to_string).collect(),
        }
    }
}

impl Authorizer {
    /// What would be decided about a request of this caller at this moment, in Unix milliseconds.
    #[must_use]
    pub fn rehearse(&self, request: &AccessRequest<'_>, caller: &SupposedCaller, now_millis: u64) -> Rehearsal {
        let mut findings = Findings::default();
        let outcome = self.play(request, caller, now_millis, &mut findings);
        Rehearsal { outcome: outcome.map(|permit| Passage::from(&permit)), findings }
    }

    /// The same steps as those of a decision, but for the credential: nobody proves who calls.
    fn play(
        &self,
        request: &AccessRequest<'_>,
        supposed: &SupposedCaller,
        now_millis: u64,
        findings: &mut Findings,
    ) -> Result<Permit, Denial> {
        let segments = request.target().segments()?;
        let (route, parameters) = self.route_of(request, &segments)?;
        findings.note_route(route, &parameters);
        let caller = match &route.access {
            Access::Public => Caller::Anonymous,
            Access::Rules(rules) => {
                let caller = rules.take(supposed, findings)?;
                let principals = &self.principals;
                rules.hold(
                    &caller,
                    &Asked { route, request, parameters: &parameters, now_millis, principals },
                    findings,
                )?;
                caller
            }
        };
        Permit::cut(route, &caller, request, &self.space, &self.places)
    }

    /// Puts the question of a request to `ask`, if its route asks the bundle of this name. Whether the route itself would take
    /// the caller is not asked: what is tried are the policies.
    pub(super) fn ask_as_request<R>(
        &self,
        bundle: &str,
        request: &AccessRequest<'_>,
        token: Option<&SupposedToken>,
        now_millis: u64,
        ask: impl FnOnce(&Query<'_>) -> Result<R, String>,
    ) -> Result<R, String> {
        let before = |denial: Denial| format!("refused before any policy ({}): {}", denial.code(), denial.detail());
        let segments = request.target().segments().map_err(before)?;
        let (route, parameters) = self.route_of(request, &segments).map_err(before)?;
        if !matches!(&route.access, Access::Rules(rules) if rules.asks(bundle)) {
            return Err(format!("it takes route `{}`, which does not ask this bundle", route.name));
        }
        let caller = token.map_or(Caller::Anonymous, |token| Caller::Known(token.as_if_verified().clone()));
        let asked = Asked { route, request, parameters: &parameters, now_millis, principals: &self.principals };
        asked.with_query(&caller, ask).map_err(|error| error.to_string())?
    }
}

impl Rules {
    /// Takes whoever is said to call, as a route with these rules would take one who proved it.
    fn take(&self, supposed: &SupposedCaller, findings: &mut Findings) -> Result<Caller, Denial> {
        let token = match supposed {
            SupposedCaller::Anonymous if self.optional => return Ok(Caller::Anonymous),
            SupposedCaller::Anonymous => return Err(Denial::MissingCredential),
            SupposedCaller::Refused(error) => {
                findings.credential = true;
                return Err(Denial::Token(error.clone()));
            }
            SupposedCaller::Token(token) => token.as_if_verified(),
        };
        (findings.credential, findings.token) = (true, Some(token.clone()));
        self.accepts_issuer(token)?;
        Ok(Caller::Known(token.clone()))
    }
}
