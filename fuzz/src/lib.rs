//! What each fuzz target does with its bytes.

mod targets;

pub use targets::TARGETS;

/// Runs a target.
///
/// # Panics
/// When there is no such target, or the bytes lead to what must not be.
pub fn run(target: &str, bytes: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    run(bytes);
}
