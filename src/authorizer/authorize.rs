//! The sentence that decides: route, credential, token, scopes, groups, policy, permit, in this order, for every door.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use thiserror::Error;

use super::access::{Access, Caller, Rules};
use super::answers::{AnswerFields, Cors, OwnAnswer, ProtectedResource, ProtectedResources, WellKnown, preflighted};
use super::ask::{AppliedBundle, Asked, PolicyAnswer};
use super::config::{IdentityConfig, ProtectedResourceConfig, RouteConfig};
use super::denial::{Answer, Challenge, Denial};
use super::identity_headers::{Assertions, IdentityHeaders, IdentitySpace};
use super::permit::{Permit, Right, Told};
use super::principals::Principals;
use super::rate_limit::{Asker, Exceeded, RateCounts, RouteLimits, SpentUnits};
use super::request::AccessRequest;
use super::route::{Found, Route, RouteConflict, RouteTable, methods_of, parameters_of};
use super::target::{Segment, Target};
use super::timeline::{DecisionStep, Timeline};
use crate::clock::Clock;
use crate::token::{
    AssertionMinter, CredentialConfig, ProofChecker, ProvedBy, Sender, TokenError, VerifiedToken, Verifier,
    find_credential,
};

/// How long upstreams may keep the keys of assertions, in seconds: well below the time that a new key is published before
/// it signs.
const KEYS_MAX_AGE: u32 = 300;

/// Decides about requests: one immutable whole of routes, rules, policies and trust.
#[derive(Debug)]
pub struct Authorizer {
    routes: RouteTable,
    pub(super) places: Vec<CredentialConfig>,
    pub(super) space: IdentitySpace,
    assertions: Option<Assertions>,
    resources: ProtectedResources,
    proofs: ProofChecker,
    rates: RateCounts,
    pub(super) verifier: Verifier,
    pub(super) principals: Principals,
    pub(super) clock: Clock,
}

/// What an authorizer is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The routes.
    pub routes: &'a [RouteConfig],
    /// What is told to upstreams.
    pub identity: &'a IdentityConfig,
    /// What makes assertions, where `identity` asks for them.
    pub assertions: Option<AssertionMinter>,
    /// What is told to clients about whose tokens are taken.
    pub protected_resource: &'a ProtectedResourceConfig,
    /// The `iss` of each trusted issuer that is only one, by its name.
    pub authorization_servers: &'a BTreeMap<String, String>,
    /// Where a token may stand.
    pub credentials: &'a [CredentialConfig],
    /// The bundles that routes name.
    pub bundles: &'a BTreeMap<String, AppliedBundle>,
    /// Whom we believe.
    pub verifier: Verifier,
    /// What tells whether the sender of a token is the one that it is bound to.
    pub proofs: ProofChecker,
    /// What has come, for the routes with a `rate_limit`.
    pub rates: RateCounts,
    /// The time.
    pub clock: Clock,
}

/// Why there is no authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AuthorizerError {
    /// Two routes take the same requests.
    #[error(transparent)]
    Conflict(#[from] RouteConflict),
    /// A route names a bundle that is not there.
    #[error("route `{route}` names a policy bundle that is not loaded")]
    UnknownBundle {
        /// The route.
        route: String,
    },
}

impl AuthorizerError {
    /// The stable name of this reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Conflict(_) => "route-conflict",
            Self::UnknownBundle { .. } => "unknown-bundle",
        }
    }
}

/// Whether a decision counts as a request of its route's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// It does.
    Counted,
    /// It is only explained.
    Explained,
}

/// A decision, with what was learned on the way to it.
#[derive(Debug)]
pub struct Decision {
    /// Yes, or why not.
    pub outcome: Result<Permit, Denial>,
    /// What was learned, as far as it got.
    pub findings: Findings,
}

