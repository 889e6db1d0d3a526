//! What a plain scalar means: the core schema of YAML 1.2 (section 10.3.2), and nothing of YAML 1.1.

/// The value of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain<'a> {
    Nothing,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    /// Written like a number, but none that 64 bits can hold.
    OutOfRange,
    Text(&'a str),
}

/// The value that `text` stands for. `yes`, `no`, `on` and `off` are text, as YAML 1.2 has it.
pub(crate) fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Nothing,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        _ if is_special_float(text) => Plain::OutOfRange,
        _ => integer(text).or_else(|| float(text)).unwrap_or(Plain::Text(text)),
    }
}

fn is_special_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn integer(text: &str) -> Option<Plain<'_>> {
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if !all_digits(text.strip_prefix(['-', '+']).unwrap_or(text)) {
        return None;
    }
    let number = text.parse().map(Plain::Unsigned).or_else(|_| text.parse().map(Plain::Negative));
    Some(number.unwrap_or(Plain::OutOfRange))
}

fn radix(digits: &str, radix: u32) -> Option<Plain<'_>> {
    let fits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    fits.then(|| u64::from_str_radix(digits, radix).map_or(Plain::OutOfRange, Plain::Unsigned))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn float(text: &str) -> Option<Plain<'_>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let mantissa_fits = match (whole, fraction) {
        ("", fraction) => all_digits(fraction),
        (whole, fraction) => all_digits(whole) && (fraction.is_empty() || all_digits(fraction)),
    };
    if !mantissa_fits || !exponent.is_none_or(all_digits) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    Some(if number.is_finite() { Plain::Float(number) } else { Plain::OutOfRange })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Plain, resolve};

    #[test]
    fn a_plain_scalar_means_what_the_core_schema_says() {
        for (text, expected) in [
            ("", Plain::Nothing),
            ("~", Plain::Nothing),
            ("null", Plain::Nothing),
            ("true", Plain::Bool(true)),
            ("FALSE", Plain::Bool(false)),
            ("0", Plain::Unsigned(0)),
            ("+7", Plain::Unsigned(7)),
            ("010", Plain::Unsigned(10)),
            ("0x1F", Plain::Unsigned(31)),
            ("0o17", Plain::Unsigned(15)),
            ("-3", Plain::Negative(-3)),
            ("1.5", Plain::Float(1.5)),
            (".5", Plain::Float(0.5)),
            ("1.", Plain::Float(1.0)),
            ("1e3", Plain::Float(1000.0)),
            ("18446744073709551616", Plain::OutOfRange),
            ("1e999", Plain::OutOfRange),
            (".inf", Plain::OutOfRange),
            (".nan", Plain::OutOfRange),
        ] {
            assert_eq!(resolve(text), expected, "`{text}`");
        }
    }

    #[test]
    fn what_only_yaml_1_1_reads_otherwise_is_text() {
        for text in [
            "off", "on", "yes", "no", "y", "1_000", "0b1", "12:30", "tRue", "-", "+", ".", "0x", "1.2.3", "e5", "1e",
            "nan",
        ] {
            assert_eq!(resolve(text), Plain::Text(text), "`{text}`");
        }
    }
}
