//! Upstreams: their endpoints, how the load is shared, and the one place that makes a pingora peer.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use pingora::protocols::ALPN;
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use super::config::{BalanceConfig, EndpointConfig, UpstreamConfig, UpstreamTlsConfig};

/// HTTP/2 streams on one upstream connection; pingora's own default is one.
const STREAMS_PER_CONNECTION: usize = 100;

/// Numbers the pools of kept connections, one for each upstream of each config.
static POOLS: AtomicU64 = AtomicU64::new(0);

/// A backend, ready to be connected to.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    peers: Vec<HttpPeer>,
    /// Indices into `peers`, each as often as its weight, spread evenly.
    turns: Vec<usize>,
    random: bool,
    next: AtomicUsize,
    attempts: usize,
}

/// Why an upstream could not be made.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// The address is no address, or its name has none.
    #[error("endpoint `{address}` of upstream `{upstream}` has no address")]
    Address {
        /// The upstream.
        upstream: String,
        /// The endpoint.
        address: String,
        /// What the resolver said.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A certificate or key could not be used.
    #[error("upstream `{upstream}`: `{file}` is not a usable PEM {kind}")]
    Pem {
        /// The upstream.
        upstream: String,
        /// The file.
        file: String,
        /// What it should be.
        kind: &'static str,
    },
}

