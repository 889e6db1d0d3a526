//! Runs the cases of a bundle as requests would run: by route and claims, by what the route itself asks for, and then the
//! policies.

use std::net::{IpAddr, Ipv4Addr};

use http::header::HOST;
use http::{HeaderMap, HeaderValue};

use super::authorize::Authorizer;
use super::client_certificate::ClientCertificate;
use super::rehearse::{CaseRequest, Said};
use super::request::{AccessRequest, ConnectionFacts, ReceivedRequest};
use crate::policy::{Bundle, Case, CaseAnswer, CaseCaller, CaseRefusal, CaseReport, CaseToken};
use crate::token::{SaidToken, SupposedToken, TokenError};

/// The host of a case that names none, for routes that take any.
const ANY_HOST: &str = "localhost";

/// Which bundle of a route the cases are about, and how it is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct CaseOptions<'a> {
    /// Only cases whose name holds this text.
    pub only: Option<&'a str>,
    /// Whether every policy is evaluated too, and an answer that differs fails the case.
    pub evaluate_all: bool,
}

impl Authorizer {
    /// Runs the cases of `bundle`, which routes ask under the name `asked_as`: the bundle itself, or its candidate.
    #[must_use]
    pub fn run_cases(&self, asked_as: &str, bundle: &Bundle, options: CaseOptions<'_>) -> CaseReport {
        let wanted = |case: &Case| options.only.is_none_or(|text| case.name.contains(text));
        bundle.run_cases(wanted, |case| self.run_case(asked_as, bundle, case, options.evaluate_all))
    }

    fn run_case(&self, name: &str, bundle: &Bundle, case: &Case, evaluate_all: bool) -> Result<CaseAnswer, String> {
        let mut headers = HeaderMap::new();
        let host = case.request.host.as_deref().unwrap_or(ANY_HOST);
        headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| "the host cannot be sent".to_owned())?);
        let query = case.request.query.as_ref().map(|query| format!("?{query}"));
        let target = format!("{}{}", case.request.path, query.unwrap_or_default());
        let certificate = certificate_of(case);
        let request = AccessRequest::read(ReceivedRequest {
            method: &case.request.method,
            target: target.as_bytes(),
            authority: None,
            headers: &headers,
            client: case.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            connection: ConnectionFacts { certificate: certificate.as_ref(), ..ConnectionFacts::default() },
        });
        let request = request.map_err(|denial| denial.detail())?;
        let now_millis = case.now_millis.unwrap_or_else(|| self.clock.unix_millis());
        let (token, said) = match &case.caller {
            CaseCaller::Anonymous => (None, Said::default()),
            CaseCaller::Token(token) => {
                let said = Said { scopes: token.scopes.is_some(), groups: token.groups.is_some() };
                match self.suppose(token, now_millis / 1000) {
                    Ok(token) => (Some(token), said),
                    Err(TokenError::UnknownIssuer) => return Err(unknown(&token.issuer)),
                    Err(error) => {
                        let (code, says) = (error.code(), Some(error.to_string()));
                        return Ok(CaseAnswer::Refused(CaseRefusal { code, says }));
                    }
                }
            }
        };
        let asked = CaseRequest { bundle: name, request: &request, token: token.as_ref(), said, now_millis };
        let answer = self.ask_as_request(asked, |query| {
            let verdict = bundle.decide(query);
            if evaluate_all && bundle.decide_all(query) != verdict {
                return Err("evaluating every policy gives another answer: please report it".to_owned());
            }
            Ok(CaseAnswer::Decided(verdict))
        })?;
        answer.unwrap_or_else(|denial| Ok(CaseAnswer::Refused(CaseRefusal { code: denial.code(), says: None })))
    }

    fn suppose(&self, token: &CaseToken, now: u64) -> Result<SupposedToken, TokenError> {
        let claims = token.claims.clone().into_iter().collect();
        let CaseToken { issuer, sub, age, .. } = token;
        let groups = token.groups.as_deref().unwrap_or_default();
        let scopes = token.scopes.as_deref().unwrap_or_default();
        let said = SaidToken { issuer, sub, groups, scopes, claims: &claims, age: *age };
        self.verifier.suppose_said(said, now)
    }
}

/// A case about the token of an issuer that is not trusted is more often misspelt than meant.
fn unknown(issuer: &str) -> String {
    format!("no trusted issuer is called `{issuer}`; of an issuer with a pattern, say which one by the claim `iss`")
}

/// The certificate that a case's client shows, as the handshake would have proved it.
fn certificate_of(case: &Case) -> Option<ClientCertificate> {
    let certificate = case.certificate.as_ref()?;
    Some(ClientCertificate {
        sha256: certificate.sha256.0,
        subject: certificate.subject.clone(),
        alternative_names: certificate.names.clone(),
    })
}
