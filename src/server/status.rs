//! What `/status` tells: the build, the config in force, and the state of keys, policies and upstreams, fresh at each call.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::build::Ground;
use super::reload::{Attempts, InForce};
use crate::authorizer::AppliedBundle;
use crate::proxy::{EndpointStatus, Upstreams};
use crate::token::{Issuers, KeyOrigin, KeyStore};

/// Gives the status of the set in force whenever it is called.
pub(super) fn status(
    in_force: Arc<InForce>,
    attempts: Arc<Attempts>,
    ground: &Ground,
    background: Handle,
) -> impl Fn() -> Value + Send + Sync + 'static {
    let (clock, upstreams) = (ground.clock.clone(), ground.upstreams.clone());
    let started = clock.unix_seconds();
    move || {
        let house = in_force.house();
        let bundles = house.bundles.iter().map(|(name, applied)| (name.clone(), bundle_status(applied)));
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "uptime_seconds": clock.unix_seconds().saturating_sub(started),
            "background_tasks": background.metrics().num_alive_tasks(),
            "config": attempts.status(),
            "trusted_issuers": trusted(&house.keys, &house.issuers),
            "policies": bundles.collect::<BTreeMap<_, _>>(),
            "upstreams": endpoints(&upstreams),
        })
    }
}

/// How each endpoint of each upstream does.
fn endpoints(upstreams: &Upstreams) -> BTreeMap<String, Value> {
    let of_one = |endpoints: Vec<EndpointStatus>| {
        let told = endpoints
            .into_iter()
            .map(|status| json!({ "endpoint": status.endpoint, "healthy": status.healthy, "ejected": status.ejected }));
        json!({ "endpoints": told.collect::<Vec<_>>() })
    };
    upstreams.in_use().into_iter().map(|(name, upstream)| (name.to_string(), of_one(upstream.status()))).collect()
}

/// The keys of each issuer or, of one with parameters, of each of its tenants by `iss`; of one that is asked about its tokens,
/// whether it answers.
fn trusted(keys: &BTreeMap<Arc<str>, Arc<KeyStore>>, issuers: &Issuers) -> BTreeMap<String, Value> {
    let mut tenants: BTreeMap<String, BTreeMap<String, Value>> =
        issuers.names_with_tenants().iter().map(|name| (name.to_string(), BTreeMap::new())).collect();
    for tenant in issuers.tenant_keys() {
        tenants.entry(tenant.name.to_string()).or_default().insert(tenant.issuer.to_string(), key_status(&tenant.keys));
    }
    let one = keys.iter().map(|(name, store)| (name.to_string(), key_status(store)));
    let introspected = issuers.introspected();
    let introspected = introspected
        .map(|(name, answers)| (name.to_string(), json!({ "available": answers, "source": "introspection" })));
    one.chain(introspected)
        .chain(tenants.into_iter().map(|(name, tenants)| (name, json!({ "tenants": tenants }))))
        .collect()
}

fn bundle_status(applied: &AppliedBundle) -> Value {
    let bundle = &applied.bundle;
    let candidate = applied.candidate.as_ref();
    let candidate = candidate.map(|bundle| json!({ "policies": bundle.policy_count(), "revision": bundle.revision() }));
    json!({
        "mode": applied.mode.name(),
        "policies": bundle.policy_count(),
        "revision": bundle.revision(),
        "candidate": candidate,
    })
}

fn key_status(store: &Arc<KeyStore>) -> Value {
    let status = store.status();
    let skipped = status
        .skipped
        .iter()
        .map(|key| json!({"position": key.position, "kid": key.kid, "reason": key.reason.to_string()}));
    json!({
        "available": status.available,
        "keys": status.keys,
        "source": status.origin.map(origin),
        "age_seconds": status.age,
        "generation": status.generation,
        "skipped": skipped.collect::<Vec<_>>(),
        "last_error": status.last_error,
    })
}

fn origin(origin: KeyOrigin) -> &'static str {
    match origin {
        KeyOrigin::Network => "network",
        KeyOrigin::Disk => "disk",
        KeyOrigin::File => "file",
        KeyOrigin::Config => "config",
        KeyOrigin::Pool => "pool",
    }
}
