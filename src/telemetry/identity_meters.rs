//! What is counted at the embedded issuer. Labels are of fixed vocabularies, or the names of pools in the config.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

/// What is counted of identity actions; its clones count together.
#[derive(Clone)]
pub struct IdentityMetrics {
    pub(super) sign_ups: IntCounterVec,
    pub(super) sign_ins: IntCounterVec,
    pub(super) challenges: IntCounterVec,
    pub(super) lockouts: IntCounter,
    pub(super) tokens: IntCounterVec,
    pub(super) messages: IntCounterVec,
    pub(super) active_users: IntGaugeVec,
    pub(super) audit_log_dropped: IntCounter,
}

/// Challenges that Cognito has; any other name is counted as `other`.
const CHALLENGES: [&str; 15] = [
    "CUSTOM_CHALLENGE",
    "DEVICE_PASSWORD_VERIFIER",
    "DEVICE_SRP_AUTH",
    "EMAIL_OTP",
    "MFA_SETUP",
    "NEW_PASSWORD_REQUIRED",
    "PASSWORD",
    "PASSWORD_SRP",
    "PASSWORD_VERIFIER",
    "SELECT_CHALLENGE",
    "SELECT_MFA_TYPE",
    "SMS_MFA",
    "SMS_OTP",
    "SOFTWARE_TOKEN_MFA",
    "WEB_AUTHN",
];

impl IdentityMetrics {
    /// Counts a sign-up: `success`, or the stable code of the refusal.
    pub fn sign_up(&self, outcome: &'static str) {
        self.sign_ups.with_label_values(&[outcome]).inc();
    }

    /// Counts a step of a sign-in: `success`, `challenge`, or the stable code of the refusal.
    pub fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.with_label_values(&[outcome]).inc();
    }

    /// Counts a challenge that was answered with.
    pub fn challenge(&self, name: &str) {
        let name = CHALLENGES.iter().find(|known| **known == name).copied().unwrap_or("other");
        self.challenges.with_label_values(&[name]).inc();
    }

    /// Counts an attempt that a lock has refused.
    pub fn lockout(&self) {
        self.lockouts.inc();
    }

    /// Counts an answer with tokens: after a `sign-in` or a `refresh`.
    pub fn tokens(&self, by: &'static str) {
        self.tokens.with_label_values(&[by]).inc();
    }

    /// Counts a try to deliver a message: `delivered`, `tried-again`, or `given-up`.
    pub fn message(&self, medium: &'static str, outcome: &'static str) {
        self.messages.with_label_values(&[medium, outcome]).inc();
    }

    /// Says how many users of a declared pool have signed in within a window, `1d` or `30d`.
    pub fn active_users(&self, pool: &str, window: &'static str, users: u64) {
        self.active_users.with_label_values(&[pool, window]).set(i64::try_from(users).unwrap_or(i64::MAX));
    }
}
