//! What a caller of a sign-in gives, and what it gets: tokens, or the next question.

use std::net::IpAddr;

use secrecy::SecretString;

use super::super::engine::SignedIn;

/// The beginning of a sign-in.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// Cognito's name of the flow.
    pub flow: &'a str,
    pub client_id: &'a str,
    /// The pool that an administrator names; `None` for users.
    pub admin_of: Option<&'a str>,
    pub parameters: &'a [(&'a str, &'a str)],
    /// What `ConfirmSignUp` gave, where the sign-in goes on from there.
    pub session: Option<&'a str>,
    /// Where the caller is, as far as it is known.
    pub address: Option<IpAddr>,
}

/// The answer to a challenge.
#[derive(Debug)]
pub(crate) struct Reply<'a> {
    pub challenge: &'a str,
    pub client_id: &'a str,
    pub admin_of: Option<&'a str>,
    pub session: Option<&'a str>,
    pub responses: &'a [(&'a str, &'a str)],
    pub address: Option<IpAddr>,
}

/// What a step of a sign-in leads to.
pub(crate) enum Step {
    SignedIn(Box<SignedIn>),
    Challenge(Challenge),
}

/// A question, with the `Session` that its answer must carry.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub name: &'static str,
    pub session: SecretString,
    pub parameters: Vec<(&'static str, String)>,
    /// First factors to choose from.
    pub available: Vec<&'static str>,
}

impl<'a> Ask<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        of(self.parameters, name)
    }
}

impl<'a> Reply<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        of(self.responses, name)
    }
}

fn of<'a>(pairs: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(given, _)| *given == name).map(|(_, value)| *value)
}
