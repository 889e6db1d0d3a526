//! The room as its callers see it: tables of folders, questions and answers.

mod decisions;
mod fixture;
mod folders;
mod selection;
