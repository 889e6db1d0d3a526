//! `lychgate pool`: each command, run beside nobody and beside a server, and what it leaves in the database.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Finished, Request, Setup, TestGateway, TestUpstream, free_ports, lychgate};

const PASSWORD: &str = "Correct-horse-1";
const CONFIG: &str = r#"
upstreams: {echo: {endpoints: ["@UPSTREAM@"]}}
routes: [{name: all, match: {path: "/{*rest}"}, upstream: echo}]
trusted_issuers:
  demo: {issuer: "http://issuer.test/local_Demo12345", keys: {pool: demo}, client_ids: [web], algorithms: [ES256]}
issuer:
  address: "127.0.0.1:@ISSUER@"
  public_url: http://issuer.test
  database: issuer.db
  pools:
    demo:
      id: local_Demo12345
      token_algorithm: ES256
      clients: {web: {id: web, flows: [USER_PASSWORD_AUTH, REFRESH_TOKEN_AUTH]}}
      groups: {sales: {precedence: 3}}
      users: {alice: {password: correct horse battery, groups: [sales]}}
"#;

/// A config of its own, with no server.
struct Desk {
    folder: TempDir,
    config: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("lychgate.yaml");
        let text = CONFIG.replace("@UPSTREAM@", "127.0.0.1:1").replace("@ISSUER@", "2");
        fs::write(&config, format!("listeners: [{{address: '127.0.0.1:3'}}]\n{text}")).unwrap();
        Self { folder, config }
    }

    fn pool(&self, arguments: &[&str]) -> Finished {
        pool(&self.config, arguments)
    }

    /// What a command that is good says as JSON.
    fn told(&self, arguments: &[&str]) -> Value {
        let finished = self.pool(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.json()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn pool(config: &std::path::Path, arguments: &[&str]) -> Finished {
    lychgate(&[&["pool"], arguments, &["--config", config.to_str().unwrap()]].concat())
}

#[test]
fn a_pool_can_be_made_filled_and_looked_at_without_a_server() {
    let desk = Desk::new();
    let staff = desk.told(&["create", "staff"]);
    let id = staff["Id"].as_str().unwrap();
    assert!(desk.pool(&["list"]).stdout.contains(id));
    assert_eq!(desk.told(&["describe", "staff"])["Name"], "staff");
    let password = desk.file("password", &format!("{PASSWORD}\n"));
    desk.told(&["group", "add", "staff", "sales", "--precedence", "5", "--description", "who sells"]);
    let added = ["user", "add", "staff", "bob", "--password-file", &password, "--attribute", "email=bob@example.com"];
    desk.told(&[&added[..], &["--group", "sales"]].concat());
    let bob = desk.told(&["user", "show", "staff", "bob"]);
    assert_eq!((&bob["UserStatus"], &bob["Groups"]), (&json!("CONFIRMED"), &json!(["sales"])));
    let table = desk.pool(&["user", "list", "staff"]).stdout;
    assert!(table.starts_with("USER") && table.contains("bob@example.com"), "{table}");
    assert_eq!(desk.told(&["user", "list", "staff", "--filter", "email = \"nobody\""]), json!([]));
    assert_eq!(desk.told(&["group", "list", "staff", "--members-of", "sales"])[0]["Username"], "bob");
    desk.told(&["group", "member", "staff", "sales", "bob", "--remove"]);
    assert_eq!(desk.told(&["group", "list", "staff", "--members-of", "sales"]), json!([]));
    for (command, enabled) in [("disable", false), ("enable", true)] {
        desk.told(&["user", command, "staff", "bob"]);
        assert_eq!(desk.told(&["user", "show", "staff", "bob"])["Enabled"], enabled);
    }
    desk.told(&["user", "delete", "staff", "bob"]);
    assert_eq!(desk.pool(&["user", "show", "staff", "bob"]).code, Some(1));
}

#[test]
fn a_clients_secret_goes_into_a_file_and_nowhere_else() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.told(&["create", "staff"]);
    let file = desk.path("client.secret");
    let added = desk.pool(&["client", "add", "staff", "server", "--secret-file", &file, "--json"]);
    let secret = fs::read_to_string(&file).unwrap();
    assert!(secret.trim().len() > 20, "{added:?}");
    assert!(!added.stdout.contains(secret.trim()) && !added.stderr.contains(secret.trim()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(desk.told(&["client", "list", "staff"])[0]["ClientName"], "server");
    let again = desk.pool(&["client", "add", "staff", "other", "--secret-file", &file]);
    assert_eq!(again.code, Some(3), "a file that is there is never written over");
}

#[test]
fn the_exit_code_says_what_kind_of_no_it_was() {
    let desk = Desk::new();
    for (arguments, code, said) in [
        (&["describe", "nobody"][..], 1, "there is no pool `nobody`"),
        (&["user", "add", "nobody", "x"], 1, "there is no pool"),
        (&["frobnicate"], 2, ""),
        (&["export", "nobody", "--with-secrets"], 2, "--output"),
    ] {
        let finished = desk.pool(arguments);
        assert_eq!(finished.code, Some(code), "{finished:?}");
        assert!(finished.stderr.contains(said), "{finished:?}");
    }
    desk.told(&["create", "staff"]);
    let weak = desk.file("password", "short");
    let refused = desk.pool(&["user", "add", "staff", "carol", "--password-file", &weak]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("InvalidPasswordException"), "{refused:?}");
    assert_eq!(desk.pool(&["user", "show", "staff", "carol"]).code, Some(1), "no user is left half made");
}

#[test]
fn a_backup_comes_back_whole_in_another_database() {
    let desk = Desk::new();
    desk.told(&["create", "staff"]);
    let password = desk.file("password", PASSWORD);
    desk.told(&["user", "add", "staff", "bob", "--password-file", &password]);
    let backup = desk.path("staff.backup");
    desk.told(&["export", "staff", "--with-secrets", "--output", &backup]);
    assert!(!desk.pool(&["export", "staff"]).stdout.contains("argon2"), "without secrets there are none");
    let other = Desk::new();
    let made = other.told(&["import", "--input", &backup]);
    assert_eq!((&made["users"], &made["skipped"]), (&json!(1), &json!(0)));
    let again = other.path("again.backup");
    other.told(&["export", "staff", "--with-secrets", "--output", &again]);
    assert_eq!(fs::read_to_string(again).unwrap(), fs::read_to_string(backup).unwrap());
}

/// The audit lines of a command.
fn audited(finished: &Finished) -> Vec<Value> {
    let lines = finished.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["log"] == "audit").collect()
}

#[test]
fn what_a_command_does_is_a_line_of_the_audit_log_with_cognitos_name() {
    let desk = Desk::new();
    desk.told(&["create", "staff"]);
    let id = desk.told(&["describe", "staff"])["Id"].as_str().unwrap().to_owned();
    let password = desk.file("password", PASSWORD);
    let said = |arguments: &[&str]| {
        let lines = audited(&desk.pool(arguments));
        for line in &lines {
            assert_eq!(line["pool"], id.as_str(), "{line}");
            assert!(line.get("source").is_none());
        }
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        lines
            .iter()
            .map(|line| [text(line, "event"), text(line, "result"), text(line, "code")].join(" "))
            .collect::<Vec<_>>()
    };
    let add = ["user", "add", "staff", "bob", "--password-file", &password];
    assert_eq!(said(&add), ["AdminCreateUser success ", "PasswordChange success "]);
    assert_eq!(said(&add), ["AdminCreateUser failure user-exists"]);
    assert_eq!(said(&["user", "disable", "staff", "bob"]), ["AdminDisableUser success "]);
    assert_eq!(said(&["user", "sign-out", "staff", "bob"]), ["SignOut success "]);
    assert_eq!(said(&["rotate-keys", "staff"]), ["RotateSigningKeys success "]);
    assert_eq!(
        said(&["export", "staff", "--with-secrets", "--output", &desk.path("b")]),
        ["ExportUserPoolWithSecrets success "]
    );
    let line = desk.file("line", "{\"kind\": \"user\", \"username\": \"carol\"}\n");
    assert_eq!(said(&["import", "--into", "staff", "--input", &line]), ["ImportUserPool success "]);
    let deleted = audited(&desk.pool(&["user", "delete", "staff", "bob"]));
    assert_eq!(deleted[0]["event"], "AdminDeleteUser");
    assert_eq!(
        deleted[0]["subject"].as_str().map(str::len),
        Some(16),
        "whom, though nobody is there any more: {deleted:?}"
    );
    for finished in [desk.pool(&add), desk.pool(&["user", "list", "staff"])] {
        assert!(!finished.stderr.contains(PASSWORD) && !finished.stdout.contains("\"log\""));
    }
}

/// A server with the config, and calls of its API.
struct Served {
    gate: TestGateway,
    issuer: u16,
    _upstream: TestUpstream,
}

impl Served {
    fn start() -> Self {
        let upstream = TestUpstream::start();
        let [issuer] = free_ports();
        let setup = Setup::of(CONFIG).put("UPSTREAM", upstream.address()).put("ISSUER", issuer);
        Self { gate: setup.start(), issuer, _upstream: upstream }
    }

    fn pool(&self, arguments: &[&str]) {
        let finished = pool(&self.gate.path("lychgate.yaml"), arguments);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }

    fn access_token(&self, user: &str, password: &str) -> Option<String> {
        let members = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "web",
            "AuthParameters": {"USERNAME": user, "PASSWORD": password}});
        let target = "AWSCognitoIdentityProviderService.InitiateAuth";
        let client = reqwest::Client::new().post(format!("http://127.0.0.1:{}/", self.issuer));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = runtime.block_on(async {
            client.header("x-amz-target", target).body(members.to_string()).send().await.unwrap().bytes().await.unwrap()
        });
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["AuthenticationResult"]["AccessToken"].as_str().map(str::to_owned)
    }

    fn status(&self, token: &str) -> u16 {
        self.gate.ask(&Request::get("/").bearer(token)).status()
    }

    fn refuses_within_a_second(&self, token: &str) {
        let begun = Instant::now();
        while self.status(token) != 401 {
            assert!(begun.elapsed() < Duration::from_secs(1), "still let in after a second");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn what_the_command_line_does_is_known_to_a_running_gate_within_a_second() {
    let served = Served::start();
    let token = served.access_token("alice", "correct horse battery").unwrap();
    assert_eq!(served.status(&token), 200);
    served.pool(&["user", "disable", "demo", "alice"]);
    served.refuses_within_a_second(&token);
    assert_eq!(served.access_token("alice", "correct horse battery"), None);
    served.pool(&["user", "enable", "demo", "alice"]);
    let token = served.access_token("alice", "correct horse battery").unwrap();
    assert_eq!(served.status(&token), 200);
    served.pool(&["user", "sign-out", "demo", "alice"]);
    served.refuses_within_a_second(&token);
    let token = served.access_token("alice", "correct horse battery").unwrap();
    served.pool(&["rotate-keys", "demo"]);
    assert_eq!(served.status(&token), 200, "keys that are followed still verify");
    served.pool(&["rotate-keys", "demo", "--withdraw"]);
    served.refuses_within_a_second(&token);
    let token = served.access_token("alice", "correct horse battery").unwrap();
    assert_eq!(served.status(&token), 200, "the gate has the new keys");
}
