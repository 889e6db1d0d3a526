//! Security schemes: which are authorizers that check tokens of issuers, and which the gate has nothing like.

use std::collections::BTreeMap;

use super::document::{Document, Node};
use crate::cli::import::report::Cause;

/// What a security scheme asks for.
#[derive(Debug, Clone)]
pub(super) enum Scheme {
    /// A key of a usage plan.
    ApiKey,
    /// A token that the gate can verify.
    Tokens(Tokens),
    /// Something that it cannot.
    Other(Cause),
}

/// Tokens that an authorizer takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    /// The `iss` of each issuer.
    pub(super) issuers: Vec<String>,
    /// The audience that the document names; none for user pools, whose clients it does not name.
    pub(super) audience: Option<Vec<String>>,
    pub(super) place: Place,
    /// Whether tokens must also match a pattern.
    pub(super) has_pattern: bool,
}

/// Where a token stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A header, in lower case.
    Header(String),
    Query(String),
}

/// Every scheme of the document by its name, and where it stands.
pub(super) fn schemes(document: &Document) -> BTreeMap<String, (Scheme, String)> {
    let root = document.root();
    let openapi = root.get("components").and_then(|components| components.get("securitySchemes"));
    let swagger = root.get("securityDefinitions");
    let all = openapi.into_iter().chain(swagger).flat_map(|schemes| schemes.members());
    all.map(|(name, node)| (name.to_owned(), (scheme(document, &node), node.at))).collect()
}

fn scheme(document: &Document, node: &Node<'_>) -> Scheme {
    let Some(node) = document.follow(node.clone()) else {
        return Scheme::Other(Cause::new("unresolved-reference", "the reference leads nowhere in the document"));
    };
    let authorizer = node.get("x-amazon-apigateway-authorizer").and_then(|authorizer| document.follow(authorizer));
    let Some(authorizer) = authorizer else { return without_authorizer(&node) };
    match authorizer.text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
        "cognito_user_pools" => of_pools(&node, &authorizer),
        "jwt" => of_jwt(&authorizer),
        "token" | "request" => Scheme::Other(Cause::new(
            "lambda-authorizer",
            "a Lambda function decides; say what it asks for as scopes, groups or a policy, or let it ask this gate",
        )),
        _ => Scheme::Other(Cause::new("unknown-authorizer", "it is of a type that is not known here")),
    }
}

fn without_authorizer(node: &Node<'_>) -> Scheme {
    let is_key = node.text("type") == Some("apiKey")
        && node.text("in") == Some("header")
        && node.text("name").is_some_and(|name| name.eq_ignore_ascii_case("x-api-key"));
    match node.text("x-amazon-apigateway-authtype") {
        Some(kind) if kind.eq_ignore_ascii_case("awsSigv4") => Scheme::Other(iam()),
        None if is_key => Scheme::ApiKey,
        _ => Scheme::Other(Cause::new(
            "no-authorizer",
            "nothing says whose tokens it takes: there is no `x-amazon-apigateway-authorizer`",
        )),
    }
}

pub(super) fn iam() -> Cause {
    Cause::new("iam", "it asks for requests that are signed with AWS credentials (Signature Version 4)")
}

/// The pools of a Cognito authorizer, `arn:aws:cognito-idp:REGION:ACCOUNT:userpool/POOL`.
fn of_pools(scheme: &Node<'_>, authorizer: &Node<'_>) -> Scheme {
    let arns = authorizer.get("providerARNs").map(|arns| arns.texts()).unwrap_or_default();
    let issuers: Option<Vec<String>> = arns.iter().map(|arn| issuer_of(arn)).collect();
    let Some(issuers) = issuers.filter(|issuers| !issuers.is_empty()) else {
        return Scheme::Other(Cause::new("unknown-pool", "`providerARNs` are not all ARNs of user pools"));
    };
    let header = scheme.text("name").unwrap_or("Authorization").to_ascii_lowercase();
    let has_pattern = authorizer.get("identityValidationExpression").is_some();
    Scheme::Tokens(Tokens { issuers, audience: None, place: Place::Header(header), has_pattern })
}

fn issuer_of(arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [_, partition, "cognito-idp", region, _, resource] = parts.as_slice() else { return None };
    let pool = resource.strip_prefix("userpool/")?;
    let is_plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let suffix = if *partition == "aws-cn" { ".cn" } else { "" };
    (is_plain(region) && is_plain(pool)).then(|| format!("https://cognito-idp.{region}.amazonaws.com{suffix}/{pool}"))
}

fn of_jwt(authorizer: &Node<'_>) -> Scheme {
    let settings = authorizer.get("jwtConfiguration");
    let issuer = settings.as_ref().and_then(|settings| settings.text("issuer")).unwrap_or_default().to_owned();
    let audience = settings.and_then(|settings| settings.get("audience")).map(|audience| audience.texts());
    let audience = audience.unwrap_or_default();
    if issuer.is_empty() || audience.is_empty() || audience.iter().any(String::is_empty) {
        return Scheme::Other(Cause::new("no-audience", "`jwtConfiguration` must name an issuer and an audience"));
    }
    if issuer.contains("${") || audience.iter().any(|audience| audience.contains("${")) {
        return Scheme::Other(Cause::new("stage-variable", "its issuer or audience depends on the stage"));
    }
    let sources = authorizer.get("identitySource").map(|source| source.texts()).unwrap_or_default();
    match sources.iter().map(|source| place(source)).collect::<Option<Vec<_>>>().as_deref() {
        Some([]) => {
            let place = Place::Header("authorization".to_owned());
            Scheme::Tokens(Tokens { issuers: vec![issuer], audience: Some(audience), place, has_pattern: false })
        }
        Some([place]) => Scheme::Tokens(Tokens {
            issuers: vec![issuer],
            audience: Some(audience),
            place: place.clone(),
            has_pattern: false,
        }),
        _ => Scheme::Other(Cause::new("identity-source", "its `identitySource` is not one header or query parameter")),
    }
}

fn place(source: &str) -> Option<Place> {
    let source = source.strip_prefix('$')?;
    let header = source.strip_prefix("request.header.").map(|name| Place::Header(name.to_ascii_lowercase()));
    header.or_else(|| source.strip_prefix("request.querystring.").map(|name| Place::Query(name.to_owned())))
}

/// Whether its access tokens carry no `aud`, so that the app client is what is checked.
pub(super) fn is_user_pool(issuer: &str) -> bool {
    issuer.starts_with("https://cognito-idp.")
}

#[cfg(test)]
mod tests {
    use super::issuer_of;

    #[test]
    fn a_user_pools_issuer_is_known_by_its_arn() {
        let arn = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_AbCdEf123";
        let issuer = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123";
        assert_eq!(issuer_of(arn).as_deref(), Some(issuer));
        let china = "arn:aws-cn:cognito-idp:cn-north-1:1:userpool/cn-north-1_a";
        assert_eq!(issuer_of(china).as_deref(), Some("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a"));
        for arn in [
            "",
            "arn:aws:cognito-idp:eu-central-1:1:identitypool/a",
            "arn:aws:lambda:eu-central-1:1:function:a",
            "arn:aws:cognito-idp:evil.example/:1:userpool/a",
            "arn:aws:cognito-idp:eu-central-1:1:userpool/a/../b",
            "arn:aws:cognito-idp::1:userpool/a",
        ] {
            assert_eq!(issuer_of(arn), None, "{arn}");
        }
    }
}
