//! Heads of messages as one map of fields: beside it pingora keeps how each name was spelled, and each change would pay for both.

use std::mem;

use http::request::Parts;
use http::{HeaderMap, HeaderName, Request, Response};
use pingora::http::{RequestHeader, ResponseHeader};

/// Changes a request in place, and forgets in what case its names were sent.
pub(super) fn with_parts<R>(request: &mut RequestHeader, change: impl FnOnce(&mut Parts) -> R) -> R {
    let ends_with_head = request.send_end_stream();
    let mut parts = Parts::from(mem::replace(request, Request::new(()).into_parts().0.into()));
    let changed = change(&mut parts);
    *request = parts.into();
    if let Some(ends) = ends_with_head {
        request.set_send_end_stream(ends);
    }
    changed
}

/// The names that are in `headers` of those that are asked for. Most often none is, and looking is cheaper than taking each of them out.
pub(super) fn present(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> Vec<HeaderName> {
    headers.keys().filter(|name| wanted(name.as_str())).cloned().collect()
}

/// Forgets in what case the names of an answer's fields were sent.
pub(super) fn forget_case_of_answer(answer: &mut ResponseHeader) -> pingora::Result<()> {
    let reason = answer.get_reason_phrase().filter(|reason| answer.status.canonical_reason() != Some(*reason));
    let reason = reason.map(str::to_owned);
    let parts = http::response::Parts::from(mem::replace(answer, Response::new(()).into_parts().0.into()));
    *answer = parts.into();
    answer.set_reason_phrase(reason.as_deref())
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;

    #[test]
    fn a_request_keeps_all_but_the_case_of_its_names() {
        let mut request = RequestHeader::build("PUT", b"/a?b=c", None).unwrap();
        request.append_header("X-One", "1").unwrap();
        request.append_header("X-ONE", "2").unwrap();
        request.set_version(Version::HTTP_2);
        request.set_send_end_stream(false);
        with_parts(&mut request, |_| ());
        assert!(!request.has_case());
        assert_eq!(
            (request.method.as_str(), request.raw_path(), request.version),
            ("PUT", &b"/a?b=c"[..], Version::HTTP_2)
        );
        assert_eq!(request.headers.get_all("x-one").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(request.send_end_stream(), Some(false));
    }

    #[test]
    fn an_answer_keeps_its_own_words_for_its_status() {
        let mut answer = ResponseHeader::build(200, None).unwrap();
        answer.append_header("X-One", "1").unwrap();
        forget_case_of_answer(&mut answer).unwrap();
        assert_eq!((answer.get_reason_phrase(), answer.has_case()), (Some("OK"), false));
        answer.set_reason_phrase(Some("Fine")).unwrap();
        forget_case_of_answer(&mut answer).unwrap();
        assert_eq!(
            (answer.get_reason_phrase(), &answer.headers["x-one"]),
            (Some("Fine"), &http::HeaderValue::from_static("1"))
        );
    }
}
