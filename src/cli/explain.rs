//! `lychgate explain`: the decision about one request, each step with its outcome, and nothing sent.

use anyhow::Context;
use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};

use super::args::ExplainArgs;
use super::input;
use super::report::Failure;
use super::run::Verdict;
use super::steps::{Step, steps};
use crate::authorizer::{AccessRequest, ConnectionFacts, Decision, Denial, Findings, Permit, ReceivedRequest};
use crate::config::{Config, Loaded};
use crate::server::{Ground, ServerError, build};

pub(super) fn run(args: &ExplainArgs) -> Result<Verdict, Failure> {
    let (method, uri) = read_request(&args.request)?;
    let headers = read_headers(args, &uri)?;
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let received = ReceivedRequest {
        method: &method,
        target: target.as_bytes(),
        authority: None,
        headers: &headers,
        client: args.ip,
        connection: ConnectionFacts { is_secure: uri.scheme_str() == Some("https"), ..ConnectionFacts::default() },
    };
    let loaded = Config::load(&args.file.config).map_err(ServerError::from)?;
    let decision = decide(&loaded, received)?;
    let steps = steps(&decision);
    if args.json {
        print_json(&decision, &steps);
    } else {
        print_text(&args.request, &decision, &steps);
    }
    Ok(if decision.outcome.is_ok() { Verdict::Good } else { Verdict::No })
}

fn decide(loaded: &Loaded, received: ReceivedRequest<'_>) -> Result<Decision, ServerError> {
    let ground = Ground::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServerError::Threads)?;
    runtime.block_on(async {
        let mut house = build(loaded, &ground).await?;
        for refresher in &mut house.refreshers {
            refresher.fetch_once().await;
        }
        Ok(match AccessRequest::read(received) {
            Ok(request) => house.snapshot.point.authorizer.authorize(&request).await,
            Err(denial) => Decision { outcome: Err(denial), findings: Findings::default() },
        })
    })
}

fn read_request(request: &str) -> Result<(String, Uri), Failure> {
    let usage =
        |what: &str| Failure::Usage(format!("--request takes 'METHOD URL', such as 'GET https://host/path': {what}"));
    let (method, url) = request.split_once(' ').ok_or_else(|| usage("there is no blank in it"))?;
    let uri: Uri = url.trim().parse().map_err(|_| usage("that is not a URL"))?;
    if uri.authority().is_none() {
        return Err(usage("the URL has no host"));
    }
    Ok((method.to_owned(), uri))
}

fn read_headers(args: &ExplainArgs, uri: &Uri) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for header in &args.headers {
        let usage = || Failure::Usage("--header takes 'NAME: VALUE'".to_owned());
        let (name, value) = header.split_once(':').ok_or_else(usage)?;
        let name: HeaderName = name.trim().parse().map_err(|_| usage())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| usage())?);
    }
    if let Some(authority) = uri.authority().filter(|_| !headers.contains_key(HOST)) {
        headers.insert(HOST, HeaderValue::from_str(authority.as_str()).context("the URL's host")?);
    }
    if let Some(file) = &args.token {
        let bearer = format!("Bearer {}", input::read(Some(file), "token")?.trim());
        headers.append(AUTHORIZATION, HeaderValue::from_str(&bearer).context("the token has control characters")?);
    }
    Ok(headers)
}

fn print_text(request: &str, decision: &Decision, steps: &[Step]) {
    println!("{request}");
    for step in steps {
        println!("  {} {:<11} {}", if step.passed { "✓" } else { "✗" }, step.name, step.says);
    }
    match &decision.outcome {
        Ok(permit) => println!("allowed: goes to upstream `{}`", permit.route().upstream()),
        Err(denial) => {
            let answer = decision.findings.answer(denial, "");
            println!("denied: {} {}", answer.status, denial.code());
            answer.headers.iter().for_each(|(name, value)| println!("  {name}: {value}"));
        }
    }
}

fn print_json(decision: &Decision, steps: &[Step]) {
    let steps = steps.iter().map(|step| json!({"step": step.name, "passed": step.passed, "says": step.says}));
    let mut value = match &decision.outcome {
        Ok(permit) => of_permit(permit),
        Err(denial) => of_denial(denial, &decision.findings),
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("steps".to_owned(), steps.collect());
    }
    println!("{value:#}");
}

fn of_permit(permit: &Permit) -> Value {
    let set = permit.set().iter().map(|(name, value)| json!([name.as_str(), value.to_str().ok()]));
    json!({
        "allowed": true,
        "route": permit.route().name(),
        "upstream": permit.route().upstream(),
        "set": set.collect::<Vec<_>>(),
        "removed": permit.remove().iter().map(HeaderName::as_str).collect::<Vec<_>>(),
    })
}

fn of_denial(denial: &Denial, findings: &Findings) -> Value {
    let answer = findings.answer(denial, "");
    let headers = answer.headers.iter().map(|(name, value)| json!([name, value]));
    json!({
        "allowed": false,
        "code": denial.code(),
        "status": answer.status,
        "headers": headers.collect::<Vec<_>>(),
    })
}
