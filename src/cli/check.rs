//! `lychgate check`: everything that `serve` would build, built and put away again.

use serde_json::{Value, json};

use super::args::CheckArgs;
use super::cases::{RanBundle, run_cases};
use super::report::{Failure, show, with_causes};
use super::run::Verdict;
use crate::authorizer::CaseOptions;
use crate::config::{Config, ConfigError, Loaded, Mistake};
use crate::policy::Flaw;
use crate::server::{Ground, House, ServerError, build};

pub(super) fn run(args: &CheckArgs) -> Result<Verdict, Failure> {
    let outcome = check(args);
    if args.json {
        return Ok(print_json(&outcome));
    }
    match outcome {
        Ok(checked) => Ok(print_text(&checked)),
        // A mistake is an answer, not a failure to answer.
        Err(error @ (ServerError::Config(ConfigError::Mistaken(_)) | ServerError::Policy { .. })) => {
            show(&error.into());
            Ok(Verdict::No)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a config without mistakes was found to be.
struct Checked {
    summary: String,
    warnings: Vec<Mistake>,
    /// Cases that did not come out as expected.
    failed_cases: Vec<FailedCase>,
    /// Issuers whose keys could not be had.
    unreachable: Vec<String>,
}

impl Checked {
    fn verdict(&self) -> Verdict {
        if self.unreachable.is_empty() && self.failed_cases.is_empty() { Verdict::Good } else { Verdict::No }
    }
}

/// A case that did not come out as expected.
struct FailedCase {
    bundle: String,
    /// File and line.
    place: String,
    message: String,
}

fn failed_cases(ran: &[RanBundle]) -> Vec<FailedCase> {
    let each = ran.iter().flat_map(|ran| ran.failed().map(move |outcome| (ran, outcome)));
    let told = each.filter_map(|(ran, outcome)| {
        let (expected, mismatch) = (outcome.expected, outcome.mismatch.as_ref()?);
        let message = format!("case `{}` expects {expected}: {mismatch}", outcome.name);
        Some(FailedCase { bundle: ran.name.clone(), place: outcome.place.clone(), message })
    });
    told.collect()
}

fn check(args: &CheckArgs) -> Result<Checked, ServerError> {
    let loaded = Config::load(&args.file.config)?;
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    runtime.block_on(async {
        let mut house = build(&loaded, &ground).await?;
        let unreachable = if args.online { fetch_keys(&mut house).await } else { Vec::new() };
        let ran = run_cases(&house, &[], CaseOptions::default());
        let failed_cases = failed_cases(&ran);
        let warnings = loaded.warnings();
        Ok(Checked { summary: summary(&loaded, &house, &ran), warnings, failed_cases, unreachable })
    })
}

/// Fetches every issuer's keys once, and says which could not be had.
async fn fetch_keys(house: &mut House) -> Vec<String> {
    for refresher in &mut house.refreshers {
        refresher.fetch_once().await;
    }
    let failed = house.keys.iter().filter_map(|(name, store)| {
        let reason = store.status().last_error?;
        Some(format!("keys of issuer `{name}` could not be had: {reason}"))
    });
    failed.collect()
}

fn summary(loaded: &Loaded, house: &House, ran: &[RanBundle]) -> String {
    let config = &loaded.config;
    let policies: usize = house.bundles.values().map(|applied| applied.bundle.policy_count()).sum();
    let count = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let failed: usize = ran.iter().map(|ran| ran.failed().count()).sum();
    let good = if failed == 0 { "good".to_owned() } else { format!("{} failed", count(failed, "case")) };
    format!(
        "{good}: {}, {}, {}, {} in {}, {}",
        count(config.routes.len(), "route"),
        count(config.upstreams.len(), "upstream"),
        count(config.trusted_issuers.len(), "trusted issuer"),
        if policies == 1 { "1 policy".to_owned() } else { format!("{policies} policies") },
        count(house.bundles.len(), "bundle"),
        count(ran.iter().map(|ran| ran.report.outcomes.len()).sum(), "case"),
    )
}

fn print_text(checked: &Checked) -> Verdict {
    for warning in &checked.warnings {
        eprintln!("warning: {warning}");
    }
    for problem in &checked.unreachable {
        eprintln!("error: {problem}");
    }
    for failed in &checked.failed_cases {
        eprintln!("error: {}: {}", failed.place, failed.message);
    }
    println!("{}", checked.summary);
    checked.verdict()
}

fn print_json(outcome: &Result<Checked, ServerError>) -> Verdict {
    let (verdict, value) = match outcome {
        Ok(checked) => {
            let unreachable = checked.unreachable.iter().map(|problem| json!({"message": problem}));
            let failed = checked.failed_cases.iter().map(failed_case);
            let value = json!({
                "good": checked.verdict() == Verdict::Good,
                "summary": checked.summary,
                "warnings": checked.warnings.iter().map(mistake).collect::<Vec<_>>(),
                "mistakes": failed.chain(unreachable).collect::<Vec<_>>(),
            });
            (checked.verdict(), value)
        }
        Err(error) => (Verdict::No, json!({"good": false, "mistakes": mistakes(error)})),
    };
    println!("{value:#}");
    verdict
}

fn failed_case(failed: &FailedCase) -> Value {
    let (file, line) = failed.place.rsplit_once(':').unwrap_or((&failed.place, ""));
    json!({
        "bundle": failed.bundle,
        "code": "case-failed",
        "message": failed.message,
        "file": file,
        "line": line.parse::<usize>().ok(),
    })
}

fn mistakes(error: &ServerError) -> Vec<Value> {
    match error {
        ServerError::Config(error @ ConfigError::Mistaken(_)) => error.mistakes().iter().map(mistake).collect(),
        ServerError::Policy { bundle, source } if !source.flaws().is_empty() => {
            source.flaws().iter().map(|found| flaw(bundle, found)).collect()
        }
        other => vec![json!({"message": with_causes(other)})],
    }
}

fn mistake(mistake: &Mistake) -> Value {
    let place = mistake.place();
    json!({
        "code": mistake.code(),
        "message": mistake.message(),
        "help": mistake.help(),
        "file": place.file.display().to_string(),
        "line": place.line,
        "column": place.column,
    })
}

fn flaw(bundle: &str, flaw: &Flaw) -> Value {
    let place = flaw.place.as_ref();
    json!({
        "bundle": bundle,
        "code": flaw.code,
        "message": flaw.message,
        "help": flaw.help,
        "file": place.map(|place| place.file.display().to_string()),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
    })
}
