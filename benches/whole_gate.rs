//! One config for the benches that have all of the gate: routes of every kind, one trusted issuer, and a bundle of policies.

use std::fs;
use std::net::SocketAddr;

use lychgate::config::{Config, Loaded};
use lychgate::jose::SigningKey;
use serde_json::json;
use tempfile::TempDir;

const POLICIES: &str = r#"
@id("sales-read-their-own") permit (principal in Group::"bench|sales", action in Action::"read", resource == Service::"backend")
when { principal has username && context.path.tenant == principal.username };
@id("staff") permit (principal in Group::"bench|staff", action, resource);
@id("robots") permit (principal == User::"bench|robot", action in Action::"policies", resource);
@id("within") forbid (principal in Group::"bench|sales", action in Action::"write", resource)
unless { context.ip.isInRange(ip("10.0.0.0/8")) };
"#;

/// A gate at `gate` before a backend at `upstream`, which trusts this key. Its files go with the folder.
pub(crate) fn whole_gate(gate: SocketAddr, upstream: SocketAddr, key: &SigningKey) -> (Loaded, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/few.cedar"), POLICIES).unwrap();
    let route = |name: &str, access: serde_json::Value| {
        let path = format!("/{name}/{{tenant}}/orders/{{order_id}}");
        json!({"name": name, "match": {"path": path}, "access": access, "upstream": "backend"})
    };
    let config = json!({
        "listeners": [{"address": gate}],
        "admin": "off",
        "threads": 1,
        "telemetry": {"log": "error", "access_log": "off"},
        "trusted_issuers": {"bench": {
            "issuer": "https://idp.example/eu-central-1_abcdefghi",
            "audience": ["orders-api"],
            "keys": {"inline": {"keys": [key.public_jwk()]}},
        }},
        "upstreams": {"backend": {"endpoints": [upstream]}},
        "policies": {"few": {"directory": "policies"}},
        "routes": [
            route("public", json!("public")),
            route("token", json!({"issuers": ["bench"]})),
            route("rules", json!({"scopes": {"all": ["orders/read"]}, "groups": {"any": ["staff", "sales"]}})),
            route("policies", json!({"policy": "few"})),
            route("admins", json!({"scopes": {"all": ["orders/admin"]}})),
        ],
    });
    let path = folder.path().join("lychgate.yaml");
    fs::write(&path, config.to_string()).unwrap();
    (Config::load(&path).unwrap(), folder)
}
