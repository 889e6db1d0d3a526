//! The words of a message: the pool's templates, or Cognito's where it has none.

use secrecy::ExposeSecret;
use serde_json::Value;

use super::message::{Medium, Message, MessageKind};
use crate::issuer::pool::PoolSettings;

/// A message in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub subject: String,
    pub body: String,
}

const CODE: &str = "{####}";
const USER: &str = "{username}";

/// Puts the message into the pool's words. `{####}` is the code, `{username}` the user's name.
pub(super) fn rendered(message: &Message<'_>, settings: &PoolSettings) -> Rendered {
    let (subject, body) = words(message, settings);
    let fill = |text: &str| text.replace(CODE, message.code.expose_secret()).replace(USER, message.user_name);
    // A subject is a header: it stays on one line.
    Rendered { subject: fill(subject).replace(['\r', '\n'], " "), body: fill(body) }
}

fn words<'a>(message: &Message<'_>, settings: &'a PoolSettings) -> (&'a str, &'a str) {
    let within = |name: &str, member: &str| settings.get(name)?.get(member)?.as_str();
    let invite = |member: &str| {
        settings.get("AdminCreateUserConfig")?.get("InviteMessageTemplate")?.get(member).and_then(Value::as_str)
    };
    let verification =
        |member: &str, older: &str| within("VerificationMessageTemplate", member).or(settings.text(older));
    match (message.kind, message.medium) {
        (MessageKind::AdminCreateUser, Medium::Email) => (
            invite("EmailSubject").unwrap_or("Your temporary password"),
            invite("EmailMessage").unwrap_or("Your username is {username} and temporary password is {####}."),
        ),
        (MessageKind::AdminCreateUser, Medium::Sms) => {
            ("", invite("SMSMessage").unwrap_or("Your username is {username} and temporary password is {####}."))
        }
        (MessageKind::Authentication, Medium::Email) => (
            within("EmailMfaConfiguration", "Subject").unwrap_or("Your sign-in code"),
            within("EmailMfaConfiguration", "Message").unwrap_or("Your sign-in code is {####}."),
        ),
        (MessageKind::Authentication, Medium::Sms) => {
            let own = within("SmsMfaConfiguration", "SmsAuthenticationMessage");
            ("", own.or(settings.text("SmsAuthenticationMessage")).unwrap_or("Your authentication code is {####}."))
        }
        (_, Medium::Email) => (
            verification("EmailSubject", "EmailVerificationSubject").unwrap_or("Your verification code"),
            verification("EmailMessage", "EmailVerificationMessage").unwrap_or("Your confirmation code is {####}"),
        ),
        (_, Medium::Sms) => {
            ("", verification("SmsMessage", "SmsVerificationMessage").unwrap_or("Your confirmation code is {####}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(kind: MessageKind, medium: Medium, settings: &Value) -> Rendered {
        let settings = PoolSettings::of(settings.as_object().unwrap().clone());
        let code = "123456".into();
        rendered(&Message { kind, medium, sub: "s", user_name: "alice", destination: "a@b", code }, &settings)
    }

    #[test]
    fn the_pools_words_come_before_ours() {
        let own = json!({"VerificationMessageTemplate": {"EmailMessage": "use {####}, {username}", "EmailSubject": "a\r\nb"}});
        let own = said(MessageKind::SignUp, Medium::Email, &own);
        assert_eq!((own.body.as_str(), own.subject.as_str()), ("use 123456, alice", "a  b"));
        let ours = said(MessageKind::SignUp, Medium::Sms, &json!({}));
        assert_eq!(ours.body, "Your confirmation code is 123456");
        let older = said(MessageKind::ForgotPassword, Medium::Sms, &json!({"SmsVerificationMessage": "old {####}"}));
        assert_eq!(older.body, "old 123456");
        let invite = said(MessageKind::AdminCreateUser, Medium::Email, &json!({}));
        assert!(invite.body.contains("alice") && invite.body.contains("123456"));
    }
}
