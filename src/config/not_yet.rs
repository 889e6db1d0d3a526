//! The keys of the config whose behaviour is not built yet: they are refused by name, never silently ignored.

use super::places::ConfigPath;
use super::sections::Config;

/// Where `config` asks for what is not built yet. A key that is built loses its line here.
pub(crate) fn not_yet(config: &Config) -> Vec<ConfigPath> {
    let mut asked = Asked::default();
    asked.note(config.telemetry.traces.is_some(), || ConfigPath::new("telemetry").key("traces"));
    asked.0
}

#[derive(Default)]
struct Asked(Vec<ConfigPath>);

impl Asked {
    fn note(&mut self, is_asked: bool, path: impl FnOnce() -> ConfigPath) {
        self.0.extend(is_asked.then(path));
    }
}
