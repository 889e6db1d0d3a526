//! A bundle's folder as it lies on disk: its policy files, the extension of the schema, and the cases.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::policy::error::Flaw;
use crate::policy::flaws::Source;
use crate::policy::schema::EXTENSION_FILE;

/// The files of a bundle, each read once.
#[derive(Debug)]
pub(in crate::policy) struct Folder {
    /// `*.cedar`, by name.
    pub(in crate::policy) policies: Vec<Source>,
    /// `schema.cedarschema`.
    pub(in crate::policy) extension: Option<Source>,
    /// `*.cases.yaml`, by name.
    pub(in crate::policy) cases: Vec<Source>,
}

impl Folder {
    /// Reads a bundle's folder. Files that begin with a dot are editors' and mounts' own, and are left alone.
    ///
    /// # Errors
    ///
    /// The folder or a file in it cannot be read, is not text, or there is no policy file.
    pub(super) fn read(directory: &Path) -> Result<Self, Vec<Flaw>> {
        let files = list(directory).map_err(|flaw| vec![flaw])?;
        let policies = read_all(files.iter().filter(|file| has_extension(file, "cedar")))?;
        if policies.is_empty() {
            let flaw = Flaw::new("folder-empty", format!("folder `{}` has no `*.cedar` file", directory.display()))
                .help("put at least one policy there; without any, every request would be denied");
            return Err(vec![flaw]);
        }
        let extension = read_all(files.iter().filter(|file| file.ends_with(EXTENSION_FILE)))?.into_iter().next();
        let cases = read_all(files.iter().filter(|file| is_cases(file)))?;
        Ok(Self { policies, extension, cases })
    }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, Flaw> {
    let entries = fs::read_dir(directory).map_err(|error| unreadable_folder(directory, error.kind()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable_folder(directory, error.kind()))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(entry.path());
        }
    }
    // the order of a directory is anyone's guess, and ids and revision must not depend on it
    files.sort();
    Ok(files)
}

fn unreadable_folder(directory: &Path, kind: ErrorKind) -> Flaw {
    let folder = directory.display();
    match kind {
        ErrorKind::NotFound => Flaw::new("folder-missing", format!("there is no folder `{folder}`"))
            .help("a bundle's `directory` is relative to the config file"),
        ErrorKind::NotADirectory => Flaw::new("folder-missing", format!("`{folder}` is not a folder"))
            .help("name the folder that holds the `*.cedar` files"),
        kind => Flaw::new("folder-unreadable", format!("folder `{folder}` cannot be read: {kind}"))
            .help("lychgate's user needs to read and enter it"),
    }
}

fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found == extension)
}

fn is_cases(file: &Path) -> bool {
    [".cases.yaml", ".cases.yml"].iter().any(|ending| file.to_string_lossy().ends_with(ending))
}

fn read_all<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<Vec<Source>, Vec<Flaw>> {
    let mut sources = Vec::new();
    let mut flaws = Vec::new();
    for file in files {
        match read(file) {
            Ok(source) => sources.push(source),
            Err(flaw) => flaws.push(flaw),
        }
    }
    if flaws.is_empty() { Ok(sources) } else { Err(flaws) }
}

fn read(file: &Path) -> Result<Source, Flaw> {
    let whole = || Source::new(file, "").place(0, 0);
    let bytes = fs::read(file).map_err(|error| {
        Flaw::new("file-unreadable", format!("the file cannot be read: {}", error.kind()))
            .help("lychgate's user needs to read it")
            .at(whole())
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        Flaw::new("file-not-utf8", format!("the file is not text in UTF-8: see byte {good}"))
            .help("save it as UTF-8")
            .at(whole())
    })?;
    Ok(Source::new(file, text))
}
