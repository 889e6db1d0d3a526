//! The ARN of what would be invoked: `arn:aws:execute-api:region:account:api/stage/METHOD/path`.

use crate::authorizer::Denial;
use crate::ext_authz::original_request::bad;

/// An ARN of one method and path, and of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MethodArn<'a> {
    pub(super) whole: &'a str,
    pub(super) region: &'a str,
    pub(super) api: &'a str,
    pub(super) stage: &'a str,
    pub(super) method: &'a str,
    /// Without the slash that it begins with.
    pub(super) path: &'a str,
}

const NAME: &str = "the ARN";

impl<'a> MethodArn<'a> {
    /// Takes an ARN apart.
    ///
    /// # Errors
    /// [`Denial::BadOriginalRequest`] where it is none or where, as the resource of a policy, it would stand for more than
    /// itself: IAM reads `*` and `?` as wildcards and `${` as a variable, and answers are kept by API Gateway.
    pub(super) fn read(arn: &'a str) -> Result<Self, Denial> {
        if arn.contains(['*', '?']) || arn.contains("${") {
            return Err(bad(NAME, "one of many resources"));
        }
        let mut parts = arn.splitn(6, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (scheme, _partition, service, region, _account, resource) =
            (part(), part(), part(), part(), part(), part());
        let mut segments = resource.splitn(4, '/');
        let mut segment = || segments.next().unwrap_or_default();
        let (api, stage, method, path) = (segment(), segment(), segment(), segment());
        let is_whole = scheme == "arn" && service == "execute-api" && ![region, api, stage, method].contains(&"");
        if is_whole { Ok(Self { whole: arn, region, api, stage, method, path }) } else { Err(bad(NAME, "malformed")) }
    }

    /// Whether `path`, as an event tells it, is this one: alone, or behind a stage or a domain's base path.
    pub(super) fn is_of(&self, path: &str) -> bool {
        let before = path.strip_suffix(self.path).and_then(|before| before.strip_suffix('/'));
        before.is_some_and(|before| before.is_empty() || before.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_one_method_of_one_path() {
        let arn = MethodArn::read("arn:aws:execute-api:eu-west-1:123456789012:abc/test/GET/orders/7:x/").unwrap();
        assert_eq!((arn.region, arn.api, arn.stage), ("eu-west-1", "abc", "test"));
        assert_eq!((arn.method, arn.path), ("GET", "orders/7:x/"));
        let root = MethodArn::read("arn:aws-cn:execute-api:cn-north-1:1:abc/$default/GET/").unwrap();
        assert_eq!((root.stage, root.path), ("$default", ""));
    }

    #[test]
    fn what_stands_for_more_than_itself_is_refused() {
        for arn in [
            "",
            "arn",
            "arn:aws:s3:::bucket/test/GET/a",
            "arn:aws:execute-api:eu-west-1:1:abc",
            "arn:aws:execute-api:eu-west-1:1:abc/test",
            "arn:aws:execute-api:eu-west-1:1:abc//GET/a",
            "arn:aws:execute-api::1:abc/test/GET/a",
            "arn:aws:execute-api:eu-west-1:1:abc/test/*/a",
            "arn:aws:execute-api:eu-west-1:1:abc/test/GET/*",
            "arn:aws:execute-api:eu-west-1:1:abc/test/GET/a?",
            "arn:aws:execute-api:eu-west-1:1:abc/test/GET/${aws:username}",
        ] {
            assert!(MethodArn::read(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn a_path_agrees_alone_or_behind_what_api_gateway_puts_before_it() {
        let arn = MethodArn::read("arn:aws:execute-api:eu-west-1:1:abc/test/GET/orders/7").unwrap();
        for path in ["/orders/7", "/test/orders/7", "/base/path/orders/7"] {
            assert!(arn.is_of(path), "{path}");
        }
        for path in ["", "/", "orders/7", "/orders/8", "/orders/7/", "/xorders/7", "x/orders/7", "/orders/7?a"] {
            assert!(!arn.is_of(path), "{path}");
        }
        let root = MethodArn::read("arn:aws:execute-api:eu-west-1:1:abc/test/GET/").unwrap();
        assert!(root.is_of("/") && root.is_of("/test/") && !root.is_of("/test"));
    }
}
