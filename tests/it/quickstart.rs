//! The quickstart: its card's lines do what the card says, and what it leaves behind can be checked, explained and served.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    Connection, Finished, Key, Message, Request, TestIssuer, Token, free_ports, lychgate, shell, until,
};

/// A running quickstart.
struct Quickstart {
    child: Child,
    stdout: Arc<Mutex<String>>,
    card: Value,
    state: TempDir,
}

impl Quickstart {
    /// A quickstart with nothing there before it, on the usual ports or those that it finds.
    fn fresh() -> Self {
        // Two that look for free ports at once would find the same.
        static ONE: Mutex<()> = Mutex::new(());
        let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = (0..3).find_map(|_| Self::try_run(tempfile::tempdir().unwrap(), &["quickstart", "--state", "@"]));
        fresh.expect("no free ports")
    }

    /// A quickstart on ports of its own, so that it can be ended and run again while others run.
    fn start() -> Self {
        let state = Self::fresh().interrupt();
        let path = state.path().join("lychgate.yaml");
        let mut config = fs::read_to_string(&path).unwrap();
        let ports: HashSet<String> = config
            .split("127.0.0.1:")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
            .collect();
        assert_eq!(ports.len(), 4, "{config}");
        for (port, other) in ports.iter().zip(free_ports::<4>()) {
            config = config.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{other}"));
        }
        fs::write(path, config).unwrap();
        Self::run(state, &["quickstart", "--state", "@"])
    }

    /// Runs a command on a state, which stands in the arguments as `@`.
    fn run(state: TempDir, arguments: &[&str]) -> Self {
        Self::try_run(state, arguments).expect("a port was taken")
    }

