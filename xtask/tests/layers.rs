//! The layers of the workspace, checked over `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// What a crate may be built on.
struct Layer {
    name: &'static str,
    /// Crates of ours that its code may use.
    uses: &'static [&'static str],
    /// Crates of ours that only its tests may use.
    tests_use: &'static [&'static str],
    /// Crates of others that may stand nowhere below it; a trailing `*` stands for any ending.
    never: &'static [&'static str],
}

const BED: &[&str] = &["snapkeep-testbed", "snapkeep-front"];

/// The policies are proved on what the function really sends.
const IN_TESTS: &[&str] = &["snapkeep-testbed", "snapkeep-front", "snapkeep-lambda"];

#[rustfmt::skip]
const LAYERS: &[Layer] = &[
    // Pure: no IO, no async, no clock.
    Layer { name: "snapkeep-core", uses: &[], tests_use: &[], never: &["tokio", "reqwest", "hyper", "aws-*"] },
    Layer { name: "snapkeep-transport", uses: &["snapkeep-core"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-cluster", uses: &["snapkeep-core", "snapkeep-transport"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-engine", uses: &["snapkeep-core", "snapkeep-transport", "snapkeep-cluster"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-simulation", uses: &["snapkeep-core"], tests_use: &[], never: &["tokio", "reqwest", "hyper", "aws-*"] },
    Layer { name: "snapkeep-config", uses: &["snapkeep-core"], tests_use: &[], never: &["tokio", "reqwest", "hyper", "aws-*"] },
    Layer { name: "snapkeep-import", uses: &["snapkeep-core", "snapkeep-config"], tests_use: &[], never: &["tokio", "reqwest", "hyper", "aws-*"] },
    Layer { name: "snapkeep-iam", uses: &["snapkeep-core", "snapkeep-config"], tests_use: IN_TESTS, never: &["tokio", "reqwest", "hyper", "aws-*"] },
    Layer { name: "snapkeep-doctor", uses: &["snapkeep-core", "snapkeep-transport", "snapkeep-cluster", "snapkeep-iam"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-repository", uses: &["snapkeep-core"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-daemon", uses: &["snapkeep-core", "snapkeep-transport", "snapkeep-engine"], tests_use: &["snapkeep-testbed", "snapkeep-front", "snapkeep-cluster", "snapkeep-config", "snapkeep-notify"], never: &[] },
    Layer { name: "snapkeep-lambda", uses: &["snapkeep-core", "snapkeep-config", "snapkeep-transport", "snapkeep-cluster", "snapkeep-engine", "snapkeep-notify"], tests_use: BED, never: &["lettre"] },
    Layer { name: "snapkeep-cli", uses: &["snapkeep-core", "snapkeep-config", "snapkeep-transport", "snapkeep-cluster", "snapkeep-engine", "snapkeep-repository", "snapkeep-lambda", "snapkeep-daemon", "snapkeep-iam", "snapkeep-doctor", "snapkeep-import", "snapkeep-notify", "snapkeep-mail"], tests_use: BED, never: &[] },
    Layer { name: "snapkeep-notify", uses: &["snapkeep-core", "snapkeep-config", "snapkeep-transport", "snapkeep-engine"], tests_use: BED, never: &["lettre"] },
    Layer { name: "snapkeep-mail", uses: &["snapkeep-core", "snapkeep-config", "snapkeep-transport", "snapkeep-notify"], tests_use: BED, never: &[] },
    // Shares nothing with the signer that it verifies.
    Layer { name: "snapkeep-front", uses: &[], tests_use: &[], never: &["aws-*", "reqwest"] },
    Layer { name: "snapkeep-testbed", uses: &[], tests_use: &["snapkeep-front"], never: &["aws-*"] },
    Layer { name: "xtask", uses: BED, tests_use: &[], never: &[] },
];

/// Crates that none of ours names as a dependency: the thin calls that are needed go through the transport.
const NEVER_DIRECTLY: &[&str] = &["aws-sdk-*"];

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    // What other systems would need is not asked for.
    command.other_options(["--locked", "--filter-platform", "x86_64-unknown-linux-gnu"].map(String::from));
    command.features(CargoOpt::AllFeatures).exec().expect("cargo metadata")
}

fn matches(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

fn is_ours(name: &str) -> bool {
    name.starts_with("snapkeep-") || name == "xtask"
}

fn broken_by_names(package: &Package, layer: &Layer) -> Vec<String> {
    let mut broken = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let in_tests = dependency.kind == DependencyKind::Development;
        let allowed = layer.uses.contains(&name) || in_tests && layer.tests_use.contains(&name);
        if is_ours(name) && !allowed {
            let part = if in_tests { "tests of " } else { "" };
            broken.push(format!("{part}{} may not depend on {name}", package.name));
        }
        if NEVER_DIRECTLY.iter().any(|pattern| matches(name, pattern)) {
            broken.push(format!("{} may not depend on the SDK crate {name} directly", package.name));
        }
    }
    broken
}

/// For each crate below `root` (not through tests and build scripts), the crate that brings it in.
fn below<'m>(metadata: &'m Metadata, root: &'m PackageId) -> BTreeMap<&'m PackageId, &'m PackageId> {
    let nodes: BTreeMap<_, _> =
        metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|n| (&n.id, n)).collect();
    let mut found = BTreeMap::new();
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        for dependency in nodes.get(at).into_iter().flat_map(|node| &node.deps) {
            let is_built_in = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if is_built_in && !found.contains_key(&dependency.pkg) {
                found.insert(&dependency.pkg, at);
                open.push(&dependency.pkg);
            }
        }
    }
    found
}

