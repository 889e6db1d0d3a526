//! `lychgate lambda` against Lambda's runtime API: a real HTTP server on its paths, as AWS documents them for custom runtimes.

use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::asked::Asked;
use super::world::ISSUER;
use crate::support::{Key, Message, Reply, Server, TestIssuer, Token, now, until};

const LYCHGATE: &str = env!("CARGO_BIN_EXE_lychgate");
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const RUNTIME: &str = "/2018-06-01/runtime/invocation";
const INIT_ERROR: &str = "/2018-06-01/runtime/init/error";

const CONFIG: &str = r#"
listeners: []
admin: off
trusted_issuers:
  corp: @TRUST@
upstreams:
  echo: {}
identity: {headers: {x-auth-sub: sub}}
routes:
  - {name: orders, match: {path: "/orders/{id}"}, access: {scopes: {any: [orders/read]}}, upstream: echo}
ext_authz: {api_gateway: {simple_responses: true}}
"#;

/// The runtime API of one environment, and the events that wait there.
struct RuntimeApi {
    server: Server,
    waiting: Arc<Mutex<VecDeque<Reply>>>,
}

impl RuntimeApi {
    fn start() -> Self {
        let waiting = Arc::new(Mutex::new(VecDeque::<Reply>::new()));
        let events = waiting.clone();
        let server = Server::start(None, move |request| {
            if request.target() != NEXT {
                return Reply::new(202, "{\"status\":\"OK\"}");
            }
            // as Lambda freezes an environment until there is an event
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(30) {
                if let Some(event) = events.lock().unwrap().pop_front() {
                    return event;
                }
                sleep(Duration::from_millis(5));
            }
            Reply::hang_up()
        });
        Self { server, waiting }
    }

    /// Lets an event come, whose answer may take this long.
    fn invoke(&self, id: &str, event: &str, time: Duration) {
        let deadline = u128::from(now()) * 1000 + time.as_millis();
        let reply = Reply::new(200, event)
            .header("Lambda-Runtime-Aws-Request-Id", id)
            .header("Lambda-Runtime-Deadline-Ms", &deadline.to_string())
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:authorizer");
        self.waiting.lock().unwrap().push_back(reply);
    }

    /// What the runtime has sent to this path.
    fn sent_to(&self, path: &str) -> Message {
        until(path, || {
            let sent = self.server.received().into_iter().filter(|request| request.target() == path);
            let sent: Vec<_> = sent.collect();
            assert!(sent.len() < 2, "{path} more than once");
            sent.into_iter().next()
        })
    }

    fn answer(&self, id: &str) -> Value {
        let sent = self.sent_to(&format!("/2018-06-01/runtime/invocation/{id}/response"));
        assert_eq!(sent.method(), "POST");
        sent.json()
    }

    /// The type of the error, which header and body say alike.
    fn error(&self, id: &str) -> String {
        let sent = self.sent_to(&format!("/2018-06-01/runtime/invocation/{id}/error"));
        assert_eq!(sent.method(), "POST");
        let kind = sent.header("lambda-runtime-function-error-type").unwrap().to_owned();
        assert_eq!(sent.json()["errorType"], kind);
        assert_eq!(sent.json()["errorMessage"], kind);
        kind
    }
}

/// A running function; it is killed when this is dropped.
struct Function(Child);

impl Function {
    fn start(folder: &Path, api: &RuntimeApi) -> Self {
        Self::by(Command::new(LYCHGATE).args(["lambda", "--config", "lychgate.yaml"]), folder, api)
    }

    fn by(command: &mut Command, folder: &Path, api: &RuntimeApi) -> Self {
        let command = command.current_dir(folder).env("AWS_LAMBDA_RUNTIME_API", api.server.address().to_string());
        // a proxy of the environment is not for what is on this machine
        let command = command.env("http_proxy", "http://127.0.0.1:9").env("HTTP_PROXY", "http://127.0.0.1:9");
        let piped = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self(piped.spawn().unwrap())
    }

