//! The sessions of the documents are real: every `console` block of docs/cli.md runs here, in order, on a node of its own,
//! those of docs/repositories.md on kept repositories, and what the page shows is compared with what comes.
//! `SNAPKEEP_REGENERATE=1` writes what came into the page.
//!
//! A line `$ command` is run by `sh`; the lines up to the next one are what it shows, standard output and error as they
//! came. `$ export A=B` holds for the rest of the page, `$ echo $?` is the last command's status. An HTML comment
//! `<!-- stage: … -->` directs what happens beside the terminal.

mod shelf;
mod terminal;

use snapkeep_testbed::{Mode, Needs, Testbed, eventually, progress};
use terminal::Terminal;

const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// What the page calls the node.
const ENDPOINT: &str = "https://search.example";

/// The page's bucket.
const BUCKET: &str = "my-backups";

/// A node for the page alone: it lists all repositories.
struct Theatre {
    bed: Testbed,
    terminal: Terminal,
    /// While the next command runs, uploads go on once this path of the node says that state.
    release_when: Option<(String, String)>,
}

impl Theatre {
    async fn open() -> Self {
        let needs = Needs::nodes(["opensearch-3.3.0"]);
        let bed = tokio::task::spawn_blocking(move || Testbed::start(&needs, &progress::Quiet).unwrap()).await.unwrap();
        let node = bed.node("opensearch-3.3.0");
        bed.s3().create_bucket(BUCKET).await.unwrap();
        node.load_documents("logs-2026.11.22", 2_000).await;
        node.load_documents("logs-2026.11.23", 1_000).await;
        node.load_documents("orders", 3_000).await;
        let terminal = Terminal::new(ENDPOINT, node.url.clone());
        Self { bed, terminal, release_when: None }
    }

    async fn until(&self, path: &str, state: &str) {
        let node = self.bed.node("opensearch-3.3.0");
        eventually("the snapshot gets there", async || {
            (node.get(path).await.1["snapshots"][0]["state"] == state).then_some(())
        })
        .await;
    }
}

/// A page's stage.
trait Scene {
    /// What the command shows, in the page's words.
    async fn play(&mut self, line: &str) -> String;

    /// Follows a direction.
    async fn direct(&mut self, direction: &str);
}

impl Scene for Theatre {
    async fn play(&mut self, line: &str) -> String {
        let mut command = match self.terminal.command(line) {
            Ok(command) => command,
            Err(shown) => return shown,
        };
        let release_when = self.release_when.take();
        let running = tokio::task::spawn_blocking(move || command.output().unwrap());
        if let Some((path, state)) = release_when {
            self.until(&path, &state).await;
            self.bed.s3().set_mode(BUCKET, &Mode::Normal).await.unwrap();
        }
        let output = running.await.unwrap();
        self.terminal.shown(&output)
    }

    async fn direct(&mut self, direction: &str) {
        match direction.split_whitespace().collect::<Vec<_>>()[..] {
            ["more", index] => self.bed.node("opensearch-3.3.0").load_documents(index, 4_000).await,
            ["until", repository, snapshot, state] => {
                self.until(&format!("/_snapshot/{repository}/{snapshot}/_status"), state).await;
            }
            ["until-uploading", repository, snapshot] => {
                let node = self.bed.node("opensearch-3.3.0");
                eventually("the snapshot uploads", async || {
                    let (_, status) = node.get(&format!("/_snapshot/{repository}/{snapshot}/_status")).await;
                    (status["snapshots"][0]["shards_stats"]["started"] == 1).then_some(())
                })
                .await;
            }
            ["hold"] => self.bed.s3().set_mode(BUCKET, &Mode::hold()).await.unwrap(),
            ["release-when", repository, snapshot, state] => {
                let path = format!("/_snapshot/{repository}/{snapshot}/_status");
                self.release_when = Some((path, state.to_owned()));
            }
            ["file", name] => {
                let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/event.json")).unwrap();
                std::fs::write(self.terminal.directory.path().join(name), text).unwrap();
            }
            _ => panic!("no such direction: {direction}"),
        }
    }
}

#[tokio::test]
async fn the_sessions_of_the_command_line_are_real() {
    compare("cli.md", &mut Theatre::open().await).await;
}

#[tokio::test]
async fn the_sessions_of_repositories_are_real() {
    compare("repositories.md", &mut shelf::Shelf::new()).await;
}

async fn compare(name: &str, scene: &mut impl Scene) {
    let file = format!("{PAGES}/{name}");
    let page = std::fs::read_to_string(&file).unwrap();
    let played = play(&page, scene).await;
    if std::env::var_os("SNAPKEEP_REGENERATE").is_some() {
        std::fs::write(file, played).unwrap();
        return;
    }
    for (expected, found) in page.lines().zip(played.lines()) {
        assert_eq!(normal(found), normal(expected), "{name} shows\n{expected}\nbut now it is\n{found}\n\n{played}");
    }
    assert_eq!(page.lines().count(), played.lines().count(), "{played}");
}

