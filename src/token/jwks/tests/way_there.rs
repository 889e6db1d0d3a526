//! The way to an issuer that is not the open internet: a private authority, and a proxy.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::provider::{Provider, Reply, issuer, key_set, trust};
use crate::token::jwks::fetch::{Fetcher, KeySource};

#[tokio::test]
async fn a_proxy_is_asked_for_what_is_elsewhere_and_never_for_loopback() {
    let (proxy, here) = (Provider::start(Reply::keys(&["far"])).await, Provider::start(Reply::keys(&["near"])).await);
    let through = json!({"fetch": {"proxy": format!("http://{}", proxy.address())}, "allow_insecure": true});
    let mut far = issuer("http://idp.test/keys", &through);
    far.refresher.fetch_once().await;
    assert!(far.knows("far"));
    assert_eq!(proxy.asked(), ["GET http://idp.test/keys HTTP/1.1"]);

    let mut near = issuer(&here.url(), &through);
    near.refresher.fetch_once().await;
    assert!(near.knows("near"));
    assert_eq!((proxy.fetches(), here.fetches()), (1, 1));
}

#[tokio::test]
async fn https_goes_through_a_proxy_by_connect() {
    let proxy = Provider::start(Reply::new("403 Forbidden", "")).await;
    let mut far = issuer("https://idp.test/keys", &json!({"fetch": {"proxy": format!("http://{}", proxy.address())}}));
    far.refresher.fetch_once().await;
    assert!(far.store.current().is_none());
    assert_eq!(proxy.asked(), ["CONNECT idp.test:443 HTTP/1.1"]);
}

/// A server whose certificate is of an authority that this test made; gives its port and the authority in PEM.
fn private_server() -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            serve_tls(socket, config.clone());
        }
    });
    (port, authority.as_ref().pem())
}

/// One answer with a key set, where the handshake succeeds.
fn serve_tls(socket: std::net::TcpStream, config: Arc<ServerConfig>) {
    use std::io::{Read, Write};
    let mut tls = rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), socket);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if tls.read_exact(&mut byte).is_err() {
            return;
        }
        request.extend(byte);
    }
    let body = key_set(&["private"]).to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _sent = tls.write_all(format!("{head}{body}").as_bytes());
    tls.conn.send_close_notify();
    let _sent = tls.flush();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let ((port, authority), (_, other)) = (private_server(), private_server());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        json!({"fetch": {"ca": path}, "refresh": {"timeout": "5s"}})
    };
    let url = format!("https://localhost:{port}/keys");
    for (trust, knows) in [
        (file("ca.pem", &authority), true),
        (file("both.pem", &format!("{other}{authority}")), true),
        (file("other.pem", &other), false),
        (json!({}), false),
    ] {
        let mut corp = issuer(&url, &trust);
        corp.refresher.fetch_once().await;
        assert_eq!(corp.knows("private"), knows, "{trust}: {:?}", corp.store.status().last_error);
    }
}

#[test]
fn a_file_without_certificates_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let path = folder.path().join("ca.pem");
        fs::write(&path, content).unwrap();
        let trust = trust(&json!({"fetch": {"ca": path}}));
        let made = Fetcher::new(KeySource::Uri("https://idp.test/".to_owned()), &trust);
        assert!(made.is_err(), "{content:?}");
    }
    let trust = trust(&json!({"fetch": {"ca": folder.path().join("none.pem")}}));
    assert!(Fetcher::new(KeySource::Uri("https://idp.test/".to_owned()), &trust).is_err());
}
