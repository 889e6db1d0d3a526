//! E-mail by a mail server.

use std::path::Path;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{Error, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};

use super::config::{EmailConfig, SmtpConfig, SmtpTls};
use super::error::Undelivered;
use super::letter::Letter;
use crate::issuer::error::IssuerError;

/// Connections that are kept to the mail server.
const CONNECTIONS: u32 = 4;
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// Sends e-mail.
#[derive(Debug)]
pub(super) struct Mailer {
    from: Mailbox,
    server: AsyncSmtpTransport<Tokio1Executor>,
}

impl Mailer {
    /// Judges the config; connects to nobody yet.
    pub(super) fn new(config: &EmailConfig) -> Result<Self, IssuerError> {
        let wrong = |problem| IssuerError::Messages { key: "email", problem };
        let from = config.from.parse().map_err(|_| wrong("`from` is no e-mail address"))?;
        let EmailConfig { smtp, .. } = config;
        let port = smtp.port.unwrap_or(if smtp.tls == SmtpTls::Implicit { SUBMISSIONS } else { SUBMISSION });
        let server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(port)
            .tls(tls(smtp)?)
            .timeout(Some(smtp.timeout))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS));
        let server = match (&smtp.username, &smtp.password) {
            (Some(name), Some(password)) => server.credentials(credentials(name, password)),
            (None, None) => server,
            _ => return Err(wrong("`username` and `password` come together")),
        };
        Ok(Self { from, server: server.build() })
    }

    pub(super) async fn send(&self, letter: &Letter) -> Result<(), Undelivered> {
        // An address that is none never was deliverable, and must not stand in a header.
        let to: Mailbox = letter.to.expose_secret().parse().map_err(|_| Undelivered::ForGood("address"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.body.expose_secret().to_owned())
            .map_err(|_| Undelivered::ForGood("message"))?;
        self.server.send(message).await.map(|_| ()).map_err(|error| undelivered(&error))
    }
}

fn credentials(name: &str, password: &SecretString) -> Credentials {
    Credentials::new(name.to_owned(), password.expose_secret().to_owned())
}

fn tls(config: &SmtpConfig) -> Result<Tls, IssuerError> {
    let parameters = || {
        let mut parameters = TlsParameters::builder(config.host.clone());
        if let Some(ca) = &config.ca {
            // Instead of the system's: then no public authority can vouch for a private name.
            parameters = parameters.certificate_store(CertificateStore::None);
            for certificate in certificates(ca)? {
                parameters = parameters.add_root_certificate(certificate);
            }
        }
        parameters.build().map_err(|_| IssuerError::Messages { key: "email", problem: "TLS cannot be set up" })
    };
    Ok(match config.tls {
        SmtpTls::Starttls => Tls::Required(parameters()?),
        SmtpTls::Implicit => Tls::Wrapper(parameters()?),
        SmtpTls::Off => Tls::None,
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, IssuerError> {
    let wrong = || IssuerError::Messages { key: "email", problem: "`ca` is no file of PEM certificates" };
    let pem = std::fs::read(path).map_err(|_| wrong())?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| wrong())?;
    if certificates.is_empty() {
        return Err(wrong());
    }
    certificates.into_iter().map(|der| Certificate::from_der(der.to_vec()).map_err(|_| wrong())).collect()
}

/// What the server will say no to again is for good; its words are not repeated, they may hold the address.
fn undelivered(error: &Error) -> Undelivered {
    match () {
        () if error.is_permanent() => Undelivered::ForGood("refused"),
        () if error.is_transient() => Undelivered::ForNow("refused-for-now"),
        () if error.is_timeout() => Undelivered::ForNow("timeout"),
        () if error.is_tls() => Undelivered::ForNow("tls"),
        () => Undelivered::ForNow("connection"),
    }
}
