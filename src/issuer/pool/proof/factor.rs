//! The factors that a user can prove, by the names that Cognito has for them.

use serde::{Deserialize, Serialize};

/// A second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Factor {
    Totp,
    Sms,
    Email,
}

impl Factor {
    pub(crate) const ALL: [Self; 3] = [Self::Totp, Self::Sms, Self::Email];

    /// The challenge that asks for it, which is also its name among a user's factors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "SOFTWARE_TOKEN_MFA",
            Self::Sms => "SMS_MFA",
            Self::Email => "EMAIL_OTP",
        }
    }

    /// The response that answers the challenge.
    pub(crate) fn response(self) -> &'static str {
        match self {
            Self::Totp => "SOFTWARE_TOKEN_MFA_CODE",
            Self::Sms => "SMS_MFA_CODE",
            Self::Email => "EMAIL_OTP_CODE",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }
}

/// A first factor of `USER_AUTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FirstFactor {
    Password,
    PasswordSrp,
    EmailOtp,
    SmsOtp,
}

impl FirstFactor {
    pub(crate) const ALL: [Self; 4] = [Self::Password, Self::PasswordSrp, Self::EmailOtp, Self::SmsOtp];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::PasswordSrp => "PASSWORD_SRP",
            Self::EmailOtp => "EMAIL_OTP",
            Self::SmsOtp => "SMS_OTP",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }
}

/// Whether a pool asks for a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MfaLevel {
    Off,
    Optional,
    On,
}

impl MfaLevel {
    /// Reads Cognito's name; what is none is off.
    pub(crate) fn read(name: &str) -> Self {
        match name {
            "ON" => Self::On,
            "OPTIONAL" => Self::Optional,
            _ => Self::Off,
        }
    }
}
