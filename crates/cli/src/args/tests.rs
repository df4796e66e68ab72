use super::*;
use clap::error::ErrorKind;
use std::time::Duration;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    let words: Vec<_> = std::iter::once("snapkeep").chain(line.split_whitespace()).map(OsString::from).collect();
    Arguments::read(&words)
}

#[test]
fn the_grammar_is_sound() {
    command().debug_assert();
}

#[test]
fn what_may_be_typed() {
    for line in [
        "list",
        "ls -r nightly --state failed,partial --state success --older-than 30d --match a* --match b* --metadata a=b",
        "--json list --sort size --reverse --limit 3 --sizes",
        "list --json -vv --color never --no-progress --timeout 1min30s",
        "create",
        "create before-upgrade --indices a,-b --no-global-state --partial --ignore-unavailable --metadata k=v --no-wait",
        "create --indices -b --global-state --template x-%Y%m%d-%H%M%S --stall-after 1h",
        "show s",
        "status",
        "status a b --watch 0",
        "status --watch 5s",
        "status --watch 1min30s",
        "delete a b --yes",
        "rm --match x* --older-than 2w -n --allow-last-good -y",
        "abort s -y",
        "clone a b --indices c,d",
        "repo list",
        "repo register r --bucket b --bucket-region eu-west-1 --role-arn a --base-path p --setting a=b --readonly --replace",
        "repo register r --type fs --setting location=/x",
        "repo show",
        "repo show r",
        "repo verify r",
        "repo remove r --yes",
        "repo cleanup r",
        "plan",
        "plan nightly hourly --allow-unknown-clock --out plan.json",
        "plan --at 2027-01-01T00:00:00Z --explain nightly-20261120t013000z",
        "apply plan.json -y",
        "run",
        "run nightly --yes --allow-unknown-clock --cluster logs",
        "config check",
        "config show --origin --cluster logs",
        "config schema",
        "migrate old new latest -r nightly --as old-nightly --role-arn a --setting a=b --unregister --indices a,-b -y",
        "migrate old new --at 2026-11-22 -n --no-wait",
        "aws policies --operations backup,retention,restore --account 123456789012 --domain logs=arn --configuration-at ssm:/a",
        "aws policies --bucket-key arn --bucket-account 123456789012 --decrypt-key arn --cluster logs",
        "policy list",
        "policy next nightly --count 30",
        "policy import actions.yml --schedule @ --timezone Europe/Berlin --out snapkeep.yaml",
        "policy import --from-cluster --cluster logs --json",
        "policy import body.json --name nightly",
        "inspect s3://b/p --s3-endpoint http://127.0.0.1:1 --region eu-west-1",
        "inspect -r nightly",
        "inspect snapshot a -r file:///x --index i",
        "inspect diff a b -r file:///x",
        "verify nightly --level checksums --sample 5% --limit-rate 50MB --resume f",
        "verify file:///x --level metadata --snapshot a,b --index i",
        "verify s3://b --level checksums --part 3/7",
        "du s3://b/p --price STANDARD=0.02 --price GLACIER=0",
        "orphans s3://b --manifest f.csv --json",
        "invoke event.json",
        "invoke - --request-id x --timeout 15min",
        "completions bash",
        "man --out d",
        "list --endpoint https://a --region eu-west-1 --auth api-key --username u --profile p",
        "list --assume-role a --external-id e",
        "list --assume-role a --web-identity-token-file f",
        "list --client-cert c --client-key k --ca-file f --config c --cluster n",
        "--config c list",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn what_may_not() {
    for (line, kind) in [
        ("", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("repo", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("config", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("aws", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("aws policies --operations delete", ErrorKind::InvalidValue),
        ("policy", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("plan --at tomorrow", ErrorKind::ValueValidation),
        ("plan --at 2027-01-01T00:00:00Z --out plan.json", ErrorKind::ArgumentConflict),
        ("apply", ErrorKind::MissingRequiredArgument),
        ("policy next", ErrorKind::MissingRequiredArgument),
        ("policy import", ErrorKind::MissingRequiredArgument),
        ("policy import f --from-cluster", ErrorKind::ArgumentConflict),
        ("policy next nightly --count 0", ErrorKind::ValueValidation),
        ("lst", ErrorKind::InvalidSubcommand),
        ("list --pasword x", ErrorKind::UnknownArgument),
        ("list --password x", ErrorKind::UnknownArgument),
        ("list --state good", ErrorKind::InvalidValue),
        ("list --older-than 30", ErrorKind::ValueValidation),
        ("list --metadata x", ErrorKind::ValueValidation),
        ("list -q -v", ErrorKind::ArgumentConflict),
        ("list --external-id e", ErrorKind::MissingRequiredArgument),
        ("list --client-cert c", ErrorKind::MissingRequiredArgument),
        ("create a --template x", ErrorKind::ArgumentConflict),
        ("create --global-state --no-global-state", ErrorKind::ArgumentConflict),
        ("show", ErrorKind::MissingRequiredArgument),
        ("clone a", ErrorKind::MissingRequiredArgument),
        ("repo remove", ErrorKind::MissingRequiredArgument),
        ("repo cleanup", ErrorKind::MissingRequiredArgument),
        ("verify x --level deep", ErrorKind::InvalidValue),
        ("verify x --sample 5% --part 1/2", ErrorKind::ArgumentConflict),
        ("verify x --part 3/2", ErrorKind::ValueValidation),
        ("verify x --limit-rate fast", ErrorKind::ValueValidation),
        ("du x --price STANDARD", ErrorKind::ValueValidation),
        ("inspect snapshot", ErrorKind::MissingRequiredArgument),
    ] {
        assert_eq!(parse(line).map(|_| ()).unwrap_err().kind(), kind, "{line}");
    }
}

#[test]
fn no_flag_takes_a_secret() {
    fn check(command: &clap::Command) {
        for flag in command.get_arguments().filter_map(|flag| flag.get_long()) {
            for word in ["password", "secret", "api-key", "token"] {
                assert!(!flag.contains(word) || flag.ends_with("-file"), "{} --{flag}", command.get_name());
            }
        }
        command.get_subcommands().for_each(check);
    }
    check(&command());
}

#[test]
fn spans_of_time() {
    for (text, seconds) in
        [("90s", 90), ("15min", 900), ("1h30min", 5_400), ("30d", 2_592_000), (" 2w ", 1_209_600), ("1w1s", 604_801)]
    {
        assert_eq!(text.parse(), Ok(Span(Duration::from_secs(seconds))), "{text}");
    }
    for (text, why) in [
        ("6m", "`m` could mean minutes or months; write `min` for minutes, `mo` for months"),
        ("1h30m", "`m` could mean"),
        ("6mo", "not always as long"),
        ("1y2d", "not always as long"),
        ("200000d", "longer than a century"),
        ("1h 30min", "no unit"),
        ("", "no length"),
        ("0s", "no length"),
        ("30", "no unit"),
        ("d", "no number"),
        ("-1d", "no number"),
        ("1.5h", "no unit"),
        ("99999999999999999999s", "no number"),
        ("١h", "no number"),
    ] {
        let error = text.parse::<Span>().unwrap_err();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    for (text, seconds) in [("0", 0), ("0s", 0), ("5", 5), ("5s", 5), ("2min", 120)] {
        assert_eq!(text.parse(), Ok(Watch(Duration::from_secs(seconds))), "{text}");
    }
    assert!("2m".parse::<Watch>().is_err() && "".parse::<Watch>().is_err());
}

#[test]
fn a_complaint_is_one_line() {
    let error = parse("list --stat failed").unwrap_err();
    assert_eq!(cause_of(&error), "unexpected argument '--stat' found");
    assert_eq!(cause_of(&parse("show").unwrap_err()), "the following required arguments were not provided: <SNAPSHOT>");
}

#[test]
fn connection_flags_are_shown_where_they_count() {
    let help = |line: &str| parse(line).unwrap_err().render().to_string();
    for (line, has_connection, has_timeout) in [
        ("list --help", true, true),
        ("repo register --help", true, true),
        ("invoke --help", false, true),
        ("man --help", false, false),
        ("completions --help", false, false),
    ] {
        let help = help(line);
        let has = |flag: &str| help.contains(flag);
        assert_eq!(
            (has("--endpoint"), has("--client-cert"), has("-r, --repository")),
            (has_connection, has_connection, has_connection),
            "{line}: {help}"
        );
        assert_eq!((has("--timeout"), has("--json")), (has_timeout, true), "{line}");
    }
    // Before the command as behind it, also where they are hidden.
    assert_eq!(parse("--endpoint a man").unwrap().globals.endpoint.as_deref(), Some("a"));
    assert_eq!(parse("man --endpoint a").unwrap().globals.connection_flags(), ["endpoint"]);
}
