//! SIGUSR2: a new process takes the place of the old one, with its sockets, or nothing changes.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::support::{
    Authority, Connection, Identity, Request, Setup, Steady, TestGateway, TestIssuer, TestUpstream, free_ports, until,
};

const NAME: &str = "gate.example";

const CONFIG: &str = r#"
admin: {address: "127.0.0.1:@ADMIN@", revocations: {token: correct-horse-battery}}
trusted_issuers:
  corp: @CORP@
dpop: {nonce: true}
upstreams:
  echo: {endpoints: ["@UPSTREAM@"]}
routes:
  - {name: open, match: {path: "/public/{*rest}"}, access: public, upstream: echo}
  - {name: orders, match: {path: "/orders"}, upstream: echo}
shutdown: {delay: 10m, drain: 10s, hand_over: @WITHIN@}
"#;

/// The delay is so long that whoever waits for it here waits in vain: after a hand-over nobody has to.
struct World {
    issuer: TestIssuer,
    upstream: TestUpstream,
    gate: TestGateway,
}

impl World {
    fn new(setup: impl Fn(Setup) -> Setup) -> Self {
        Self::within("1m", setup)
    }

    fn within(within: &str, setup: impl Fn(Setup) -> Setup) -> Self {
        let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
        let config = Setup::of(CONFIG).put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address());
        let gate = setup(config.put("WITHIN", within)).start();
        Self { issuer, upstream, gate }
    }

    fn public(&self) -> u16 {
        self.gate.ask(&Request::get("/public/a")).status()
    }

    fn order(&self, token: &str) -> u16 {
        self.gate.ask(&Request::get("/orders").bearer(token)).status()
    }

    fn revoke(&self, jti: &str) {
        let request = Request::new("POST", "/revocations").bearer("correct-horse-battery");
        let body = format!(r#"{{"issuer": "corp", "jti": "{jti}"}}"#);
        let answer = self.gate.ask_admin(&request.header("Connection", "close").body(body.as_bytes()));
        assert!(answer.status() < 300, "{answer:?}");
    }

    /// Waits until it has said that it goes on, so often; and it does, and nobody else.
    fn goes_on(&self, why: &str, times: usize) {
        until(why, || {
            let said = self.gate.stderr();
            let lines = said.lines().filter(|line| line.contains(why) && line.contains("nothing was handed over"));
            (lines.count() == times).then_some(())
        });
        assert_eq!(self.public(), 200);
        assert_eq!(self.gate.admin("/readyz").status(), 200);
        assert_eq!(self.gate.admin("/status").json()["pid"], self.gate.pid());
        assert!(self.gate.children().is_empty(), "{}", self.gate.stderr());
    }
}

#[test]
fn a_new_process_takes_over_under_load_and_no_request_fails() {
    let authority = Authority::new();
    let Identity { certificate, key } = authority.identity(NAME);
    let [clear, tls, asked] = free_ports().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    let doors = format!(
        "listeners:\n  - {{address: \"{clear}\", h2c: true}}\n  - {{address: \"127.0.0.1:@GATE@\"}}\n  \
         - {{address: \"{tls}\", tls: {{certificate: tls.crt, key: tls.key}}}}\n\
         ext_authz: {{http: [{{address: \"{asked}\", forward_auth: [traefik]}}]}}\n"
    );
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let config = Setup::of(&format!("{CONFIG}\n{doors}")).put("CORP", issuer.trust("")).put("WITHIN", "1m");
    let config = config.put("UPSTREAM", upstream.address()).file("tls.crt", certificate).file("tls.key", key);
    let mut gate = config.start();
    let (address, token) = (gate.address(), issuer.token().mint());
    let order = Request::get("/orders").bearer(&token);
    let kept = Steady::begin(4, move || Connection::open(address), move |_| order.clone());
    let open = |_| Request::get("/public/a").host(NAME).header("Connection", "close");
    let fresh = Steady::begin(2, move || Connection::open(clear), open);
    let client = authority.client(&["http/1.1"]);
    let encrypted = Steady::begin(
        2,
        move || Connection::open_tls(tls, NAME, client.clone()).unwrap(),
        |_| Request::get("/public/a").host(NAME),
    );
    let question = Request::get("/forward-auth/traefik").bearer(&token).header("X-Forwarded-Method", "GET");
    let question = question.header("X-Forwarded-Proto", "http").header("X-Forwarded-Host", NAME);
    let question = question.header("X-Forwarded-Uri", "/orders").header("X-Forwarded-For", "127.0.0.1");
    let proxies = Steady::begin(2, move || Connection::open(asked), move |_| question.clone());
    let all = [kept, fresh, encrypted, proxies];
    let more = || all.iter().for_each(|load| load.more(50));
    more();
    // The one that has taken over can be followed by another.
    for _ in 0..3 {
        let before = gate.pid();
        gate.hand_over();
        assert_ne!(gate.pid(), before);
        more();
    }
    for (asked, failed) in all.map(Steady::end) {
        assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
    }
}

