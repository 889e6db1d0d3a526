//! The whole decision about a request, without the sockets: it is read, its route found, and all asked that the route asks for.
//!
//! `cargo bench --bench authorize`. What a step costs is the difference of two lines: a policy, say, `policies` less `same token`.
#![expect(clippy::unwrap_used, reason = "a bench stops at what it cannot set up")]

mod claims;
mod whole_gate;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, USER_AGENT};
use lychgate::authorizer::{AccessRequest, Authorizer, ConnectionFacts, Decision, ReceivedRequest};
use lychgate::jose::{Algorithm, SigningKey};
use lychgate::server::{Ground, House, build};

use self::claims::claims;
use self::whole_gate::whole_gate;

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Name, route, whether a token is sent, and the code of the refusal where there is to be one.
const SITUATIONS: [(&str, &str, bool, Option<&str>); 6] = [
    ("public route", "public", false, None),
    ("same token", "token", true, None),
    ("scopes and groups", "rules", true, None),
    ("policies", "policies", true, None),
    ("no token", "token", false, Some("missing-credential")),
    ("without the scope", "admins", true, Some("insufficient-scope")),
];

/// Sockets are never opened here.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

fn house(key: &SigningKey, ground: &Ground) -> House {
    let (loaded, _files) = whole_gate(NOWHERE, NOWHERE, key);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut house = build(&loaded, ground).await.unwrap();
        for keys in &mut house.refreshers {
            keys.fetch_once().await;
        }
        house
    })
}

/// Nothing waits where the key is known, so one poll is the whole of it.
fn decide(authorizer: &Authorizer, headers: &HeaderMap, target: &str) -> Decision {
    let received = ReceivedRequest {
        method: "GET",
        target: target.as_bytes(),
        authority: None,
        headers,
        client: NOWHERE.ip(),
        connection: ConnectionFacts::default(),
    };
    let request = AccessRequest::read(received).unwrap();
    let mut deciding = pin!(authorizer.authorize(&request));
    match deciding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => decision,
        Poll::Pending => unreachable!("the key is known"),
    }
}

fn headers(token: Option<&str>) -> HeaderMap {
    let usual = [
        (HOST, "api.example.com"),
        (USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        (ACCEPT, "application/json"),
        (ACCEPT_ENCODING, "gzip, deflate, br"),
    ];
    let bearer = token.map(|token| (AUTHORIZATION, format!("Bearer {token}").parse().unwrap()));
    usual.map(|(name, value)| (name, value.parse().unwrap())).into_iter().chain(bearer).collect()
}

fn benches(criterion: &mut Criterion) {
    let ground = Ground::new().unwrap();
    let key = SigningKey::generate_for(Algorithm::Rs256).unwrap();
    let house = house(&key, &ground);
    let authorizer = &house.snapshot.point.authorizer;
    let token = key.sign(&claims(1, ground.clock.unix_seconds())).unwrap();
    let mut group = criterion.benchmark_group("authorize");
    for (name, route, with_token, refusal) in SITUATIONS {
        let (headers, target) = (headers(with_token.then_some(token.as_str())), format!("/{route}/alice/orders/7"));
        // A token is kept from its second sight on.
        decide(authorizer, &headers, &target).outcome.ok();
        let seen = decide(authorizer, &headers, &target).outcome;
        assert_eq!(seen.err().map(|denial| denial.code()), refusal, "{name}");
        group.bench_function(name, |bencher| bencher.iter(|| decide(authorizer, &headers, &target)));
    }
    group.finish();
}

criterion_group!(deciding, benches);
criterion_main!(deciding);
