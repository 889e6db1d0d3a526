"""The config of a gate under measure, and how much of everything it has."""

import json

from issuer import AUDIENCE, ISSUER

SCOPE = "orders/read"


def policies(count):
    """A bundle as `decide.rs` has it: many policies for many groups and users, of which three can matter to who is in g1, g5 and g8."""
    kinds = [
        'permit (principal in Group::"bench|g{}", action in Action::"read", resource == Service::"backend");',
        'permit (principal in Group::"bench|g{}", action in Action::"orders", resource)'
        ' when {{ principal has username && context.path.tenant == principal.username }};',
        'permit (principal == User::"bench|u{}", action, resource) when {{ context.host like "*.example.com" }};',
        'forbid (principal in Group::"bench|g{}", action in Action::"write", resource) unless {{ context.ip.isInRange(ip("10.0.0.0/8")) }};',
    ]
    return "".join(f'@id("p{number}")\n{kinds[number % 4].format(number)}\n' for number in range(count))


def config_of(folder, port, upstream, key, policies_count=10, issuers=1, routes=(), hosts=()):
    """Writes the config of a gate with one thread and gives its path. Beside what is measured: so many policies and trusted
    issuers, and these further routes."""
    bundle = folder / "bundle"
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "many.cedar").write_text(policies(policies_count))
    access = {"issuers": ["bench"], "scopes": {"all": [SCOPE]}}
    trusted = lambda issuer: {"issuer": issuer, "audience": [AUDIENCE], "keys": {"file": str(key.jwks)}, "algorithms": [key.algorithm]}
    route = lambda name, path, access: {"name": name, "match": {"path": path}, "access": access, "upstream": "backend"}
    config = {
        "listeners": [{"address": f"127.0.0.1:{port}"}],
        "admin": "off",
        "threads": 1,
        "telemetry": {"log": "error", "access_log": "off"},
        "trusted_issuers": {"bench": trusted(ISSUER)} | {f"other-{number}": trusted(f"{ISSUER}-{number}") for number in range(1, issuers)},
        "upstreams": {"backend": {"endpoints": [f"127.0.0.1:{upstream}"]}},
        "policies": {"many": {"directory": str(bundle)}},
        "identity": {"prefix": "x-auth-", "headers": {"x-auth-sub": "sub", "x-auth-groups": "groups"}},
        "limits": {"connections_per_ip": 1_000_000},
        "routes": [
            route("public", "/public/{*rest}", "public"),
            route("token", "/token/{*rest}", access),
            route("orders", "/{tenant}/orders/{order_id}", {**access, "policy": "many"}),
            *routes,
        ],
    }
    path = folder / "lychgate.yaml"
    path.write_text(json.dumps(config))
    return path
