//! A message to a user, and how its destination is told without telling too much.

use secrecy::SecretString;

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    SignUp,
    ResendCode,
    ForgotPassword,
    UpdateAttribute,
    VerifyAttribute,
    /// A code that is a factor of a sign-in.
    Authentication,
    /// An administrator made the account; the code is the temporary password.
    AdminCreateUser,
}

impl MessageKind {
    /// The name of the trigger source that Cognito has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignUp => "SignUp",
            Self::ResendCode => "ResendCode",
            Self::ForgotPassword => "ForgotPassword",
            Self::UpdateAttribute => "UpdateUserAttribute",
            Self::VerifyAttribute => "VerifyUserAttribute",
            Self::Authentication => "Authentication",
            Self::AdminCreateUser => "AdminCreateUser",
        }
    }
}

/// A message before it has words.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub kind: MessageKind,
    pub medium: Medium,
    pub sub: &'a str,
    pub user_name: &'a str,
    /// An e-mail address or a phone number.
    pub destination: &'a str,
    /// What stands for `{####}`.
    pub code: SecretString,
}

/// How a code is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    Email,
    Sms,
}

impl Medium {
    /// Cognito's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
        }
    }

    /// The medium that reaches what this attribute holds.
    pub(crate) fn of(attribute: &str) -> Option<Self> {
        match attribute {
            "email" => Some(Self::Email),
            "phone_number" => Some(Self::Sms),
            _ => None,
        }
    }

    /// The attribute that it sends to.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "phone_number",
        }
    }

    /// The destination as anybody may read it: `a***@e***`, `+*******1234`.
    pub(crate) fn masked(self, destination: &str) -> String {
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        match self {
            Self::Email => {
                let (local, host) = destination.split_once('@').unwrap_or((destination, ""));
                format!("{}***@{}***", first(local), first(host))
            }
            Self::Sms => {
                let digits: Vec<char> = destination.chars().filter(char::is_ascii_digit).collect();
                let shown: String = digits.iter().skip(digits.len().saturating_sub(4)).collect();
                format!("+{}{shown}", "*".repeat(digits.len().saturating_sub(4).max(7)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Medium;

    #[test]
    fn destinations_are_masked_as_cognito_does() {
        assert_eq!(Medium::Email.masked("friend@example.com"), "f***@e***");
        assert_eq!(Medium::Sms.masked("+12065551234"), "+*******1234");
        assert_eq!(Medium::Email.masked("ü"), "ü***@***");
        assert_eq!(Medium::Sms.masked("+12"), "+*******12");
    }
}
