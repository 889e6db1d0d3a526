//! Wrong folders: each is refused whole, by name, with its place and what to do.

use super::fixture::{load, outline};
use crate::policy::{Bundle, PolicyError};

/// A wrong folder: its files, and of the first flaw the code, the place, and a piece of what is said.
struct Wrong {
    files: &'static [(&'static str, &'static str)],
    code: &'static str,
    place: &'static str,
    says: &'static str,
}

const GOOD: (&str, &str) = ("good.cedar", "permit (principal, action, resource);\n");

const WRONG: &[Wrong] = &[
    Wrong { files: &[], code: "folder-empty", place: "", says: "at least one policy" },
    Wrong {
        files: &[("policy.txt", "permit (principal, action, resource);")],
        code: "folder-empty",
        place: "",
        says: "*.cedar",
    },
    Wrong {
        files: &[(".hidden.cedar", "permit (principal, action, resource);")],
        code: "folder-empty",
        place: "",
        says: "*.cedar",
    },
    Wrong { files: &[("a.cedar", "// nothing yet\n")], code: "no-policies", place: "", says: "hold no policy" },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource)\n")],
        code: "policy-syntax",
        place: "a.cedar:1:37",
        says: "",
    },
    Wrong {
        files: &[GOOD, ("z.cedar", "\n  permitt (principal, action, resource);")],
        code: "policy-syntax",
        place: "z.cedar:2:3",
        says: "permit",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { principl.sub == \"a\" };")],
        code: "policy-syntax",
        place: "a.cedar:1:45",
        says: "principl",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal = User::\"corp|a\", action, resource);")],
        code: "policy-syntax",
        place: "a.cedar:1:9",
        says: "==",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal, action, resource) when { context.ip.isInrange(ip(\"10.0.0.0/8\")) };",
        )],
        code: "policy-syntax",
        place: "a.cedar:1:45",
        says: "isInrange",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal == ?principal, action, resource);")],
        code: "template-not-linked",
        place: "a.cedar:1:1",
        says: "",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal is Usr, action, resource);")],
        code: "unknown-entity-type",
        place: "a.cedar:1:22",
        says: "`User`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action in Action::\"red\", resource);")],
        code: "unknown-action",
        place: "a.cedar:1:30",
        says: "read",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action == Action::\"GET /{tenant}/orders/{id}\", resource);")],
        code: "unknown-action",
        place: "a.cedar:1:30",
        says: "did you mean `Action::\"GET /{tenant}/orders/{order_id}\"`?",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource == Service::\"order\");")],
        code: "unknown-entity",
        place: "a.cedar:1:40",
        says: "there is no service `order` (did you mean `orders`?)",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal in Group::\"crop|sales\", action, resource);")],
        code: "unknown-issuer",
        place: "a.cedar:1:22",
        says: "`corp`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal in Group::\"sales\", action, resource);")],
        code: "unknown-issuer",
        place: "a.cedar:1:22",
        says: "trusted issuer",
    },
    Wrong {
        files: &[("a.cedar", "forbid (principal, action, resource) when { principal in Group::\"nobody|x\" };")],
        code: "unknown-issuer",
        place: "a.cedar:1:58",
        says: "trusted issuer",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal is User, action, resource) when { principal has tenant && principal.tennant == \"a\" };",
        )],
        code: "unknown-attribute",
        place: "a.cedar:1:77",
        says: "`tenant`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal is User, action, resource) when { principal.tenant == \"a\" };")],
        code: "attribute-not-checked",
        place: "a.cedar:1:53",
        says: "principal has tenant",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { principal.scopes.contains(\"a\") };")],
        code: "unknown-attribute",
        place: "a.cedar:1:45",
        says: "principal is User",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal, action in Action::\"read\", resource) when { context.path.tenant == \"a\" };",
        )],
        code: "unknown-attribute",
        place: "a.cedar:1:63",
        says: "context.path has tenant",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal, action in Action::\"read-orders\", resource) when { context.path.tenent == \"a\" };",
        )],
        code: "unknown-attribute",
        place: "a.cedar:1:70",
        says: "`tenant`",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal is User, action, resource) unless { principal has tennant && principal.tennant == \"a\" };",
        )],
        code: "unknown-attribute",
        place: "a.cedar:1:65",
        says: "`tenant`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) unless { context has tokn };")],
        code: "unknown-attribute",
        place: "a.cedar:1:55",
        says: "`token`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) unless { context has token.aeg };")],
        code: "unknown-attribute",
        place: "a.cedar:1:1",
        says: "`age`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) unless { context.path has tenent };")],
        code: "unknown-attribute",
        place: "a.cedar:1:60",
        says: "`tenant`",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) unless { context.query has page };")],
        code: "unknown-attribute",
        place: "a.cedar:1:61",
        says: "schema.cedarschema",
    },
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal is User, action, resource) when { principal has level && principal.level == \"3\" };",
        )],
        code: "wrong-type",
        place: "a.cedar:1:76",
        says: "Long",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { context.token.age < 60 };")],
        code: "attribute-not-checked",
        place: "a.cedar:1:45",
        says: "context has token",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { context.query.page == \"2\" };")],
        code: "unknown-attribute",
        place: "a.cedar:1:45",
        says: "schema.cedarschema",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { context.now > datetime(\"tomorrow\") };")],
        code: "policy-invalid",
        place: "a.cedar:1:59",
        says: "YYYY-MM-DD",
    },
    // why it never holds, and not that it does not
    Wrong {
        files: &[(
            "a.cedar",
            "permit (principal, action, resource) when { principal has tennant && principal.tennant == \"a\" };",
        )],
        code: "unknown-attribute",
        place: "a.cedar:1:55",
        says: "did you mean `tenant`?",
    },
    Wrong {
        files: &[("a.cedar", "forbid (principal is Anonymous, action, resource) when { principal has tenant };")],
        code: "policy-never-holds",
        place: "a.cedar:1:1",
        says: "",
    },
    Wrong {
        files: &[("a.cedar", "forbid (principal, action in [], resource);")],
        code: "policy-invalid",
        place: "a.cedar:1:1",
        says: "empty set",
    },
    Wrong {
        files: &[("a.cedar", "permit (principal, action, resource) when { context.host == \"a\u{202e}b\" };")],
        code: "text-misleads",
        place: "a.cedar:1:61",
        says: "BIDI",
    },
    Wrong {
        files: &[
            ("a.cedar", "@id(\"x\") permit (principal, action, resource);"),
            ("b.cedar", "\n@id(\"x\") forbid (principal, action, resource);"),
        ],
        code: "policy-id-duplicate",
        place: "b.cedar:2:1",
        says: "a.cedar:1:1",
    },
    Wrong {
        files: &[("a.cedar", "@id(\"\")\npermit (principal, action, resource);")],
        code: "policy-id-unfit",
        place: "a.cedar:1:1",
        says: "",
    },
    Wrong {
        files: &[("a.cedar", "@id(\"a\\nb\")\npermit (principal, action, resource);")],
        code: "policy-id-unfit",
        place: "a.cedar:1:1",
        says: "control",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type Query = {")],
        code: "schema-syntax",
        place: "schema.cedarschema:1:15",
        says: "",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type Query = { page: String };")],
        code: "schema-query-type",
        place: "schema.cedarschema:1:16",
        says: "page?: String",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type Query = { page?: Long };")],
        code: "schema-query-type",
        place: "schema.cedarschema:1:16",
        says: "optional strings",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type Query = String;")],
        code: "schema-query-type",
        place: "schema.cedarschema:1:6",
        says: "record",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "// ours\nentity User;")],
        code: "schema-name-taken",
        place: "schema.cedarschema:2:8",
        says: "`User`",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "entity Query;")],
        code: "schema-query-type",
        place: "schema.cedarschema:1:8",
        says: "record",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type decimal = String;")],
        code: "schema-name-taken",
        place: "schema.cedarschema:1:6",
        says: "`decimal`",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type Token = { age: Long };")],
        code: "schema-name-taken",
        place: "schema.cedarschema:1:6",
        says: "`Token`",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "type ClientCertificate = { names: Set<String> };")],
        code: "schema-name-taken",
        place: "schema.cedarschema:1:6",
        says: "`ClientCertificate`",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "action fly;")],
        code: "schema-name-taken",
        place: "schema.cedarschema:1:8",
        says: "routes",
    },
    Wrong {
        files: &[GOOD, ("schema.cedarschema", "entity Truck in [Depott];")],
        code: "schema-syntax",
        place: "schema.cedarschema:1:18",
        says: "Depott",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- name: a\n  anonymous: true\n  request: GET /\n  expct: deny\n")],
        code: "cases-unreadable",
        place: "a.cases.yaml:4:3",
        says: "`expect`",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- name: a\n  anonymous: true\n  request: GET /\n  expect: maybe\n")],
        code: "cases-unreadable",
        place: "a.cases.yaml:4:11",
        says: "allow",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- name: a\n  name: b\n  anonymous: true\n  request: GET /\n  expect: deny\n")],
        code: "cases-unreadable",
        place: "a.cases.yaml:2:3",
        says: "name",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- name: a\n  request: GET /\n  expect: deny\n")],
        code: "case-caller",
        place: "a.cases.yaml:1:3",
        says: "anonymous",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- name: a\n  anonymous: true\n  request: /orders\n  expect: deny\n")],
        code: "case-request",
        place: "a.cases.yaml:3:12",
        says: "GET https",
    },
    Wrong {
        files: &[
            GOOD,
            ("a.cases.yaml", "- name: a\n  anonymous: true\n  request: GET /\n  expect: deny\n  by: goood.cedar:1\n"),
        ],
        code: "case-policy",
        place: "a.cases.yaml:1:3",
        says: "`good.cedar:1`",
    },
    Wrong {
        files: &[
            GOOD,
            ("a.cases.yaml", "- name: a\n  anonymous: true\n  request: GET /\n  expect: deny\n  by: good.cedar:1\n"),
        ],
        code: "case-policy",
        place: "a.cases.yaml:1:3",
        says: "a `permit`, for a deny",
    },
    Wrong {
        files: &[
            GOOD,
            (
                "a.cases.yaml",
                "- {name: a, anonymous: true, request: GET /, expect: deny}\n- {name: a, anonymous: true, request: GET /x, expect: deny}\n",
            ),
        ],
        code: "case-name-duplicate",
        place: "a.cases.yaml:2:3",
        says: "another",
    },
    Wrong {
        files: &[GOOD, ("a.cases.yaml", "- {name: a, anonymous: true, request: GET /, expect: allow, error: x}\n")],
        code: "case-error",
        place: "a.cases.yaml:1:3",
        says: "always a deny",
    },
    Wrong {
        files: &[
            ("a.cedar", "@id(\"no\") forbid (principal, action, resource);"),
            ("a.cases.yaml", "- {name: a, anonymous: true, request: GET /, expect: allow, by: no}\n"),
        ],
        code: "case-policy",
        place: "a.cases.yaml:1:3",
        says: "a `forbid`, for an allow",
    },
];

