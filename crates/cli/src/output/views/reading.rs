//! Results of `inspect`, `verify`, `du` and `orphans`.

use super::{Fields, age};
use crate::output::{Cell, Look, Table, Tone, View, harmless, human, json_of};
use snapkeep_repository::inspect::{Contents, Difference, IndexDetail, IndexLine, SnapshotDetail, SnapshotLine};
use snapkeep_repository::orphans::Orphans;
use snapkeep_repository::usage::Usage;
use snapkeep_repository::verify::{Choice, Effect, Finding, Level, Outcome, Report, Restores, Share, SnapshotVerdict};

/// Most findings, orphans and names that are put on the screen; `--json` has all.
const SHOWN_AT_ONCE: usize = 20;

fn generation(generation: Option<u64>) -> String {
    generation.map_or_else(|| "none: nothing was ever written to it".to_owned(), |generation| generation.to_string())
}

fn many(number: u64, thing: &str) -> String {
    human::count(usize::try_from(number).unwrap_or(usize::MAX), thing)
}

/// A snapshot's own word on its state.
fn state(word: Option<&str>) -> Cell {
    let tone = match word {
        Some("SUCCESS") => Tone::Good,
        Some("FAILED") => Tone::Bad,
        _ => Tone::Warning,
    };
    Cell::toned(tone, word.unwrap_or("UNKNOWN"))
}

/// What more there is than is shown.
fn more(count: usize) -> Option<String> {
    (count > SHOWN_AT_ONCE).then(|| format!("… and {} more; --json has all", count - SHOWN_AT_ONCE))
}

