//! Tables for people: columns under their names, as wide as they must be.

use serde_json::Value;

/// Rows under these names; a note where there are none.
pub(super) fn table<const COLUMNS: usize>(names: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    if rows.is_empty() {
        return "none\n".to_owned();
    }
    let header = names.map(str::to_owned);
    let all: Vec<&[String; COLUMNS]> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &&[String; COLUMNS]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    all.iter().map(line).collect()
}

/// A member of an object as a cell: text as it is but for what could move the cursor, a dash where there is none.
pub(super) fn cell(object: &Value, member: &str) -> String {
    match object.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(Value::Number(number)) if member.ends_with("Date") => date(number.as_f64().unwrap_or_default()),
        Some(other) => plain(&other.to_string()),
    }
}

/// Text without characters that could move the cursor, end a line or turn text round.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

fn date(unix_seconds: f64) -> String {
    let at = std::time::Duration::try_from_secs_f64(unix_seconds).unwrap_or_default();
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + at).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_stand_under_their_names() {
        let rows = [["alice".to_owned(), "CONFIRMED".to_owned()], ["zoë".to_owned(), "-".to_owned()]];
        assert_eq!(table(["USER", "STATUS"], &rows), "USER   STATUS\nalice  CONFIRMED\nzoë    -\n");
        assert_eq!(table(["USER"], &[]), "none\n");
    }

    #[test]
    fn a_cell_cannot_move_the_cursor() {
        let user = json!({"Username": "a\u{1b}[2Jb\u{202e}", "UserCreateDate": 0, "Enabled": true});
        assert_eq!(cell(&user, "Username"), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(cell(&user, "UserCreateDate"), "1970-01-01T00:00:00Z");
        assert_eq!([cell(&user, "Enabled"), cell(&user, "Email")], ["true", "-"]);
    }
}
