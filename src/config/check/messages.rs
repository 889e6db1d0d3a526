//! How messages reach users: addresses, servers and secrets that can be what they say.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::findings::Findings;
use super::url::{is_loopback, objection};
use crate::admin::AdminConfig;
use crate::config::mistake::Reason;
use crate::config::places::ConfigPath;
use crate::config::sections::Config;
use crate::issuer::{MessagesConfig, SmtpConfig, SmtpTls, WriteMessagesTo};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// What `development` shows must not leave the machine.
pub(crate) fn check_development(config: &Config, findings: &mut Findings<'_>) {
    if config.issuer.as_ref().is_none_or(|issuer| !issuer.development) {
        return;
    }
    if let AdminConfig::At { address, .. } = &config.admin
        && !address.ip().is_loopback()
    {
        let path = ConfigPath::new("issuer").key("development");
        let message = "shows codes and passwords at the operator's door, so its `admin.address` must be on loopback";
        findings.add(&path, Reason::Contradiction, message);
    }
}

pub(super) fn check_messages(at: &ConfigPath, messages: &MessagesConfig, findings: &mut Findings<'_>) {
    if let Some(email) = &messages.email {
        let at = at.key("email");
        if !email.from.contains('@') || email.from.chars().any(char::is_control) {
            findings.wrong(&at.key("from"), "must be an e-mail address, such as `Example <no-reply@example.com>`");
        }
        check_smtp(&at.key("smtp"), &email.smtp, findings);
    }
    if let Some(sms) = &messages.sms {
        let at = at.key("sms").key("webhook");
        if let Some(objection) = objection(&sms.webhook.url, false) {
            findings.wrong(&at.key("url"), objection);
        }
        if sms.webhook.secret.expose_secret().chars().count() < 16 {
            findings.wrong(&at.key("secret"), "must be at least 16 characters");
        }
        timeout(&at.key("timeout"), sms.webhook.timeout, findings);
    }
    if let Some(WriteMessagesTo::File(file)) = &messages.write_to
        && let Some(folder) = file.parent().filter(|folder| *folder != Path::new(""))
    {
        findings.directory(&at.key("write_to"), folder);
    }
}

fn check_smtp(at: &ConfigPath, smtp: &SmtpConfig, findings: &mut Findings<'_>) {
    if smtp.host.is_empty() || smtp.host.contains([':', '/', ' ']) && smtp.host.parse::<IpAddr>().is_err() {
        findings.wrong(&at.key("host"), "must be the name of a mail server, without port");
    }
    if smtp.tls == SmtpTls::Off && !is_loopback(&smtp.host) {
        let message = "sends codes and the password in clear: `off` is taken for loopback alone";
        findings.wrong(&at.key("tls"), message);
    }
    if let Some(ca) = &smtp.ca {
        findings.file(&at.key("ca"), ca);
    }
    if smtp.username.is_some() != smtp.password.is_some() {
        findings.add(at, Reason::Contradiction, "`username` and `password` come together");
    }
    timeout(&at.key("timeout"), smtp.timeout, findings);
}

fn timeout(path: &ConfigPath, timeout: Duration, findings: &mut Findings<'_>) {
    if !(SECOND..=MINUTE).contains(&timeout) {
        findings.wrong(path, "must be from `1s` to `60s`");
    }
}
