//! Ticks and `Action: run`: the real binary, with its configuration from every place that it may be in.

use crate::stage::{ACCESS_KEY, REGION, ROLE, SECRET_KEY, Stage, error_of, principal};
use serde_json::{Value, json};
use snapkeep_front::Principal;
use snapkeep_front::services::{Known, Services};
use snapkeep_testbed::{Invoke, Mode};
use snapkeep_transport::{Call, Deadline, Method};
use std::time::Duration;

const SSM_KEY: &str = "AKIDSSM";
const SSM_SECRET: &str = "canary-ssm-secret";
const TOKEN: &str = "canary-session-token";

fn tick() -> Value {
    json!({"version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event", "source": "aws.events",
        "time": "2026-11-23T05:00:00Z", "region": REGION, "detail": {}})
}

/// A daily slot that was half an hour ago: the next one does not come within a test.
fn far() -> String {
    let slot = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30);
    slot.strftime("'%M %H * * *'").to_string()
}

/// One policy on this stage's node, which asks for no signature.
fn configuration(stage: &Stage, index: &str, cluster: &str) -> String {
    format!(
        "clusters:\n  here: {cluster}\npolicies:\n  nightly:\n    repository: {}\n    schedule: {}\n    indices: ['{index}']\n",
        stage.repository,
        far()
    )
}

fn open_cluster(stage: &Stage) -> String {
    format!("{{endpoint: '{}', auth: none}}", stage.node.url)
}

/// A registered repository, an index, and their policy.
async fn prepared() -> (Stage, String) {
    let stage = Stage::new().await;
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 20).await;
    let register = stage.event_with(&json!({"Action": "register"}));
    assert_eq!(register["RoleArn"], ROLE);
    stage.handle(&register).await.unwrap();
    (stage, index)
}

#[tokio::test]
async fn a_tick_takes_what_is_due_once_and_says_so() {
    let (mut stage, index) = prepared().await;
    let text = configuration(&stage, &index, &open_cluster(&stage));
    stage.set("SNAPKEEP_CONFIG", &text);
    let first = stage.invoke(&tick()).await.expect_response();
    assert_eq!(
        (&first["schema"], &first["action"], &first["time"]),
        (&json!(1), &json!("run"), &tick()["time"]),
        "{first}"
    );
    let policy = &first["policies"][0];
    assert_eq!((&policy["policy"], &policy["cluster"]), (&json!("nightly"), &json!("here")));
    assert_eq!((&policy["created"][0]["state"], &policy["pending"]), (&json!("SUCCESS"), &json!([])), "{first}");
    assert_eq!(stage.snapshots().await, [policy["created"][0]["snapshot"].as_str().unwrap()]);
    let again = stage
        .invoke(&json!({"Action": "run", "Policies": ["nightly"], "Endpoint": "https://a.example"}))
        .await
        .expect_response();
    assert_eq!((&again["policies"][0]["created"], &again["time"]), (&json!([]), &Value::Null), "{again}");
    assert_eq!(again["warnings"], json!(["`Endpoint` means nothing to action `run`"]));
    assert_eq!(stage.snapshots().await.len(), 1);
    let unknown = error_of(stage.invoke(&json!({"Action": "run", "Policies": ["nigthly"]})).await);
    assert_eq!(unknown["code"], "bad_event");
}

/// What still runs at the deadline is left running, and that is no failure; the next run finds it.
#[tokio::test]
async fn partial_progress_is_a_result() {
    let (mut stage, index) = prepared().await;
    stage.node.load_documents(&index, 3_000).await;
    let text = configuration(&stage, &index, &open_cluster(&stage));
    stage.set("SNAPKEEP_CONFIG", &text);
    stage.bed.s3().set_mode(&stage.bucket, &Mode::hold()).await.unwrap();
    let process = stage.start();
    let short = Invoke::default().deadline(Duration::from_secs(40));
    let answer = stage.deliver(&tick(), short).await.expect_response();
    let pending = answer["policies"][0]["pending"][0].clone();
    assert_eq!((&pending["state"], &answer["policies"][0]["created"]), (&json!("IN_PROGRESS"), &json!([])), "{answer}");
    stage.bed.s3().set_mode(&stage.bucket, &Mode::Normal).await.unwrap();
    stage.until_success(pending["snapshot"].as_str().unwrap()).await;
    let after = stage.deliver(&tick(), Invoke::default()).await.expect_response();
    assert_eq!(after["policies"][0]["pending"], json!([]), "{after}");
    assert_eq!(stage.snapshots().await.len(), 1);
    drop(process);
}