/// What was learned about a request: for logs, metrics and explanations, never for deciding.
#[derive(Debug, Default)]
pub struct Findings {
    /// The route that it takes.
    pub route: Option<Arc<Route>>,
    /// The path's parameters, as sent.
    pub parameters: Vec<(String, String)>,
    /// Whether a credential was found.
    pub credential: bool,
    /// The token, once proved.
    pub token: Option<Arc<VerifiedToken>>,
    /// What proved it.
    pub proved_by: Option<ProvedBy>,
    /// What rules that are tried out would have said of the token, if any are.
    pub token_shadow: Option<Result<(), TokenError>>,
    /// What the route's policies said.
    pub policy: Option<PolicyAnswer>,
    /// What the gate adds to the answer, whoever gives it.
    pub answer: AnswerFields,
    /// What a challenge is to say beside its reason.
    pub challenge: Challenge,
    /// What is left of the limits that the request was counted by.
    pub(super) spent: Vec<SpentUnits>,
    /// Whether the request was let go on.
    pub permitted: bool,
    /// When each step began, where that is wanted.
    pub timeline: Timeline,
}

/// The route that a request takes, and the path's parameters with what was sent for them.
type Taken<'t, 'r> = (&'t Arc<Route>, Vec<(&'t str, &'r str)>);

impl Authorizer {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`AuthorizerError::Conflict`] where two routes take the same requests.
    pub fn new(parts: Parts<'_>) -> Result<Self, AuthorizerError> {
        let mut routes = RouteTable::default();
        for config in parts.routes {
            let route = Arc::new(build_route(config, &parts)?);
            routes.insert(&config.matches.hosts, &route)?;
        }
        let header = parts.identity.assertion.as_ref().and_then(|assertion| assertion.header.parse().ok());
        Ok(Self {
            routes,
            assertions: parts.assertions.zip(header).map(|(minter, header)| Assertions { header, minter }),
            places: parts.credentials.to_vec(),
            space: IdentitySpace::new(parts.identity, parts.routes),
            resources: ProtectedResources::new(
                parts.routes,
                parts.protected_resource,
                parts.authorization_servers,
                parts.credentials,
            ),
            principals: Principals::beside(&parts.verifier),
            verifier: parts.verifier,
            proofs: parts.proofs,
            rates: parts.rates,
            clock: parts.clock,
        })
    }

    /// What proves the tokens, for whoever asks about a token alone.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The headers by which the gate may tell an upstream who calls, whatever the route.
    #[must_use]
    pub fn identity_headers(&self) -> &[HeaderName] {
        self.space.written()
    }

    /// Whether a client has sent headers that only the gate may send, in any spelling.
    #[must_use]
    pub fn claims_identity(&self, headers: &HeaderMap) -> bool {
        self.space.claimed(headers).next().is_some()
    }

    /// What the gate answers itself, before anything is decided: preflight requests of routes with `cors`, which carry no
    /// credential and reach no upstream, and documents about itself. `None` for every other request.
    #[must_use]
    pub fn answer_itself(&self, request: &AccessRequest<'_>) -> Option<(Result<OwnAnswer, Denial>, Findings)> {
        if let Some(method) = preflighted(request.method(), request.headers()) {
            let route = self.routes.find_for(request.host(), method, request.target().segments())?;
            let answer = route.cors.as_ref()?.preflight(request.headers());
            return Some((answer, Findings { route: Some(route.clone()), ..Findings::default() }));
        }
        let document = self.own_document(WellKnown::read(request.target().path())?, request)?;
        let may_ask = matches!(request.method(), "GET" | "HEAD");
        let allow = || Denial::MethodNotAllowed { allow: ["GET", "HEAD"].map(str::to_owned).to_vec() };
        Some((if may_ask { Ok(document) } else { Err(allow()) }, Findings::default()))
    }

    fn own_document(&self, path: WellKnown<'_>, request: &AccessRequest<'_>) -> Option<OwnAnswer> {
        match path {
            WellKnown::ProtectedResource(path) => self.resource_metadata(path, request),
            WellKnown::AssertionKeys => {
                let keys = self.assertions.as_ref()?.minter.keys();
                Some(OwnAnswer::document(keys.document(), KEYS_MAX_AGE))
            }
        }
    }

    fn resource_metadata(&self, path: &str, request: &AccessRequest<'_>) -> Option<OwnAnswer> {
        if self.resources.is_empty() {
            return None;
        }
        let asks_for_tokens = |target: Target<'_>| {
            let mut routes = self.routes.all_at(request.host(), target.segments()).iter();
            routes.any(|route| route.resource == Some(ProtectedResource::Origin))
        };
        let is_route = Target::read(path.as_bytes()).is_ok_and(asks_for_tokens);
        self.resources.document(request, path, is_route)
    }

    /// Decides about one request.
    pub async fn authorize(&self, request: &AccessRequest<'_>) -> Decision {
        self.authorize_in_time(request, Timeline::default()).await
    }

    /// The same; `timeline` says whether it is noted how long each step takes.
    pub async fn authorize_in_time(&self, request: &AccessRequest<'_>, timeline: Timeline) -> Decision {
        self.consider(request, Counting::Counted, timeline).await
    }

    /// The same; whether it counts as a request is said.
    pub(super) async fn consider(
        &self,
        request: &AccessRequest<'_>,
        counting: Counting,
        timeline: Timeline,
    ) -> Decision {
        let mut findings = Findings { timeline, ..Findings::default() };
        let outcome = self.decide(request, counting, &mut findings).await;
        findings.timeline.end();
        if outcome.is_err() {
            let resource = findings.route.as_ref().and_then(|route| route.resource.as_ref());
            findings.challenge.resource_metadata = resource.map(|resource| resource.metadata_url(request));
        }
        findings.permitted = outcome.is_ok();
        Decision { outcome, findings }
    }

    /// Asks again of the token that has let a request pass: time and revocation move on while its answer streams.
    ///
    /// # Errors
    /// [`Denial::Token`] once the token has expired, leeway included, or was revoked.
    pub fn still_holds(&self, right: &Right) -> Result<(), Denial> {
        self.verifier.recheck(&right.0).map_err(Denial::Token)
    }

    /// The sentence. Each step may only say no; what it found is the next one's ground.
    async fn decide(
        &self,
        request: &AccessRequest<'_>,
        counting: Counting,
        findings: &mut Findings,
    ) -> Result<Permit, Denial> {
        // The route comes first: only it says which rules hold, and no rule is asked of a request that leads nowhere.
        findings.timeline.begin(DecisionStep::Route);
        let (route, parameters) = self.route_of(request, request.target().segments())?;
        findings.note_route(route, &parameters);
        if let Some(cors) = &route.cors {
            findings.answer = cors.fields(request.headers());
        }
        let limits = Some(&route.limits).filter(|limits| counting == Counting::Counted && !limits.is_empty());
        if let Some(limits) = limits {
            // Before anything is read or verified, so that a flood costs as little as it can.
            self.admit(limits, Asker::Unseen(request.client()), findings).await?;
        }
        let caller = match &route.access {
            Access::Public => Caller::Anonymous,
            Access::Rules(rules) => {
                let caller = self.identify(rules, request, findings).await?;
                if let Some(limits) = limits {
                    // Only of who is proved: nobody can use up what is another's. Before policies, which are dearer.
                    let asker = Asker::Seen(caller.token().map(AsRef::as_ref), request.client());
                    self.admit(limits, asker, findings).await?;
                }
                let (now_millis, principals) = (self.clock.unix_millis(), &self.principals);
                rules.hold(
                    &caller,
                    &Asked { route, request, parameters: &parameters, now_millis, principals },
                    findings,
                )?;
                caller
            }
        };
        findings.timeline.begin(DecisionStep::Permit);
        let told = Told { space: &self.space, assertions: self.assertions.as_ref() };
        Permit::cut(route, &caller, request, told, &self.places)
    }

    /// The route that a request takes, with the path's parameters as sent.
    pub(super) fn route_of<'t, 'r>(
        &'t self,
        request: &AccessRequest<'_>,
        segments: &'r [Segment<'r>],
    ) -> Result<Taken<'t, 'r>, Denial> {
        match self.routes.find(request, segments) {
            Found::Route(route, parameters) => Ok((route, parameters)),
            Found::OtherMethods(allow) => Err(Denial::MethodNotAllowed { allow }),
            Found::Nothing => Err(Denial::NoRoute),
        }
    }

    /// Who calls. A missing token is anonymous where the route lets it; a bad one never is.
    async fn identify(
        &self,
        rules: &Rules,
        request: &AccessRequest<'_>,
        findings: &mut Findings,
    ) -> Result<Caller, Denial> {
        findings.timeline.begin(DecisionStep::Credential);
        let credential = find_credential(&self.places, request.headers(), request.target().query());
        let Some(credential) = credential.map_err(Denial::Token)? else {
            findings.challenge.by_dpop = rules.bound_alone;
            return if rules.optional { Ok(Caller::Anonymous) } else { Err(Denial::MissingCredential) };
        };
        findings.credential = true;
        findings.challenge.by_dpop = credential.by_dpop || rules.bound_alone;
        findings.timeline.begin(DecisionStep::Verify);
        let verified = self.verifier.verify_among(&credential.token, rules.issuers()).await;
        let (token, proved_by) = verified.map_err(Denial::Token)?;
        findings.proved_by = Some(proved_by);
        // Before anything is asked of its claims: a bound token in other hands says nothing about who calls.
        self.check_sender(&token, credential.by_dpop, request, findings)?;
        findings.token = Some(token.clone());
        rules.accepts_unbound(&token)?;
        findings.token_shadow = self.verifier.try_shadow(&token);
        rules.accepts_issuer(&token)?;
        Ok(Caller::Known(token))
    }
}

