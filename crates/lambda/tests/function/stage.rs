//! What every test here stands on: a node, a bucket, a front, a function.

use serde_json::{Value, json};
use snapkeep_core::Failure;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_engine::Report;
use snapkeep_front::{Action, Builder, Fault, FaultId, Front, Principal, Seen, TestCa};
use snapkeep_lambda::{Answer, Environment, Function, Invocation};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{
    Invoke, LambdaProcess, Node, NodeHandle, NodeOptions, Outcome, Release, RuntimeApi, Testbed, eventually,
};
use snapkeep_transport::{Auth, AwsCredentials, Client, Settings};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const ACCESS_KEY: &str = "AKIDSNAPKEEP";
pub(crate) const SECRET_KEY: &str = "canary/secret+key0123456789abcdefABCDEF";
pub(crate) const CALLER: &str = "arn:aws:iam::123456789012:role/function";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
pub(crate) const REGION: &str = "eu-west-1";

/// One test's world: its own bucket, repository and front on the shared node.
pub(crate) struct Stage {
    pub(crate) bed: &'static Testbed,
    pub(crate) node: &'static NodeHandle,
    pub(crate) front: Front,
    pub(crate) bucket: String,
    pub(crate) repository: String,
    /// Further variables of the function; a later one wins.
    pub(crate) variables: Vec<(String, String)>,
    api: RuntimeApi,
    _files: TempDir,
}

