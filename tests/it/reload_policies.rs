//! Changed policies are taken up whole or not at all: no folder that cannot be right changes what runs.

use std::fs;

use serde_json::Value;

use crate::policies::WRONG_FOLDERS;
use crate::support::{Request, Setup, TestGateway, TestIssuer, TestUpstream, until};

const CONFIG: &str = r#"
trusted_issuers:
  corp: @CORP@
policies:
  orders: {directory: policies/orders, links: [{id: sales-read, template: reads, group: corp|sales, service: orders}]}
upstreams:
  orders: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: orders, match: {path: "/{tenant}/orders/{id}"}, access: {policy: orders}, upstream: orders}
  - {name: reports, match: {path: "/reports/{*rest}"}, access: {policy: orders}, upstream: orders}
telemetry: {decisions: {log: all}}
"#;

const TEMPLATE: &str =
    r#"@id("reads") permit (principal in ?principal, action in Action::"read", resource == ?resource);"#;

struct World {
    corp: TestIssuer,
    _upstream: TestUpstream,
    gate: TestGateway,
}

impl World {
    fn new() -> Self {
        let (corp, upstream) = (TestIssuer::start(), TestUpstream::start());
        let attributes = "attributes: {tenant: {claim: tenant, type: string}, level: {claim: level, type: long}}";
        let setup = Setup::of(CONFIG).put("CORP", corp.trust(attributes)).put("UPSTREAM", upstream.address());
        let gate = setup.file("policies/orders/reads.cedar", TEMPLATE).start();
        Self { corp, _upstream: upstream, gate }
    }

    fn asks(&self, method: &str, group: &str) -> u16 {
        let token = self.corp.token().groups(&[group]).mint();
        self.gate.ask(&Request::new(method, "/acme/orders/7").bearer(&token)).status()
    }

    fn status(&self) -> Value {
        self.gate.admin("/status").json()
    }

    fn revision(&self) -> String {
        self.status()["policies"]["orders"]["revision"].as_str().unwrap().to_owned()
    }

    fn reloads(&self, result: &str) -> u64 {
        self.status()["config"]["reloads"][result].as_u64().unwrap()
    }

    /// Waits until one more try was refused, and gives what was said of it.
    fn refused(&self, before: u64) -> String {
        until("the refusal", || (self.reloads("failure") > before).then_some(()));
        self.status()["config"]["last_reload"].to_string()
    }
}

#[test]
fn a_folder_that_cannot_be_right_changes_nothing_that_runs() {
    let world = World::new();
    let (revision, folder) = (world.revision(), world.gate.path("policies/orders"));
    for (files, said) in WRONG_FOLDERS {
        let before = world.reloads("failure");
        // one step, as a deployment does it: a new folder in the place of the old one
        let new = world.gate.path("policies/.next");
        fs::create_dir(&new).unwrap();
        let has_policies = files.iter().any(|(name, text)| *name != "readme.txt" && !text.is_empty());
        if has_policies {
            fs::write(new.join("reads.cedar"), TEMPLATE).unwrap();
        }
        for (name, text) in files {
            fs::write(new.join(name), text).unwrap();
        }
        fs::rename(&folder, world.gate.path("policies/.good")).unwrap();
        fs::rename(&new, &folder).unwrap();
        world.gate.signal("HUP");
        let told = world.refused(before);
        // The config's link wants its template before anything else is asked of the folder.
        let is_said =
            |said: &&str| told.contains(&said.replace('"', "\\\"")) || !has_policies && told.contains("no template");
        assert!(said.iter().any(is_said), "{said:?}: {told}");
        assert_eq!(
            (world.asks("GET", "sales"), world.asks("PUT", "sales"), world.asks("GET", "other")),
            (200, 403, 403)
        );
        assert_eq!(world.revision(), revision, "{told}");
        fs::remove_dir_all(&folder).unwrap();
        fs::rename(world.gate.path("policies/.good"), &folder).unwrap();
    }
}

#[test]
fn a_link_that_does_not_fit_changes_nothing_that_runs() {
    let world = World::new();
    let (revision, before) = (world.revision(), world.reloads("failure"));
    world.gate.rewrite("lychgate.yaml", "group: corp|sales", "group: crop|sales");
    let told = world.refused(before);
    assert!(told.contains("names no trusted issuer") && told.contains("did you mean `corp`"), "{told}");
    assert_eq!((world.asks("GET", "sales"), world.revision()), (200, revision));
}

#[test]
fn a_good_folder_takes_its_place_whole_with_its_revision_everywhere() {
    let world = World::new();
    let old = world.revision();
    let more =
        "@id(\"sales-write\") permit (principal in Group::\"corp|sales\", action in Action::\"write\", resource);";
    fs::write(world.gate.path("policies/orders/write.cedar"), more).unwrap();
    until("the new policy", || (world.asks("PUT", "sales") == 200).then_some(()));
    let new = world.revision();
    assert_ne!(old, new);
    let series = |revision: &str| format!("lychgate_policy_bundle_info{{bundle=\"orders\",revision=\"{revision}\"}}");
    world.gate.counts(&series(&new), 1);
    world.gate.counts(&series(&old), 0);
    let line = format!("\"revision\":\"{new}\"");
    until("a decision by the new revision", || world.gate.stdout().contains(&line).then_some(()));
    // a token that was asked about under the old bundle is judged by the new one
    assert_eq!(world.asks("DELETE", "sales"), 200);
}
