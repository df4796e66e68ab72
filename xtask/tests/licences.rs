//! What comes into the tree, by deny.toml: licences, sources and banned crates, also on machines
//! without cargo-deny.

use cargo_metadata::{CargoOpt, MetadataCommand, Package};
use spdx::{Expression, ParseMode};

/// The quoted entries after `key = [` in deny.toml, up to the closing bracket.
fn list(key: &str) -> Vec<&'static str> {
    let text = include_str!("../../deny.toml");
    let begin = format!("\n{key} = [");
    let inside =
        text.split_once(&begin).and_then(|(_, rest)| rest.split_once("\n]")).expect("deny.toml has the list").0;
    let entries = inside.lines().filter(|line| !line.trim_start().starts_with('#'));
    entries.filter_map(|line| line.split('"').nth(1)).collect()
}

fn packages() -> Vec<Package> {
    let mut command = MetadataCommand::new();
    command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    command.other_options(["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from));
    let metadata = command.features(CargoOpt::AllFeatures).exec().expect("cargo metadata");
    let used: Vec<_> = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|node| node.id.clone()).collect();
    metadata.packages.into_iter().filter(|package| used.contains(&package.id)).collect()
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let allowed = list("allow");
    assert!(allowed.contains(&"MIT"), "{allowed:?}");
    for package in packages() {
        let text = package.license.as_deref().unwrap_or_default();
        let licence = Expression::parse_mode(text, ParseMode::LAX).expect("a licence expression");
        let fits = licence.evaluate(|one| allowed.contains(&one.to_string().as_str()));
        assert!(fits, "{} {} is under {text:?}, which deny.toml does not allow", package.name, package.version);
    }
}

#[test]
fn crates_come_from_one_registry_and_none_is_banned() {
    let banned = list("deny");
    assert!(banned.contains(&"aws-lc-sys"), "{banned:?}");
    for package in packages() {
        let from_registry = package.source.as_ref().is_none_or(cargo_metadata::Source::is_crates_io);
        assert!(from_registry, "{} comes from {:?}", package.name, package.source);
        assert!(!banned.contains(&package.name.as_str()), "{} is banned", package.name);
    }
}
