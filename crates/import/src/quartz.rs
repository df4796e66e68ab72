//! SLM's schedules: cron as Quartz writes it, `second minute hour day month weekday [year]`, Sunday being 1.

/// What became of one.
pub(crate) struct Cron {
    /// Five fields.
    pub(crate) text: String,
    /// What was left out of it, in words.
    pub(crate) lost: Vec<&'static str>,
}

/// Five fields; `None` if it does not have six or seven.
pub(crate) fn cron(text: &str) -> Option<Cron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let ([second, minute, hour, day, month, weekday] | [second, minute, hour, day, month, weekday, _]) = fields[..]
    else {
        return None;
    };
    let mut lost = Vec::new();
    if second != "0" && second != "00" {
        lost.push("seconds");
    }
    if fields.get(6).is_some_and(|year| *year != "*") {
        lost.push("a year");
    }
    let fields =
        [stepped(minute, 59), stepped(hour, 23), stepped(&any(day), 31), stepped(month, 12), weekdays(&any(weekday))];
    Some(Cron { text: fields.join(" "), lost })
}

fn any(field: &str) -> String {
    if field == "?" { "*".to_owned() } else { field.to_owned() }
}

/// `5/15` begins at 5 and goes on to the end: `5-59/15`.
fn stepped(field: &str, last: u32) -> String {
    let part = |part: &str| match part.split_once('/') {
        Some((first, step)) if first.parse::<u32>().is_ok() => format!("{first}-{last}/{step}"),
        _ => part.to_owned(),
    };
    field.split(',').map(part).collect::<Vec<_>>().join(",")
}

/// Sunday is 1 there and 0 here; names are the same.
fn weekdays(field: &str) -> String {
    let part = |part: &str| {
        let (days, rest) = part.split_at(part.find(['/', '#']).unwrap_or(part.len()));
        let days: Vec<String> = days.split('-').map(weekday).collect();
        days.join("-") + rest
    };
    field.split(',').map(part).collect::<Vec<_>>().join(",")
}

fn weekday(day: &str) -> String {
    let (number, last) = day.strip_suffix('L').map_or((day, ""), |number| (number, "L"));
    match number.parse::<u32>() {
        Ok(number @ 1..=7) => format!("{}{last}", number - 1),
        _ => day.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_fields_become_five() {
        for (quartz, ours) in [
            ("0 30 1 * * ?", "30 1 * * *"),
            ("0 0 9 ? * MON-FRI", "0 9 * * MON-FRI"),
            ("0 0/15 8-18 ? * 2-6", "0-59/15 8-18 * * 1-5"),
            ("0 15 2 1 1/3 ?", "15 2 1 1-12/3 *"),
            ("0 0 3 ? * 1,7", "0 3 * * 0,6"),
            ("0 0 3 ? * 6#3", "0 3 * * 5#3"),
            ("0 0 3 ? * 6L", "0 3 * * 5L"),
            ("0 0 3 L * ? *", "0 3 L * *"),
        ] {
            let cron = cron(quartz).unwrap();
            assert_eq!((cron.text.as_str(), cron.lost.len()), (ours, 0), "{quartz}");
            snapkeep_core::schedule::Schedule::parse(ours, jiff::tz::TimeZone::UTC).unwrap();
        }
        assert_eq!(cron("30 0 0 * * ? 2027").unwrap().lost, ["seconds", "a year"]);
        assert!(cron("0 8 * * *").is_none() && cron("every day").is_none());
    }
}
