//! What stands in the log for a subject: its name, or a hash that means something in one run only.

use aws_lc_rs::digest::{Context, SHA256};

/// How the log names subjects.
pub(super) enum SubjectNames {
    /// As the token does.
    Clear,
    /// By hash, so that one caller's lines can be told together but not whose they are.
    Hashed {
        /// Made anew for each run, so that hashes can't be prepared beforehand or joined across runs.
        salt: [u8; 32],
    },
}

impl SubjectNames {
    /// The name of `subject` of `issuer`: with salt, the first 16 hexadecimal digits of SHA-256.
    ///
    /// The issuer goes into the hash because a `sub` is unique only within it (OIDC Core 1.0 section 5.7).
    pub(super) fn name(&self, issuer: &str, subject: &str) -> String {
        let Self::Hashed { salt } = self else { return subject.to_owned() };
        let mut context = Context::new(&SHA256);
        context.update(salt);
        // the length keeps `a` of `bc` from hashing as `ab` of `c`
        context.update(&issuer.len().to_be_bytes());
        context.update(issuer.as_bytes());
        context.update(subject.as_bytes());
        let first = context.finish().as_ref().first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::SubjectNames;

    #[test]
    fn a_hash_is_stable_within_a_run_and_different_in_another() {
        let (run, other) = (SubjectNames::Hashed { salt: [1; 32] }, SubjectNames::Hashed { salt: [2; 32] });
        assert_eq!(run.name("corp", "alice"), run.name("corp", "alice"));
        assert_ne!(run.name("corp", "alice"), other.name("corp", "alice"));
    }

    #[test]
    fn a_hash_is_sixteen_hexadecimal_digits_without_the_name() {
        let name = SubjectNames::Hashed { salt: [0; 32] }.name("corp", "alice");
        assert_eq!(name.len(), 16);
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }

    #[test]
    fn issuer_and_subject_do_not_run_into_each_other() {
        let names = SubjectNames::Hashed { salt: [0; 32] };
        assert_ne!(names.name("corp", "alice"), names.name("cor", "palice"));
        assert_ne!(names.name("corp", "alice"), names.name("local", "alice"));
    }

    #[test]
    fn in_clear_the_name_is_the_subject() {
        assert_eq!(SubjectNames::Clear.name("corp", "alice"), "alice");
    }
}
