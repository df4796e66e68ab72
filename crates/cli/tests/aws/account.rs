//! An account of moto's, and a machine on which the documentation's programs are.

use serde_json::Value;
use snapkeep_testbed::watchdog::Watchdog;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub(crate) const REGION: &str = "eu-west-1";

/// Python's packages, by the variables that say where `cargo xtask test --deploy` put them.
const MOTO: &str = "SNAPKEEP_MOTO";
const SAM: &str = "SNAPKEEP_SAM";

/// moto, and a folder to work in; both go away with it.
pub(crate) struct Account {
    moto: Watchdog,
    packages: PathBuf,
    pub(crate) url: String,
}

impl Account {
    /// A new account with nothing in it; `None`, said aloud, where moto is not.
    pub(crate) fn open() -> Option<Self> {
        let Some(packages) = std::env::var_os(MOTO).map(PathBuf::from) else {
            println!("skipped: {MOTO} is not set; cargo xtask test --deploy runs this");
            return None;
        };
        let moto = Watchdog::run("moto", |_| {
            let path = format!("PYTHONPATH={}", packages.display());
            let command = ["env", &path, "PYTHONUNBUFFERED=1", "python3", "-m", "moto.server", "-H", "127.0.0.1", "-p"];
            Ok(command.into_iter().chain(["0"]).map(str::to_owned).collect())
        })
        .unwrap();
        let url = address(&moto.dir().join("log"));
        Some(Self { moto, packages, url })
    }

    /// The folder to work in.
    pub(crate) fn place(&self) -> &Path {
        self.moto.dir()
    }

    /// A program with the account's surroundings. The documentation's programs are those of `shims`, then the machine's.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let shims = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws/shims");
        let mut command = Command::new(program);
        command.current_dir(self.place()).env("HOME", self.place());
        command.env("PATH", format!("{shims}:{}", std::env::var("PATH").unwrap()));
        command.env("PYTHONPATH", &self.packages).env("AWS_ENDPOINT_URL", &self.url);
        command.env("AWS_DEFAULT_REGION", REGION).env("AWS_REGION", REGION).env("AWS_PAGER", "");
        command.env("AWS_ACCESS_KEY_ID", "AKIDOPERATOR").env("AWS_SECRET_ACCESS_KEY", "operator");
        command.env_remove("AWS_SESSION_TOKEN").env_remove("TF_CLI_CONFIG_FILE");
        command.env("SNAPKEEP_TEST_LOGS", self.place());
        if let Some(sam) = std::env::var_os(SAM) {
            command.env("SNAPKEEP_TEST_EMULATOR", Path::new(&sam).join("samcli/local/rapid/aws-lambda-rie-x86_64"));
            command.env("SNAPKEEP_TEST_SAM", sam);
        }
        command
    }

    /// Carries a script out as a shell would, and demands that each command of it succeeds.
    pub(crate) fn shell(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let mut command = self.command("bash");
        command.args(["-euo", "pipefail", "-c", script]).envs(variables.iter().copied());
        said(script, command.output().unwrap())
    }

    /// What the AWS CLI says, as JSON.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Value {
        let output = self.command("aws").args(arguments).args(["--output", "json"]).output().unwrap();
        let text = said(&arguments.join(" "), output);
        if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }
}

fn said(what: &str, output: Output) -> String {
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{what}: {}\n{out}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    out
}

/// Where moto says that it listens.
fn address(log: &Path) -> String {
    let end = Instant::now() + Duration::from_mins(3);
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let found = text.split_once("Running on ").and_then(|(_, rest)| rest.split_whitespace().next());
        if let Some(url) = found {
            return url.to_owned();
        }
        assert!(Instant::now() < end, "moto does not start: {text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