    fn try_run(state: TempDir, arguments: &[&str]) -> Option<Self> {
        let folder = state.path().to_str().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lychgate"))
            .args(arguments.iter().map(|argument| argument.replace('@', folder)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = follow(child.stdout.take().unwrap());
        let mut running = Self { child, stdout, card: Value::Null, state };
        until("the doors to open", || running.is_open()).then_some(running)
    }

    /// Whether every door is open; `Some(false)` where it has ended instead.
    fn is_open(&mut self) -> Option<bool> {
        if self.child.try_wait().unwrap().is_some() {
            return Some(false);
        }
        self.card = serde_json::from_slice(&fs::read(self.state.path().join("card.json")).ok()?).ok()?;
        let reached = |of: &str| TcpStream::connect(self.host(of)).is_ok();
        let ready = reached("admin") && self.is_ready();
        (ready && reached("gateway") && reached("issuer")).then_some(true)
    }

    /// What held the port a moment ago may still be closing, and reset what comes.
    fn is_ready(&self) -> bool {
        let mut admin = Connection::open(self.host("admin").parse().unwrap());
        admin.send(&Request::get("/readyz").header("Connection", "close").bytes());
        matches!(admin.try_read(false), Ok(Some(answer)) if answer.status() == 200)
    }

    /// Host and port of a URL of the card.
    fn host(&self, of: &str) -> String {
        self.card[of].as_str().unwrap().strip_prefix("http://").unwrap().to_owned()
    }

    fn send(&self, to: &str, request: &Request) -> Message {
        Connection::open(self.host(to).parse().unwrap()).ask(&request.clone().header("Connection", "close"))
    }

    fn ask(&self, target: &str, token: &str) -> Message {
        self.send("gateway", &Request::get(target).host(&self.host("gateway")).bearer(token))
    }

    fn cognito(&self, operation: &str, body: &Value) -> Message {
        let request = Request::new("POST", "/")
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("X-Amz-Target", &format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(body.to_string().as_bytes());
        self.send("issuer", &request)
    }

    fn sign_in(&self, user: &str, client: &str, password: &str) -> Message {
        let parameters = json!({"USERNAME": user, "PASSWORD": password});
        let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client, "AuthParameters": parameters});
        self.cognito("InitiateAuth", &body)
    }

    fn password(&self, user: &str) -> String {
        let users = self.card["users"].as_array().unwrap();
        let user = users.iter().find(|entry| entry["username"] == user).unwrap();
        user["password"].as_str().unwrap().to_owned()
    }

    fn client(&self, name: &str) -> String {
        self.card["clients"][name].as_str().unwrap().to_owned()
    }

    fn access_token(&self, user: &str, client: &str) -> String {
        let answer = self.sign_in(user, &self.client(client), &self.password(user));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()["AuthenticationResult"]["AccessToken"].as_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.state.path().join(name).to_str().unwrap().to_owned()
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(mut self) -> TempDir {
        let sent = shell(&format!("kill -INT {}", self.child.id()), Path::new("/"));
        assert_eq!(sent.code, Some(0), "{sent:?}");
        let status = until("its end", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{status}");
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn follow(stdout: ChildStdout) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let written = text.clone();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            *written.lock().unwrap() += &(line + "\n");
        }
    });
    text
}

/// The lines of the card that can be pasted, each with what the card says of it.
fn steps(card: &str) -> Vec<(String, String)> {
    let lines: Vec<_> = card.lines().collect();
    let pasted = |line: &str| line.starts_with("curl ") || line.starts_with("TOKEN=");
    let pairs = lines.windows(2).filter(|pair| pasted(pair[1]));
    pairs.map(|pair| (pair[0].trim().to_owned(), pair[1].to_owned())).collect()
}

#[test]
fn the_cards_lines_do_what_the_card_says() {
    let quickstart = Quickstart::fresh();
    let card = until("the card", || {
        let card = quickstart.stdout.lock().unwrap().clone();
        card.contains("lychgate_requests_total").then_some(card)
    });
    let steps = steps(&card);
    assert!(steps.len() >= 9, "{card}");
    // One shell for all, as in a terminal: the token that one line gets is used by those below.
    let lines: Vec<_> = steps.iter().map(|(_, line)| format!("{line}\nprintf '\\n=====\\n'\n")).collect();
    let Finished { code, stdout, stderr } = shell(&lines.concat(), quickstart.state.path());
    assert_eq!(code, Some(0), "{stderr}");
    let answers: Vec<_> = stdout.split("\n=====\n").collect();
    let mut statuses = Vec::new();
    for ((says, line), answer) in steps.iter().zip(&answers) {
        let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or_default();
        for promised in ["200", "401", "403"] {
            assert!(!says.contains(promised) || status == promised, "{says}\n{line}\n{answer}");
        }
        statuses.push(status);
    }
    assert_eq!(statuses, ["200", "401", "", "200", "200", "403", "403", "", ""], "{card}\n{stdout}");
    assert!(answers[1].to_lowercase().contains("www-authenticate: bearer realm="), "{}", answers[1]);
    assert!(answers[3].contains("x-auth-sub") && answers[3].contains("acme"), "the upstream is told: {}", answers[3]);
    assert!(answers[5].contains("denied-by-policy"), "{}", answers[5]);
    assert!(answers[6].contains("missing-group"), "{}", answers[6]);
    assert!(!answers[7].to_lowercase().contains("auth") && answers[7].contains("headers"), "{}", answers[7]);
    assert!(answers[8].contains(r#"route="tenants""#), "{}", answers[8]);
    for secret in ["AccessToken", "eyJ"] {
        assert!(!card.contains(&format!("{secret}.")), "{card}");
    }
}

#[test]
fn each_way_of_being_wrong_is_refused_in_its_own_way() {
    let quickstart = Quickstart::start();
    let wrong = quickstart.sign_in("alice", &quickstart.client("web"), "wrong password");
    assert_eq!((wrong.status(), &wrong.json()["__type"]), (400, &json!("NotAuthorizedException")));
    assert_eq!(quickstart.sign_in("nobody", &quickstart.client("web"), "x").json()["__type"], "NotAuthorizedException");

    let alice = quickstart.access_token("alice", "web");
    let scopeless = quickstart.access_token("alice", "kiosk");
    let issuer =
        format!("{}/{}", quickstart.card["issuer"].as_str().unwrap(), quickstart.card["pool_id"].as_str().unwrap());
    let stranger = TestIssuer::start();
    let kid = of_header(&alice)["kid"].as_str().unwrap().to_owned();
    let forged = |token: Token| token.claim("client_id", quickstart.client("web")).claim("token_use", "access").mint();
    let table = [
        ("/orders/7", alice.clone(), 200, "", ""),
        ("/tenants/acme/invoices", alice.clone(), 200, "", ""),
        ("/tenants/globex/invoices", alice.clone(), 403, "denied-by-policy", ""),
        ("/admin/users", alice.clone(), 403, "missing-group", ""),
        ("/orders/7", scopeless, 403, "insufficient-scope", "error=\"insufficient_scope\""),
        ("/orders/7", forged(stranger.token()), 401, "unknown-issuer", "error=\"invalid_token\""),
        ("/orders/7", forged(Token::of(&issuer, Key::rs256(&kid))), 401, "bad-signature", "error=\"invalid_token\""),
        ("/orders/7", forged(Token::of(&issuer, Key::rs256("other"))), 401, "unknown-key", "error=\"invalid_token\""),
        ("/orders/7", format!("{}x", &alice[..alice.len() - 1]), 401, "", "error=\"invalid_token\""),
        ("/orders/7", "nonsense".to_owned(), 401, "malformed-token", "error=\"invalid_token\""),
        ("/nowhere", alice.clone(), 404, "no-route", ""),
    ];
    for (target, token, status, code, challenge) in table {
        let answer = quickstart.ask(target, &token);
        assert_eq!(answer.status(), status, "{target} {code}: {}", answer.text());
        assert!(code.is_empty() || answer.code() == code, "{target} {code}: {}", answer.text());
        let challenged = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            challenged.contains(challenge) && challenged.is_empty() == challenge.is_empty(),
            "{code}: {challenged}"
        );
    }
    let bob = quickstart.access_token("bob", "web");
    assert_eq!(quickstart.ask("/admin/users", &bob).status(), 200);
    assert_eq!(quickstart.ask("/tenants/globex/invoices", &bob).status(), 200);
    assert_eq!(quickstart.ask("/tenants/acme/invoices", &bob).code(), "denied-by-policy");
}

#[test]
fn the_key_on_the_card_administers_the_pool_and_no_other_does() {
    let quickstart = Quickstart::start();
    let card = until("the card", || {
        let card = quickstart.stdout.lock().unwrap().clone();
        card.contains("aws cognito-idp").then_some(card)
    });
    let (issuer, key) = (quickstart.card["issuer"].as_str().unwrap(), &quickstart.card["admin_key"]);
    let (id, secret) = (key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    let pool = quickstart.card["pool_id"].as_str().unwrap();
    let line = card.lines().find(|line| line.contains("aws cognito-idp")).unwrap();
    for said in [&format!("AWS_ACCESS_KEY_ID={id} "), "--endpoint-url", issuer, "--region local", pool] {
        assert!(line.contains(said), "{said}: {line}");
    }
    assert!(!card.contains(secret), "the secret stays in its file");
    let file = line.split('\'').nth(1).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), secret);
    // curl signs as the AWS CLI does.
    let list = |user: &str| {
        let line = format!(
            "curl -s {issuer}/ --aws-sigv4 aws:amz:local:cognito-idp --user '{user}' -H 'content-type: application/x-amz-json-1.1' \
             -H 'x-amz-target: AWSCognitoIdentityProviderService.ListUsers' -d '{{\"UserPoolId\":\"{pool}\"}}'"
        );
        shell(&line, Path::new("/")).json()
    };
    let users = list(&format!("{id}:{secret}"));
    assert_eq!(users["Users"].as_array().map(Vec::len), Some(2), "{users}");
    assert_eq!(list(&format!("{id}:another-secret-than-that"))["__type"], "InvalidSignatureException");
    assert_eq!(list(&format!("SOMEBODY:{secret}"))["__type"], "UnrecognizedClientException");
}

#[test]
fn a_sign_out_in_the_pool_is_known_at_the_gate_at_once() {
    let quickstart = Quickstart::start();
    let token = quickstart.access_token("alice", "web");
    assert_eq!(quickstart.ask("/orders/7", &token).status(), 200);
    assert_eq!(quickstart.cognito("GlobalSignOut", &json!({"AccessToken": token})).status(), 200);
    let answer = quickstart.ask("/orders/7", &token);
    assert_eq!((answer.status(), answer.code().as_str()), (401, "token-revoked"));
    assert_eq!(quickstart.ask("/orders/7", &quickstart.access_token("alice", "web")).status(), 200);
}

#[test]
fn a_token_that_expires_is_refused_from_then_on() {
    let quickstart = Quickstart::start();
    let config = quickstart.path("lychgate.yaml");
    let state = quickstart.interrupt();
    // The shortest that Cognito takes is five minutes: the gate is told that no token is older than a second instead.
    let text = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text.replace("    keys: {pool: demo}", "    max_age: 1s\n    leeway: 0s\n    keys: {pool: demo}"),
    )
    .unwrap();
    let served = Quickstart::run(state, &["serve", "--config", "@/lychgate.yaml"]);
    let token = served.access_token("alice", "web");
    let refused = until("the token to be too old", || {
        Some(served.ask("/tenants/globex/x", &token)).filter(|answer| answer.status() == 401)
    });
    assert_eq!(refused.code(), "token-too-old");
}

