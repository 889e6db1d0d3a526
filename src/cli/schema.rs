//! `lychgate schema`: what a config may say, and what policies may speak of.

use std::fs;

use anyhow::Context;

use super::args::{SchemaCommand, SchemaPolicyArgs};
use super::report::Failure;
use super::run::Verdict;
use crate::config::{Config, json_schema};
use crate::policy::schema_text;
use crate::server::{ServerError, outline, whole_outline};

pub(super) fn run(command: &SchemaCommand) -> Result<Verdict, Failure> {
    match command {
        SchemaCommand::Config => println!("{:#}", json_schema()),
        SchemaCommand::Policy(args) => print!("{}", policy_schema(args)?),
    }
    Ok(Verdict::Good)
}

fn policy_schema(args: &SchemaPolicyArgs) -> Result<String, Failure> {
    let loaded = Config::load(&args.file.config).map_err(ServerError::from)?;
    loaded.check().map_err(ServerError::from)?;
    let bundles = &loaded.config.policies;
    let bundle = match &args.bundle {
        Some(name) => Some((name, bundles.get(name).ok_or_else(|| unknown(name, bundles.keys()))?)),
        // Where there is one bundle, it is the one that is meant.
        None => bundles.iter().next().filter(|_| bundles.len() == 1),
    };
    let (name, text) = match bundle {
        None => (None, schema_text(&whole_outline(&loaded.config), None)),
        Some((name, config)) => {
            let file = config.directory.join("schema.cedarschema");
            let extension = file.is_file().then(|| fs::read_to_string(&file)).transpose();
            let extension = extension.with_context(|| format!("could not read `{}`", file.display()))?;
            (Some(name), schema_text(&outline(&loaded.config, name), extension.as_deref()))
        }
    };
    Ok(text.map_err(|source| {
        let bundle = name.cloned().unwrap_or_else(|| "(all)".to_owned());
        ServerError::Policy { bundle, source: Box::new(source) }
    })?)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Failure {
    let known = known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    Failure::Usage(format!("no policy bundle is called `{name}`; known: {known}"))
}