/// The page with what its commands really show.
async fn play(page: &str, scene: &mut impl Scene) -> String {
    let mut played = String::new();
    let mut in_session = false;
    for line in page.lines() {
        let direction = line.strip_prefix("<!-- stage: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(direction) = direction {
            scene.direct(direction).await;
        }
        let command = line.strip_prefix("$ ").filter(|_| in_session);
        in_session = if in_session { line != "```" } else { line == "```console" };
        if in_session && command.is_none() && line != "```console" {
            continue;
        }
        played += line;
        played.push('\n');
        if let Some(command) = command {
            played += &scene.play(command).await;
        }
    }
    played
}

/// A line without what differs from run to run: times, ages, spans, sizes, ids and the spaces that line columns up.
fn normal(line: &str) -> String {
    let line = stamps_as_one(line);
    let words: Vec<&str> = line.split([' ', ',', '"', '/']).filter(|word| !word.is_empty()).collect();
    let mut normal = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let is_size =
            word.parse::<f64>().is_ok() && words.peek().is_some_and(|unit| is_unit(unit.trim_end_matches(['.', ')'])));
        if is_size {
            words.next();
            normal.push("SIZE");
        } else {
            normal.push(placeholder(word).unwrap_or(word));
        }
    }
    normal.join(" ")
}

fn is_unit(word: &str) -> bool {
    matches!(word.trim_end_matches("/s"), "B" | "KiB" | "MiB" | "GiB")
}

/// What stands for a word that is a time, a span, an id or a number of bytes.
fn placeholder(word: &str) -> Option<&'static str> {
    let bare = word.trim_matches(['(', ')', '{', '}', '[', ']', ':', ';']);
    let shape: String = bare.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let is_span =
        bare.len() > 1 && bare.ends_with(['s', 'm', 'h', 'd']) && bare[..bare.len() - 1].parse::<f64>().is_ok();
    let is_id = bare.len() == 22
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        && bare.bytes().any(|b| b.is_ascii_uppercase());
    match shape.as_str() {
        "9999-99-99" | "99:99:99" => Some("TIME"),
        _ if shape.starts_with("9999-99-99T99:99:99") => Some("TIME"),
        _ if is_span => Some("SPAN"),
        _ if is_id => Some("ID"),
        // A number in JSON: sizes, rates and what is left.
        _ if bare.parse::<f64>().is_ok() && word.starts_with(':') && bare.len() > 3 => Some("NUMBER"),
        _ => None,
    }
}

/// `20261123t050000z-8476a536` is one stamp like any other.
fn stamps_as_one(line: &str) -> String {
    let bytes = line.as_bytes();
    let is_stamp = |at: usize| {
        let shape = b"99999999t999999z-";
        let of = |byte: u8| if byte.is_ascii_digit() { b'9' } else { byte };
        bytes.len() >= at + 25
            && (0..17).all(|n| of(bytes[at + n]) == shape[n])
            && bytes[at + 17..at + 25].iter().all(u8::is_ascii_hexdigit)
    };
    let mut normal = String::new();
    let mut at = 0;
    while let Some(c) = line.get(at..).and_then(|rest| rest.chars().next()) {
        if is_stamp(at) {
            normal += "STAMP";
            at += 25;
        } else {
            normal.push(c);
            at += c.len_utf8();
        }
    }
    normal
}

#[test]
fn what_differs_from_run_to_run_is_left_out_and_nothing_else() {
    for (a, b) in [
        (
            "nightly-20261123t055230z-172fdb47  SUCCESS   2s      0.6s  2",
            "nightly-20251123t055231z-072fdb47  SUCCESS  12s  3.2s  2",
        ),
        ("size   729 KiB", "size  1.2 MiB"),
        ("started  2026-11-23 05:52:32 UTC (1s ago)", "started  2026-01-23 15:52:32 UTC (9s ago)"),
        (
            r#"{"uuid":"Mp7uXCjSTIawkJyp4g8ltQ","size_bytes":747300}"#,
            r#"{"uuid":"CyZ9SrBsR3qtmGPrNY5xUQ","size_bytes":938059}"#,
        ),
        (r#""started_at":"2026-11-23T05:52:32.615Z","#, r#""started_at":"2026-11-24T05:52:32Z","#),
    ] {
        assert_eq!(normal(a), normal(b));
    }
    for (a, b) in
        [("2 of 3 snapshots", "1 of 3 snapshots"), ("SUCCESS", "PARTIAL"), ("a  60", "a  58/60"), ("11", "10")]
    {
        assert_ne!(normal(a), normal(b));
    }
}
