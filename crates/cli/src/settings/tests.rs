use super::*;
use snapkeep_transport::{Auth, AwsCredentials};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const FILE: &str = "
default_cluster: own
clusters:
  own: {endpoint: https://own.example, username: filer, password: {env: OWN}, repository: of-file}
  open: {endpoint: https://open.example, auth: basic, username: filer}
  logs:
    endpoint: https://search-logs-abc123.eu-west-1.es.amazonaws.com
    assume_role: {role_arn: 'arn:aws:iam::123456789012:role/r', external_id: e}
  files: {endpoint: https://files.example, token: {file: secret.txt}, ca_file: ca.pem}
";

fn process(variables: &[(&str, &str)]) -> Process {
    let variables = variables.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Process { variables, directory: "/nowhere".into(), ..Process::default() }
}

async fn resolve(globals: &Globals, variables: &[(&str, &str)]) -> Result<Settings, Failure> {
    Settings::resolve(globals, &process(variables)).await
}

/// Endpoint, identity with its secret, region and repository, in one line.
fn shown(settings: &Settings) -> String {
    let auth = match settings.connection.auth() {
        Auth::SigV4 { credentials: AwsCredentials::Fixed(_), .. } => "sigv4 fixed".to_owned(),
        Auth::SigV4 { .. } => "sigv4".to_owned(),
        Auth::Basic { username, password } => format!("basic {username}:{}", password.expose()),
        Auth::ApiKey(key) => format!("api-key {}", key.expose()),
        Auth::Bearer(token) => format!("bearer {}", token.expose()),
        Auth::None => "none".to_owned(),
    };
    let region = settings.connection.region.as_deref().unwrap_or("-");
    let repository = settings.repository.as_ref().map_or("-", RepositoryName::as_str);
    format!("{} {auth} {region} {repository}", settings.connection.endpoint)
}

/// Flags by name, as they would be typed.
fn globals(flags: &[(&str, &str)]) -> Globals {
    let words = flags.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]);
    let line = ["snapkeep".to_owned(), "list".to_owned()].into_iter().chain(words.filter(|word| !word.is_empty()));
    clap::Parser::try_parse_from(line).map(|arguments: crate::args::Arguments| arguments.globals).unwrap()
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let env = ("SNAPKEEP_CONFIG", FILE);
    let own = ("OWN", "s1");
    let endpoint = ("SNAPKEEP_ENDPOINT", "https://env.example");
    let password = ("SNAPKEEP_PASSWORD", "s2");
    let user = ("SNAPKEEP_USERNAME", "u");
    for (flags, variables, expected) in [
        // The file's default cluster, and what changes about it.
        (vec![], vec![env, own], "https://own.example basic filer:s1 - of-file"),
        (vec![("--username", "me")], vec![env, own], "https://own.example basic me:s1 - of-file"),
        (vec![("-r", "r")], vec![env, own], "https://own.example basic filer:s1 - r"),
        (vec![], vec![env, own, ("SNAPKEEP_REPOSITORY", "of-env")], "https://own.example basic filer:s1 - of-env"),
        (
            vec![("--cluster", "own")],
            vec![env, own, ("SNAPKEEP_REPOSITORY", "of-env")],
            "https://own.example basic filer:s1 - of-file",
        ),
        (vec![("--auth", "none")], vec![env], "https://own.example none - of-file"),
        // The environment's is a cluster of its own: nothing of the file gets to it.
        (vec![], vec![env, own, endpoint], "https://env.example none - -"),
        (vec![], vec![env, own, endpoint, user, password], "https://env.example basic u:s2 - -"),
        (vec![], vec![endpoint, ("SNAPKEEP_API_KEY", "k")], "https://env.example api-key k - -"),
        (vec![], vec![endpoint, ("SNAPKEEP_TOKEN", "t")], "https://env.example bearer t - -"),
        (
            vec![],
            vec![endpoint, ("SNAPKEEP_TOKEN", "t"), ("SNAPKEEP_API_KEY", "k"), ("SNAPKEEP_AUTH", "bearer")],
            "https://env.example bearer t - -",
        ),
        (
            vec![("--auth", "api-key")],
            vec![endpoint, ("SNAPKEEP_TOKEN", "t"), ("SNAPKEEP_API_KEY", "k")],
            "https://env.example api-key k - -",
        ),
        // --cluster beats the environment's cluster, which then only completes an open secret.
        (
            vec![("--cluster", "own")],
            vec![env, own, endpoint, password],
            "https://own.example basic filer:s1 - of-file",
        ),
        // Without a cluster of its own the environment changes single fields.
        (vec![("--cluster", "open")], vec![env, password], "https://open.example basic filer:s2 - -"),
        (vec![("--cluster", "open")], vec![env, password, user], "https://open.example basic u:s2 - -"),
        (vec![], vec![env, own, ("SNAPKEEP_AUTH", "none")], "https://own.example none - of-file"),
        (
            vec![("--cluster", "logs")],
            vec![env, ("SNAPKEEP_REGION", "eu-west-3")],
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com sigv4 eu-west-3 -",
        ),
        (
            vec![("--cluster", "logs")],
            vec![env, endpoint, ("SNAPKEEP_REGION", "eu-west-3")],
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com sigv4 eu-west-1 -",
        ),
        (
            vec![("--endpoint", "https://env.example:443/")],
            vec![endpoint, user, password],
            "https://env.example basic u:s2 - -",
        ),
        (
            vec![("--endpoint", "https://flag.example"), ("--auth", "none")],
            vec![endpoint, user, password],
            "https://flag.example none - -",
        ),
        (vec![("--username", "me")], vec![endpoint, password], "https://env.example basic me:s2 - -"),
        (
            vec![("--username", "me"), ("--auth", "basic")],
            vec![endpoint, password],
            "https://env.example basic me:s2 - -",
        ),
        // --endpoint beats both.
        (vec![("--endpoint", "https://flag.example")], vec![env, own, endpoint], "https://flag.example none - -"),
        (
            vec![("--endpoint", "https://flag.example"), ("--cluster", "own")],
            vec![env, own],
            "https://flag.example basic filer:s1 - of-file",
        ),
        // Amazon's domains are signed for, in their own region.
        (
            vec![("--cluster", "logs")],
            vec![env, password],
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com sigv4 eu-west-1 -",
        ),
        (
            vec![("--endpoint", "vpc-x-1.us-east-1.es.amazonaws.com"), ("--region", "eu-west-1")],
            vec![],
            "https://vpc-x-1.us-east-1.es.amazonaws.com sigv4 eu-west-1 -",
        ),
        (
            vec![("--endpoint", "https://a.example"), ("--profile", "p")],
            vec![("AWS_REGION", "eu-west-3")],
            "https://a.example sigv4 eu-west-3 -",
        ),
        (vec![("--endpoint", "http://127.0.0.1:9200")], vec![], "http://127.0.0.1:9200 none - -"),
    ] {
        let settings = resolve(&globals(&flags), &variables)
            .await
            .unwrap_or_else(|failure| panic!("{flags:?} {variables:?}: {failure}"));
        assert_eq!(shown(&settings), expected, "{flags:?} {variables:?}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_a_hint() {
    let env = ("SNAPKEEP_CONFIG", FILE);
    let endpoint = ("SNAPKEEP_ENDPOINT", "https://env.example");
    let aws = "https://search-logs-abc123.eu-west-1.es.amazonaws.com";
    for (flags, variables, code, cause, hint) in [
        (vec![], vec![], Code::BadConfig, "no cluster is named", "--endpoint"),
        (vec![("--cluster", "logz")], vec![env], Code::BadConfig, "no cluster named \"logz\"", "did you mean logs?"),
        (vec![], vec![env], Code::BadConfig, "password is to be in OWN, which is not set", "set OWN"),
        (vec![("--cluster", "open")], vec![env], Code::BadConfig, "SNAPKEEP_PASSWORD", "set SNAPKEEP_PASSWORD"),
        (vec![("--auth", "basic")], vec![endpoint], Code::BadConfig, "password", "SNAPKEEP_PASSWORD"),
        (vec![], vec![endpoint, ("SNAPKEEP_PASSWORD", "p")], Code::BadConfig, "no user name", "--username"),
        (
            vec![],
            vec![endpoint, ("SNAPKEEP_AUTH", "kerberos")],
            Code::BadConfig,
            "SNAPKEEP_AUTH \"kerberos\"",
            "sigv4, basic",
        ),
        (
            vec![],
            vec![endpoint, ("SNAPKEEP_TOKEN", "t"), ("SNAPKEEP_API_KEY", "k")],
            Code::BadConfig,
            "more than one secret",
            "--auth",
        ),
        (vec![("--auth", "sigv4")], vec![endpoint], Code::BadConfig, "region", "--region"),
        // A secret of the environment's cluster goes to no other.
        (
            vec![("--endpoint", "https://flag.example")],
            vec![endpoint, ("SNAPKEEP_USERNAME", "u"), ("SNAPKEEP_PASSWORD", "canary")],
            Code::BadConfig,
            "SNAPKEEP_PASSWORD belongs to the cluster of SNAPKEEP_ENDPOINT and is not sent to https://flag.example",
            "unset SNAPKEEP_ENDPOINT",
        ),
        (
            vec![("--cluster", "open")],
            vec![env, endpoint, ("SNAPKEEP_PASSWORD", "canary")],
            Code::BadConfig,
            "is not sent to https://open.example",
            "unset",
        ),
        // Nothing that was given does nothing.
        (vec![("--username", "me")], vec![endpoint], Code::BadConfig, "SNAPKEEP_PASSWORD, which is not set", "set"),
        (vec![], vec![endpoint, ("SNAPKEEP_USERNAME", "u")], Code::BadConfig, "SNAPKEEP_PASSWORD, which", "set"),
        (
            vec![("--username", "me")],
            vec![endpoint, ("SNAPKEEP_TOKEN", "t")],
            Code::BadConfig,
            "--username",
            "--auth basic",
        ),
        (vec![("--endpoint", aws), ("--username", "me")], vec![], Code::BadConfig, "--username", "--auth basic"),
        (vec![("--auth", "none"), ("--profile", "p")], vec![endpoint], Code::BadConfig, "--profile", "--auth sigv4"),
        // A value that may hold a secret is not repeated.
        (
            vec![],
            vec![("SNAPKEEP_CONFIG", "{clusters: canary}")],
            Code::BadConfig,
            "SNAPKEEP_CONFIG: `clusters`",
            "mend",
        ),
        (vec![], vec![("SNAPKEEP_CONFIG", "a: canary")], Code::BadConfig, "unknown key `a`", ""),
        (vec![], vec![("SNAPKEEP_CONFIG", "canary")], Code::BadConfig, "that SNAPKEEP_CONFIG names", "check"),
        (vec![], vec![("SNAPKEEP_CONFIG", "pass=canary")], Code::BadConfig, "that SNAPKEEP_CONFIG names", "check"),
        (vec![("--region", "Ireland")], vec![endpoint], Code::BadEvent, "--region \"Ireland\"", "eu-west-1"),
        (vec![("--endpoint", "http://a.example")], vec![], Code::BadConfig, "--endpoint is plain HTTP", "https://"),
        (
            vec![("--endpoint", "https://u:p@a.example")],
            vec![],
            Code::BadConfig,
            "--endpoint holds a user name",
            "SNAPKEEP_PASSWORD",
        ),
        (
            vec![("--endpoint", aws), ("--assume-role", "r")],
            vec![],
            Code::BadEvent,
            "--assume-role \"r\"",
            "role's ARN",
        ),
        (vec![("-r", "a*")], vec![endpoint], Code::BadEvent, "--repository \"a*\"", "lower-case"),
        (
            vec![("--endpoint", "https://x.eu-west-1.aoss.amazonaws.com")],
            vec![],
            Code::Unsupported,
            "serverless",
            "domains",
        ),
        (vec![("--config", "no.yaml")], vec![endpoint], Code::BadConfig, "--config no.yaml", "check the path"),
        (vec![], vec![("SNAPKEEP_CONFIG", "s3://own/k")], Code::BadConfig, "s3://own/k cannot be asked", "AWS_REGION"),
        (vec![], vec![("SNAPKEEP_CONFIG", "ssm:/k")], Code::BadConfig, "ssm:/k cannot be asked", "AWS_REGION"),
        (
            vec![],
            vec![("SNAPKEEP_CONFIG", "clusters:\n  a: {}\n")],
            Code::BadConfig,
            "SNAPKEEP_CONFIG: `clusters.a` lacks `endpoint`",
            "mend",
        ),
    ] {
        let failure = resolve(&globals(&flags), &variables).await.map(|settings| shown(&settings)).unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        assert!(failure.cause.contains(cause) && failure.hint.contains(hint), "{failure}\nhint: {}", failure.hint);
    }
}

#[tokio::test]
async fn files_are_found_in_their_order_and_their_paths_are_relative_to_them() {
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        path
    };
    let mut process = process(&[("HOME", home.path().to_str().unwrap())]);
    process.directory = home.path().join("work");
    process.user = std::fs::metadata(home.path()).unwrap().uid();
    write(".config/snapkeep/snapkeep.yaml", "clusters: {a: {endpoint: https://user.example}}");
    let found = async |process: &Process| shown(&Settings::resolve(&Globals::default(), process).await.unwrap());
    assert_eq!(found(&process).await, "https://user.example none - -");
    write("work/snapkeep.yaml", "clusters: {a: {endpoint: https://here.example, token: {file: t.txt}}}");
    write("work/t.txt", "secret-token\n");
    assert_eq!(found(&process).await, "https://here.example bearer secret-token - -");
    let named = write("other/own.yaml", "clusters: {a: {endpoint: https://named.example, token: {file: t.txt}}}");
    write("other/t.txt", "other-token");
    process.variables.insert("SNAPKEEP_CONFIG".into(), named.to_str().unwrap().into());
    assert_eq!(found(&process).await, "https://named.example bearer other-token - -");
}

#[tokio::test]
async fn a_file_that_others_may_have_written_gets_no_secrets() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("snapkeep.yaml");
    let mut process = process(&[("SECRET", "s"), ("SNAPKEEP_PASSWORD", "s")]);
    process.directory = home.path().to_owned();
    let mut resolve = async |entry: &str, mode: u32, globals: &Globals| {
        std::fs::write(&file, format!("clusters:\n  a: {{endpoint: 'https://a.example'{entry}}}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        process.user = std::fs::metadata(&file).unwrap().uid();
        Settings::resolve(globals, &process).await.map(|settings| shown(&settings))
    };
    let named = Globals { config: Some("snapkeep.yaml".into()), ..Globals::default() };
    for entry in [
        ", token: {env: SECRET}",
        ", token: {command: [echo, s]}",
        ", token: {file: snapkeep.yaml}",
        ", username: u",
        ", auth: basic, username: u",
    ] {
        for mode in [0o666, 0o664] {
            let failure = resolve(entry, mode, &Globals::default()).await.unwrap_err();
            let is_said = failure.cause.contains("others may write") && failure.hint.contains("--config");
            assert!(failure.code == Code::BadConfig && is_said, "{entry}: {failure}");
        }
        // What is named is meant.
        assert!(!resolve(entry, 0o666, &named).await.is_err_and(|failure| failure.cause.contains("others may write")));
    }
    assert_eq!(
        resolve(", token: {env: SECRET}", 0o644, &Globals::default()).await.unwrap(),
        "https://a.example bearer s - -"
    );
    assert_eq!(resolve("", 0o666, &Globals::default()).await.unwrap(), "https://a.example none - -");
}

#[tokio::test]
async fn a_relative_path_is_meant_from_where_it_stands() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("conf")).unwrap();
    std::fs::write(
        home.path().join("conf/c.yaml"),
        "clusters: {a: {endpoint: 'https://a.example', ca_file: of-file.pem}}",
    )
    .unwrap();
    let ca = async |variables: &[(&str, &str)], cluster: bool| {
        let mut process = process(variables);
        process.directory = home.path().to_owned();
        let found = find::configuration(Some(Path::new("conf/c.yaml")), &process).await.unwrap().unwrap();
        let cluster = cluster.then(|| "a".to_owned());
        let base = base(&Globals { cluster, ..Globals::default() }, &process, &found.parse().unwrap()).unwrap();
        base.cluster.ca_file.unwrap()
    };
    let of_environment = ("SNAPKEEP_CA_FILE", "of-env.pem");
    assert_eq!(ca(&[], false).await, home.path().join("conf/of-file.pem"));
    assert_eq!(ca(&[of_environment], false).await, home.path().join("of-env.pem"));
    let endpoint = ("SNAPKEEP_ENDPOINT", "https://env.example");
    assert_eq!(ca(&[of_environment, endpoint], false).await, home.path().join("of-env.pem"));
    assert_eq!(ca(&[of_environment, endpoint], true).await, home.path().join("conf/of-file.pem"));
}

#[tokio::test]
async fn secrets_come_from_commands_and_never_show() {
    let with = async |source: &str| {
        let file = format!("clusters:\n  a: {{endpoint: 'https://a.example', api_key: {source}}}\n");
        let mut process = process(&[("SNAPKEEP_CONFIG", file.as_str())]);
        process.directory = std::env::temp_dir();
        Settings::resolve(&Globals::default(), &process).await
    };
    assert_eq!(
        shown(&with("{command: [printf, 'canary-1\\n']}").await.unwrap()),
        "https://a.example api-key canary-1 - -"
    );
    for (source, expected) in [
        ("{command: [sh, -c, 'echo canary; exit 3']}", "failed"),
        ("{command: [no-such-program-here]}", "cannot be run"),
        ("{command: ['true']}", "is empty"),
        ("{command: [printf, 'canary\\ncanary']}", "more than one line"),
        ("{file: no-such-file}", "cannot be read"),
        ("{env: NO_SUCH}", "not set"),
    ] {
        let failure = with(source).await.map(|settings| shown(&settings)).unwrap_err();
        assert!(failure.cause.contains(expected), "{source}: {failure}");
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
    }
}
