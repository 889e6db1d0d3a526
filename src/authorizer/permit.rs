//! The permit: the last of the four keys, which alone opens the way to an upstream.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

use super::access::Caller;
use super::denial::Denial;
use super::identity_headers::IdentitySpace;
use super::request::AccessRequest;
use super::route::Route;
use crate::token::{CredentialConfig, VerifiedToken, query_without_credentials, without_credentials};

/// Leave to go on to the route's upstream, with all that must change in the request on the way.
///
/// Only the authorizer makes one, and only after every rule of the route held.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    query: Option<String>,
    right: Option<Right>,
}

/// By what a request goes on once it has begun: the token that opened it.
#[derive(Debug, Clone)]
pub struct Right(pub(super) Arc<VerifiedToken>);

impl Permit {
    /// Cuts the permit: what the client claimed goes out, what was proved goes in, the credential stays here unless asked.
    pub(super) fn cut(
        route: &Arc<Route>,
        caller: &Caller,
        request: &AccessRequest<'_>,
        space: &IdentitySpace,
        places: &[CredentialConfig],
    ) -> Result<Self, Denial> {
        let mut remove: Vec<HeaderName> = space.claimed(request.headers()).cloned().collect();
        let mut set = match caller {
            Caller::Anonymous => Vec::new(),
            Caller::Known(token) => route.identity.write(token)?,
        };
        // A route that forwards the token forwards the request's credentials as they are.
        let places = if route.forward_token { &[] } else { places };
        for replacement in without_credentials(places, request.headers()) {
            match replacement.value {
                Some(value) => set.push((replacement.header, value)),
                None => remove.push(replacement.header),
            }
        }
        let query = request.target().query().and_then(|query| query_without_credentials(places, query));
        let right = caller.token().filter(|_| !route.outlive_token).cloned().map(Right);
        Ok(Self { route: route.clone(), remove, set, query, right })
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// What must go on to hold while the answer streams; none where nobody was asked for a token, or the route lets it be outlived.
    #[must_use]
    pub fn right(&self) -> Option<&Right> {
        self.right.as_ref()
    }

    /// Client headers that must not go on, in the spelling in which they were sent.
    #[must_use]
    pub fn remove(&self) -> &[HeaderName] {
        &self.remove
    }

    /// Headers that must go on with these values, in place of any that were sent; to be set after [`Permit::remove`].
    #[must_use]
    pub fn set(&self) -> &[(HeaderName, HeaderValue)] {
        &self.set
    }

    /// The query that goes on in place of the one that was sent, where a credential had to be taken out of it.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}
