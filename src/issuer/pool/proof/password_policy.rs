//! What a new password must be like, by the pool's policy.

use serde_json::{Map, Value};

const LONGEST: usize = 256;
/// What counts as a symbol; a blank within the password does too.
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+= ";

/// The policy of a pool. Cognito's default: eight characters with upper and lower case, a digit and a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as in Cognito's policy")]
pub(crate) struct PasswordPolicy {
    pub shortest: usize,
    pub upper: bool,
    pub lower: bool,
    pub digits: bool,
    pub symbols: bool,
    /// How many passwords before the one of now may not come again.
    pub history: usize,
    pub temporary_days: u64,
}

impl PasswordPolicy {
    /// Reads `Policies.PasswordPolicy` of a pool that has all members.
    pub(crate) fn of(policy: &Map<String, Value>) -> Self {
        let flag = |name: &str| policy.get(name).and_then(Value::as_bool).unwrap_or(true);
        let number = |name: &str, default| policy.get(name).and_then(Value::as_u64).unwrap_or(default);
        Self {
            shortest: usize::try_from(number("MinimumLength", 8)).unwrap_or(8),
            upper: flag("RequireUppercase"),
            lower: flag("RequireLowercase"),
            digits: flag("RequireNumbers"),
            symbols: flag("RequireSymbols"),
            history: usize::try_from(number("PasswordHistorySize", 0)).unwrap_or(0),
            temporary_days: number("TemporaryPasswordValidityDays", 7),
        }
    }

    /// What the password lacks, in Cognito's words.
    pub(crate) fn objection(&self, password: &str) -> Option<&'static str> {
        let has = |wanted: bool, is: fn(char) -> bool| !wanted || password.chars().any(is);
        let length = password.chars().count();
        if length < self.shortest {
            Some("Password not long enough")
        } else if length > LONGEST {
            Some("Password is too long")
        } else if password.trim() != password {
            Some("Password must not begin or end with a blank")
        } else if !has(self.upper, char::is_uppercase) {
            Some("Password must have uppercase characters")
        } else if !has(self.lower, char::is_lowercase) {
            Some("Password must have lowercase characters")
        } else if !has(self.digits, |character| character.is_ascii_digit()) {
            Some("Password must have numeric characters")
        } else if !has(self.symbols, |character| SYMBOLS.contains(character)) {
            Some("Password must have symbol characters")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_lacks_what_the_policy_asks_for() {
        let policy = PasswordPolicy::of(&Map::new());
        assert_eq!(policy.objection("Aa1!aaaa"), None);
        for (password, lacking) in [
            ("Aa1!aaa", "long enough"),
            ("aa1!aaaa", "uppercase"),
            ("AA1!AAAA", "lowercase"),
            ("Aab!aaaa", "numeric"),
            ("Aa1aaaaa", "symbol"),
            (" Aa1!aaaa", "blank"),
        ] {
            assert!(policy.objection(password).unwrap().contains(lacking), "{password}");
        }
        assert!(policy.objection(&format!("Aa1!{}", "a".repeat(253))).is_some());
        let loose = serde_json::json!({"MinimumLength": 6, "RequireUppercase": false, "RequireLowercase": false,
            "RequireNumbers": false, "RequireSymbols": false});
        assert_eq!(PasswordPolicy::of(loose.as_object().unwrap()).objection("öööööö"), None);
    }
}
