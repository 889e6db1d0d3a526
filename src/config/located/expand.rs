//! Takes values from outside the file: `${NAME}` from the environment, `{file: path}` from a mounted secret.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::fault::Fault;
use crate::config::mistake::Reason;

/// Most bytes of a secret file.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where values from outside the file come from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The environment.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// The folder that paths are relative to.
    pub(crate) folder: &'a Path,
}

impl Source<'_> {
    /// `text` with every `${NAME}` replaced by the variable's value, and `$${` by `${`. What a variable holds is taken as it is.
    pub(crate) fn expand<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Fault> {
        if !text.contains("${") {
            return Ok(Cow::Borrowed(text));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            rest = after;
            if let Some(before) = before.strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                continue;
            }
            expanded.push_str(before);
            let (name, after) = after.split_once('}').ok_or_else(unclosed)?;
            expanded.push_str(&self.variable(name)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(Cow::Owned(expanded))
    }

    fn variable(&self, name: &str) -> Result<String, Fault> {
        if !is_variable_name(name) {
            let message = format!("`{name}` cannot be the name of an environment variable");
            return Err(Fault::new(Reason::UnsetVariable, message).help("write `$${` where `${` is meant as it stands"));
        }
        (self.env)(name).ok_or_else(|| {
            Fault::new(Reason::UnsetVariable, format!("the environment variable `{name}` is not set"))
                .help("write `$${` where `${` is meant as it stands")
        })
    }

    /// What the secret file `name` says, without the line break at its end.
    pub(crate) fn secret(&self, name: &str) -> Result<String, Fault> {
        let path = self.folder.join(self.expand(name)?.as_ref());
        read_secret(&path).map_err(|error| {
            let message = format!("could not read the secret file `{name}`: {}", reason(&error));
            Fault::new(Reason::SecretFile, message).help(format!("paths are relative to `{}`", self.folder.display()))
        })
    }
}

fn unclosed() -> Fault {
    let fault = Fault::new(Reason::UnsetVariable, "`${` without the `}` that ends the variable's name");
    fault.help("write `$${` where `${` is meant as it stands")
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read_secret(path: &Path) -> io::Result<String> {
    // A pipe or a device could keep us waiting, or never end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    File::open(path)?.take(SECRET_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SECRET_BYTES {
        return Err(io::Error::other("it is larger than 64KiB"));
    }
    let end = text.strip_suffix('\n').map_or(text.len(), |text| text.strip_suffix('\r').unwrap_or(text).len());
    text.truncate(end);
    Ok(text)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
