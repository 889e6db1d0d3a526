//! The revision of a bundle: a hash of all that decides.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};

use super::folder::Folder;
use super::links::Link;

/// A hash over the names and contents of policy files and schema extension, and over the links; cases do not decide.
pub(super) fn revision(folder: &Folder, links: &[Link]) -> String {
    let mut hash = Context::new(&SHA256);
    for source in folder.policies.iter().chain(&folder.extension) {
        update(&mut hash, source.file_name().as_bytes());
        update(&mut hash, source.text.as_bytes());
    }
    for link in links {
        let parts =
            [Some(&link.id), Some(&link.template), link.group.as_ref(), link.user.as_ref(), link.service.as_ref()];
        for part in parts {
            update(&mut hash, part.map_or(b"-", |part| part.as_bytes()));
        }
    }
    hash.finish().as_ref().iter().take(8).fold(String::new(), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The length first, so that two parts never read as one.
fn update(hash: &mut Context, part: &[u8]) {
    hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(part);
}
