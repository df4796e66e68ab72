//! Lengths of time as other tools write them.

/// A length that servers write: `30d`, `1h`, `35m`, `90s`; as ours. Fractions and shorter units have no equal.
pub(crate) fn of_server(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(at);
    let unit = match unit.trim() {
        "d" => "d",
        "h" => "h",
        "m" => "min",
        "s" => "s",
        _ => return None,
    };
    count.parse::<u32>().ok().filter(|count| *count > 0).map(|count| format!("{count}{unit}"))
}

/// A unit of Curator's in seconds: its months are 30 days, its years 365.
pub(crate) fn unit_seconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "seconds" => 1,
        "minutes" => 60,
        "hours" => 3_600,
        "days" => 86_400,
        "weeks" => 7 * 86_400,
        "months" => 30 * 86_400,
        "years" => 365 * 86_400,
        _ => return None,
    })
}

/// So many seconds in the largest unit of fixed length that says them exactly.
pub(crate) fn of_seconds(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds % length == 0).unwrap_or((1, "s"));
    format!("{}{unit}", seconds / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_said_in_our_units() {
        assert_eq!(of_server("35m").as_deref(), Some("35min"));
        assert_eq!(of_server("30d").as_deref(), Some("30d"));
        for bad in ["", "d", "1.5h", "0d", "100ms", "1w", "-1d"] {
            assert_eq!(of_server(bad), None, "{bad}");
        }
        for (seconds, text) in [(86_400 * 30, "30d"), (7_200, "2h"), (90, "90s"), (120, "2min")] {
            assert_eq!(of_seconds(seconds), text);
        }
    }
}