fn broken_below(metadata: &Metadata, package: &Package, layer: &Layer) -> Vec<String> {
    let named = |id: &PackageId| metadata[id].name.to_string();
    let below = below(metadata, &package.id);
    let broken = below.iter().filter(|(id, _)| layer.never.iter().any(|pattern| matches(&named(id), pattern)));
    broken
        .map(|(id, by)| format!("{} may not depend on {}, which {} brings in", package.name, named(id), named(by)))
        .collect()
}

#[test]
fn each_crate_keeps_to_its_layer() {
    let metadata = metadata();
    let mut broken = Vec::new();
    for layer in LAYERS {
        let package = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == layer.name);
        let Some(package) = package else {
            broken.push(format!("{} has a layer but is no crate of the workspace", layer.name));
            continue;
        };
        broken.extend(broken_by_names(package, layer));
        broken.extend(broken_below(&metadata, package, layer));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_crate_has_a_layer() {
    let metadata = metadata();
    let crates: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let layers: BTreeSet<_> = LAYERS.iter().map(|layer| layer.name.to_owned()).collect();
    assert_eq!(crates, layers, "a crate of the workspace is missing in the table of layers");
}

#[test]
fn each_crate_takes_the_lints_of_the_workspace_and_none_is_empty() {
    let metadata = metadata();
    let root =
        std::fs::read_to_string(metadata.workspace_root.join("Cargo.toml")).expect("the workspace has a manifest");
    assert!(root.lines().any(|line| line == r#"unsafe_code = "forbid""#), "the workspace does not forbid unsafe code");
    for package in metadata.workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a crate has a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} does not take the workspace's lints", package.name);
        let sources = package.manifest_path.parent().expect("a manifest is in a directory").join("src");
        assert!(lines_of_code(sources.as_std_path()) >= 20, "{} holds no code", package.name);
    }
}

fn lines_of_code(directory: &Path) -> usize {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let lines = files.map(|path| {
        if path.is_dir() {
            return lines_of_code(&path);
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    });
    lines.sum()
}

#[test]
fn a_pattern_covers_its_crates_only() {
    assert!(matches("aws-sdk-sts", "aws-*") && matches("tokio", "tokio"));
    assert!(!matches("tokio-rustls", "tokio") && !matches("awsome", "aws-*"));
}
