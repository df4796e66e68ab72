//! Results of `config`.

use crate::output::{Cell, Look, Table, Tone, View, human, json_of};
use crate::settings::Effective as Part;
use serde::Serialize;
use serde_json::{Value, json};
use snapkeep_config::{Complaint, Config, Setting};

/// What was found wrong, or what a good file holds.
pub(crate) struct Checked<'a> {
    pub(crate) name: &'a str,
    pub(crate) complaints: &'a [Complaint],
    pub(crate) config: Option<&'a Config>,
}

impl Checked<'_> {
    fn counts(&self) -> [(&'static str, usize); 3] {
        let count = |of: fn(&Config) -> usize| self.config.map_or(0, of);
        [
            ("cluster", count(|config| config.clusters.len())),
            ("repository", count(|config| config.repositories.len())),
            ("policy", count(|config| config.policies.len())),
        ]
    }
}

impl View for Checked<'_> {
    fn text(&self, look: &Look) -> String {
        if self.complaints.is_empty() {
            let counts = self.counts().map(|(thing, number)| human::count(number, thing));
            return format!("{}: good; {}", self.name, counts.join(", "));
        }
        let line = |complaint: &Complaint| {
            let at = complaint.at.map_or(String::new(), |at| format!("{}:{}: ", at.line, at.column));
            let place = look.style.paint(Tone::Bad, &format!("{}:{at}", self.name));
            // The place is said once.
            let cause = complaint.failure.cause.split(" (line ").next().unwrap_or_default();
            format!(
                "{}{cause}\n  {}: {}",
                place_end(&place, at.is_empty()),
                look.style.paint(Tone::Moving, "hint"),
                complaint.failure.hint
            )
        };
        self.complaints.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> String {
        let complaint = |complaint: &Complaint| {
            json!({
                "code": complaint.failure.code, "cause": complaint.failure.cause, "hint": complaint.failure.hint,
                "line": complaint.at.map(|at| at.line), "column": complaint.at.map(|at| at.column),
            })
        };
        let [clusters, repositories, policies] = self.counts().map(|(_, number)| number);
        json!({
            "schema": 1, "configuration": self.name, "good": self.complaints.is_empty(), "clusters": clusters,
            "repositories": repositories, "policies": policies,
            "complaints": self.complaints.iter().map(complaint).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn place_end(place: &str, is_bare: bool) -> String {
    if is_bare { format!("{place} ") } else { place.to_owned() }
}

/// What holds, and where it comes from.
pub(crate) struct Effective<'a> {
    /// The file, if there is one.
    pub(crate) name: Option<&'a str>,
    pub(crate) settings: &'a [Setting],
    pub(crate) connection: &'a [Part],
    /// Whether people want to see origins; programs always do.
    pub(crate) origin: bool,
}

/// One setting.
#[derive(Serialize)]
struct Row {
    path: String,
    value: Value,
    /// `file`, `default` or `effective`.
    from: &'static str,
    /// In words.
    origin: String,
    line: Option<u64>,
    column: Option<u64>,
}

impl Effective<'_> {
    fn lines(&self) -> Vec<Row> {
        let name = self.name.unwrap_or_default();
        let of_file = self.settings.iter().map(|setting| Row {
            path: setting.path.clone(),
            value: setting.value.clone(),
            from: if setting.at.is_some() { "file" } else { "default" },
            origin: setting.at.map_or("default".to_owned(), |at| format!("{name}:{}:{}", at.line, at.column)),
            line: setting.at.map(|at| at.line),
            column: setting.at.map(|at| at.column),
        });
        let effective = self.connection.iter().map(|part| Row {
            path: part.path.to_owned(),
            value: json!(part.value),
            from: "effective",
            origin: part.origin.clone(),
            line: None,
            column: None,
        });
        of_file.chain(effective).collect()
    }
}

impl View for Effective<'_> {
    fn text(&self, look: &Look) -> String {
        let lines = self.lines();
        if lines.is_empty() {
            return String::new();
        }
        let mut headings = vec!["SETTING", "VALUE"];
        headings.extend(self.origin.then_some("ORIGIN"));
        let mut table = Table::new(&headings);
        for Row { path, value, origin, .. } in lines {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let mut cells: Vec<Cell> = vec![path.into(), value.into()];
            cells.extend(self.origin.then(|| Cell::toned(Tone::Dim, origin)));
            table.row(cells);
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            schema: u32,
            configuration: Option<&'a str>,
            settings: Vec<Row>,
        }
        json_of(&Whole { schema: 1, configuration: self.name, settings: self.lines() })
    }
}
