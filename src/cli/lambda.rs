//! `lychgate lambda`: API Gateway's authorizer as the bootstrap of a Lambda function.

use super::args::ConfigArgs;
use super::report::Failure;
use super::run::Verdict;

/// Where Lambda says that its runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

pub(super) fn run(args: &ConfigArgs) -> Result<Verdict, Failure> {
    let runtime_api = std::env::var(RUNTIME_API).map_err(|_| {
        Failure::Usage(format!(
            "`{RUNTIME_API}` is not set: this command runs inside AWS Lambda, as a function's bootstrap"
        ))
    })?;
    crate::server::serve_lambda(&args.config, &runtime_api)?;
    Ok(Verdict::Good)
}