impl Authorizer {
    /// Counts the request by the limits that ask for this much of its asker, and tells the client what is left.
    async fn admit(&self, limits: &RouteLimits, asker: Asker<'_>, findings: &mut Findings) -> Result<(), Denial> {
        findings.timeline.begin(DecisionStep::RateLimit);
        let admitted = limits.admit(asker, &self.rates, &mut findings.spent).await;
        let fields = &mut findings.answer.set;
        fields.retain(|(name, _)| !Exceeded::is_field(name));
        // A denial tells it by itself, so that every door does.
        admitted.map_err(|exceeded| Denial::RateLimited(Box::new(exceeded)))?;
        if !findings.spent.is_empty() {
            fields.extend(SpentUnits::fields(&findings.spent));
        }
        Ok(())
    }

    /// RFC 9449 and RFC 8705. Tokens of those who sent no proof and need none cost nothing here.
    fn check_sender(
        &self,
        token: &VerifiedToken,
        by_dpop: bool,
        request: &AccessRequest<'_>,
        findings: &mut Findings,
    ) -> Result<(), Denial> {
        if !by_dpop && !token.is_bound() {
            return Ok(());
        }
        if by_dpop && let Some(nonce) = self.proofs.nonce() {
            findings.answer.set.push(("dpop-nonce", nonce));
        }
        let sender = Sender {
            by_dpop,
            method: request.method(),
            origin: &request.origin(),
            path: request.asked_path(),
            headers: request.headers(),
            certificate: request.certificate().map(|certificate| &certificate.sha256),
        };
        self.proofs.check(token, sender).map_err(Denial::Token)
    }
}

