//! The generated schema: its exact text, that Cedar takes it, and the names that clash.

use std::collections::BTreeSet;

use super::fixture::{outline, route};
use crate::policy::{AttributeType, Outline, RouteOutline, schema_text};

const GOLDEN: &str = include_str!("golden.cedarschema");

fn awkward() -> Outline {
    let attributes =
        [("custom:tenant", AttributeType::String), ("in", AttributeType::Bool), ("level", AttributeType::Long)];
    let closed = |route| RouteOutline { optional: false, ..route };
    Outline {
        routes: vec![
            closed(route("read-orders", "orders", "/orders/{order_id}", &["GET", "PUT"])),
            route("partner-orders", "orders-partner", "/orders/{order_id}", &["GET"]),
            route("say \"hi\\\"", "orders", "/say/{order-id}", &["OPTIONS"]),
        ],
        attributes: attributes.map(|(name, kind)| (name.to_owned(), kind)).into(),
        issuers: BTreeSet::from(["corp".to_owned()]),
    }
}

#[test]
fn the_schema_reads_as_the_golden_text() {
    let extension = "type Query = { page?: String };\nentity Truck;\n";
    let text = schema_text(&awkward(), Some(extension)).unwrap();
    assert_eq!(text, GOLDEN, "\n{text}");
}

#[test]
fn cedar_takes_the_schema() {
    for (outline, extension) in [
        (outline(), None),
        (awkward(), None),
        (awkward(), Some("type Query = {};")),
        (awkward(), Some("namespace Fleet { entity Truck in [User]; }")),
        (Outline::default(), None),
    ] {
        let text = schema_text(&outline, extension).unwrap();
        let schema = cedar_policy::Schema::from_cedarschema_str(&text);
        assert!(schema.is_ok(), "{:?}\n{text}", schema.err());
    }
}

#[test]
fn a_name_that_stands_for_two_things_is_refused() {
    let with_route = |name: &str| {
        let mut outline = outline();
        outline.routes.push(route(name, "orders", "/other", &["GET"]));
        outline
    };
    for name in ["read", "write", "reports", "GET /reports/{*rest}", "GET /other"] {
        let error = schema_text(&with_route(name), None).unwrap_err();
        assert_eq!(error.code(), "route-name-taken", "{name}");
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    assert!(schema_text(&with_route("other"), None).is_ok());
    for name in ["issuer", "sub", "scopes", "username", "email", "email_verified", "client_id"] {
        let mut outline = outline();
        outline.attributes.insert(name.to_owned(), AttributeType::String);
        assert_eq!(schema_text(&outline, None).unwrap_err().code(), "attribute-name-taken");
    }
    let mut outline = outline();
    outline.issuers.insert("a|b".to_owned());
    assert_eq!(schema_text(&outline, None).unwrap_err().code(), "issuer-name-unfit");
}