impl Upstream {
    /// Resolves the endpoints and reads certificates.
    ///
    /// # Errors
    /// [`UpstreamError`] with the endpoint or file.
    pub fn new(name: &str, config: &UpstreamConfig) -> Result<Self, UpstreamError> {
        let tls = config.tls.as_ref().map(|tls| UpstreamTls::load(name, tls)).transpose()?;
        let peers = config.endpoints.iter().map(|endpoint| peer(name, endpoint, config, tls.as_ref()));
        let mut peers = peers.collect::<Result<Vec<_>, _>>()?;
        // INVARIANT: no two upstreams share connections. pingora would lend one that was made under other certificate
        // authorities, since it tells connections apart by address and name but not by whom they believe.
        let pool = POOLS.fetch_add(1, Ordering::Relaxed);
        for peer in &mut peers {
            peer.group_key = pool;
        }
        Ok(Self {
            name: name.into(),
            turns: spread(config.endpoints.iter().map(|endpoint| usize::from(endpoint.weight))),
            peers,
            random: config.balance == BalanceConfig::Random,
            next: AtomicUsize::new(0),
            attempts: config.retries.attempts,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many more endpoints may be tried after the first could not be connected to.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// The endpoint whose turn it is.
    #[must_use]
    pub fn next_peer(&self) -> Option<HttpPeer> {
        let turn = if self.random { fastrand::usize(..) } else { self.next.fetch_add(1, Ordering::Relaxed) };
        let place = turn.checked_rem(self.turns.len())?;
        self.turns.get(place).and_then(|peer| self.peers.get(*peer)).cloned()
    }
}

/// The turns of endpoints with these weights: each as often as its weight, and never in a row where it can be helped.
fn spread(weights: impl Iterator<Item = usize>) -> Vec<usize> {
    let weights: Vec<usize> = weights.collect();
    let total: usize = weights.iter().sum();
    let mut due = vec![0_usize; weights.len()];
    let mut turns = Vec::with_capacity(total);
    for turn in 1..=total {
        // Whoever lags furthest behind its share goes next.
        let lag = |(place, weight): (usize, &usize)| {
            let had = due.get(place).copied().unwrap_or_default();
            (weight * turn).saturating_sub(had * total)
        };
        let Some(next) = (0..weights.len()).max_by_key(|place| {
            (weights.get(*place).map_or(0, |weight| lag((*place, weight))), std::cmp::Reverse(*place))
        }) else {
            break;
        };
        if let Some(had) = due.get_mut(next) {
            *had += 1;
        }
        turns.push(next);
    }
    turns
}

struct UpstreamTls {
    server_name: Option<String>,
    ca: Option<Arc<[WrappedX509]>>,
    client: Option<Arc<CertKey>>,
}

impl UpstreamTls {
    fn load(upstream: &str, config: &UpstreamTlsConfig) -> Result<Self, UpstreamError> {
        let ca = config.ca.as_ref().map(|file| read_certificates(upstream, file)).transpose()?;
        let ca = ca.map(|ca| ca.into_iter().map(|der| WrappedX509::new(der, parse_x509)).collect());
        let client = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => {
                let key_der = PrivateKeyDer::from_pem_file(key).map_err(|_| pem(upstream, key, "private key"))?;
                let chain = read_certificates(upstream, certificate)?;
                Some(Arc::new(CertKey::new(chain, key_der.secret_der().to_vec())))
            }
            _ => None,
        };
        Ok(Self { server_name: config.server_name.clone(), ca, client })
    }
}

fn read_certificates(upstream: &str, file: &Path) -> Result<Vec<Vec<u8>>, UpstreamError> {
    let refused = || pem(upstream, file, "certificate");
    let certificates = CertificateDer::pem_file_iter(file).map_err(|_| refused())?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|_| refused())?;
    // pingora takes unreadable certificates as a bug and panics, so they are tried here first.
    let readable = |der: &CertificateDer<'_>| rustls::server::ParsedCertificate::try_from(der).is_ok();
    if certificates.is_empty() || !certificates.iter().all(readable) {
        return Err(refused());
    }
    Ok(certificates.into_iter().map(|der| der.to_vec()).collect())
}

fn pem(upstream: &str, file: &Path, kind: &'static str) -> UpstreamError {
    UpstreamError::Pem { upstream: upstream.to_owned(), file: file.display().to_string(), kind }
}

/// The only place that makes a peer, so that none is ever without timeouts.
fn peer(
    upstream: &str,
    endpoint: &EndpointConfig,
    config: &UpstreamConfig,
    tls: Option<&UpstreamTls>,
) -> Result<HttpPeer, UpstreamError> {
    // pingora verifies nothing where the server name is empty: there is always one.
    let host = endpoint.address.rsplit_once(':').map_or(endpoint.address.as_str(), |(host, _)| host);
    let server_name = tls.and_then(|tls| tls.server_name.as_deref()).unwrap_or(host);
    let server_name = server_name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut peer = HttpPeer::new(resolve(upstream, &endpoint.address)?, tls.is_some(), server_name);
    let timeouts = &config.timeouts;
    peer.options.connection_timeout = Some(timeouts.connect);
    peer.options.total_connection_timeout = Some(timeouts.connect);
    peer.options.read_timeout = Some(timeouts.read);
    peer.options.write_timeout = Some(timeouts.write);
    peer.options.idle_timeout = Some(timeouts.idle);
    peer.options.max_h2_streams = STREAMS_PER_CONNECTION;
    peer.options.alpn = if config.http2 { ALPN::H2 } else { ALPN::H1 };
    if let Some(tls) = tls {
        peer.options.ca.clone_from(&tls.ca);
        peer.client_cert_key.clone_from(&tls.client);
    }
    debug_assert!(peer.get_peer_options().is_some());
    Ok(peer)
}

fn resolve(upstream: &str, address: &str) -> Result<SocketAddr, UpstreamError> {
    let refused =
        |source| UpstreamError::Address { upstream: upstream.to_owned(), address: address.to_owned(), source };
    let mut addresses = address.to_socket_addrs().map_err(|source| refused(Some(source)))?;
    addresses.next().ok_or_else(|| refused(None))
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn turns_are_taken_by_weight_and_spread_evenly() {
        assert_eq!(spread([1, 1, 1].into_iter()), [0, 1, 2]);
        assert_eq!(spread([1, 2].into_iter()), [1, 0, 1]);
        let turns = spread([5, 1, 1].into_iter());
        let count = |place| turns.iter().filter(|turn| **turn == place).count();
        assert_eq!([count(0), count(1), count(2)], [5, 1, 1]);
        assert!(spread(std::iter::empty()).is_empty());
    }
}
