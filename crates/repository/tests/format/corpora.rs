//! What fuzzing found worth keeping, once more.

#[path = "../../../../fuzz/src/targets.rs"]
#[allow(
    unreachable_pub,
    clippy::cast_possible_truncation,
    clippy::missing_docs_in_private_items,
    reason = "a file of another crate"
)]
mod targets;

use std::path::Path;

#[test]
fn the_corpora_of_the_fuzz_targets_lead_to_nothing_bad() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    for (name, run) in targets::TARGETS {
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).exists(), "{name}");
        let kept: Vec<_> = std::fs::read_dir(fuzz.join("corpus").join(name)).unwrap().map(Result::unwrap).collect();
        assert!(!kept.is_empty(), "{name} has no corpus");
        for entry in kept {
            run(&std::fs::read(entry.path()).unwrap());
        }
    }
}

/// The fuzz crate compiles the parsers from their sources, and no test compiles it: what they use must be among what it takes.
#[test]
fn the_parsers_use_nothing_that_fuzzing_does_not_compile() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let taken = std::fs::read_to_string(repository.join("../../fuzz/src/lib.rs")).unwrap();
    let taken: Vec<_> = taken.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")).collect();
    let taken: Vec<_> = taken.iter().map(|name| name.trim_end_matches([';', ' ', '{'])).collect();
    let mut files = Vec::new();
    for name in &taken {
        let parent = if matches!(*name, "checksum" | "finding") { "src/verify" } else { "src" };
        sources(&repository.join(parent).join(name), &mut files);
    }
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, used) in text.match_indices("crate::") {
            let module: String =
                text[at + used.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(taken.contains(&module.as_str()) || module == "Damage", "{}: {module}", file.display());
        }
    }
}

/// A module's files: its own, and those of its folder; `verify`'s own file is not compiled for fuzzing.
fn sources(module: &Path, files: &mut Vec<std::path::PathBuf>) {
    if module.ends_with("src/verify") {
        return;
    }
    let own = module.with_extension("rs");
    files.extend(own.exists().then_some(own));
    for entry in std::fs::read_dir(module).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
