//! The import, from the document's text to a config and what there is to say about it.

use std::collections::{BTreeMap, BTreeSet};

use super::build::Building;
use super::document::{Document, Node, base_path};
use super::draft::{Draft, PoolTokens};
use super::integration::Setting;
use super::plan::{Carried, Planned, Source};
use super::schemes::{Place, Scheme, Tokens, is_user_pool, schemes};
use super::security::Guard;
use crate::cli::import::args::{ApiGatewayArgs, LostCheck};
use crate::cli::import::report::{Cause, Effect, Report};

/// What an import made.
pub(in crate::cli::import) struct Imported {
    /// YAML that our own check takes; none where no operation could be carried over.
    pub(in crate::cli::import) config: Option<String>,
    pub(in crate::cli::import) report: Report,
}

/// Makes a config of a document.
///
/// # Errors
/// What is wrong with the document as a whole.
pub(in crate::cli::import) fn import(text: &str, args: &ApiGatewayArgs) -> Result<Imported, String> {
    let document = Document::read(text)?;
    let mut report = Report::default();
    let (base, schemes) = (base_path(&document.root()), schemes(&document));
    let setting = Setting { document: &document, base: &base, stage_variables: &args.stage_variables };
    let source = Source { document: &document, setting, schemes: &schemes, without: &args.without };
    let mut planned = source.plan(&mut report)?;
    let is_based = keep_one_base(&mut planned);
    let trust = Trust::of(&planned, &schemes);
    let mut draft = Draft::new(args.listen, trust.place.clone().filter(|place| !is_usual(place)));
    let names = trust.name(&schemes, &mut draft, &args.client_ids, &mut report);
    for one in &mut planned {
        trust.judge(one, &schemes, &names);
    }
    let root = document.root();
    let building = Building {
        draft,
        report,
        common: root.get("x-amazon-apigateway-cors"),
        names,
        forward_token: args.forward_token,
        hosts: &args.hosts,
    };
    let (draft, mut report) = building.build(&planned, if is_based { &base } else { "" })?;
    say_of_the_whole(&root, &base, &planned, args, &mut report);
    let config = if report.operations == 0 { None } else { draft.finish()? };
    Ok(Imported { config, report })
}

/// Whether backends are asked with the base path. Some with and some without it would let a path of the one fall to a vaguer one
/// of the other: then those without are left out.
fn keep_one_base(planned: &mut [Planned]) -> bool {
    let is_based = |one: &Planned| one.outcome.as_ref().is_ok_and(|carried| carried.target.with_base);
    let any = planned.iter().any(is_based);
    for one in planned.iter_mut().filter(|one| any && one.outcome.is_ok() && !is_based(one)) {
        let message = "the backend is asked without the base path, and those of other operations with it";
        one.outcome = Err(Cause::new("path-rewritten", message));
    }
    any
}

/// What the document says of all operations, and the gate does not do.
fn say_of_the_whole(root: &Node<'_>, base: &str, planned: &[Planned], args: &ApiGatewayArgs, report: &mut Report) {
    let mut say = |effect, at: &str, code, message: &str| report.add(effect, at, Cause::new(code, message));
    for (key, node) in root.members() {
        match key.strip_prefix("x-amazon-apigateway-") {
            Some("policy") if args.without.contains(&LostCheck::ResourcePolicy) => {
                say(Effect::Lost, &node.at, "resource-policy", "the resource policy is not asked");
            }
            Some("request-validator") => {
                say(
                    Effect::Lost,
                    &node.at,
                    "request-validator",
                    "requests are not validated against the document's schemas",
                );
            }
            Some("gateway-responses") => {
                say(
                    Effect::Lost,
                    &node.at,
                    "gateway-responses",
                    "refusals are told in the gate's own words (RFC 9457)",
                );
            }
            Some("minimum-compression-size") => {
                say(Effect::Lost, &node.at, "compression", "answers are not compressed");
            }
            Some("endpoint-configuration") if node.value.to_string().contains("PRIVATE") => {
                let message = "the API is private: see that the gate can be reached from no more places";
                say(Effect::ToDo, &node.at, "private-endpoint", message);
            }
            _ => {}
        }
    }
    let carried: Vec<&Carried> = planned.iter().filter_map(|one| one.outcome.as_ref().ok()).collect();
    if root.get("security").is_some() && planned.iter().any(|one| one.is_guarded_by_all) {
        let message = "API Gateway takes no notice of what the whole document asks for; the gate asks for it";
        say(Effect::ToDo, "/security", "document-security", message);
    }
    if args.hosts.is_empty() && !carried.is_empty() {
        let message = "backends are sent the host that the client asked for, and not their own: where they tell services apart by \
                       it, `--host` says for which hosts the routes are";
        say(Effect::ToDo, "", "any-host", message);
    }
    if !base.is_empty() && carried.iter().any(|one| !one.target.with_base) {
        let message = format!(
            "clients of the stage ask for paths under `{base}`, and those of the gate for the paths as they are"
        );
        say(Effect::Lost, "", "base-path", &message);
    }
    if !args.forward_token && carried.iter().any(|one| one.guard != Guard::Nothing) {
        let message = "backends are not sent the token, but headers with claims of it; `--forward-token` sends it on";
        say(Effect::Lost, "", "token-not-forwarded", message);
    }
}

