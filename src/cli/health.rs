//! `lychgate health`: whether a running gate is ready, or alive, asked at its operator's door as an orchestrator would.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::HealthArgs;
use super::report::Failure;
use super::run::Verdict;
use crate::admin::AdminConfig;
use crate::config::Config;
use crate::server::ServerError;

/// Longest answer that is read, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// What the gate said of itself.
#[derive(Debug, PartialEq, Eq)]
enum Health {
    Good,
    /// What it still waits for, in its own words.
    Missing(Vec<String>),
    /// There was no answer, or one that no gate gives.
    Unknown(String),
}

pub(super) fn run(args: &HealthArgs) -> Result<Verdict, Failure> {
    let asked = match (&args.address, &args.config) {
        (Some(address), _) => address.clone(),
        (None, Some(config)) => own_address(config)?.to_string(),
        (None, None) => SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)).to_string(),
    };
    let health = match ask(&asked, args) {
        Ok(answer) => read(&answer, args.live),
        Err(error) => Health::Unknown(format!("`{asked}` does not answer: {error}")),
    };
    if args.json {
        print_json(&health, args.live, &asked);
    } else {
        print_text(&health, args.live);
    }
    Ok(if health == Health::Good { Verdict::Good } else { Verdict::No })
}

/// Where a gate with this config can be asked from the machine that it runs on.
fn own_address(config: &Path) -> Result<SocketAddr, Failure> {
    let config = Config::load(config).map_err(ServerError::from)?.config;
    let AdminConfig::At { address, .. } = config.admin else {
        return Err(Failure::Usage("the config says `admin: off`: there is no door to ask at".to_owned()));
    };
    // A gate that listens everywhere listens on loopback too, and nothing can be asked at an address that is none.
    Ok(match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    })
}

/// The whole answer. The door speaks plain HTTP, and to HTTP/1.0 it speaks without chunks and closes (RFC 9112 section 6.1).
fn ask(asked: &str, args: &HealthArgs) -> io::Result<Vec<u8>> {
    let end = Instant::now() + args.timeout;
    let address = asked.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, left(end)?)?;
    let path = if args.live { "/livez" } else { "/readyz" };
    stream.set_write_timeout(Some(left(end)?))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while (answer.len() as u64) < MOST_BYTES {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend(piece.iter().take(count)),
            // The system says of a time-out that it would have to wait.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && answer.is_empty() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // What keeps its connection open has said what it had to say; a gate does not.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// What is left until then.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn read(answer: &[u8], live: bool) -> Health {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let (key, good) = (if live { "live" } else { "ready" }, head.split(' ').nth(1) == Some("200"));
    match (good, body.get(key).and_then(Value::as_bool)) {
        (true, Some(true)) => Health::Good,
        (false, Some(false)) => {
            let missing = body.get("missing").and_then(Value::as_array).into_iter().flatten();
            Health::Missing(missing.filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => Health::Unknown("what answers there is not the operator's door of a gate".to_owned()),
    }
}

fn print_text(health: &Health, live: bool) {
    match health {
        Health::Good => println!("{}", if live { "alive" } else { "ready" }),
        Health::Missing(missing) => {
            let words: Vec<_> = missing.iter().map(|name| format!("`{}`", name.escape_debug())).collect();
            println!("not ready: {}", words.join(", "));
        }
        Health::Unknown(why) => eprintln!("error: {why}"),
    }
}

fn print_json(health: &Health, live: bool, asked: &str) {
    let key = if live { "live" } else { "ready" };
    let told = match health {
        Health::Good => json!({ "address": asked, key: true }),
        Health::Missing(missing) => json!({ "address": asked, key: false, "missing": missing }),
        Health::Unknown(why) => json!({ "address": asked, key: false, "error": why }),
    };
    println!("{told:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_gate_that_says_so_is_good() {
        let good = b"HTTP/1.0 200 OK\r\ncontent-length: 27\r\n\r\n{\"ready\":true,\"missing\":[]}";
        assert_eq!(read(good, false), Health::Good);
        assert_eq!(read(b"HTTP/1.0 200 OK\r\n\r\n{\"live\":true}", true), Health::Good);
        let waits =
            b"HTTP/1.0 503 Service Unavailable\r\n\r\n{\"ready\":false,\"missing\":[\"draining\",\"keys:corp\"]}";
        assert_eq!(read(waits, false), Health::Missing(vec!["draining".to_owned(), "keys:corp".to_owned()]));
        for other in [
            &b""[..],
            b"HTTP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nOK",
            b"HTTP/1.0 200 OK\r\n\r\n{\"ready\":\"true\"}",
            b"HTTP/1.0 200 OK\r\n\r\n{\"live\":true}",
            b"HTTP/1.0 503 No\r\n\r\n{\"ready\":true}",
            b"HTTP/1.0 404 Not Found\r\n\r\n{\"ready\":true}",
            b"SSH-2.0-OpenSSH_9\r\n",
            b"\xff\xfe",
        ] {
            assert!(matches!(read(other, false), Health::Unknown(_)), "{}", String::from_utf8_lossy(other));
        }
    }
}