impl Findings {
    /// What the client gets for a denial of this request, with all that its route adds to every answer.
    #[must_use]
    pub fn answer(&self, denial: &Denial, request_id: &str) -> Answer {
        let mut answer = denial.answer_with(request_id, &self.challenge);
        answer.headers.extend(self.answer.whole().map(|(name, value)| (name, value.to_owned())));
        answer
    }

    /// The ids of the policies that decided, if any were asked.
    #[must_use]
    pub fn policy_ids(&self) -> Vec<&str> {
        let answer = self.policy.as_ref();
        answer.map(|answer| answer.verdict.determining().iter().map(AsRef::as_ref).collect()).unwrap_or_default()
    }

    pub(super) fn note_route(&mut self, route: &Arc<Route>, parameters: &[(&str, &str)]) {
        self.route = Some(route.clone());
        self.parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    }
}

fn build_route(config: &RouteConfig, parts: &Parts<'_>) -> Result<Route, AuthorizerError> {
    let headers = config.identity.as_ref().map_or(&parts.identity.headers, |own| &own.headers);
    let unknown_bundle = || AuthorizerError::UnknownBundle { route: config.name.clone() };
    Ok(Route {
        name: config.name.as_str().into(),
        upstream: config.upstream.as_str().into(),
        path: config.matches.path.clone(),
        methods: methods_of(config),
        parameters: parameters_of(&config.matches.path),
        access: Access::new(&config.access, parts.bundles).ok_or_else(unknown_bundle)?,
        forward_token: config.forward_token,
        upgrade: config.upgrade.clone(),
        outlive_token: config.outlive_token,
        identity: IdentityHeaders::new(headers),
        cors: config.cors.as_ref().map(|cors| Cors::new(cors, &methods_of(config))),
        resource: ProtectedResource::of(config, parts.protected_resource),
        limits: RouteLimits::new(&config.name, &config.rate_limit, &parts.rates),
    })
}