fn is_usual(place: &Place) -> bool {
    *place == Place::Header("authorization".to_owned())
}

/// What all operations together say of the authorizers.
struct Trust {
    used: BTreeSet<String>,
    /// Issuers of pools of which some operation asks for scopes, which only access tokens carry.
    scoped: BTreeSet<String>,
    /// Where tokens stand: the gate looks in the same places for every route.
    place: Option<Place>,
}

impl Trust {
    fn of(planned: &[Planned], schemes: &BTreeMap<String, (Scheme, String)>) -> Self {
        let mut trust = Self { used: BTreeSet::new(), scoped: BTreeSet::new(), place: None };
        let mut places = Vec::new();
        for one in planned {
            let Ok(Carried { guard: Guard::Tokens { scheme, scopes }, .. }) = &one.outcome else { continue };
            let Some(tokens) = tokens_of(schemes, scheme) else { continue };
            trust.used.insert(scheme.clone());
            if !scopes.is_empty() {
                trust.scoped.extend(tokens.issuers.iter().cloned());
            }
            places.push(tokens.place.clone());
        }
        trust.place = places.iter().find(|place| is_usual(place)).or(places.first()).cloned();
        trust
    }

    fn kind(&self, tokens: &Tokens) -> PoolTokens {
        let is_scoped = tokens.issuers.iter().any(|issuer| self.scoped.contains(issuer));
        if is_scoped { PoolTokens::Access } else { PoolTokens::Id }
    }

    /// The trusted issuers of each scheme by name, or why it has none.
    fn name(
        &self,
        schemes: &BTreeMap<String, (Scheme, String)>,
        draft: &mut Draft,
        clients: &[String],
        report: &mut Report,
    ) -> BTreeMap<String, Result<Vec<String>, Cause>> {
        let mut names = BTreeMap::new();
        for scheme in &self.used {
            let Some((Scheme::Tokens(tokens), at)) = schemes.get(scheme) else { continue };
            let trusted = if Some(&tokens.place) == self.place.as_ref() {
                draft.trust(scheme, tokens, self.kind(tokens), clients)
            } else {
                Err(Cause::new("identity-source", "other authorizers look for the token in another place"))
            };
            if trusted.is_ok() {
                say_of_tokens(tokens, at, clients, report);
            }
            names.insert(scheme.clone(), trusted);
        }
        names
    }

    /// Takes back what cannot be carried over for its authorizer.
    fn judge(
        &self,
        one: &mut Planned,
        schemes: &BTreeMap<String, (Scheme, String)>,
        names: &BTreeMap<String, Result<Vec<String>, Cause>>,
    ) {
        let Ok(Carried { guard: Guard::Tokens { scheme, scopes }, .. }) = &one.outcome else { return };
        if let Some(Err(cause)) = names.get(scheme) {
            one.outcome = Err(cause.clone());
            return;
        }
        let is_pool = tokens_of(schemes, scheme).filter(|tokens| tokens.audience.is_none());
        if scopes.is_empty() && is_pool.is_some_and(|tokens| self.kind(tokens) == PoolTokens::Access) {
            let message =
                "it takes ID tokens, and other operations of the same pool take access tokens for their scopes";
            one.outcome = Err(Cause::new("id-token", message));
        }
    }
}

fn tokens_of<'s>(schemes: &'s BTreeMap<String, (Scheme, String)>, name: &str) -> Option<&'s Tokens> {
    match schemes.get(name) {
        Some((Scheme::Tokens(tokens), _)) => Some(tokens),
        _ => None,
    }
}

fn say_of_tokens(tokens: &Tokens, at: &str, clients: &[String], report: &mut Report) {
    if tokens.audience.is_none() && clients.is_empty() {
        let message = "API Gateway takes tokens of every app client of the pool, and the gate only of those that are named: \
                       put them into `client_ids` or `audience`, or say `--client-id`";
        report.add(Effect::ToDo, at, Cause::new("app-clients", message));
    }
    if tokens.has_pattern {
        let message = "only tokens whose `aud` its `identityValidationExpression` matches are taken there: name no other app clients";
        report.add(Effect::ToDo, at, Cause::new("client-pattern", message));
    }
    if tokens.audience.is_some() && tokens.issuers.iter().any(|issuer| is_user_pool(issuer)) {
        report.add(Effect::Lost, at, Cause::new("id-token", "access tokens of the pool are taken, ID tokens are not"));
    }
    if is_usual(&tokens.place) {
        let message = "a token without `Bearer ` before it is taken by API Gateway, and not by the gate";
        report.add(Effect::Lost, at, Cause::new("bare-token", message));
    }
}
