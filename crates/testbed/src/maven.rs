//! Fetches pinned artifacts with the ordinary Maven client, so that mirrors, proxies and credentials of the machine's own
//! `settings.xml` hold here too.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cache;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// The plugin that copies artifacts, pinned: Maven's own default for it changes with Maven's version.
const COPY_PLUGIN: &str = "3.8.1";

/// One file of a Maven repository and the sha256 that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// `groupId`.
    pub group: String,
    /// `artifactId`.
    pub artifact: String,
    /// Packaging: `zip` or `jar`.
    pub packaging: String,
    /// Version.
    pub version: String,
    /// Lower-case hex.
    pub sha256: String,
}

impl Artifact {
    /// Reads a line of a pins file: `group:artifact:packaging:version sha256`.
    pub fn parse(line: &str) -> Option<Self> {
        let (coordinates, sha256) = line.trim().split_once(' ')?;
        let mut parts = coordinates.split(':').map(str::to_owned);
        let (group, artifact, packaging, version) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let valid = parts.next().is_none() && sha256.len() == 64;
        valid.then(|| Self { group, artifact, packaging, version, sha256: sha256.to_owned() })
    }

    /// All artifacts of a pins file; empty lines and lines that begin with `#` say nothing.
    ///
    /// # Panics
    /// On a malformed line: the files are part of this source.
    pub fn parse_all(pins: &str) -> Vec<Self> {
        let lines = pins.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        lines.map(|line| Self::parse(line).unwrap_or_else(|| panic!("malformed pin: {line}"))).collect()
    }

    /// The file's name as Maven writes it.
    pub fn file_name(&self) -> String {
        format!("{}-{}.{}", self.artifact, self.version, self.packaging)
    }

    fn directory(&self) -> String {
        format!("{}/{}/{}", self.group.replace('.', "/"), self.artifact, self.version)
    }

    fn item(&self) -> String {
        format!(
            "<artifactItem><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version><type>{}</type></artifactItem>",
            self.group, self.artifact, self.version, self.packaging
        )
    }
}

/// Fetches `artifacts` into the directory `into` and verifies each. `what` is shown, with `total` bytes as the size to
/// expect (0: unknown).
///
/// # Errors
/// [`Error::MissingTool`] without `mvn`, [`Error::Maven`] when it fails, [`Error::Checksum`] for a file that is not the
/// pinned one.
pub fn fetch(what: &str, artifacts: &[Artifact], total: u64, into: &Path, progress: &dyn Progress) -> Result<()> {
    let pom = into.join("pom.xml");
    fs::write(&pom, pom_for(artifacts, into)).map_err(Error::at("write", &pom))?;
    progress.say(&format!("fetching {what}{} with mvn", size_note(total)));
    let mut output = run_watched(what, &pom, artifacts, total, progress)?;
    if !output.status.success() {
        progress.say(&format!("fetching {what} failed, trying once more: {}", first_error(&output)));
        output = run_watched(what, &pom, artifacts, total, progress)?;
    }
    if !output.status.success() {
        return Err(Error::Maven { what: what.to_owned(), output: first_error(&output) });
    }
    fs::remove_file(&pom).map_err(Error::at("remove", &pom))?;
    for artifact in artifacts {
        cache::verify(&into.join(artifact.file_name()), &artifact.sha256)?;
    }
    progress.say(&format!("fetched {what}: {} file(s) verified", artifacts.len()));
    Ok(())
}

fn size_note(total: u64) -> String {
    if total == 0 { String::new() } else { format!(" ({} MB)", total.div_ceil(1_000_000)) }
}

fn pom_for(artifacts: &[Artifact], into: &Path) -> String {
    let items: String = artifacts.iter().map(Artifact::item).collect();
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>snapkeep</groupId><artifactId>fetch</artifactId>\
         <version>1</version><packaging>pom</packaging><build><plugins><plugin>\
         <groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>\
         <version>{COPY_PLUGIN}</version><configuration><artifactItems>{items}</artifactItems>\
         <outputDirectory>{}</outputDirectory></configuration></plugin></plugins></build></project>\n",
        into.display()
    )
}

/// Runs Maven while another thread watches the files grow in its local repository.
fn run_watched(what: &str, pom: &Path, items: &[Artifact], total: u64, progress: &dyn Progress) -> Result<Output> {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while total > 0 && !ended.load(Ordering::Acquire) {
                progress.bytes(what, arrived(items).min(total), total);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let output = run("mvn", pom);
        ended.store(true, Ordering::Release);
        output
    })
}

/// `-U`: without it Maven remembers a failure for a day.
fn run(program: &str, pom: &Path) -> Result<Output> {
    let mut maven = Command::new(program);
    maven.args(["-q", "-B", "-U", "-f"]).arg(pom).arg("dependency:copy").stdin(Stdio::null());
    maven.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            Error::MissingTool { what: "Maven (mvn)".into(), install: "apt-get install maven".into() }
        }
        _ => Error::io("cannot run mvn")(source),
    })
}

fn arrived(items: &[Artifact]) -> u64 {
    let Some(local) = local_repository() else { return 0 };
    let files =
        items.iter().flat_map(|item| fs::read_dir(local.join(item.directory())).into_iter().flatten().flatten());
    files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum()
}

/// Maven's default. Where settings say otherwise only the progress is lost.
fn local_repository() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| Path::new(&home).join(".m2/repository"))
}

/// The first line that says `[ERROR]`, else the last that says anything.
fn first_error(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    let error = text.lines().find_map(|line| line.split_once("[ERROR] ")).map(|(_, line)| line);
    error.or_else(|| text.lines().rfind(|line| !line.trim().is_empty())).unwrap_or("no output").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_parsed_and_comments_skipped() {
        let sha = "a".repeat(64);
        let all = Artifact::parse_all(&format!("# note\n\norg.a.b:c:jar:1.2 {sha}\n"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].file_name(), "c-1.2.jar");
        assert_eq!(all[0].directory(), "org/a/b/c/1.2");
        assert_eq!(Artifact::parse("org.a:c:jar 00"), None);
        assert_eq!(Artifact::parse(&format!("org.a:c:jar:1:x {sha}")), None);
    }

    #[test]
    fn without_maven_the_command_that_installs_it_is_told() {
        let error = run("mvn-that-is-not-there", Path::new("pom.xml")).unwrap_err();
        assert!(error.needs_operator());
        assert_eq!(
            error.to_string(),
            "Maven (mvn) is needed and was not found; install it with: apt-get install maven"
        );
    }

    #[test]
    fn the_first_error_is_shown() {
        let said = |text: &str| {
            let status = std::os::unix::process::ExitStatusExt::from_raw(256);
            first_error(&Output { status, stdout: text.into(), stderr: Vec::new() })
        };
        assert_eq!(said("\u{1b}[0m[ERROR] no such artifact\n[ERROR] \n"), "no such artifact");
        assert_eq!(said("JAVA_HOME is wrong\n\n"), "JAVA_HOME is wrong");
        assert_eq!(said(""), "no output");
    }
}
