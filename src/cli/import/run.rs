//! Which import was asked for; what it made goes to a file or to standard output, and what it has to say to standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use super::api_gateway::{Imported, import};
use super::args::{ApiGatewayArgs, ImportCommand};
use super::report::one_line;
use crate::cli::report::Failure;
use crate::cli::run::Verdict;

/// The longest document that is read, in bytes: API Gateway itself takes no more than six mebibytes.
const MOST_BYTES: u64 = 16 << 20;

pub(in crate::cli) fn run(command: &ImportCommand) -> Result<Verdict, Failure> {
    let ImportCommand::ApiGateway(args) = command;
    let text = read(&args.document)?;
    let Imported { config, report } = match import(&text, args) {
        Ok(imported) => imported,
        Err(wrong) => {
            // It may quote the document.
            let lines: Vec<_> = wrong.lines().map(one_line).collect();
            eprintln!("error: `{}`: {}", args.document.display(), lines.join("\n"));
            return Ok(Verdict::No);
        }
    };
    if let Some(config) = &config {
        write(config, args)?;
    }
    eprint!("{}", if args.json { report.json() + "\n" } else { report.text() });
    if config.is_none() && !args.json {
        eprintln!("error: not one operation could be carried over, so there is no config");
    }
    Ok(if config.is_some() { Verdict::Good } else { Verdict::No })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("could not read `{}`", file.display()))?)
    };
    source
        .take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("could not read `{}`", file.display()))?;
    if text.len() as u64 > MOST_BYTES {
        bail!("`{}` is longer than 16MiB", file.display());
    }
    Ok(text)
}

fn write(config: &str, args: &ApiGatewayArgs) -> anyhow::Result<()> {
    let Some(file) = &args.output else {
        print!("{config}");
        return Ok(());
    };
    // A config that somebody has worked on is not written over.
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let mut opened = opened.with_context(|| format!("could not make `{}`", file.display()))?;
    opened.write_all(config.as_bytes()).with_context(|| format!("could not write `{}`", file.display()))
}
