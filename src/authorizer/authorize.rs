//! The sentence that decides: route, credential, token, scopes, groups, policy, permit, in this order, for every door.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::access::{Access, Caller, Rules};
use super::ask::{AppliedBundle, Asked, PolicyAnswer};
use super::config::{IdentityConfig, RouteConfig};
use super::denial::Denial;
use super::identity_headers::{IdentityHeaders, IdentitySpace};
use super::permit::Permit;
use super::principals::Principals;
use super::request::AccessRequest;
use super::route::{Found, Route, RouteConflict, RouteTable, methods_of, parameters_of};
use super::target::Segment;
use crate::clock::Clock;
use crate::token::{CredentialConfig, TokenError, VerifiedToken, Verifier, find_credential};

/// Decides about requests: one immutable whole of routes, rules, policies and trust.
#[derive(Debug)]
pub struct Authorizer {
    routes: RouteTable,
    pub(super) places: Vec<CredentialConfig>,
    pub(super) space: IdentitySpace,
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
    /// Where a token may stand.
    pub credentials: &'a [CredentialConfig],
    /// The bundles that routes name.
    pub bundles: &'a BTreeMap<String, AppliedBundle>,
    /// Whom we believe.
    pub verifier: Verifier,
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
    /// What rules that are tried out would have said of the token, if any are.
    pub token_shadow: Option<Result<(), TokenError>>,
    /// What the route's policies said.
    pub policy: Option<PolicyAnswer>,
    /// Whether the request was let go on.
    pub permitted: bool,
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
        Ok(Self {
            routes,
            places: parts.credentials.to_vec(),
            space: IdentitySpace::new(parts.identity, parts.routes),
            verifier: parts.verifier,
            principals: Principals::default(),
            clock: parts.clock,
        })
    }

    /// What proves the tokens, for whoever asks about a token alone.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Decides about one request.
    pub async fn authorize(&self, request: &AccessRequest<'_>) -> Decision {
        let mut findings = Findings::default();
        let outcome = self.decide(request, &mut findings).await;
        findings.permitted = outcome.is_ok();
        Decision { outcome, findings }
    }

    /// The sentence. Each step may only say no; what it found is the next one's ground.
    async fn decide(&self, request: &AccessRequest<'_>, findings: &mut Findings) -> Result<Permit, Denial> {
        // The route comes first: only it says which rules hold, and no rule is asked of a request that leads nowhere.
        let segments = request.target().segments()?;
        let (route, parameters) = self.route_of(request, &segments)?;
        findings.note_route(route, &parameters);
        let caller = match &route.access {
            Access::Public => Caller::Anonymous,
            Access::Rules(rules) => {
                let caller = self.identify(rules, request, findings).await?;
                let (now_millis, principals) = (self.clock.unix_millis(), &self.principals);
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
        let credential = find_credential(&self.places, request.headers(), request.target().query());
        let Some(credential) = credential.map_err(Denial::Token)? else {
            return if rules.optional { Ok(Caller::Anonymous) } else { Err(Denial::MissingCredential) };
        };
        findings.credential = true;
        let token = self.verifier.verify(&credential).await.map_err(Denial::Token)?;
        findings.token = Some(token.clone());
        findings.token_shadow = self.verifier.try_shadow(&token);
        rules.accepts_issuer(&token)?;
        Ok(Caller::Known(token))
    }
}

impl Findings {
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
        identity: IdentityHeaders::new(headers),
    })
}