impl View for Contents {
    fn text(&self, look: &Look) -> String {
        let mut fields = Fields::new(look);
        fields.add("repository", Cell::toned(Tone::Strong, self.location.as_str()));
        fields.add("generation", generation(self.generation));
        let ago = |at| format!("{} ({} ago)", human::time(at), human::age(at, look.now));
        fields.add_known("written", self.written_at.map(ago));
        fields.add_known("uuid", self.uuid.as_deref());
        fields.add_known("needs at least", self.min_version.as_deref());
        let counts = [human::count(self.snapshots.len(), "snapshot"), human::count(self.indices.len(), "index")];
        fields.add("holds", counts.join(" of "));
        if !self.incompatible.is_empty() {
            let names = self.incompatible.iter().take(SHOWN_AT_ONCE).cloned().collect::<Vec<_>>().join(", ");
            fields.add("incompatible", format!("{names}: of a version that the servers cannot read"));
        }
        let mut table = Table::new(&["NAME", "STATE", ">AGE", ">INDICES", ">SHARDS", ">SIZE", "VERSION", "NOTE"]);
        for line in &self.snapshots {
            table.row(row(line, look));
        }
        if self.snapshots.is_empty() {
            return fields.render();
        }
        let tables = [table.render(look.style), index_lines(&self.indices, look)];
        format!("{}\n\n{}", fields.render(), tables.join("\n\n"))
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

fn index_lines(lines: &[IndexLine], look: &Look) -> String {
    let mut table = Table::new(&["INDEX", ">SNAPSHOTS", ">SHARDS", ">SIZE"]);
    for line in lines.iter().take(SHOWN_AT_ONCE) {
        table.row(vec![
            line.name.as_str().into(),
            line.snapshots.to_string().into(),
            human::or_unknown(line.shards.map(|shards| shards.to_string())).into(),
            human::or_unknown(line.bytes.map(human::bytes)).into(),
        ]);
    }
    [Some(table.render(look.style)), more(lines.len())].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn row(line: &SnapshotLine, look: &Look) -> Vec<Cell> {
    let shards = line.shards.zip(line.shards_successful).map(|(total, successful)| {
        if total == successful { total.to_string() } else { format!("{successful}/{total}") }
    });
    let note = line.trouble.clone();
    let remote = line.remote.map(|remote| format!("{remote}: its data is in a remote store"));
    vec![
        line.name.as_str().into(),
        state(line.state.as_deref()),
        age(line.started_at, look).into(),
        line.indices.to_string().into(),
        human::or_unknown(shards).into(),
        human::or_unknown(line.bytes.map(human::bytes)).into(),
        human::or_unknown(line.version.clone()).into(),
        Cell::toned(Tone::Warning, note.or(remote).unwrap_or_default()),
    ]
}

impl View for SnapshotDetail {
    fn text(&self, look: &Look) -> String {
        let mut fields = Fields::new(look);
        fields.add("snapshot", Cell::toned(Tone::Strong, self.snapshot.as_str()));
        fields.add("repository", format!("{}, generation {}", self.location, generation(self.generation)));
        fields.add("state", state(Some(&self.state)));
        fields.add_known("reason", self.reason.as_deref());
        fields.add_known("started", self.started_at.map(human::time));
        fields.add_known("ended", self.ended_at.map(human::time));
        fields.add("shards", format!("{} of {}", self.shards_successful, self.shards));
        fields.add_known("size", self.bytes.map(human::bytes));
        fields.add_known("taken by", self.version.as_deref());
        fields.add("uuid", self.uuid.as_str());
        fields.add_known(
            "global state",
            self.include_global_state.map(|is_in| if is_in { "in it" } else { "not in it" }),
        );
        fields.add_known("metadata", self.metadata.as_ref().map(ToString::to_string));
        fields.add_known("data", self.remote.map(|remote| format!("in a remote store ({remote}), not readable here")));
        for stream in &self.data_streams {
            fields.add("data stream", stream.as_str());
        }
        for (index, shard, reason) in self.failures.iter().take(SHOWN_AT_ONCE) {
            fields.add(
                "missing shard",
                format!("{index}/{shard}: {}", reason.as_deref().unwrap_or("no reason is given")),
            );
        }
        let mut table = Table::new(&["INDEX", ">SHARDS", ">REPLICAS", "STATE", ">SIZE", "NOTE"]);
        for index in &self.indices {
            table.row(index_row(index));
        }
        let files = self.indices.iter().map(|index| files(index, look)).collect::<String>();
        format!("{}\n\n{}{files}", fields.render(), table.render(look.style))
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

fn index_row(index: &IndexDetail) -> Vec<Cell> {
    let number = |number: Option<u32>| human::or_unknown(number.map(|number| number.to_string()));
    vec![
        index.name.as_str().into(),
        number(index.shards).into(),
        number(index.replicas).into(),
        human::or_unknown(index.state.clone()).into(),
        human::or_unknown(index.bytes.map(human::bytes)).into(),
        Cell::toned(Tone::Warning, index.trouble.clone().unwrap_or_default()),
    ]
}

/// Settings, mappings and aliases, and the files of the shards, of an index that was asked for.
fn files(index: &IndexDetail, look: &Look) -> String {
    let mut fields = Fields::new(look);
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (kind, entries) in [("", &index.settings), ("mapping ", &index.mappings), ("alias ", &index.aliases)] {
        for (key, value) in entries.iter().flatten() {
            fields.add(&format!("{kind}{key}"), plain(value));
        }
    }
    let mut table = Table::new(&[">SHARD", "FILE", ">SIZE", "CHECKSUM", "BLOB"]);
    for shard in &index.files {
        for (file, blob, bytes, checksum) in &shard.files {
            let checksum = human::or_unknown(checksum.clone());
            let cells = [shard.shard.to_string(), file.clone(), human::bytes(*bytes), checksum, blob.clone()];
            table.row(cells.into_iter().map(Cell::from).collect());
        }
        if let Some(why) = &shard.trouble {
            let cells = [shard.shard.to_string(), "not known".to_owned(), "-".to_owned(), "-".to_owned()];
            table.row(cells.into_iter().map(Cell::from).chain([Cell::toned(Tone::Warning, why.as_str())]).collect());
        }
    }
    let shards = match &index.shards_trouble {
        Some(why) => format!("{}: {}", look.style.paint(Tone::Warning, "shards not known"), harmless(why.clone())),
        None if index.files.is_empty() => return behind(fields),
        None => table.render(look.style),
    };
    format!("{}\n\n{shards}", behind(fields))
}

/// What is known, set off from what stands before.
fn behind(fields: Fields<'_>) -> String {
    let text = fields.render();
    if text.is_empty() { text } else { format!("\n\n{text}") }
}

impl View for Difference {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["INDEX", "", ">ADDED", ">REMOVED", ">SHARED"]);
        for line in &self.indices {
            let note = match (line.in_from, line.in_to) {
                (true, false) => Cell::toned(Tone::Bad, "gone"),
                (false, true) => Cell::toned(Tone::Good, "new"),
                _ if line.unread_shards > 0 => Cell::toned(Tone::Warning, "not wholly read"),
                _ if line.added_bytes == 0 && line.removed_bytes == 0 => Cell::toned(Tone::Dim, "same"),
                _ => Cell::toned(Tone::Moving, "changed"),
            };
            let bytes = [line.added_bytes, line.removed_bytes, line.shared_bytes].map(human::bytes);
            table.row([Cell::from(line.index.as_str()), note].into_iter().chain(bytes.map(Cell::from)).collect());
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

impl View for Report {
    fn text(&self, look: &Look) -> String {
        let parts = [findings(&self.findings, look), verdicts(&self.snapshots, look), self.summary(look)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

/// What was not all looked at, in words; nothing where everything was.
fn only(choice: &Choice) -> Option<String> {
    let named = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| harmless(format!("{what} {}", names[..names.len().min(SHOWN_AT_ONCE)].join(", "))))
    };
    let share = match choice.share {
        Share::All => None,
        Share::Sample { per_million, .. } => {
            Some(format!("the bytes of {}% of the files", f64::from(per_million) / 1e4))
        }
        Share::Part { part, of } => Some(format!("the bytes of part {part} of {of} of the files")),
    };
    let metadata = (choice.level == Level::Metadata)
        .then(|| "metadata, of the snapshots' own blobs in the shards only that they are there".to_owned());
    let parts = [metadata, share, named("snapshots", &choice.snapshots), named("indices", &choice.indices)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How many snapshots can be restored how; nothing where there is no verdict.
fn tally(verdicts: &[SnapshotVerdict]) -> Option<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (_, word) in verdicts.iter().map(|verdict| restores(verdict.restores)) {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What is said of a report as a whole.
trait Summary {
    fn summary(&self, look: &Look) -> String;
}

impl Summary for Report {
    fn summary(&self, look: &Look) -> String {
        let (tone, word) = match self.outcome {
            Outcome::Whole => (Tone::Good, "whole"),
            Outcome::NothingFound => (Tone::Good, "nothing wrong found in what was looked at"),
            Outcome::Elsewhere => (Tone::Warning, "none: all data is in a remote store"),
            Outcome::Damaged => (Tone::Bad, "damaged"),
            Outcome::Unread => (Tone::Warning, "not wholly read"),
            Outcome::Inconclusive => (Tone::Warning, "inconclusive: the repository changed meanwhile"),
        };
        let mut fields = Fields::new(look);
        fields.add("verdict", Cell::toned(tone, word));
        fields.add("repository", format!("{}, generation {}", self.location, generation(self.generation)));
        fields.add_known("looked only at", only(&self.choice));
        fields.add_known("snapshots", tally(&self.snapshots));
        let totals = &self.totals;
        fields.add(
            "looked at",
            format!(
                "{} with {} of {}",
                many(totals.shards, "shard"),
                many(totals.files, "file"),
                human::bytes(totals.bytes)
            ),
        );
        if let Some(since) = self.resumed_since {
            let shards = human::count(self.resumed_shards, "shard");
            fields.add("from before", format!("{shards}, found sound since {}, not looked at now", human::time(since)));
        }
        if self.choice.level == Level::Checksums {
            fields.add(
                "summed up",
                format!("{} of {}", many(totals.files_read, "file"), human::bytes(totals.bytes_read)),
            );
        }
        fields.add("asked", format!("{} requests, {}", self.counts.requests(), human::bytes(self.counts.bytes)));
        if self.rereads > 0 {
            fields.add("read twice", format!("{} blobs were wrong at first and right then", self.rereads));
        }
        fields.render()
    }
}

fn findings(findings: &[Finding], look: &Look) -> String {
    let lines = findings.iter().take(SHOWN_AT_ONCE).map(|finding| line(finding, look));
    lines.chain(more(findings.len())).collect::<Vec<_>>().join("\n")
}

fn line(finding: &Finding, look: &Look) -> String {
    let tone = match finding.effect {
        Effect::Unknown | Effect::Nothing | Effect::Later => Tone::Warning,
        _ => Tone::Bad,
    };
    let shard = match (&finding.index, finding.shard) {
        (Some(index), Some(shard)) => format!(" [{index}/{shard}]"),
        (Some(index), None) => format!(" [{index}]"),
        _ => String::new(),
    };
    let blob = finding.blob.clone().map(|blob| format!("\n  blob: {}", harmless(blob))).unwrap_or_default();
    let named = harmless(finding.snapshots[..finding.snapshots.len().min(SHOWN_AT_ONCE)].join(", "));
    let hurts = if named.is_empty() { String::new() } else { format!("\n  {}: {named}", hurts(finding.effect)) };
    let (kind, detail) = (look.style.paint(tone, finding.kind.as_str()), harmless(finding.detail.clone()));
    format!("{kind}{}: {detail}{blob}{hurts}", harmless(shard))
}

fn hurts(effect: Effect) -> &'static str {
    match effect {
        Effect::Snapshot => "cannot be restored",
        Effect::GlobalState => "without the cluster's state",
        Effect::Index => "without the index",
        Effect::Shard => "without the shard",
        Effect::Later => "can be restored; later snapshots and deletes may fail",
        Effect::Unknown => "not known of",
        Effect::Nothing => "concerns",
    }
}

fn verdicts(verdicts: &[SnapshotVerdict], look: &Look) -> String {
    let mut table = Table::new(&["NAME", "STATE", "RESTORES", "WITHOUT"]);
    for verdict in verdicts {
        let (tone, word) = restores(verdict.restores);
        table.row(vec![
            verdict.snapshot.as_str().into(),
            state(verdict.state.as_deref()),
            Cell::toned(tone, word),
            without(verdict).into(),
        ]);
    }
    if verdicts.is_empty() { String::new() } else { table.render(look.style) }
}

fn restores(restores: Restores) -> (Tone, &'static str) {
    match restores {
        Restores::Whole => (Tone::Good, "whole"),
        Restores::Partial => (Tone::Warning, "partial as taken"),
        Restores::NothingFound => (Tone::Good, "nothing wrong found"),
        Restores::Without => (Tone::Bad, "without"),
        Restores::Not => (Tone::Bad, "not at all"),
        Restores::Unknown => (Tone::Warning, "not known"),
        Restores::Elsewhere => (Tone::Warning, "from its remote store only"),
    }
}

/// What a restore would lack, and what the snapshot never held.
fn without(verdict: &SnapshotVerdict) -> String {
    let shards = |shards: &[snapkeep_repository::verify::ShardName]| {
        let named: Vec<String> = shards.iter().take(3).map(|name| format!("{}/{}", name.index, name.shard)).collect();
        let more = shards.len().saturating_sub(3);
        if more == 0 { named.join(", ") } else { format!("{} and {more} more shards", named.join(", ")) }
    };
    let never = (!verdict.never_held.is_empty()).then(|| format!("{} (never held)", shards(&verdict.never_held)));
    let parts = [
        verdict.without_global_state.then(|| "the cluster's state".to_owned()),
        (!verdict.without_indices.is_empty()).then(|| verdict.without_indices.join(", ")),
        (!verdict.without_shards.is_empty()).then(|| shards(&verdict.without_shards)),
        never,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

impl View for Usage {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["SNAPSHOT", ">AGE", ">TOTAL", ">UNIQUE", ">SHARED", ">ADDED"]);
        for used in &self.snapshots {
            let bytes = [used.total_bytes, used.unique_bytes, used.shared_bytes, used.added_bytes].map(human::bytes);
            let head = [Cell::from(used.snapshot.as_str()), age(used.started_at, look).into()];
            table.row(head.into_iter().chain(bytes.map(Cell::from)).collect());
        }
        let mut indices = Table::new(&["INDEX", ">SNAPSHOTS", ">SIZE"]);
        for index in self.indices.iter().take(SHOWN_AT_ONCE) {
            indices.row(vec![
                index.index.as_str().into(),
                index.snapshots.to_string().into(),
                human::bytes(index.bytes).into(),
            ]);
        }
        let mut fields = Fields::new(look);
        fields.add("repository", format!("{}, generation {}", self.location, generation(self.generation)));
        let least = if self.unread.is_empty() { "" } else { "at least " };
        fields.add("data", format!("{least}{}", human::bytes(self.data_bytes)));
        for (class, used) in self.classes.iter().flatten() {
            let usd = human::or_unknown(used.monthly_usd.map(|usd| format!("{usd:.2} USD a month")));
            fields.add(class, format!("{} in {} objects, {usd}", human::bytes(used.bytes), used.objects));
        }
        fields.add_known(
            "costs",
            self.monthly_usd.map(|usd| format!("{usd:.2} USD a month, without requests and retrieval")),
        );
        let tables = [table.render(look.style), indices.render(look.style)];
        let shown = if self.snapshots.is_empty() { String::new() } else { tables.join("\n\n") + "\n\n" };
        shown + &more(self.indices.len()).map(|more| more + "\n\n").unwrap_or_default() + &fields.render()
    }

    fn json(&self) -> String {
        json_of(self)
    }
}

impl View for Orphans {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["KIND", "RULE", ">AGE", ">SIZE", "BLOB"]);
        let word = |value: &dyn Fn() -> serde_json::Value| value().as_str().unwrap_or_default().replace('_', " ");
        for orphan in self.orphans.iter().take(SHOWN_AT_ONCE) {
            table.row(vec![
                word(&|| serde_json::json!(orphan.kind)).into(),
                word(&|| serde_json::json!(orphan.rule)).into(),
                human::age(orphan.written_at, look.now).into(),
                human::bytes(orphan.bytes).into(),
                orphan.blob.as_str().into(),
            ]);
        }
        let bytes = self.orphans.iter().fold(0_u64, |sum, orphan| sum.saturating_add(orphan.bytes));
        let mut fields = Fields::new(look);
        fields.add("repository", format!("{}, generation {}", self.location, generation(self.generation)));
        let said =
            if self.running { "not said while a snapshot may be running".to_owned() } else { human::bytes(bytes) };
        fields.add(
            "orphans",
            if self.running { said } else { format!("{}, {said}", human::count(self.orphans.len(), "blob")) },
        );
        if let Some(before) = self.before {
            let younger = many(self.younger, "blob");
            fields.add("left alone", format!("{younger} younger than {}", human::age(before, look.now)));
        }
        if self.cluster.as_ref().is_some_and(Vec::is_empty) {
            fields.add("cluster", "says that no snapshot runs");
        }
        if self.foreign > 0 {
            fields.add("foreign", format!("{} blobs of no kind that snapshots have", self.foreign));
        }
        let shown = if self.orphans.is_empty() { String::new() } else { table.render(look.style) + "\n\n" };
        shown + &more(self.orphans.len()).map(|more| more + "\n\n").unwrap_or_default() + &fields.render()
    }

    fn json(&self) -> String {
        json_of(self)
    }
}