#[test]
fn a_wrong_folder_is_refused_with_the_place_and_the_remedy() {
    let wrongs: Vec<String> = WRONG.iter().filter_map(|wrong| difference(wrong, load(wrong.files))).collect();
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
}

fn difference(wrong: &Wrong, loaded: Result<Bundle, PolicyError>) -> Option<String> {
    let Err(error) = loaded else { return Some(format!("{:?} was taken", wrong.files)) };
    let flaw = &error.flaws()[0];
    let place = flaw
        .place
        .as_ref()
        .map(|place| format!("{}:{}:{}", place.file.file_name().unwrap().to_string_lossy(), place.line, place.column));
    let text = flaw.to_string();
    let fits =
        error.code() == wrong.code && place.as_deref().unwrap_or_default() == wrong.place && text.contains(wrong.says);
    (!fits).then(|| {
        format!(
            "{:?}\n    wanted {} {} {}\n    got    {} {text}",
            wrong.files, wrong.code, wrong.place, wrong.says, flaw.code
        )
    })
}

#[test]
fn a_folder_that_is_missing_or_a_file_is_refused() {
    let folder = super::fixture::folder(&[GOOD]);
    for path in ["nowhere", "good.cedar"] {
        let error = Bundle::load("test", &folder.path().join(path), &outline()).unwrap_err();
        assert_eq!(error.code(), "folder-missing", "{error}");
        assert!(error.to_string().starts_with("policy bundle `test` cannot be used: "), "{error}");
    }
}

