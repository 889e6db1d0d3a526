//! The keys of the config whose behaviour is not built yet: they are refused by name, never silently ignored.

use super::places::ConfigPath;
use super::sections::Config;
use crate::authorizer::AccessConfig;

/// Where `config` asks for what is not built yet. A key that is built loses its line here.
pub(crate) fn not_yet(config: &Config) -> Vec<ConfigPath> {
    let mut asked = Asked::default();
    for (index, listener) in config.listeners.iter().enumerate() {
        let at = ConfigPath::new("listeners").item(index);
        asked.note(listener.h2c, || at.key("h2c"));
        asked.note(listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()), || at.key("tls").key("client_ca"));
    }
    for (index, route) in config.routes.iter().enumerate() {
        let at = ConfigPath::new("routes").item(index);
        asked.note(route.cors.is_some(), || at.key("cors"));
        asked.note(!route.upgrade.is_empty(), || at.key("upgrade"));
        let AccessConfig::Rules(rules) = &route.access else { continue };
        asked.note(rules.sender_constrained.is_some(), || at.key("access").key("sender_constrained"));
    }
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