/// One cluster's failure fails the invocation with its code, after everything else is done.
#[tokio::test]
async fn one_cluster_holds_up_no_other() {
    let (mut stage, index) = prepared().await;
    let text = configuration(&stage, &index, &open_cluster(&stage));
    let text = text.replace("policies:\n", "  away: {endpoint: 'http://127.0.0.1:1', auth: none}\n  closed: {endpoint: 'https://c.example', username: u, password: {command: [pass]}}\npolicies:\n");
    let text = text.replace("    repository:", "    clusters: [away, closed, here]\n    repository:");
    stage.set("SNAPKEEP_CONFIG", &text);
    let process = stage.start();
    let error = error_of(stage.deliver(&tick(), Invoke::default().deadline(Duration::from_mins(2))).await);
    assert!(error["cause"].as_str().unwrap().contains("cluster away"), "{error}");
    assert_eq!((&error["code"], stage.snapshots().await.len()), (&json!("cluster_unavailable"), 1));
    let logs = process.logs();
    let report = logs.lines().find(|line| line.contains("the run in full")).unwrap_or_else(|| panic!("{logs}"));
    assert!(report.contains("runs no programs") && report.contains("secretsmanager"), "{report}");
}

#[tokio::test]
async fn the_configuration_may_be_a_file_or_an_object_of_s3() {
    let (mut stage, index) = prepared().await;
    let text = configuration(&stage, &index, &open_cluster(&stage));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapkeep.yaml");
    std::fs::write(&file, &text).unwrap();
    stage.set("SNAPKEEP_CONFIG", file.to_str().unwrap());
    let taken = stage.invoke(&tick()).await.expect_response();
    assert_eq!(taken["policies"][0]["created"][0]["state"], "SUCCESS", "{taken}");

    let bucket = stage.bed.unique("configuration");
    let s3 = stage.bed.s3().clone();
    s3.create_bucket(&bucket).await.unwrap();
    let key = "teams/search ops+1/snapkeep.yaml";
    let put = Call::new(Method::PUT, format!("/{bucket}/teams/search%20ops%2B1/snapkeep.yaml")).json(text);
    let put = stage.bucket_client().write(&put, Deadline::after(Duration::from_mins(1))).await.unwrap();
    assert_eq!(put.status, 200, "{put:?}");
    for (name, value) in [
        ("ACCESS_KEY", s3.client.access_key.as_str()),
        ("SECRET_KEY", &s3.client.secret_key),
        ("AWS_REGION", &s3.client.region),
        ("AWS_ENDPOINT_URL_S3", &s3.client.endpoint),
        ("SNAPKEEP_CONFIG", &format!("s3://{bucket}/{key}")),
    ] {
        stage.set(name, value);
    }
    let found = stage.invoke(&tick()).await.expect_response();
    assert_eq!((&found["action"], &found["policies"][0]["created"]), (&json!("run"), &json!([])), "{found}");
    stage.set("SNAPKEEP_CONFIG", &format!("s3://{bucket}/nothing.yaml"));
    let missing = error_of(stage.invoke(&tick()).await);
    assert_eq!((&missing["code"], &missing["http_status"]), (&json!("bad_config"), &json!(404)), "{missing}");
    stage.set("SECRET_KEY", "wrong");
    let denied = error_of(stage.invoke(&tick()).await);
    assert_eq!(denied["code"], "access_denied", "{denied}");
}