#[test]
fn a_file_that_is_not_text_or_not_a_file_is_refused_with_its_name() {
    let folder = super::fixture::folder(&[GOOD]);
    std::fs::write(folder.path().join("bad.cedar"), b"permit \xff").unwrap();
    std::fs::create_dir(folder.path().join("dir.cedar")).unwrap();
    let error = Bundle::load("test", folder.path(), &outline()).unwrap_err();
    let codes: Vec<_> =
        error.flaws().iter().map(|flaw| (flaw.code, flaw.place.as_ref().unwrap().file.file_name().unwrap())).collect();
    assert_eq!(codes, [("file-not-utf8", "bad.cedar".as_ref()), ("file-unreadable", "dir.cedar".as_ref())]);
}

#[test]
fn all_flaws_of_a_folder_are_told_at_once_in_the_order_of_files() {
    let files = [
        (
            "a.cedar",
            "permit (principal is Usr, action, resource);\npermit (principal, action in Action::\"red\", resource);",
        ),
        ("b.cedar", "permit (principal in Group::\"x|y\", action, resource);"),
    ];
    let error = load(&files).unwrap_err();
    let codes: Vec<_> = error.flaws().iter().map(|flaw| flaw.code).collect();
    assert_eq!(codes, ["unknown-entity-type", "unknown-action", "unknown-issuer"], "{error}");
}

#[test]
fn a_policy_without_an_id_is_called_by_where_it_stands() {
    let text = "permit (principal, action, resource); forbid (principal in Group::\"corp|x\", action, resource);\n\
                @id(\"own\") forbid (principal in Group::\"corp|y\", action, resource); forbid (principal in Group::\"corp|z\", action, resource);\n\
                \n  permit (principal is User, action, resource);\n";
    let bundle = load(&[("a.cedar", text), ("b.cedar", GOOD.1)]).unwrap();
    let ids: Vec<&str> = bundle.policies().map(|policy| policy.id).collect();
    assert_eq!(ids, ["a.cedar:1", "a.cedar:1:39", "own", "a.cedar:2", "a.cedar:4", "b.cedar:1"]);
}
