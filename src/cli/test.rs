//! `lychgate test`: the cases of policy bundles, what came of each, and which policies none of them decided.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Context;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::args::TestArgs;
use super::cases::{RanBundle, run_cases};
use super::report::Failure;
use super::run::Verdict;
use crate::authorizer::CaseOptions;
use crate::config::{Config, Loaded};
use crate::policy::CaseOutcome;
use crate::server::{Ground, ServerError, build};

pub(super) fn run(args: &TestArgs) -> Result<Verdict, Failure> {
    let loaded = Config::load(&args.file.config).map_err(ServerError::from)?;
    check_names(args, &loaded)?;
    let ran = run_all(args, &loaded)?;
    let cases: usize = ran.iter().map(|bundle| bundle.report.outcomes.len()).sum();
    if let Some(text) = args.case.as_ref().filter(|_| cases == 0) {
        return Err(Failure::Usage(format!("no case of these bundles has `{text}` in its name")));
    }
    if let Some(file) = &args.junit {
        write_junit(file, &ran)?;
    }
    let passed = ran.iter().all(|bundle| bundle.report.passed());
    if args.json {
        let bundles: Vec<_> = ran.iter().map(RanBundle::to_json).collect();
        println!("{:#}", json!({ "good": passed, "bundles": bundles }));
    } else {
        print!("{}", shown(&ran));
    }
    Ok(if passed { Verdict::Good } else { Verdict::No })
}

fn check_names(args: &TestArgs, loaded: &Loaded) -> Result<(), Failure> {
    let known = &loaded.config.policies;
    match args.bundles.iter().find(|name| !known.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let known = known.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(Failure::Usage(format!("no policy bundle is called `{name}`; known: {known}")))
        }
    }
}

fn run_all(args: &TestArgs, loaded: &Loaded) -> Result<Vec<RanBundle>, ServerError> {
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    runtime.block_on(async {
        let house = build(loaded, &ground).await?;
        let options = CaseOptions { only: args.case.as_deref(), evaluate_all: args.evaluate_all };
        Ok(run_cases(&house, &args.bundles, options))
    })
}

/// A table for people.
fn shown(ran: &[RanBundle]) -> String {
    let mut text = String::new();
    let all = || ran.iter().flat_map(|bundle| &bundle.report.outcomes);
    let width = all().map(|outcome| outcome.name.chars().count()).max().unwrap_or_default().min(72);
    for bundle in ran {
        text += &format!("{}\n", bundle.name);
        bundle.report.outcomes.iter().for_each(|outcome| show_case(&mut text, outcome, width));
        if !bundle.report.undecided.is_empty() {
            text += &format!("  no case decided: {}\n", names(&bundle.report.undecided));
        }
    }
    let failed = all().filter(|outcome| outcome.mismatch.is_some()).count();
    let policies: usize = ran.iter().map(|bundle| bundle.bundle.policy_count()).sum();
    let undecided: usize = ran.iter().map(|bundle| bundle.report.undecided.len()).sum();
    text += &format!(
        "{} cases: {} passed, {failed} failed; {} of {policies} policies decided\n",
        all().count(),
        all().count() - failed,
        policies - undecided,
    );
    text
}

fn show_case(text: &mut String, outcome: &CaseOutcome, width: usize) {
    let (sign, by) = match (&outcome.mismatch, outcome.refused) {
        (None, None) if outcome.errors.is_empty() => ("✓", names(&outcome.determining)),
        (None, None) => {
            let decided = outcome.determining.iter().map(ToString::to_string);
            let erred = outcome.errors.iter().map(|error| format!("by an error: {error}"));
            ("✓", decided.chain(erred).collect::<Vec<_>>().join(", "))
        }
        (None, Some(code)) => ("✓", format!("before any policy: {code}")),
        (Some(_), _) => ("✗", String::new()),
    };
    let line = format!("  {sign} {:width$}  {:5}  {by}", outcome.name, outcome.expected);
    // Writing to a string does not fail.
    let _infallible = writeln!(text, "{}", line.trim_end());
    if let Some(mismatch) = &outcome.mismatch {
        let _infallible = writeln!(text, "      {}: {mismatch}", outcome.place);
    }
}

fn names(ids: &[impl AsRef<str>]) -> String {
    ids.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

fn write_junit(file: &Path, ran: &[RanBundle]) -> anyhow::Result<()> {
    let mut report = Report::new("lychgate test");
    for bundle in ran {
        let mut suite = TestSuite::new(bundle.name.as_str());
        suite.add_test_cases(bundle.report.outcomes.iter().map(|outcome| junit_case(&bundle.name, outcome)));
        if !bundle.report.undecided.is_empty() {
            suite.set_system_out(format!("no case decided: {}", names(&bundle.report.undecided)));
        }
        report.add_test_suite(suite);
    }
    let text = report.to_string().context("could not put the JUnit report together")?;
    fs::write(file, text).with_context(|| format!("could not write the JUnit report `{}`", file.display()))
}

fn junit_case(bundle: &str, outcome: &CaseOutcome) -> TestCase {
    let mut case = match &outcome.mismatch {
        None => TestCase::new(outcome.name.as_str(), TestCaseStatus::success()),
        Some(mismatch) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(mismatch.to_string()).set_description(outcome.place.as_str());
            TestCase::new(outcome.name.as_str(), status)
        }
    };
    case.set_classname(bundle);
    case
}
