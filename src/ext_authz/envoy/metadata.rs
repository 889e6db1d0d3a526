//! What Envoy may log or route by: the decision and what was proved, as dynamic metadata.

use std::collections::{BTreeMap, HashMap};

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use serde_json::Value as Json;

use crate::ext_authz::decider::{Ruled, Ruling};

/// The metadata under `envoy.filters.http.ext_authz`: `decision`, `code`, `route`, `policies`, `request_id`, and under
/// `caller` what the token proves.
pub(super) fn metadata(ruling: &Ruling) -> Struct {
    let findings = &ruling.findings;
    let (decision, code) = match &ruling.outcome {
        Ruled::Permit(_) => ("allow", None),
        Ruled::Answer(_) => ("answer", None),
        Ruled::Denial(denial) => ("deny", Some(denial.code())),
    };
    let mut members = BTreeMap::from([
        ("decision", Json::from(decision)),
        ("request_id", Json::from(ruling.request_id.as_str())),
        ("policies", Json::from(findings.policy_ids())),
    ]);
    members.extend(code.map(|code| ("code", Json::from(code))));
    members.extend(findings.route.as_ref().map(|route| ("route", Json::from(route.name().as_ref()))));
    // A token that did not lead to a yes proves nothing that others may build on.
    let proved = findings.proved().filter(|_| ruling.permits());
    members.extend(proved.map(|proved| ("caller", Json::Object(proved))));
    Struct { fields: members.into_iter().map(|(name, value)| (name.to_owned(), protobuf(value))).collect() }
}

fn protobuf(value: Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(truth) => Kind::BoolValue(truth),
        // Protobuf has no other number.
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text),
        Json::Array(members) => Kind::ListValue(ListValue { values: members.into_iter().map(protobuf).collect() }),
        Json::Object(members) => {
            let fields: HashMap<_, _> = members.into_iter().map(|(name, value)| (name, protobuf(value))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    Value { kind: Some(kind) }
}
