//! `config …`

use super::*;
use crate::settings::Effective as Part;
use snapkeep_config::Config;

const GOOD: &str = "\
clusters:
  logs: {endpoint: 'https://search-logs-abc123.eu-west-1.es.amazonaws.com', repository: nightly}
repositories:
  nightly: {bucket: my-backups, settings: {client_secret: canary}}
policies:
  nightly: {repository: nightly, schedule: 30 2 * * *, keep: {daily: 14}}
";

const BAD: &str = "\
clusters:
  logs:
    endpont: https://a.example
policies:
  nightly: {repository: nightly, clusters: logs, schedule: 30 2 * *}
";

#[test]
fn a_good_file_is_counted_and_a_bad_one_is_complained_about() {
    let config = Config::parse(GOOD).unwrap();
    expect_view("config-check", &Checked { name: "snapkeep.yaml", complaints: &[], config: Some(&config) });
    let complaints = Config::complaints(BAD);
    expect_view("config-check-bad", &Checked { name: "snapkeep.yaml", complaints: &complaints, config: None });
}

#[test]
fn what_holds_is_shown_with_its_origin_and_without_secrets() {
    let settings = Config::settings(GOOD).unwrap();
    let part = |path, value: &str, origin: &str| Part { path, value: value.into(), origin: origin.into() };
    let connection = [
        part("connection.auth", "sigv4", "an Amazon domain"),
        part("connection.secret", "in the variable OWN", "the configuration's logs"),
    ];
    let shown =
        |origin| Effective { name: Some("snapkeep.yaml"), settings: &settings, connection: &connection, origin };
    expect("config-show.txt", &shown(false).text(&look(false)));
    expect_view("config-show-origin", &shown(true));
    assert!(!shown(true).json().contains("canary"));
}
