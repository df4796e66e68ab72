//! `cargo xtask test --pages`: the daemon's page in a real browser, beside a real node.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use snapkeep_testbed::cache::Cache;
use snapkeep_testbed::s3::Keys;
use snapkeep_testbed::{Mode, Needs, NodeHandle, Testbed};
use tempfile::TempDir;

use crate::failure::{Failure, Result};
use crate::package::root;
use crate::python::{Packages, run};
use crate::terminal::Terminal;

/// Names the browser, where it is not called as Debian calls it.
const CHROMIUM: &str = "SNAPKEEP_CHROMIUM";

/// The one whose uploads can be held.
const NODE: &str = "opensearch-3.3.0";

/// The repository and bucket whose snapshot never ends.
const HELD: &str = "logs-backups";
const FREE: &str = "backups";

/// How often the daemon is asked how far it is, and the pause between.
const LOOKS: u32 = 120;
const PAUSE: Duration = Duration::from_secs(1);

const BROWSER: Packages<'_> =
    Packages { name: "pages", requirements: include_str!("pages/requirements.txt"), options: &[] };

/// Looks at the page; pictures of it go to `target/pages`.
pub(crate) fn check() -> Result<()> {
    let chromium = chromium()?;
    let packages = BROWSER.install(&Cache::open()?)?;
    run(crate::cargo::cargo().current_dir(root()).args(["build", "--quiet", "--package", "snapkeep-cli"]))?;
    let bed = Testbed::start(&Needs::nodes([NODE]), &Terminal::default())?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::during("cannot set up"))?;
    runtime.block_on(prepare(&bed))?;
    let daemon = Daemon::start(&bed.node(NODE).url)?;
    let shown = NodeHandle { url: format!("http://{}", daemon.address), ..bed.node(NODE).clone() };
    runtime.block_on(until_shown(&shown))?;
    let pictures = root().join("target/pages");
    std::fs::create_dir_all(&pictures).map_err(Failure::during("cannot make a directory"))?;
    let script = root().join("xtask/src/pages/check.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(chromium).arg(&daemon.address).arg(&pictures).env("PYTHONPATH", packages);
    let status = command.status().map_err(Failure::during("cannot run python3"))?;
    println!("   pictures: {}", pictures.display());
    if status.success() { Ok(()) } else { Err(Failure::new("the page is not as it should be")) }
}

fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(CHROMIUM) {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path);
    let found = places.flat_map(|place| ["chromium", "chromium-browser", "google-chrome"].map(|name| place.join(name)));
    found.into_iter().find(|place| place.is_file()).ok_or_else(|| {
        Failure::operator(format!(
            "Chromium is needed; install it with: apt-get install chromium, or name it in {CHROMIUM}"
        ))
    })
}

/// Two repositories: one with snapshots of three nights, one whose snapshots do not end.
async fn prepare(bed: &Testbed) -> Result<()> {
    let node = bed.node(NODE);
    for repository in [FREE, HELD] {
        bed.s3().create_bucket(repository).await?;
        let settings = json!({"type": "s3", "settings": {"bucket": repository, "region": "us-east-1"}});
        put(node, &format!("/_snapshot/{repository}"), settings).await?;
    }
    node.load_documents("books", 50).await;
    for (policy, day) in [("nightly", 7), ("nightly", 8), ("weekly", 7), ("weekly", 8)] {
        let slot = format!("2026-03-0{day}T03:00:00Z");
        let mark = json!({"snapkeep": {"v": 1, "policy": policy, "slot": slot, "run": "0000abcd"}});
        let body = json!({"indices": "books", "include_global_state": false, "metadata": mark});
        let name = format!("{policy}-2026030{day}t030000z");
        put(node, &format!("/_snapshot/{FREE}/{name}?wait_for_completion=true"), body).await?;
    }
    bed.s3().set_mode(HELD, &Mode::Hold(Keys::default())).await?;
    Ok(())
}

async fn put(node: &NodeHandle, path: &str, body: Value) -> Result<()> {
    let (status, answer) = node.put(path, body).await;
    if status == 200 { Ok(()) } else { Err(Failure::new(format!("{path}: {status}: {answer}"))) }
}

/// The program itself; killed when dropped.
struct Daemon {
    child: Child,
    address: String,
    _files: TempDir,
}

impl Daemon {
    fn start(node: &str) -> Result<Self> {
        let files = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        write(files.path(), node)?;
        let mut command = Command::new(crate::cargo::beside_this("snapkeep")?);
        command.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().current_dir(files.path());
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::during("cannot start snapkeep"))?;
        let mut lines =
            BufReader::new(child.stderr.take().ok_or_else(|| Failure::new("snapkeep serve has no output"))?);
        let mut first = String::new();
        lines.read_line(&mut first).map_err(Failure::during("cannot read what snapkeep says"))?;
        // The rest is read so that it never waits for a reader.
        std::thread::spawn(move || lines.lines().map_while(std::io::Result::ok).for_each(drop));
        let address = first.trim().trim_end_matches('/').rsplit_once("//").map(|(_, address)| address.to_owned());
        let Some(address) = address else {
            let _ = child.kill();
            return Err(Failure::new(format!("snapkeep serve says: {}", first.trim())));
        };
        Ok(Self { child, address, _files: files })
    }
}

/// Waits until the page has all to show: what is good, what runs, what is not well.
async fn until_shown(daemon: &NodeHandle) -> Result<()> {
    let mut status = Value::Null;
    for _ in 0..LOOKS {
        (_, status) = daemon.get("/status.json").await;
        let has =
            |word: &str| status["policies"].as_array().is_some_and(|all| all.iter().any(|one| one["standing"] == word));
        if ["good", "stale", "failing"].into_iter().all(has) && !status["running"][0]["progress"].is_null() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Failure::new(format!("the daemon has not got so far: {status}")))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &Path, node: &str) -> Result<()> {
    let text = format!(
        "clusters:
  prod: {{endpoint: '{node}', auth: none}}
  dr: {{endpoint: 'http://127.0.0.1:9', auth: none}}
default_cluster: prod
policies:
  nightly: {{repository: {FREE}, indices: [books], schedule: '0 3 * * *', timezone: Europe/Berlin, keep: {{last: 2}}, first_delete: allow}}
  weekly: {{repository: {FREE}, indices: [books], schedule: '0 4 * * 0', keep: {{last: 2}}}}
  logs: {{repository: {HELD}, indices: [books], schedule: 'every 6h', keep: {{daily: 7}}}}
  copy: {{repository: {FREE}, clusters: [dr], schedule: 'every 12h', keep: {{last: 14}}}}
"
    );
    std::fs::write(folder.join("snapkeep.yaml"), text).map_err(Failure::during("cannot write a configuration"))
}
