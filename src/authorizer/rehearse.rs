//! A decision played through with a caller who is said rather than proved: nothing goes on by it.

use http::HeaderName;

use super::access::{Access, Caller, Rules};
use super::ask::Asked;
use super::authorize::{Authorizer, Findings};
use super::denial::Denial;
use super::permit::{Permit, Told};
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

/// A case of a bundle, as a request.
#[derive(Clone, Copy)]
pub(super) struct CaseRequest<'a> {
    /// The name of the bundle that it is about.
    pub(super) bundle: &'a str,
    pub(super) request: &'a AccessRequest<'a>,
    /// None where it is anonymous.
    pub(super) token: Option<&'a SupposedToken>,
    pub(super) said: Said,
    /// Unix milliseconds.
    pub(super) now_millis: u64,
}

/// What a case says of its token. Of the rest nothing is known, and what the route asks of that is taken for fulfilled.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) scopes: bool,
    pub(super) groups: bool,
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
        let (route, parameters) = self.route_of(request, request.target().segments())?;
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
        // Nothing is signed about a caller whom nobody has proved.
        let told = Told { space: &self.space, assertions: None };
        Permit::cut(route, &caller, request, told, &self.places)
    }

    /// Puts the question of a case to `ask`, unless its route refuses the caller before any policy is asked, as it would in a
    /// decision.
    ///
    /// # Errors
    /// The case is about no decision of this bundle: no route takes it, or one that asks another.
    pub(super) fn ask_as_request<R>(
        &self,
        case: CaseRequest<'_>,
        ask: impl FnOnce(&Query<'_>) -> R,
    ) -> Result<Result<R, Denial>, String> {
        let CaseRequest { bundle, request, token, said, now_millis } = case;
        let before = |denial: Denial| format!("refused before any policy ({}): {}", denial.code(), denial.detail());
        let (route, parameters) = self.route_of(request, request.target().segments()).map_err(before)?;
        let Some(rules) = route.access.rules().filter(|rules| rules.asks(bundle)) else {
            return Err(format!("it takes route `{}`, which does not ask this bundle", route.name));
        };
        let caller = token.map_or(Caller::Anonymous, |token| Caller::Known(token.as_if_verified().clone()));
        if let Err(denial) = rules.admit(&caller, said) {
            return Ok(Err(denial));
        }
        let asked = Asked { route, request, parameters: &parameters, now_millis, principals: &self.principals };
        asked.with_query(&caller, ask).map(Ok).map_err(|error| error.to_string())
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

    /// Whether a route with these rules would ask its policies about a case's caller.
    fn admit(&self, caller: &Caller, said: Said) -> Result<(), Denial> {
        let Some(token) = caller.token() else {
            return if self.optional { Ok(()) } else { Err(Denial::MissingCredential) };
        };
        self.accepts_issuer(token)?;
        // Claims of the case may say as much as its own lists do.
        if said.scopes || !token.scopes().is_empty() {
            self.check_scopes(caller)?;
        }
        if said.groups || !token.groups().is_empty() {
            self.check_groups(caller)?;
        }
        Ok(())
    }
}
