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
