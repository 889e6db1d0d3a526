//! API Gateway's door from inside AWS Lambda: a custom runtime that fetches events from the runtime API and answers them.

use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use thiserror::Error;

use super::api_gateway;
use super::config::ApiGatewayConfig;
use super::decider::{Decider, Ruled};
use super::http_door::authorize_event;
use crate::clock::Clock;

/// The version of the runtime API, as AWS documents it for custom runtimes.
const VERSION: &str = "2018-06-01";
/// How long the runtime API, which is on this machine, may take to take an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long before its deadline an invocation is given up: once it has passed, Lambda ends the whole environment.
const SPARE: Duration = Duration::from_millis(200);

/// Why the runtime API could not be served any longer.
#[derive(Debug, Error)]
pub enum LambdaError {
    /// A call to the runtime API failed.
    #[error("the runtime API: `{call}`")]
    Call {
        /// The call.
        call: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An event came without what its answer must be sent with.
    #[error("the runtime API gave an event without `{header}`")]
    NoRequestId {
        /// The header that is missing.
        header: &'static str,
    },
}

/// The runtime API of one Lambda environment.
#[derive(Debug, Clone)]
pub struct RuntimeApi {
    client: Client,
    runtime: String,
    clock: Clock,
}

/// An event that waits for its answer.
struct Invocation {
    id: String,
    event: Vec<u8>,
    /// How long the answer may take, where Lambda says so.
    time: Option<Duration>,
}

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

impl RuntimeApi {
    /// The runtime API at `host`, the value of `AWS_LAMBDA_RUNTIME_API`.
    ///
    /// # Errors
    /// [`LambdaError::Call`] where no HTTP client can be made.
    pub fn new(host: &str, clock: Clock) -> Result<Self, LambdaError> {
        // It is on this machine, whatever proxies the environment names.
        let client = Client::builder().no_proxy().build().map_err(failed("client"))?;
        Ok(Self { client, runtime: format!("http://{host}/{VERSION}/runtime"), clock })
    }

    /// Answers one event after the other, for as long as the environment lives.
    ///
    /// # Errors
    /// [`LambdaError`] where the runtime API is gone or does not keep its own rules; Lambda then starts another environment.
    pub async fn serve(&self, decider: &Decider, config: &ApiGatewayConfig) -> Result<(), LambdaError> {
        loop {
            let Invocation { id, event, time } = self.next().await?;
            match answer_within(time, answer(decider, config, &event)).await {
                Ok(answer) => self.post(&format!("invocation/{id}/response"), "response", &answer, None).await?,
                Err(kind) => {
                    let error = json!({ "errorMessage": kind, "errorType": kind, "stackTrace": [] });
                    self.post(&format!("invocation/{id}/error"), "error", &error, Some(kind)).await?;
                }
            }
        }
    }

    /// Says that there will be no answers, and why.
    ///
    /// # Errors
    /// [`LambdaError::Call`] where it cannot be said.
    pub async fn fail(&self, reason: &str) -> Result<(), LambdaError> {
        let error = json!({ "errorMessage": reason, "errorType": "StartFailed", "stackTrace": [] });
        self.post("init/error", "init/error", &error, Some("StartFailed")).await
    }

    /// Waits for the next event. It has no time limit: the environment is frozen meanwhile.
    async fn next(&self) -> Result<Invocation, LambdaError> {
        let failed = || failed("next");
        let response = self.client.get(format!("{}/invocation/next", self.runtime)).send().await.map_err(failed())?;
        let response = response.error_for_status().map_err(failed())?;
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        let id = id.ok_or(LambdaError::NoRequestId { header: REQUEST_ID })?.to_owned();
        let deadline = response.headers().get(DEADLINE).and_then(|millis| millis.to_str().ok()?.parse::<u64>().ok());
        let left = |deadline: u64| Duration::from_millis(deadline.saturating_sub(self.clock.unix_millis()));
        let time = deadline.map(|deadline| left(deadline).saturating_sub(SPARE));
        let event = response.bytes().await.map_err(failed())?.to_vec();
        Ok(Invocation { id, event, time })
    }

    async fn post(&self, path: &str, call: &'static str, body: &Value, error: Option<&str>) -> Result<(), LambdaError> {
        let request = self.client.post(format!("{}/{path}", self.runtime)).timeout(ANSWER).body(body.to_string());
        let request = error.iter().fold(request, |request, kind| request.header(ERROR_TYPE, *kind));
        let answered = request.send().await.and_then(Response::error_for_status);
        answered.map(drop).map_err(failed(call))
    }
}

fn failed(call: &'static str) -> impl FnOnce(reqwest::Error) -> LambdaError {
    // The URL has the id of an invocation in it, and nothing that helps.
    move |source| LambdaError::Call { call, source: source.without_url() }
}

/// The answer, if it comes in time.
async fn answer_within(
    time: Option<Duration>,
    answer: impl Future<Output = Result<Value, &'static str>>,
) -> Result<Value, &'static str> {
    let Some(time) = time else { return answer.await };
    tokio::time::timeout(time, answer).await.unwrap_or_else(|_| {
        tracing::warn!("an event could not be answered before its deadline");
        Err("DeadlineExceeded")
    })
}

/// The answer, or the error that stands for it. REST APIs make 401 of `Unauthorized`, and 500 of any other error; HTTP APIs
/// make 500 of each.
///
/// API Gateway may keep an answer and never keeps an error: that the gate itself could not decide is no answer.
async fn answer(decider: &Decider, config: &ApiGatewayConfig, event: &[u8]) -> Result<Value, &'static str> {
    let (ruling, asked) = authorize_event(decider, config, event).await.map_err(|_| "MalformedEvent")?;
    match &ruling.outcome {
        Ruled::Denial(denial) if denial.asks_for_credentials() && asked.knows_unauthorized => Err("Unauthorized"),
        Ruled::Denial(denial) if denial.is_failure() => Err("Unavailable"),
        _ => Ok(api_gateway::answer(&ruling, &asked)),
    }
}