pub(crate) fn principal() -> Principal {
    Principal::new(CALLER, ACCESS_KEY, SECRET_KEY)
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|front| front.principal(principal())).await
    }

    /// On a node that no other test's snapshots of everything meet; it ends when dropped.
    pub(crate) async fn alone() -> (Node, Self) {
        let s3 = Some(Testbed::shared().s3().client.clone());
        let release = Release::named("opensearch-3.3.0").unwrap();
        let node = Node::start(release, &NodeOptions { s3, ..NodeOptions::default() }, &Quiet).unwrap();
        let handle = Box::leak(Box::new(NodeHandle::of(&node)));
        (node, Self::on(handle, |front| front.principal(principal())).await)
    }

    /// With a front of the test's making; `arrange` names at least the principal.
    pub(crate) async fn with(arrange: impl FnOnce(Builder) -> Builder) -> Self {
        Self::on(Testbed::shared().node("opensearch-3.3.0"), arrange).await
    }

    /// The same on another node.
    pub(crate) async fn on(node: &'static NodeHandle, arrange: impl FnOnce(Builder) -> Builder) -> Self {
        let bed = Testbed::shared();
        let bucket = bed.unique("bucket");
        bed.s3().create_bucket(&bucket).await.unwrap();
        let ca = TestCa::new().unwrap();
        let front =
            arrange(Front::builder(&node.url).region(REGION).pass_role(&[ROLE]).tls(&ca)).start().await.unwrap();
        let files = TempDir::new().unwrap();
        let ca_file: PathBuf = files.path().join("ca.pem");
        ca.write_pem(&ca_file).unwrap();
        let variables = [
            ("ACCESS_KEY", ACCESS_KEY),
            ("SECRET_KEY", SECRET_KEY),
            ("SNAPKEEP_CA_FILE", ca_file.to_str().unwrap()),
            ("SNAPKEEP_ALLOWED_ENDPOINTS", &front.authority()),
            ("AWS_LAMBDA_LOG_LEVEL", "debug"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let repository = bed.unique("repository");
        let api = RuntimeApi::start().unwrap();
        Self { bed, node, front, bucket, repository, variables, api, _files: files }
    }

    /// Sets a variable of the function; an empty one counts as unset.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
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

    /// The article's event and more.
    pub(crate) fn event_with(&self, more: &Value) -> Value {
        let mut event = self.event();
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    /// The function's process, under the runtime API.
    pub(crate) fn start(&self) -> LambdaProcess {
        let function = snapkeep_testbed::Function::new(env!("CARGO_BIN_EXE_bootstrap"));
        let function = self.variables.iter().fold(function, |function, (name, value)| function.env(name, value));
        LambdaProcess::start(&self.api, &function).unwrap()
    }

    /// Delivers an event to whichever process asks.
    pub(crate) async fn deliver(&self, event: &Value, how: Invoke) -> Outcome {
        self.api.invoke(event, how).await
    }

    /// A cold start and one event.
    pub(crate) async fn invoke(&self, event: &Value) -> Outcome {
        let _process = self.start();
        self.deliver(event, Invoke::default()).await
    }

    /// The handler in this process, with the same environment.
    pub(crate) fn function(&self) -> Function {
        Function::new(Environment::of(self.variables.iter().cloned().collect()))
    }

    /// Handles an event in this process, with that much time.
    pub(crate) async fn handle_within(&self, event: &Value, left: Duration) -> Result<Report, Failure> {
        let delivery = Invocation { left, ..invocation("8476a536-e9f4-11e8-9739-2dfe598c3fcd") };
        self.function().handle(&event.to_string(), &delivery).await.map(report)
    }

    /// Handles an event in this process.
    pub(crate) async fn handle(&self, event: &Value) -> Result<Report, Failure> {
        self.handle_as("8476a536-e9f4-11e8-9739-2dfe598c3fcd", event).await
    }

    /// The same as another request.
    pub(crate) async fn handle_as(&self, request_id: &str, event: &Value) -> Result<Report, Failure> {
        self.function().handle(&event.to_string(), &invocation(request_id)).await.map(report)
    }

    /// Names of the snapshots in the repository, as the node itself lists them.
    pub(crate) async fn snapshots(&self) -> Vec<String> {
        let (status, body) = self.node.get(&format!("/_snapshot/{}/_all", self.repository)).await;
        assert!(status == 200 || status == 404, "{status}: {body}");
        let list = body["snapshots"].as_array().cloned().unwrap_or_default();
        list.iter().map(|entry| entry["snapshot"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the node says that the snapshot ended well.
    pub(crate) async fn until_success(&self, snapshot: &str) {
        let path = format!("/_snapshot/{}/{snapshot}", self.repository);
        let state = eventually("the snapshot ends", async || {
            let (_, body) = self.node.get(&path).await;
            let state = body["snapshots"][0]["state"].as_str().unwrap_or("IN_PROGRESS").to_owned();
            (state != "IN_PROGRESS").then_some(state)
        })
        .await;
        assert_eq!(state, "SUCCESS");
    }

    /// While another test's snapshot of everything runs on the node, it deletes no index.
    pub(crate) async fn drop_index(&self, index: &str) {
        let is_gone = async || (self.node.delete(&format!("/{index}")).await.0 == 200).then_some(());
        eventually("the index is deleted", is_gone).await;
    }

    /// Requests that the front saw, by method and path glob.
    pub(crate) fn seen(&self, method: &str, contains: &str) -> Vec<Seen> {
        let requests = self.front.requests();
        requests.into_iter().filter(|seen| seen.method == method && seen.path_and_query.contains(contains)).collect()
    }

    /// What reaches the S3 server past the function.
    pub(crate) fn bucket_client(&self) -> Client {
        let s3 = &self.bed.s3().client;
        let credentials = AwsCredentials::fixed(&s3.access_key, &Secret::new(s3.secret_key.clone()), None);
        let auth = Auth::SigV4 { credentials, region: s3.region.clone() };
        let settings = Settings { service: "s3", ..Settings::default() };
        Client::new(Endpoint::trusted(&s3.endpoint).unwrap(), auth, settings).unwrap()
    }

    /// Strikes the first `times` creations of snapshots; registrations pass.
    pub(crate) fn on_create(&self, times: u64, action: Action) -> FaultId {
        self.front.inject(Fault::on("PUT", "/_snapshot/*/*").first(times).then(action))
    }
}

/// The answer to an event that is about one repository.
pub(crate) fn report(answer: Answer) -> Report {
    match answer {
        Answer::Job(report) => *report,
        other => panic!("it is about no snapshot to be taken: {other:?}"),
    }
}

/// One delivery, with a minute left.
pub(crate) fn invocation(request_id: &str) -> Invocation {
    Invocation {
        request_id: request_id.to_owned(),
        trace_id: None,
        left: Duration::from_mins(1),
        now: jiff::Timestamp::now(),
    }
}

/// The fields of an error's one line of JSON; code and type agree.
pub(crate) fn error_of(outcome: Outcome) -> Value {
    let (error_type, message) = outcome.expect_error();
    let error: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(error["code"], error_type.as_str());
    assert!(!message.contains('\n'));
    let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["cause", "code", "hint", "http_status"], "{message}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "no hint: {message}");
    error
}
