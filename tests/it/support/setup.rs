//! A config for one test, written to a folder of its own with the files that it needs.

use std::fmt::Display;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use tempfile::TempDir;

use super::command::LYCHGATE;
use super::gateway::TestGateway;
use super::ports::free_ports;

/// A config in the making: its text has `@NAME@` where a test puts something in.
///
/// Listener and admin door are added unless the text has its own; `@GATE@` and `@ADMIN@` are their ports.
#[derive(Clone)]
pub(crate) struct Setup {
    text: String,
    files: Vec<(String, Vec<u8>)>,
    /// What stands in the config for the first listener, beside its address.
    listener: String,
    mounted: bool,
    pub(super) flags: Vec<String>,
    linked: bool,
    /// What its service manager gives it: the sockets that are open already, and where it listens for words.
    given: Vec<SocketAddr>,
    notified: Option<PathBuf>,
}

/// A config that was written, and where its doors will be.
pub(crate) struct Written {
    pub(crate) folder: TempDir,
    pub(crate) gate: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Setup {
    /// A config of this text.
    pub(crate) fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            files: Vec::new(),
            listener: String::new(),
            mounted: false,
            flags: Vec::new(),
            linked: false,
            given: Vec::new(),
            notified: None,
        }
    }

    /// Puts something in for `@name@`.
    pub(crate) fn put(mut self, name: &str, value: impl Display) -> Self {
        let name = format!("@{name}@");
        assert!(self.text.contains(&name), "the config has no {name}");
        self.text = self.text.replace(&name, &value.to_string());
        self
    }

    /// A file beside the config.
    pub(crate) fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// The listener speaks TLS with the files `tls.crt` and `tls.key`.
    pub(crate) fn tls(mut self) -> Self {
        ", tls: {certificate: tls.crt, key: tls.key}".clone_into(&mut self.listener);
        self
    }

    /// The gate is started with this flag, too.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// The config and the files right beside it lie as Kubernetes mounts them: links through `..data` to a folder.
    pub(crate) fn mounted(mut self) -> Self {
        self.mounted = true;
        self
    }

    /// It is started by a link beside its config, `lychgate`, which may lead elsewhere later.
    pub(crate) fn linked(mut self) -> Self {
        self.linked = true;
        self
    }

    /// Its service manager has opened its listener and these sockets, and hears it at this path.
    pub(crate) fn managed(mut self, sockets: &[SocketAddr], notified: &Path) -> Self {
        (self.given, self.notified) = (sockets.to_vec(), Some(notified.to_owned()));
        self
    }

    pub(super) fn program(&self, written: &Written) -> PathBuf {
        if self.linked { written.path("lychgate") } else { LYCHGATE.into() }
    }

    pub(super) fn hand_sockets(&self, command: &mut Command, written: &Written) {
        let Some(notified) = &self.notified else { return };
        let open = self.given.iter().chain([&written.gate]).map(|address| TcpListener::bind(address).unwrap().into());
        let mappings: Vec<_> = open.zip(3..).map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.env("NOTIFY_SOCKET", notified).env("LISTEN_FDS", mappings.len().to_string());
        command.fd_mappings(mappings).unwrap();
    }

    /// Writes everything, for doors on free ports.
    pub(crate) fn write(&self) -> Written {
        let folder = tempfile::tempdir().unwrap();
        let [gate, admin] = free_ports();
        for (name, content) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let mut text = self.text.clone();
        if !text.contains("\nlisteners:") {
            text.extend(["\nlisteners: [{address: 127.0.0.1:@GATE@", &self.listener, "}]\n"]);
        }
        if !text.contains("\nadmin:") {
            text.push_str("\nadmin: {address: 127.0.0.1:@ADMIN@}\n");
        }
        // No load balancer asks: nothing is to be waited for.
        if !text.contains("\nshutdown:") {
            text.push_str("\nshutdown: {delay: 0s}\n");
        }
        let text = text.replace("@GATE@", &gate.to_string()).replace("@ADMIN@", &admin.to_string());
        fs::write(folder.path().join("lychgate.yaml"), text).unwrap();
        if self.mounted {
            mount(folder.path());
        }
        if self.linked {
            symlink(LYCHGATE, folder.path().join("lychgate")).unwrap();
        }
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Written { folder, gate: address(gate), admin: address(admin) }
    }

    /// Starts the gate, and waits until it is ready.
    pub(crate) fn start(&self) -> TestGateway {
        TestGateway::start(self, "/readyz")
    }

    /// Starts the gate, and waits only until it lives.
    pub(crate) fn start_unready(&self) -> TestGateway {
        TestGateway::start(self, "/livez")
    }
}

/// Moves the files of a folder into one that is reached through `..data`, and puts links in their place.
fn mount(folder: &Path) {
    fs::create_dir(folder.join("..first")).unwrap();
    symlink("..first", folder.join("..data")).unwrap();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file())
    {
        let name = entry.file_name();
        fs::rename(entry.path(), folder.join("..first").join(&name)).unwrap();
        symlink(Path::new("..data").join(&name), entry.path()).unwrap();
    }
}

impl Written {
    /// The config file.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("lychgate.yaml")
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(Path::new(name))
    }
}
