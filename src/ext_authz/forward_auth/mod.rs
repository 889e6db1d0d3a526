//! The doors of proxies that ask by plain HTTP: the question whether a request may pass, and beside it what the gate answers
//! itself.

mod answer;
mod own_answers;
mod profile;

pub(super) use answer::{REQUEST_ID, answer, problem, with_request_id};
pub(super) use own_answers::answer as answer_itself;
