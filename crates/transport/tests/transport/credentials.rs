//! Credentials from their real sources: each test runs itself again as a process with an environment of its
//! own, because a process may not change the one that it has.

use crate::support::{ARN, Server, deadline, get, ok, put, signed};
use snapkeep_front::{Front, Principal};
use snapkeep_transport::{AwsCredentials, Lost};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const ROLE: &str = "arn:aws:iam::123456789012:role/keeper";

/// What the process is to do, and the variables that say with what.
const KIND: &str = "TEST_CREDENTIALS";
const URL: &str = "TEST_URL";
const READS: &str = "TEST_READS_UNTIL";

/// Issues credentials that a front then knows.
struct Issuer {
    front: OnceLock<Front>,
    issued: AtomicU64,
    life: Duration,
}

impl Issuer {
    fn new(life: Duration) -> Arc<Self> {
        Arc::new(Self { front: OnceLock::new(), issued: AtomicU64::new(0), life })
    }

    /// Key, secret, token and end.
    fn issue(&self) -> (String, String, String, String) {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        let (key, secret, token) = (format!("ASIA{number}"), format!("secret-{number}"), format!("token-{number}"));
        let end = SystemTime::now() + self.life;
        let known = Principal::new(ARN, &key, &secret).session_token(&token).expires_at(end);
        self.front.get().unwrap().add_principal(known);
        (key, secret, token, jiff::Timestamp::try_from(end).unwrap().to_string())
    }

    fn front(&self) -> &Front {
        self.front.get().unwrap()
    }

    fn count(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }
}

/// A node, a front before it that knows `permanent` keys, and an issuer whose credentials it knows as well.
fn stage(life: Duration, permanent: &[(&str, &str)]) -> (Server, Arc<Issuer>) {
    let node = Server::content();
    let issuer = Issuer::new(life);
    let front =
        permanent.iter().fold(node.front(), |front, (key, secret)| front.principal(Principal::new(ARN, key, secret)));
    issuer.front.set(front.start_blocking().unwrap()).unwrap();
    (node, issuer)
}

/// What STS answers to `AssumeRole` and `AssumeRoleWithWebIdentity`.
fn sts(issuer: Arc<Issuer>) -> Server {
    Server::start(move |got| {
        let action = if got.body.contains("Action=AssumeRoleWithWebIdentity") {
            "AssumeRoleWithWebIdentity"
        } else {
            "AssumeRole"
        };
        let (key, secret, token, end) = issuer.issue();
        ok(&format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
             <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}\
             </SessionToken><Expiration>{end}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>A:s\
             </AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/keeper/s</Arn></AssumedRoleUser></{action}Result>\
             </{action}Response>"
        ))
    })
}

/// Runs [`as_a_process`] with nothing in its environment but this; what it says.
fn run(kind: &str, url: &str, directory: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "credentials::as_a_process", "--nocapture", "--test-threads=1"]);
    command.env_clear().env("HOME", directory).env("PATH", "/usr/bin:/bin").env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.env(KIND, kind).env(URL, url).envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn credentials(kind: &str) -> AwsCredentials {
    match kind.split_once(' ').unwrap_or((kind, "")) {
        ("profile", name) => AwsCredentials::profile(name),
        ("role", base) => {
            let base = Box::new(credentials(&base.replace('+', " ")));
            AwsCredentials::assume_role(base, ROLE, Some("the-id".into()), None)
        }
        ("web-identity", file) => AwsCredentials::web_identity(file, ROLE, Some("the-session".into())),
        _ => AwsCredentials::default_chain(),
    }
}

