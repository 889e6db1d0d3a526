//! `lychgate explain`: the decision about one request, each step with its outcome, and nothing sent.

use serde_json::Value;

use super::args::ExplainArgs;
use super::input;
use super::report::Failure;
use super::run::Verdict;
use crate::authorizer::{AskedRequest, Denial, Explanation, Presented, WayToPass};
use crate::config::{Config, Loaded};
use crate::server::{Ground, ServerError, build, certificate_of_pem};

pub(super) fn run(args: &ExplainArgs) -> Result<Verdict, Failure> {
    let (asked, presented) = (read_request(args)?, read_claims(args)?);
    let loaded = Config::load(&args.file.config).map_err(ServerError::from)?;
    let explanation = explain(&loaded, &asked, presented)?;
    if args.json {
        println!("{:#}", explanation.to_json());
    } else {
        print_text(args, &explanation);
    }
    Ok(if explanation.outcome.is_ok() { Verdict::Good } else { Verdict::No })
}

fn explain(loaded: &Loaded, asked: &AskedRequest, presented: Presented) -> Result<Explanation, ServerError> {
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    runtime.block_on(async {
        let mut house = build(loaded, &ground).await?;
        if matches!(presented, Presented::AsSent) {
            for refresher in &mut house.refreshers {
                refresher.fetch_once().await;
            }
        }
        Ok(house.snapshot.point.authorizer.explain(asked, presented).await)
    })
}

fn read_request(args: &ExplainArgs) -> Result<AskedRequest, Failure> {
    let mut fields = Vec::new();
    for header in &args.headers {
        let field = header.split_once(':').ok_or_else(|| Failure::Usage("--header takes 'NAME: VALUE'".to_owned()))?;
        fields.push(field);
    }
    let asked = AskedRequest::read(&args.request, fields, args.ip).map_err(|wrong| {
        Failure::Usage(format!("--request takes 'METHOD URL', such as 'GET https://host/path': {wrong}"))
    })?;
    let asked = match &args.certificate {
        None => asked,
        Some(file) => {
            let certificate = certificate_of_pem(&input::read(Some(file), "certificate")?);
            let wrong = || Failure::Usage(format!("`{}` is no certificate in PEM", file.display()));
            asked.with_certificate(certificate.ok_or_else(wrong)?)
        }
    };
    match &args.token {
        None => Ok(asked),
        Some(file) => asked.with_token(&input::read(Some(file), "token")?).map_err(Failure::Usage),
    }
}

fn read_claims(args: &ExplainArgs) -> Result<Presented, Failure> {
    let Some(file) = &args.claims else { return Ok(Presented::AsSent) };
    match serde_json::from_str(&input::read(Some(file), "claims")?) {
        Ok(Value::Object(claims)) => Ok(Presented::Claims(claims)),
        _ => Err(Failure::Usage("--claims takes a file with the claims as a JSON object".to_owned())),
    }
}

fn print_text(args: &ExplainArgs, explanation: &Explanation) {
    println!("{}", args.request);
    for step in explanation.steps() {
        println!("  {} {:<11} {}", if step.passed { "✓" } else { "✗" }, step.name, step.says);
    }
    match &explanation.outcome {
        Ok(passage) => println!("allowed: goes to upstream `{}`", passage.upstream),
        Err(denial) => print_denial(denial),
    }
    print_policies(explanation, args.evaluate_all);
    print_ways(&explanation.ways_to_pass());
}

fn print_denial(denial: &Denial) {
    let answer = denial.answer("");
    println!("denied: {} {}", answer.status, denial.code());
    println!("  the client reads: {}", denial.detail());
    answer.headers.iter().for_each(|(name, value)| println!("  {name}: {value}"));
}

fn print_policies(explanation: &Explanation, evaluate_all: bool) {
    let Some(policies) = &explanation.policies else { return };
    for policy in &policies.fired {
        let message = policy.message.as_ref().map(|message| format!(", saying \"{message}\"")).unwrap_or_default();
        println!("{} by {policy}{message}", if policy.forbids { "forbidden" } else { "permitted" });
    }
    for (fault, policy) in &policies.erred {
        let policy = policy.as_ref().map(|policy| format!(" in {policy}")).unwrap_or_default();
        let about = fault.name().map(|name| format!(" of `{name}`")).unwrap_or_default();
        println!("erred: {}{about}{policy}", fault.code());
    }
    match (policies.same_by_all, evaluate_all) {
        (true, true) => println!("evaluating every policy gives the same answer"),
        (true, false) => {}
        (false, _) => println!("evaluating every policy gives ANOTHER answer: please report it"),
    }
}

/// What is needed, each by itself; of the permits any one.
fn print_ways(ways: &[WayToPass]) {
    let (permits, needed): (Vec<_>, Vec<_>) = ways.iter().partition(|way| way.kind == "permit");
    let heading = if needed.is_empty() { "to pass, it would need one of:" } else { "and one of:" };
    if !needed.is_empty() {
        println!("to pass, it would need:");
        for way in needed {
            print_way(way, "not to forbid it");
        }
    }
    if !permits.is_empty() {
        println!("{heading}");
    }
    for way in permits {
        print_way(way, "to permit it");
    }
}

fn print_way(way: &WayToPass, wish: &str) {
    if let Some(policy) = &way.policy {
        let how = match way.needs.len() {
            0 => ": nothing in the request can change that",
            2.. if way.any_is_enough() => ", any one of:",
            _ => ":",
        };
        println!("  for {policy} {wish}{how}");
    }
    for need in &way.needs {
        let line = need.line.map(|line| format!("  (line {line})")).unwrap_or_default();
        println!("    - {}{line}", need.says);
    }
}
