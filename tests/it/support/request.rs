//! A request to be sent, with no opinion about what may stand in it.

/// A request; each method adds to it as it is.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    host: String,
    fields: String,
    body: Vec<u8>,
}

impl Request {
    /// `method` and `target`, with a Host and nothing else.
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let [method, target, host] = [method, target, "gate.example"].map(str::to_owned);
        Self { method, target, host, fields: String::new(), body: Vec::new() }
    }

    /// GET.
    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// Another Host.
    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// One more field.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.fields.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// One more field: the token as bearer.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    /// A body with its length.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Length", &body.len().to_string())
    }

    /// A body in chunks of `size`, with these trailer lines.
    pub(crate) fn chunked(mut self, body: &[u8], size: usize, trailers: &str) -> Self {
        for chunk in body.chunks(size) {
            self.body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            self.body.extend_from_slice(chunk);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        self.header("Transfer-Encoding", "chunked")
    }

    /// Whether the answer has no body whatever its head says.
    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The head alone.
    pub(crate) fn head_bytes(&self) -> Vec<u8> {
        let Self { method, target, host, fields, .. } = self;
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n").into_bytes()
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head_bytes(), self.body.clone()].concat()
    }
}
