//! The room as its callers see it: tables of folders, questions and answers.

mod cases;
mod closed;
mod decisions;
mod explanations;
mod fixture;
mod folders;
mod links;
mod requests;
mod schema;
mod selection;
mod worked;
