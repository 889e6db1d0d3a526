//! An HTTP/1.1 message as it stands on the wire, byte for byte.

use std::io::{self, BufRead, Read};

use serde_json::Value;

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// From the first byte to the empty line.
    pub(crate) head: String,
    /// The body, without chunk lines.
    pub(crate) body: Vec<u8>,
    /// What stood after the last chunk.
    pub(crate) trailers: String,
}

impl Message {
    /// Reads one message; none where the other side has closed before the first byte. An answer without a length ends
    /// with its connection, a request without one has no body.
    pub(crate) fn read(stream: &mut impl BufRead, bodiless: bool) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while stream.read_until(b'\n', &mut head)? > 0 && !head.ends_with(b"\r\n\r\n") {}
        if head.is_empty() {
            return Ok(None);
        }
        if !head.ends_with(b"\r\n\r\n") {
            return Err(cut_off(&head));
        }
        let mut message = Self { head: latin1(&head), ..Self::default() };
        message.read_body(stream, bodiless)?;
        Ok(Some(message))
    }

    fn read_body(&mut self, stream: &mut impl BufRead, bodiless: bool) -> io::Result<()> {
        let answer = self.head.starts_with("HTTP/");
        if bodiless || (answer && matches!(self.status(), 100..=199 | 204 | 304)) {
            return Ok(());
        }
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks(stream);
        }
        match self.header("content-length").map(str::parse::<u64>) {
            Some(Ok(length)) => {
                stream.take(length).read_to_end(&mut self.body)?;
                if self.body.len() as u64 == length { Ok(()) } else { Err(cut_off(&self.body)) }
            }
            Some(Err(_)) => Err(io::Error::other("an odd Content-Length")),
            None if answer => stream.read_to_end(&mut self.body).map(drop),
            None => Ok(()),
        }
    }

    fn read_chunks(&mut self, stream: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = read_line(stream)?;
            let size = u64::from_str_radix(line.trim_end().split(';').next().unwrap_or_default(), 16);
            let size = size.map_err(|_| io::Error::other(format!("not a chunk size: {line:?}")))?;
            if size == 0 {
                break;
            }
            stream.take(size).read_to_end(&mut self.body)?;
            read_line(stream)?;
        }
        loop {
            let line = read_line(stream)?;
            if line == "\r\n" {
                return Ok(());
            }
            self.trailers.push_str(&line);
        }
    }

    /// Request line or status line.
    pub(crate) fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// An answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.first_line().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// A request's method.
    pub(crate) fn method(&self) -> &str {
        self.first_line().split(' ').next().unwrap_or_default()
    }

    /// A request's target, as it stands there.
    pub(crate) fn target(&self) -> &str {
        self.first_line().split(' ').nth(1).unwrap_or_default()
    }

    /// All fields, as they stand there.
    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        let lines = self.head.split("\r\n").skip(1).filter(|line| !line.is_empty());
        lines.map(|line| line.split_once(':').map_or((line, ""), |(name, value)| (name, value.trim()))).collect()
    }

    /// The values of one field.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let fields = self.fields().into_iter();
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The value of a field that is there once at most.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers(name);
        assert!(values.len() < 2, "several {name}: {values:?}");
        values.first().copied()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        latin1(&self.body)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}{}", self.head, self.text()))
    }

    /// A refusal's stable code; empty where the answer is no problem document.
    pub(crate) fn code(&self) -> String {
        if self.header("content-type") != Some("application/problem+json") {
            return String::new();
        }
        let problem = self.json();
        assert_eq!(problem["status"], self.status(), "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{problem}");
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if line.ends_with(b"\r\n") { Ok(latin1(&line)) } else { Err(cut_off(&line)) }
}

/// Each byte as one character, so that nothing is lost or mended.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn cut_off(bytes: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("cut off after {:?}", latin1(bytes)))
}