    /// Its exit code and what it has said, once it ends by itself.
    fn end(mut self) -> (Option<i32>, String) {
        let status = until("the function to end", || self.0.try_wait().unwrap());
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lychgate.yaml"), config).unwrap();
    folder
}

fn config(key: &Key) -> String {
    let trust = json!({"issuer": ISSUER, "audience": ["api"], "keys": {"inline": {"keys": [key.jwk()]}}});
    CONFIG.replace("@TRUST@", &trust.to_string())
}

const LONG: Duration = Duration::from_secs(10);

#[test]
fn events_are_answered_one_after_the_other() {
    let (api, key) = (RuntimeApi::start(), Key::es256("corp"));
    let good = Token::of(ISSUER, key.clone()).scopes("orders/read").mint();
    let poor = Token::of(ISSUER, key.clone()).mint();
    let asked = |token: &str| Asked::get("/orders/7").bearer(token);
    let of_token = |token: &str| json!({"type": "TOKEN", "authorizationToken": token, "methodArn": asked("").arn()});
    let folder = folder(&config(&key));
    let _function = Function::start(folder.path(), &api);
    for (id, event) in [
        ("rest-good", asked(&good).event()),
        ("rest-poor", asked(&poor).event()),
        ("rest-none", Asked::get("/orders/7").event()),
        ("token-good", of_token(&format!("Bearer {good}"))),
        ("token-bad", of_token("Bearer a.b.c")),
        ("http-good", asked(&good).event_2()),
        ("http-none", Asked::get("/orders/7").event_2()),
        ("odd", json!({"type": "OTHER"})),
    ] {
        api.invoke(id, &event.to_string(), LONG);
    }
    api.invoke("no-json", "{", LONG);
    api.invoke("last", &asked(&good).event().to_string(), LONG);
    let effect = |id: &str| api.answer(id)["policyDocument"]["Statement"][0]["Effect"].clone();
    assert_eq!(effect("rest-good"), "Allow");
    assert_eq!(api.answer("rest-good")["context"]["sub"], "alice");
    assert_eq!(
        (effect("rest-poor"), api.answer("rest-poor")["context"]["code"].clone()),
        (json!("Deny"), json!("insufficient-scope"))
    );
    // REST APIs make 401 of this error, and 403 of every policy that denies
    assert_eq!(api.error("rest-none"), "Unauthorized");
    assert_eq!((effect("token-good"), api.error("token-bad")), (json!("Allow"), "Unauthorized".to_owned()));
    assert_eq!(api.answer("http-good")["isAuthorized"], true);
    // HTTP APIs do not know it
    assert_eq!(
        (api.answer("http-none")["isAuthorized"].clone(), api.answer("http-none")["context"]["status"].clone()),
        (json!(false), json!(401))
    );
    assert_eq!(effect("odd"), "Deny");
    assert_eq!(api.error("no-json"), "MalformedEvent");
    assert_eq!(effect("last"), "Allow");
    // each answer came before the next event was asked for
    let paths: Vec<_> = api.server.received().iter().map(|request| request.target().to_owned()).collect();
    assert!(paths.chunks_exact(2).all(|pair| pair[0] == NEXT && pair[1] != NEXT), "{paths:?}");
}

#[test]
fn an_event_is_given_up_before_its_deadline_and_the_next_is_answered() {
    let api = RuntimeApi::start();
    let issuer = TestIssuer::start();
    let folder = folder(&CONFIG.replace("@TRUST@", &issuer.trust("")));
    let _function = Function::start(folder.path(), &api);
    let good = Asked::get("/orders/7").bearer(&issuer.token().scopes("orders/read").mint()).event();
    api.invoke("first", &good.to_string(), LONG);
    assert_eq!(api.answer("first")["context"]["sub"], "alice");
    // a key that is not known is asked for, which takes longer than there is time
    issuer.keys_answer(Reply::new(200, "{\"keys\":[]}").after(Duration::from_secs(4)));
    let unknown = issuer.token().scopes("orders/read").header("kid", "unknown").mint();
    let begun = Instant::now();
    api.invoke("slow", &Asked::get("/orders/7").bearer(&unknown).event().to_string(), Duration::from_secs(2));
    assert_eq!(api.error("slow"), "DeadlineExceeded");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    api.invoke("next", &good.to_string(), LONG);
    assert_eq!(api.answer("next")["context"]["sub"], "alice");
}

#[test]
fn what_could_not_be_decided_is_an_error_that_nobody_keeps() {
    let (api, issuer) = (RuntimeApi::start(), TestIssuer::start());
    issuer.goes_down();
    let folder = folder(&CONFIG.replace("@TRUST@", &issuer.trust("refresh: {every: 1s, timeout: 1s}")));
    let _function = Function::start(folder.path(), &api);
    let good = Asked::get("/orders/7").bearer(&issuer.token().scopes("orders/read").mint());
    // the first event waits for keys, as long as the start of a function may take
    api.invoke("rest", &good.event().to_string(), Duration::from_secs(30));
    api.invoke("http", &good.event_2().to_string(), Duration::from_secs(30));
    assert_eq!((api.error("rest"), api.error("http")), ("Unavailable".to_owned(), "Unavailable".to_owned()));
    issuer.answers_well();
    let allowed = (0..40).any(|number| {
        sleep(Duration::from_millis(250));
        let id = format!("again-{number}");
        api.invoke(&id, &good.event_2().to_string(), LONG);
        let (answer, error) = (format!("{RUNTIME}/{id}/response"), format!("{RUNTIME}/{id}/error"));
        let sent = until("an answer", || {
            let mut received = api.server.received().into_iter();
            received.find(|request| [answer.as_str(), &error].contains(&request.target()))
        });
        sent.json()["isAuthorized"] == true
    });
    assert!(allowed, "once there are keys");
}

#[test]
fn lambda_is_told_why_there_will_be_no_answers() {
    let key = Key::es256("corp");
    let broken_policy = config(&key).replace("routes:", "policies: {orders: {directory: orders}}\nroutes:");
    for (config, mistake) in [
        (config(&key).replace("listeners:", "listener:"), "lychgate.yaml:2:"),
        (config(&key).replace("upstream: echo", "upstream: other"), "other"),
        (broken_policy, "p.cedar:1:"),
    ] {
        let api = RuntimeApi::start();
        let folder = folder(&config);
        fs::create_dir(folder.path().join("orders")).unwrap();
        fs::write(folder.path().join("orders/p.cedar"), "permit (principal, action);").unwrap();
        let function = Function::start(folder.path(), &api);
        let told = api.sent_to(INIT_ERROR);
        let message = told.json()["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.contains(mistake), "{message}");
        assert_eq!(told.json()["errorType"], "StartFailed");
        assert_eq!(told.header("lambda-runtime-function-error-type"), Some("StartFailed"));
        let (code, said) = function.end();
        assert!(code.is_some_and(|code| code != 0) && said.contains(mistake), "{code:?} {said}");
        assert!(api.server.received().iter().all(|request| request.target() != NEXT));
    }
}

#[test]
fn a_runtime_api_that_is_gone_or_breaks_its_rules_ends_the_function() {
    let key = Key::es256("corp");
    let folder = folder(&config(&key));
    let api = RuntimeApi::start();
    let nameless = Reply::new(200, "{}").header("Lambda-Runtime-Deadline-Ms", "1");
    api.waiting.lock().unwrap().push_back(nameless);
    let (code, said) = Function::start(folder.path(), &api).end();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("lambda-runtime-aws-request-id"), "{said}");
    // an id that would lead to another path
    let api = RuntimeApi::start();
    api.invoke("../../init", "{}", LONG);
    assert_eq!(Function::start(folder.path(), &api).end().0, Some(3));
    let api = RuntimeApi::start();
    api.waiting.lock().unwrap().push_back(Reply::new(500, ""));
    assert_eq!(Function::start(folder.path(), &api).end().0, Some(3));
    let gone = RuntimeApi::start();
    gone.waiting.lock().unwrap().push_back(Reply::hang_up());
    assert_eq!(Function::start(folder.path(), &gone).end().0, Some(3));
}

#[test]
fn outside_of_lambda_the_command_says_where_it_belongs() {
    let key = Key::es256("corp");
    let folder = folder(&config(&key));
    let output = Command::new(LYCHGATE)
        .args(["lambda", "--config", "lychgate.yaml"])
        .current_dir(folder.path())
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AWS_LAMBDA_RUNTIME_API"));
}

#[test]
fn the_example_runs_as_a_functions_bootstrap() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (api, key, folder) = (RuntimeApi::start(), Key::es256("corp"), tempfile::tempdir().unwrap());
    let text = fs::read_to_string(root.join("deploy/config/ext-authz.yaml")).unwrap();
    let with_keys = text.replace("audience: [orders-api]", "audience: [orders-api]\n    keys: {file: jwks.json}");
    assert_ne!(with_keys, text);
    fs::write(folder.path().join("lychgate.yaml"), with_keys).unwrap();
    fs::write(folder.path().join("jwks.json"), json!({"keys": [key.jwk()]}).to_string()).unwrap();
    fs::copy(root.join("deploy/api-gateway/bootstrap"), folder.path().join("bootstrap")).unwrap();
    symlink(LYCHGATE, folder.path().join("lychgate")).unwrap();
    let _function = Function::by(&mut Command::new("./bootstrap"), folder.path(), &api);
    let token =
        Token::of("https://idp.example", key).claim("aud", "orders-api").scopes("orders/read").groups(&["sales"]);
    let asked = Asked::get("/orders/7").bearer(&token.mint());
    for (id, event) in [("rest", asked.event()), ("http", asked.event_2()), ("none", Asked::get("/orders/7").event())] {
        api.invoke(id, &event.to_string(), LONG);
    }
    for id in ["rest", "http"] {
        let answer = api.answer(id);
        assert_eq!(answer["policyDocument"]["Statement"][0]["Effect"], "Allow", "{answer}");
        assert_eq!(
            (&answer["context"]["x_auth_sub"], &answer["context"]["x_auth_groups"]),
            (&json!("alice"), &json!("sales"))
        );
    }
    assert_eq!(api.error("none"), "Unauthorized");
}