/// One write, and reads while the front's issuer is to issue more: `TEST_READS_UNTIL` is that many seconds.
#[tokio::test]
#[ignore = "run by the other tests here, as a process of its own"]
#[allow(clippy::print_stdout, reason = "that is how it tells what it found")]
async fn as_a_process() {
    let kind = variable(KIND);
    if kind.is_empty() {
        return println!("nothing to do: {KIND} is not set");
    }
    let client = signed(&variable(URL), credentials(&kind));
    match client.write(&put(), deadline()).await {
        Ok(answer) => println!("answered {}", answer.status),
        Err(lost @ Lost::NoCredentials(_)) => return println!("none: {} ({:?})", lost.cause(), lost.hint()),
        Err(lost) => panic!("{lost:?}"),
    }
    let end = SystemTime::now() + Duration::from_secs(variable(READS).parse().unwrap_or_default());
    while SystemTime::now() < end {
        assert_eq!(client.read(&get(), deadline()).await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn tokens_of_three_seconds_from_a_container_endpoint_never_get_in_the_way() {
    let (node, issuer) = stage(Duration::from_secs(3), &[]);
    let issuing = Arc::clone(&issuer);
    let container = Server::start(move |_| {
        let (key, secret, token, end) = issuing.issue();
        ok(&format!(r#"{{"AccessKeyId":"{key}","SecretAccessKey":"{secret}","Token":"{token}","Expiration":"{end}"}}"#))
    });
    let home = TempDir::new().unwrap();
    let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", container.url.as_str()), (READS, "7")];
    let said = run("chain", &issuer.front().url(), home.path(), &variables);
    assert!(said.contains("answered 200"), "{said}");
    // Renewed ahead of their end: the front had nothing to refuse, and they were not fetched for each request.
    let seen = issuer.front().requests();
    assert!(seen.iter().all(|seen| seen.status_answered == Some(200)), "{seen:?}");
    assert!(issuer.count() >= 3 && issuer.count() < seen.len() as u64 / 2, "{} of {}", issuer.count(), seen.len());
    assert_eq!(node.got().iter().filter(|got| got.line.starts_with("PUT")).count(), 1);
}

#[test]
fn profiles_hold_keys_or_run_a_process_or_say_what_does() {
    let (_node, issuer) =
        stage(Duration::from_secs(3600), &[("AKIDPLAIN", "plain-secret"), ("AKIDPROC", "proc-secret")]);
    let home = TempDir::new().unwrap();
    let config = home.path().join("config");
    std::fs::write(
        &config,
        "[profile plain]\naws_access_key_id = AKIDPLAIN\naws_secret_access_key = plain-secret\n\
         [profile process]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIDPROC\",\
         \"SecretAccessKey\":\"proc-secret\"}'\n\
         [profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
         [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n",
    )
    .unwrap();
    let config = [("AWS_CONFIG_FILE", config.to_str().unwrap())];
    let run = |kind: &str| run(kind, &issuer.front().url(), home.path(), &config);
    for profile in ["profile plain", "profile process"] {
        assert!(run(profile).contains("answered 200"), "{profile}");
    }
    let sso = run("profile sso");
    assert!(
        sso.contains("none: profile sso: ") && sso.contains("credential_process = aws configure export-cred"),
        "{sso}"
    );
    let missing = run("profile missing");
    assert!(missing.contains("none: profile missing: ") && missing.contains("not defined"), "{missing}");
}

#[test]
fn a_role_is_assumed_over_what_another_source_gives() {
    let (_node, issuer) = stage(Duration::from_secs(3600), &[]);
    let sts = sts(Arc::clone(&issuer));
    let home = TempDir::new().unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDBASE"),
        ("AWS_SECRET_ACCESS_KEY", "base"),
    ];
    let said = run("role chain", &issuer.front().url(), home.path(), &[&variables[..], &[(READS, "1")]].concat());
    assert!(said.contains("answered 200"), "{said}");
    let got = sts.got();
    assert_eq!(got.len(), 1, "kept for the reads: {got:?}");
    for part in ["Action=AssumeRole&", "ExternalId=the-id", "RoleSessionName=snapkeep", "role%2Fkeeper"] {
        assert!(got[0].body.contains(part), "{part}: {}", got[0].body);
    }
    let baseless =
        run("role profile+missing", &issuer.front().url(), home.path(), &[("AWS_ENDPOINT_URL_STS", &sts.url)]);
    assert!(baseless.contains("none: profile missing"), "{baseless}");
    assert_eq!(sts.got().len(), 1);
}

#[test]
fn a_role_is_assumed_with_a_token_file() {
    let (_node, issuer) = stage(Duration::from_secs(3600), &[]);
    let sts = sts(Arc::clone(&issuer));
    let home = TempDir::new().unwrap();
    let token = home.path().join("token");
    std::fs::write(&token, "the-web-token").unwrap();
    let token = token.to_str().unwrap();
    let url = issuer.front().url();
    let sts_url = [("AWS_ENDPOINT_URL_STS", sts.url.as_str())];
    assert!(run(&format!("web-identity {token}"), &url, home.path(), &sts_url).contains("answered 200"));
    // The default chain knows the same by its own variables.
    let chain = [sts_url[0], ("AWS_WEB_IDENTITY_TOKEN_FILE", token), ("AWS_ROLE_ARN", ROLE)];
    assert!(run("chain", &url, home.path(), &chain).contains("answered 200"));
    let got = sts.got();
    assert!(got[0].body.contains("RoleSessionName=the-session") && got.len() == 2, "{got:?}");
    assert!(got.iter().all(|got| got.body.contains("WebIdentityToken=the-web-token")), "{got:?}");
    let missing = run("web-identity /nonexistent/token", &url, home.path(), &sts_url);
    assert!(missing.contains("none: the token file /nonexistent/token cannot be read"), "{missing}");
}

/// A refusal of STS is told as such, and no secret is in it.
#[test]
fn a_role_that_cannot_be_assumed_is_named() {
    let (node, issuer) = stage(Duration::from_secs(3600), &[]);
    let sts = Server::start(|_| {
        let text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no trust</Message></Error></ErrorResponse>";
        crate::support::answer(403, "Content-Type: text/xml\r\n", text.as_bytes())
    });
    let home = TempDir::new().unwrap();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDBASE"),
        ("AWS_SECRET_ACCESS_KEY", "base-canary-secret"),
    ];
    let said = run("role chain", &issuer.front().url(), home.path(), &variables);
    assert!(said.contains(&format!("none: the role {ROLE} cannot be assumed: ")), "{said}");
    assert!(said.contains("no trust") && !said.contains("canary"), "{said}");
    assert!(node.got().is_empty());
}
