//! Collects what a check finds, each with its place.

use std::path::Path;
use std::time::Duration;

use crate::config::mistake::{Mistake, Place, Reason};
use crate::config::nearest::{did_you_mean, list};
use crate::config::places::{ConfigPath, Places};

/// The mistakes found so far.
pub(crate) struct Findings<'a> {
    pub(crate) places: &'a Places,
    pub(crate) mistakes: Vec<Mistake>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(places: &'a Places) -> Self {
        Self { places, mistakes: Vec::new() }
    }

    /// The value at `path` cannot be.
    pub(crate) fn wrong(&mut self, path: &ConfigPath, what: impl AsRef<str>) {
        self.add(path, Reason::WrongValue, what);
    }

    /// The key at the end of `path` cannot be.
    pub(crate) fn wrong_key(&mut self, path: &ConfigPath, what: impl AsRef<str>) {
        self.add_key(path, Reason::WrongValue, what);
    }

    pub(crate) fn add(&mut self, path: &ConfigPath, reason: Reason, what: impl AsRef<str>) {
        let place = self.places.of(path);
        self.push(reason, place, format!("`{path}`: {}", what.as_ref()), None);
    }

    pub(crate) fn add_key(&mut self, path: &ConfigPath, reason: Reason, what: impl AsRef<str>) {
        let place = self.places.of_key(path);
        self.push(reason, place, format!("`{path}`: {}", what.as_ref()), None);
    }

    /// `name` is said at `path`, and no `kind` is called so.
    pub(crate) fn unknown_name<'k>(
        &mut self,
        path: &ConfigPath,
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'k String>,
    ) {
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        // Measuring takes its time: of very many mistakes, the first few are enough to see what is wrong.
        let near = if self.mistakes.len() < 50 { did_you_mean(name, &known) } else { String::new() };
        let message = format!("`{path}`: no {kind} is called {}{near}", self.quote(path, name));
        let help = if known.is_empty() { "there is none".to_owned() } else { format!("known: {}", list(&known)) };
        let place = self.places.of(path);
        self.push(Reason::UnknownName, place, message, Some(help));
    }

    /// Refuses `value` at `path` where there is an objection to it.
    pub(crate) fn object(&mut self, path: &ConfigPath, value: &str, objection: Option<&str>) {
        if let Some(objection) = objection {
            let quoted = self.quote(path, value);
            self.wrong(path, format!("{quoted} {objection}"));
        }
    }

    /// Refuses the text at `path` unless it says something.
    pub(crate) fn not_empty(&mut self, path: &ConfigPath, text: &str) {
        if text.trim().is_empty() {
            self.wrong(path, "must not be empty");
        }
    }

    /// Refuses empty texts in the list at `path`.
    pub(crate) fn none_empty(&mut self, path: &ConfigPath, texts: &[String]) {
        for (index, text) in texts.iter().enumerate() {
            self.not_empty(&path.item(index), text);
        }
    }

    /// Refuses a list that is written out with nothing in it, where leaving it out would mean everything.
    pub(crate) fn not_written_empty<T>(&mut self, path: &ConfigPath, list: &[T], absent_means: &str) {
        if list.is_empty() && self.places.is_written(path) {
            self.wrong(path, format!("an empty list lets nothing through; leave the key out for {absent_means}"));
        }
    }

    /// Refuses a duration that is shorter than `least`, or so long that it was hardly meant and clocks could not hold it.
    pub(crate) fn duration(&mut self, path: &ConfigPath, value: Duration, least: Duration) {
        const LONGEST: Duration = Duration::from_hours(24 * 3650);
        if value < least {
            self.wrong(path, format!("must be at least `{}`", humantime(least)));
        } else if value > LONGEST {
            self.wrong(path, "must be at most `3650d`");
        }
    }

    pub(crate) fn between(&mut self, path: &ConfigPath, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            self.wrong(path, format!("must be from {least} to {most}"));
        }
    }

    pub(crate) fn file(&mut self, path: &ConfigPath, file: &Path) {
        if !file.is_file() {
            self.missing(path, "file", file);
        }
    }

    pub(crate) fn directory(&mut self, path: &ConfigPath, directory: &Path) {
        if !directory.is_dir() {
            self.missing(path, "folder", directory);
        }
    }

    fn missing(&mut self, path: &ConfigPath, kind: &str, target: &Path) {
        let quoted = self.quote(path, &target.display().to_string());
        self.add(path, Reason::MissingFile, format!("there is no {kind} {quoted}"));
    }

    /// `value` in backticks; see [`Places::quote`].
    pub(crate) fn quote(&self, path: &ConfigPath, value: &str) -> String {
        self.places.quote(path, value)
    }

    fn push(&mut self, reason: Reason, place: Place, message: String, help: Option<String>) {
        self.mistakes.push(Mistake { code: reason.code(), place, message, help });
    }
}

/// As it is written in the file.
pub(super) fn humantime(duration: Duration) -> String {
    humantime_serde::re::humantime::format_duration(duration).to_string()
}
