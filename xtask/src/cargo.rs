//! Running cargo from a program that cargo runs.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, Result};

/// A cargo without what the outer one told this program about its crate: build scripts that look at these variables
/// (ring's does) would be run again, with all that depends on them, at each change between an outer and an inner cargo.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The nightly toolchain's cargo, by way of rustup.
pub(crate) fn cargo_of_the_nightly() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN");
    cargo
}

/// Where a program lies that was built as this one was.
pub(crate) fn beside_this(program: &str) -> Result<PathBuf> {
    let own = env::current_exe().map_err(Failure::during("cannot find the build folder"))?;
    Ok(own.with_file_name(program))
}