#[test]
fn the_embedded_issuer_goes_over_with_its_keys() {
    let [login] = free_ports();
    let login = SocketAddr::from(([127, 0, 0, 1], login));
    let pools =
        "database: pools.db, pools: {demo: {id: local_demo12345, clients: {web: {id: web00000000000000000000001}}}}";
    let (issuer, upstream) = (TestIssuer::start(), TestUpstream::start());
    let config = Setup::of(&format!("{CONFIG}\nissuer: {{address: \"{login}\", {pools}}}\n")).put("WITHIN", "1m");
    let mut gate = config.put("CORP", issuer.trust("")).put("UPSTREAM", upstream.address()).start();
    let keys = Request::get("/local_demo12345/.well-known/jwks.json");
    let before = Connection::open(login).ask(&keys).text();
    assert!(before.contains("\"kid\""), "{before}");
    let (asked, once) = (keys.clone(), keys.clone().header("Connection", "close"));
    let kept = Steady::begin(2, move || Connection::open(login), move |_| asked.clone());
    let fresh = Steady::begin(2, move || Connection::open(login), move |_| once.clone());
    let all = [kept, fresh];
    for load in &all {
        load.more(50);
    }
    gate.hand_over();
    for load in &all {
        load.more(50);
    }
    for (asked, failed) in all.map(Steady::end) {
        assert!(failed.is_empty(), "of {asked} requests {} failed: {failed:?}", failed.len());
    }
    assert_eq!(Connection::open(login).ask(&keys).text(), before);
}

#[test]
fn a_request_that_is_on_its_way_is_answered_by_the_old_process() {
    let mut world = World::new(|setup| setup);
    let mut connection = world.gate.connect();
    let asked = thread::spawn(move || connection.ask(&Request::get("/public/slow").header("X-Test-Delay", "3000")));
    until("the request to arrive", || (!world.upstream.received().is_empty()).then_some(()));
    world.gate.signal("USR2");
    until("the new process", || world.gate.stderr().contains("has taken over").then_some(()));
    assert!(world.gate.is_running(), "it has a request yet");
    assert_eq!((world.public(), world.gate.admin("/readyz").status()), (200, 200));
    assert_ne!(world.gate.admin("/status").json()["pid"], world.gate.pid(), "the operator's door is the new one's");
    // As a service manager would, which tells all of them.
    world.gate.signal("TERM");
    let answer = asked.join().unwrap();
    assert_eq!((answer.status(), answer.header("connection")), (200, Some("close")));
    world.gate.is_handed_over();
    assert_eq!(world.public(), 200);
}

#[test]
fn what_was_revoked_stays_so_and_nonces_stay_good() {
    let mut world = World::new(|setup| setup);
    let [revoked, good] = ["a", "b"].map(|jti| world.issuer.token().claim("jti", jti).mint());
    let bound = world.issuer.token().claim("cnf", serde_json::json!({"jkt": "A".repeat(43)})).mint();
    let nonce = |world: &World| {
        let asked = Request::get("/orders").header("Authorization", &format!("DPoP {bound}"));
        world.gate.ask(&asked).header("dpop-nonce").map(str::to_owned)
    };
    world.revoke("a");
    let mut before = nonce(&world);
    assert!(before.is_some());
    world.gate.hand_over();
    assert_eq!((world.order(&revoked), world.order(&good)), (401, 200));
    if nonce(&world) != before {
        // The time may have brought the next one meanwhile, but not twice.
        before = nonce(&world);
        world.gate.hand_over();
        assert_eq!(nonce(&world), before);
    }
    world.revoke("b");
    world.gate.hand_over();
    assert_eq!((world.order(&revoked), world.order(&good)), (401, 401));
}

#[test]
fn with_a_config_that_cannot_be_the_old_process_goes_on() {
    let mut world = World::new(|setup| setup);
    world.gate.rewrite("lychgate.yaml", "upstreams:", "upstream_s:");
    for times in 1..=2 {
        world.gate.signal("USR2");
        world.goes_on("ended before it was ready (exit status: 3)", times);
    }
    world.gate.rewrite("lychgate.yaml", "upstream_s:", "upstreams:");
    world.gate.hand_over();
    assert_eq!(world.public(), 200);
}

