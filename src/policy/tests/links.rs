//! Templates: linked, each link is a policy of its own; what does not fit together takes no effect.

use super::fixture::{Question, by, folder, outline, user};
use crate::policy::{Bundle, Link, PolicyError};

const TEMPLATES: &str = r#"
@id("group-reads")
@message("not yours")
permit (principal in ?principal, action in Action::"read", resource == ?resource);

@id("never")
@message("not you")
forbid (principal == ?principal, action, resource);
"#;

fn link(id: &str, template: &str, group: Option<&str>, user: Option<&str>, service: Option<&str>) -> Link {
    let owned = |name: Option<&str>| name.map(str::to_owned);
    Link {
        id: id.to_owned(),
        template: template.to_owned(),
        group: owned(group),
        user: owned(user),
        service: owned(service),
    }
}

fn good() -> Vec<Link> {
    vec![
        link("sales-read", "group-reads", Some("corp|sales"), None, Some("orders")),
        link("support-read", "group-reads", Some("corp|support"), None, Some("orders")),
        link("sales-reports", "group-reads", Some("corp|sales"), None, Some("reports")),
        link("not-mallory", "never", None, Some("corp|mallory"), None),
    ]
}

fn load(links: &[Link]) -> Result<Bundle, PolicyError> {
    Bundle::load_linked("test", folder(&[("t.cedar", TEMPLATES)]).path(), links, &outline())
}

#[test]
fn one_rule_serves_many_groups_and_is_named_by_its_link() {
    let bundle = load(&good()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(bundle.policy_count(), 4);
    let ask = |sub: &str, groups: &[&str]| Question::order(&user(sub, groups, &[]), "acme", "7").ask(&bundle);
    assert_eq!(by(&ask("alice", &["sales"])), ["sales-read"]);
    assert_eq!(by(&ask("sam", &["support", "sales"])), ["sales-read", "support-read"]);
    assert!(!ask("bob", &["marketing"]).allowed());
    let denied = ask("mallory", &["sales"]);
    let summary = bundle.policy("not-mallory").unwrap();
    assert_eq!((summary.forbids, summary.line, summary.message), (true, 6, Some("not you")));
    assert_eq!(bundle.policies().map(|policy| policy.line).collect::<Vec<_>>(), [2, 2, 2, 6]);
    assert!(bundle.policy("group-reads").is_none() && summary.text.ends_with("resource);"));
    assert_eq!((denied.allowed(), by(&denied), denied.message()), (false, vec!["not-mallory"], Some("not you")));
}

#[test]
fn links_that_do_not_fit_their_templates_take_no_effect() {
    let table = [
        (link("x", "group-read", Some("corp|a"), None, Some("orders")), "link-unfit", "`group-reads`"),
        (link("x", "nothing-like-it", Some("corp|a"), None, None), "link-unfit", "no template"),
        (link("x", "group-reads", Some("corp|a"), None, None), "link-unfit", "?principal and ?resource"),
        (link("x", "never", Some("corp|a"), None, Some("orders")), "link-unfit", "the slots ?principal"),
        (link("x", "never", Some("corp|a"), Some("corp|b"), None), "link-unfit", "both"),
        (link("x", "never", None, None, None), "link-unfit", "the slots ?principal"),
        (link("", "never", None, Some("corp|b"), None), "link-unfit", "1 to 128"),
        (link("never", "never", None, Some("corp|b"), None), "link-unfit", "that of a template"),
        (link("sales-read", "never", None, Some("corp|b"), None), "policy-id-duplicate", "`sales-read`"),
        (link("x", "group-reads", Some("crop|a"), None, Some("orders")), "unknown-issuer", "`corp`"),
        (link("x", "group-reads", Some("sales"), None, Some("orders")), "link-unfit", "corp|sales"),
        (link("x", "group-reads", Some("corp|"), None, Some("orders")), "link-unfit", "trusted issuer"),
        (link("x", "never", None, Some("|bob"), None), "link-unfit", "trusted issuer"),
        (link("x", "group-reads", Some("corp|a"), None, Some("order")), "unknown-entity", "orders"),
    ];
    for (wrong, code, says) in table {
        let links: Vec<Link> = good().into_iter().chain([wrong]).collect();
        let error = load(&links).unwrap_err();
        let text = error.to_string();
        assert!(error.flaws().iter().any(|flaw| flaw.code == code) && text.contains(says), "{links:?}\n{text}");
    }
}

#[test]
fn a_template_that_nothing_links_is_refused() {
    let error = load(&good()[..3]).unwrap_err();
    assert_eq!((error.code(), error.flaws()[0].place.as_ref().unwrap().line), ("template-not-linked", 6), "{error}");
}

#[test]
fn a_revision_changes_with_links_and_policies_and_not_with_cases() {
    let revision = |files: &[(&str, &str)], links: &[Link]| {
        let folder = folder(files);
        Bundle::load_linked("test", folder.path(), links, &outline()).unwrap().revision().to_owned()
    };
    let plain = ("a.cedar", "permit (principal, action, resource);");
    let cases = ("a.cases.yaml", "- {name: a, anonymous: true, request: GET /, expect: allow}");
    let first = revision(&[plain], &[]);
    assert_eq!(first.len(), 16);
    assert_eq!(first, revision(&[plain, cases], &[]));
    assert_ne!(first, revision(&[("b.cedar", plain.1)], &[]));
    assert_ne!(first, revision(&[plain, ("schema.cedarschema", "")], &[]));
    let mut links = good();
    let before = revision(&[("t.cedar", TEMPLATES)], &links);
    links[1].group = Some("corp|help".to_owned());
    assert_ne!(before, revision(&[("t.cedar", TEMPLATES)], &links));
}
