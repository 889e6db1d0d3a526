//! Every check of a config, section by section.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::doors::check_doors;
use super::findings::{Findings, humantime};
use super::headers::{check_credentials, check_identity};
use super::messages::check_development;
use super::pools::check_issuer;
use super::rates::check_rates;
use super::routes::{check_resource, check_routes};
use super::sockets::check_sockets;
use super::traces::check_traces;
use super::trusted::check_trusted_issuers;
use super::upstreams::check_upstreams;
use crate::config::mistake::{Mistake, Reason};
use crate::config::places::{ConfigPath, Places};
use crate::config::sections::Config;
use crate::config::shutdown::ShutdownConfig;
use crate::policy::Mode;
use crate::proxy::LimitsConfig;
use crate::telemetry::{DecisionsConfig, DecisionsLogged};
use crate::token::DpopConfig;

/// All that is wrong with `config` beyond its types.
pub(crate) fn check(config: &Config, places: &Places) -> Vec<Mistake> {
    let mut findings = Findings::new(places);
    check_sockets(config, &mut findings);
    check_trusted_issuers(config, &mut findings);
    check_credentials(&config.credentials, &mut findings);
    check_policies(config, &mut findings);
    check_upstreams(config, &mut findings);
    check_routes(config, &mut findings);
    check_rates(config, &mut findings);
    check_dpop(&config.dpop, &mut findings);
    check_resource(&ConfigPath::new("protected_resource"), &config.protected_resource, &mut findings);
    check_identity(&config.identity, &mut findings);
    check_limits(&config.limits, &mut findings);
    check_threads(config.threads, &mut findings);
    check_shutdown(&config.shutdown, &mut findings);
    check_doors(config.ext_authz.as_ref(), &mut findings);
    check_decisions(&config.telemetry.decisions, &mut findings);
    check_traces(config.telemetry.traces.as_ref(), &mut findings);
    check_issuer(config.issuer.as_ref(), &mut findings);
    check_development(config, &mut findings);
    findings.mistakes
}

fn check_policies(config: &Config, findings: &mut Findings<'_>) {
    for (name, bundle) in &config.policies {
        let at = ConfigPath::new("policies").key(name);
        if name.trim().is_empty() {
            findings.wrong_key(&at, "a bundle needs a name");
        }
        findings.directory(&at.key("directory"), &bundle.directory);
        let Some(candidate) = &bundle.candidate else { continue };
        findings.directory(&at.key("candidate").key("directory"), &candidate.directory);
        if bundle.mode != Mode::Enforce {
            let message =
                "a bundle in shadow decides nothing that a candidate could be compared with; leave `mode` out";
            findings.add(&at.key("candidate"), Reason::Contradiction, message);
        }
    }
}

fn check_decisions(decisions: &DecisionsConfig, findings: &mut Findings<'_>) {
    let at = ConfigPath::new("telemetry").key("decisions");
    if !(0.0..=1.0).contains(&decisions.sample) {
        findings.wrong(&at.key("sample"), "must be a share from 0 to 1");
    }
    if decisions.log != DecisionsLogged::All && findings.places.is_written(&at.key("sample")) {
        findings.add_key(
            &at.key("sample"),
            Reason::Contradiction,
            "only `log: all` is sampled: denials are all logged",
        );
    }
    if decisions.log == DecisionsLogged::Off && decisions.file.is_some() {
        findings.add_key(&at.key("file"), Reason::Contradiction, "nothing is logged; say `log: denied` or `log: all`");
    }
}

/// Proofs are remembered for as long as they may pass.
fn check_dpop(dpop: &DpopConfig, findings: &mut Findings<'_>) {
    let DpopConfig { max_age, leeway, nonce, nonce_secret } = dpop;
    let at = ConfigPath::new("dpop");
    for (key, value) in [("max_age", *max_age), ("leeway", *leeway)] {
        if value > Duration::from_mins(5) {
            findings.wrong(&at.key(key), "must be at most `5m`: a proof is made for one request");
        }
    }
    findings.duration(&at.key("max_age"), *max_age, Duration::from_secs(1));
    let Some(secret) = nonce_secret else { return };
    let secret = secret.expose_secret();
    if secret.len() < 32 || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        findings.wrong(&at.key("nonce_secret"), "must be at least 32 visible ASCII characters, without blanks");
    }
    if !nonce {
        findings.add_key(&at.key("nonce_secret"), Reason::Contradiction, "there are no nonces; say `nonce: true`");
    }
}

fn check_shutdown(shutdown: &ShutdownConfig, findings: &mut Findings<'_>) {
    let ShutdownConfig { delay, drain, hand_over } = shutdown;
    let at = ConfigPath::new("shutdown");
    for (key, value, longest) in [
        ("delay", *delay, Duration::from_mins(10)),
        ("drain", *drain, Duration::from_hours(24)),
        ("hand_over", *hand_over, Duration::from_mins(10)),
    ] {
        if value > longest {
            findings.wrong(&at.key(key), format!("must be at most `{}`", humantime(longest)));
        }
    }
    findings.duration(&at.key("hand_over"), *hand_over, Duration::from_millis(100));
}

fn check_threads(threads: Option<usize>, findings: &mut Findings<'_>) {
    if let Some(threads) = threads {
        findings.between(&ConfigPath::new("threads"), threads as u64, 1, 1024);
    }
}

/// The upper bounds are what the proxy beneath and the parsers can hold; beyond them a limit would not be the one that is felt.
fn check_limits(limits: &LimitsConfig, findings: &mut Findings<'_>) {
    const MIB: u64 = 1024 * 1024;
    let at = ConfigPath::new("limits");
    let LimitsConfig {
        token,
        header,
        headers,
        target,
        body,
        claims_depth,
        token_cache,
        header_timeout,
        body_timeout,
        write_timeout,
        connections_per_ip,
    } = limits;
    for (key, value, most) in [
        ("token", token.as_u64(), MIB),
        ("header", header.as_u64(), MIB),
        ("headers", *headers as u64, 256),
        ("target", target.as_u64(), 65_534),
        ("body", body.as_u64(), MIB * MIB),
        ("claims_depth", *claims_depth as u64, 127),
        ("connections_per_ip", *connections_per_ip as u64, MIB),
    ] {
        findings.between(&at.clone().key(key), value, 1, most);
    }
    findings.between(&at.clone().key("token_cache"), token_cache.as_u64(), 0, MIB * MIB);
    let timeouts =
        [("header_timeout", header_timeout), ("body_timeout", body_timeout), ("write_timeout", write_timeout)];
    for (key, duration) in timeouts {
        findings.duration(&at.clone().key(key), *duration, Duration::from_millis(1));
    }
}