/// The configuration and a password of it come from services whose signatures a verifier of the front's checks.
#[tokio::test]
async fn the_configuration_may_be_a_parameter_and_secrets_too() {
    let (mut stage, index) = prepared().await;
    let cluster =
        format!("{{endpoint: '{}', username: u, password: {{secretsmanager: search/password}}}}", stage.node.url);
    let text = configuration(&stage, &index, &cluster);
    let services = services(Known {
        parameters: [("/snapkeep/configuration".to_owned(), text)].into(),
        secrets: [("search/password".to_owned(), "canary-password".to_owned())].into(),
        ..Known::default()
    });
    for (name, value) in [
        ("ACCESS_KEY", SSM_KEY),
        ("SECRET_KEY", SSM_SECRET),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL", services.url()),
        ("SNAPKEEP_CONFIG", "ssm:/snapkeep/configuration"),
    ] {
        stage.set(name, value);
    }
    let process = stage.start();
    let answer = stage.deliver(&tick(), Invoke::default()).await.expect_response();
    assert_eq!(answer["policies"][0]["created"][0]["state"], "SUCCESS", "{answer}");
    assert_eq!(services.asked(), ["AmazonSSM.GetParameter", "secretsmanager.GetSecretValue"]);
    assert!(!process.logs().contains("canary"), "no secret is logged");
    stage.set("SECRET_KEY", "wrong");
    drop(process);
    let denied = error_of(stage.invoke(&tick()).await);
    assert_eq!(denied["code"], "access_denied", "{denied}");
}

/// Systems Manager, Secrets Manager and STS, which know one caller.
fn services(known: Known) -> Services {
    let caller = Principal::new("arn:aws:iam::123456789012:role/function", SSM_KEY, SSM_SECRET);
    Services::start(Known { region: REGION.to_owned(), callers: vec![caller], ..known }).unwrap()
}

/// A cluster of another account: its requests bear the signature of the role that the function takes on.
#[tokio::test]
async fn a_role_is_assumed_by_a_signed_call_of_our_own() {
    let mut stage = Stage::with(|front| front.principal(principal().session_token(TOKEN))).await;
    let index = stage.bed.unique("books");
    stage.node.load_documents(&index, 20).await;
    stage.set("SESSION_TOKEN", TOKEN);
    stage.handle(&stage.event_with(&json!({"Action": "register"}))).await.unwrap();
    let role = format!("{{role_arn: '{ROLE}', external_id: '0042'}}");
    let cluster = format!("{{endpoint: '{}', region: {REGION}, assume_role: {role}}}", stage.front.url());
    let text = configuration(&stage, &index, &cluster);
    let keys = [ACCESS_KEY, SECRET_KEY, TOKEN].map(str::to_owned);
    let services = services(Known { roles: [(ROLE.to_owned(), keys)].into(), ..Known::default() });
    for (name, value) in [
        ("ACCESS_KEY", SSM_KEY),
        ("SECRET_KEY", SSM_SECRET),
        ("SESSION_TOKEN", ""),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL_STS", services.url()),
        ("SNAPKEEP_CONFIG", &text),
    ] {
        stage.set(name, value);
    }
    let answer = stage.invoke(&tick()).await.expect_response();
    assert_eq!(answer["policies"][0]["created"][0]["state"], "SUCCESS", "{answer}");
    let role = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fsnapshots&RoleSessionName=snapkeep&ExternalId=0042";
    assert_eq!(services.asked(), [role]);
}

/// A value that was meant for another variable, or holds a secret that belongs elsewhere, is not repeated anywhere.
#[tokio::test]
async fn what_the_configurations_variable_holds_is_never_repeated() {
    let mut stage = Stage::new().await;
    for value in [
        "canary-password",
        "pass=canary",
        "{clusters: {a: {endpoint: 'https://a.example', password: canary}}}",
        "clusters: {a: {endpoint: 'https://user:canary@a.example'}}",
        "{clusters: {a: {password: canary",
        "s3://canary:secret@bucket",
    ] {
        stage.set("SNAPKEEP_CONFIG", value);
        let process = stage.start();
        let error = error_of(stage.deliver(&tick(), Invoke::default()).await);
        assert_eq!(error["code"], "bad_config", "{value}: {error}");
        assert!(!error.to_string().contains("canary") && !process.logs().contains("canary"), "{value}: {error}");
    }
}

#[tokio::test]
async fn the_configuration_may_be_one_line() {
    let (mut stage, index) = prepared().await;
    let policy = format!("{{repository: {}, schedule: {}, indices: ['{index}']}}", stage.repository, far());
    let line = format!("{{clusters: {{here: {}}}, policies: {{nightly: {policy}}}}}", open_cluster(&stage));
    stage.set("SNAPKEEP_CONFIG", &line);
    let answer = stage.invoke(&tick()).await.expect_response();
    assert_eq!(answer["policies"][0]["created"][0]["state"], "SUCCESS", "{answer}");
}
