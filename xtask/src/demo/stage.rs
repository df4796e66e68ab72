//! The demo's parts, started and, when dropped, stopped.

use std::path::PathBuf;

use serde_json::{Value, json};
use snapkeep_front::{Front, Principal, TestCa};
use snapkeep_testbed::{Function, Invoke, LambdaProcess, Needs, NodeHandle, Outcome, RuntimeApi, Testbed, bed};
use tempfile::TempDir;

use crate::failure::{Failure, Result};
use crate::terminal::Terminal;

const NODE: &str = "opensearch-3.3.0";
const REGION: &str = "eu-west-1";
const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
const CALLER: &str = "arn:aws:iam::123456789012:role/function";
const ACCESS_KEY: &str = "AKIDDEMO";
const SECRET_KEY: &str = "the-demos-own-secret-key";

/// The request id that Lambda gives the event, at each delivery the same.
const REQUEST_ID: &str = "5eed5eed-0000-4000-8000-000000000001";

/// All that runs.
pub(crate) struct Stage {
    pub(crate) node: NodeHandle,
    pub(crate) front: Front,
    pub(crate) bucket: String,
    pub(crate) repository: String,
    api: RuntimeApi,
    bootstrap: PathBuf,
    ca_file: PathBuf,
    unique: String,
    _files: TempDir,
    _bed: Option<Testbed>,
}

impl Stage {
    /// Starts everything, or attaches to the testbed that `SNAPKEEP_TESTBED` names.
    pub(crate) fn set_up() -> Result<Self> {
        let bootstrap = bootstrap()?;
        let own = std::env::var_os(bed::DESCRIPTION_VAR).is_none();
        let bed = if own { Some(Testbed::start(&Needs::nodes([NODE]), &Terminal::default())?) } else { None };
        let shared = bed.as_ref().unwrap_or_else(|| Testbed::shared());
        // A testbed of its own is empty: plain names. In a shared one, unique names.
        let unique = if own { String::new() } else { shared.unique("-") };
        let node = shared.node(NODE).clone();
        let bucket = format!("demo-backups{unique}");
        let during = Failure::during("cannot set up");
        let runtime = tokio::runtime::Runtime::new().map_err(during)?;
        runtime.block_on(shared.s3().create_bucket(&bucket))?;
        let files = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
        let ca = TestCa::new().map_err(Failure::during("cannot make a certificate"))?;
        let ca_file = files.path().join("ca.pem");
        ca.write_pem(&ca_file).map_err(Failure::during("cannot write the certificate"))?;
        let front = Front::builder(&node.url)
            .region(REGION)
            .principal(Principal::new(CALLER, ACCESS_KEY, SECRET_KEY))
            .pass_role(&[ROLE])
            .tls(&ca)
            .start_blocking()
            .map_err(Failure::during("cannot start the front"))?;
        let repository = format!("manual-backups{unique}");
        let api = RuntimeApi::start()?;
        Ok(Self { node, front, bucket, repository, api, bootstrap, ca_file, unique, _files: files, _bed: bed })
    }

    pub(crate) fn index(&self) -> String {
        format!("books{}", self.unique)
    }

    /// The article's event.
    pub(crate) fn event(&self) -> Value {
        json!({
            "Endpoint": self.front.url(),
            "RepositoryName": self.repository,
            "S3Bucket": self.bucket,
            "Region": REGION,
            "RoleArn": ROLE,
        })
    }

    /// Delivers the article's event to a cold function.
    pub(crate) async fn deliver(&self) -> Outcome {
        self.send(self.event().to_string().as_bytes(), Invoke::with_id(REQUEST_ID)).await
    }

    /// The same from a function that signs nothing.
    pub(crate) async fn deliver_unsigned(&self) -> Outcome {
        self.run(self.function().env("SNAPKEEP_AUTH", "none"), self.event().to_string().as_bytes(), Invoke::default())
            .await
    }

    /// Delivers any event to a cold function.
    pub(crate) async fn send(&self, event: &[u8], how: Invoke) -> Outcome {
        self.run(self.function(), event, how).await
    }

    async fn run(&self, function: Function, event: &[u8], how: Invoke) -> Outcome {
        match LambdaProcess::start(&self.api, &function) {
            Ok(_process) => self.api.invoke(event, how).await,
            Err(error) => {
                Outcome::InitError { error_type: "start".into(), error_message: error.to_string(), raw: Value::Null }
            }
        }
    }

    fn function(&self) -> Function {
        Function::new(&self.bootstrap)
            .env("ACCESS_KEY", ACCESS_KEY)
            .env("SECRET_KEY", SECRET_KEY)
            .env("SNAPKEEP_CA_FILE", &self.ca_file)
            .env("SNAPKEEP_ALLOWED_ENDPOINTS", self.front.authority())
    }
}

/// The function's binary: the one that is named, or one that is built now.
fn bootstrap() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("SNAPKEEP_BOOTSTRAP") {
        return Ok(named.into());
    }
    eprintln!("  building the function");
    let arguments = ["build", "--quiet", "--package", "snapkeep-lambda", "--bin", "bootstrap"];
    let status = crate::cargo::cargo().args(arguments).status();
    let built = status.map_err(Failure::during("cannot run cargo"))?.success();
    if built { crate::cargo::beside_this("bootstrap") } else { Err(Failure::new("the function does not build")) }
}
