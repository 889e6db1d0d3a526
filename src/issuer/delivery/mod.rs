//! Brings messages to users: takes them from the outbox and hands them to a mail server, a webhook or, for development, a journal.

mod carriers;
mod config;
mod deliver;
mod error;
mod journal;
mod letter;
mod schedule;
mod smtp;
mod webhook;

pub(crate) use carriers::Carriers;
pub use config::{EmailConfig, MessagesConfig, SmsConfig, SmtpConfig, SmtpTls, WebhookConfig, WriteMessagesTo};
pub(crate) use deliver::{Delivery, deliver};