#[test]
fn one_that_does_not_get_ready_in_time_is_ended_and_the_old_process_goes_on() {
    let mut world = World::within("1500ms", |setup| setup);
    world.issuer.goes_down();
    world.gate.signal("USR2");
    world.goes_on("not ready within `shutdown.hand_over`", 1);
    assert_eq!(world.order(&world.issuer.token().mint()), 200, "it has the keys that the other could not get");
    assert!(world.gate.is_running());
}

#[test]
fn told_to_stop_meanwhile_it_ends_the_new_process_and_itself() {
    for signal in ["INT", "TERM"] {
        let mut world = World::new(|setup| setup);
        world.issuer.goes_down();
        world.gate.signal("USR2");
        let child = until("the new process", || world.gate.children().first().copied());
        world.gate.signal(signal);
        until("the new process to end", || (!Path::new(&format!("/proc/{child}/exe")).exists()).then_some(()));
        if signal == "TERM" {
            until("it to be unready", || (world.gate.admin("/readyz").status() == 503).then_some(()));
            assert_eq!(world.public(), 200);
            world.gate.signal("TERM");
        }
        assert_eq!(world.gate.wait().code(), Some(0));
        assert!(TcpStream::connect(world.gate.address()).is_err());
    }
}

#[test]
fn the_binary_that_is_there_now_is_started() {
    let mut world = World::new(Setup::linked);
    let link = world.gate.path("lychgate");
    let real = fs::canonicalize(&link).unwrap();
    let put = |script: &str| {
        let (file, new) = (world.gate.path("next"), world.gate.path("new-link"));
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&file, &new).unwrap();
        fs::rename(new, &link).unwrap();
    };
    // Nothing that could serve, and nothing at all.
    put("exit 7");
    world.gate.signal("USR2");
    world.goes_on("ended before it was ready (exit status: 7)", 1);
    fs::remove_file(&link).unwrap();
    world.gate.signal("USR2");
    world.goes_on("could not be started", 1);
    let mark = world.gate.path("mark");
    put(&format!("echo \"$@\" > '{}'\nexec '{}' \"$@\"", mark.display(), real.display()));
    world.gate.hand_over();
    assert_eq!(world.public(), 200);
    assert!(fs::read_to_string(mark).unwrap().starts_with("serve --config "));
}

#[test]
fn doors_that_the_config_has_anew_are_opened_and_those_that_it_has_no_more_are_closed() {
    let [next] = free_ports();
    let mut world = World::new(|setup| setup);
    let (old, next) = (world.gate.address(), SocketAddr::from(([127, 0, 0, 1], next)));
    let (before, after) = (format!("listeners: [{{address: {old}}}]"), format!("listeners: [{{address: {next}}}]"));
    world.gate.rewrite("lychgate.yaml", &before, &after);
    world.gate.hand_over();
    assert_eq!(Connection::open(next).ask(&Request::get("/public/a")).status(), 200);
    assert!(TcpStream::connect(old).is_err());
    assert!(world.gate.stderr().contains("is of none of its doors"));
}

#[test]
fn a_service_manager_opens_the_sockets_and_is_told_who_serves() {
    let folder = tempfile::tempdir().unwrap();
    let manager = folder.path().join("notify");
    let hears = UnixDatagram::bind(&manager).unwrap();
    hears.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let said = || {
        let mut words = [0; 256];
        let length = hears.recv(&mut words).unwrap();
        String::from_utf8(words[..length].to_vec()).unwrap()
    };
    let [stray] = free_ports();
    let stray = SocketAddr::from(([127, 0, 0, 1], stray));
    let mut world = World::new(|setup| setup.managed(&[stray], &manager));
    let serves = |pid: u32| format!("READY=1\nMAINPID={pid}\nSTATUS=serving");
    assert_eq!(said(), serves(world.gate.pid()));
    until("the word on the stray", || world.gate.stderr().contains(&format!("\"address\":\"{stray}\"")).then_some(()));
    // Nobody would have answered there. What another test starts meanwhile has a copy of it until it becomes a program of its own.
    until("the end of the stray", || TcpStream::connect(stray).is_err().then_some(()));
    assert_eq!(world.public(), 200);
    world.gate.hand_over();
    assert_eq!(said(), serves(world.gate.pid()));
    world.gate.signal("TERM");
    assert!(said().starts_with("STOPPING=1\n"));
    world.gate.signal("TERM");
}