#[test]
fn what_it_leaves_behind_is_checked_explained_and_served() {
    let quickstart = Quickstart::start();
    let (card, config) = (quickstart.card.clone(), quickstart.path("lychgate.yaml"));
    let before = quickstart.access_token("alice", "web");
    let text = fs::read_to_string(&config).unwrap();
    let state = quickstart.interrupt();

    let checked = lychgate(&["check", "--config", &config]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    fs::write(state.path().join("token"), &before).unwrap();
    let token = state.path().join("token");
    let explained = lychgate(&[
        "explain",
        "--config",
        &config,
        "--request",
        "GET http://127.0.0.1/tenants/globex/x",
        "--token",
        token.to_str().unwrap(),
    ]);
    assert_eq!(explained.code, Some(1), "{explained:?}");
    assert!(explained.stdout.contains("denied: 403 denied-by-policy"), "{explained:?}");

    let served = Quickstart::run(state, &["serve", "--config", "@/lychgate.yaml"]);
    assert_eq!(served.card, card);
    assert_eq!(served.ask("/orders/7", &before).status(), 502, "the token from before is good; the echo is not there");
    assert_eq!(served.ask("/admin/users", &before).code(), "missing-group");
    assert_eq!(served.ask("/tenants/acme/x", &served.access_token("alice", "web")).status(), 502);
    let state = served.interrupt();

    let again = Quickstart::run(state, &["quickstart", "--state", "@"]);
    assert_eq!(again.card, card, "nothing is made anew");
    assert_eq!(again.ask("/orders/7", &before).status(), 200);
    assert_eq!(fs::read_to_string(&config).unwrap(), text);
}

fn of_header(token: &str) -> Value {
    use base64::Engine;
    let header = token.split('.').next().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}
