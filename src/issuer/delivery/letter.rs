//! A message on its way: whom it is for, and what it says.

use secrecy::SecretString;

/// A message in words. What it says holds codes and passwords, so it never shows.
#[derive(Debug)]
pub(crate) struct Letter {
    /// A UUID: the same for each try, so that whoever takes it twice can tell.
    pub id: String,
    pub pool_id: String,
    /// Why it is sent, such as `SignUp` or `ForgotPassword`.
    pub kind: String,
    pub medium: LetterMedium,
    /// An e-mail address or a phone number.
    pub to: SecretString,
    /// Empty where the medium has none.
    pub subject: String,
    pub body: SecretString,
}

/// How a letter travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterMedium {
    Email,
    Sms,
}

impl LetterMedium {
    /// The medium of this name in the database.
    pub(crate) fn read(name: &str) -> Option<Self> {
        [Self::Email, Self::Sms].into_iter().find(|medium| medium.kept_name() == name)
    }

    /// Its name in the database.
    pub(crate) fn kept_name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
        }
    }

    /// Its name in metrics, logs and journals.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}
