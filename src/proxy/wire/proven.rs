//! What the TLS handshake has proved of a client: the certificate that it holds.

use std::sync::{Arc, OnceLock};

use pingora::http::ResponseHeader;
use pingora::protocols::Digest;
use pingora::protocols::raw_connect::ProxyDigest;

use crate::authorizer::ClientCertificate;

/// What is known of a connection once its handshake is done. pingora passes it up the layers of a connection, in the one place that it
/// leaves to others.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof(Arc<OnceLock<Arc<ProxyDigest>>>);

impl Proof {
    /// Takes in the certificate that the client has proved to hold.
    pub(super) fn set(&self, der: &[u8]) {
        let Ok(nothing) = ResponseHeader::build_no_case(200, Some(0)) else { return };
        let proven = ProxyDigest::new(Box::new(nothing), Some(Box::new(ClientCertificate::proved(der))));
        // A connection has one handshake.
        let _only_once = self.0.set(Arc::new(proven));
    }

    pub(super) fn digest(&self) -> Option<Arc<ProxyDigest>> {
        self.0.get().cloned()
    }
}

/// The certificate that the client of a connection has proved to hold.
pub(in crate::proxy) fn proven(digest: &Digest) -> Option<&ClientCertificate> {
    digest.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}
