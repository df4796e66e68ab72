//! Building the program.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::elf::Elf;
use super::{root, zig};
use crate::cargo::cargo;
use crate::failure::{Failure, Result};

/// A processor that Lambda offers, by Lambda's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arch {
    /// Intel's and AMD's.
    X86_64,
    /// Graviton.
    Arm64,
}

impl Arch {
    /// This machine's, if Lambda offers it.
    pub(crate) fn host() -> Option<Self> {
        match env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Rust's name of the target.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// Builds the program and sees that it will start on Lambda. This machine's own linker serves if it can: for this
/// machine's processor, and if its glibc is no newer than Lambda's. Otherwise zig links.
pub(crate) fn checked(arch: Arch) -> Result<(PathBuf, Elf)> {
    require_standard_library(arch)?;
    if Arch::host() == Some(arch) {
        let program = build(arch, None)?;
        match inspect(&program, arch) {
            Ok(elf) => return Ok((program, elf)),
            Err(why) => println!("linked on this machine, {why}: linking with zig"),
        }
    }
    let program = build(arch, Some(&zig::Toolchain::install(arch)?))?;
    let elf =
        inspect(&program, arch).map_err(|why| Failure::new(format!("the program for {arch} is no good: {why}")))?;
    Ok((program, elf))
}

fn inspect(program: &Path, arch: Arch) -> Result<Elf, String> {
    let bytes = std::fs::read(program).map_err(|error| format!("it cannot be read: {error}"))?;
    let elf = Elf::parse(&bytes)?;
    elf.check(arch).map(|()| elf)
}

fn require_standard_library(arch: Arch) -> Result<()> {
    let target = arch.target();
    if sysroot()?.join("lib/rustlib").join(target).join("lib").is_dir() {
        return Ok(());
    }
    Err(Failure::operator(format!(
        "{arch}: Rust's standard library for {target} is needed; install it with: rustup target add {target}"
    )))
}

fn build(arch: Arch, toolchain: Option<&zig::Toolchain>) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.current_dir(root()).args(["build", "--profile", "lambda", "--locked", "--package", "snapkeep-lambda"]);
    cargo.args(["--bin", "bootstrap", "--message-format", "json-render-diagnostics", "--target", arch.target()]);
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags()?);
    if let Some(toolchain) = toolchain {
        // A directory of its own: Cargo does not see that the linker is another one.
        cargo.arg("--target-dir").arg(root().join("target/zig")).envs(toolchain.environment());
    }
    let output = cargo.stderr(Stdio::inherit()).output().map_err(Failure::during("cannot run cargo"))?;
    if !output.status.success() {
        return Err(Failure::new(format!("cargo could not build the Lambda for {arch}")));
    }
    executable(&output.stdout).ok_or_else(|| Failure::new("cargo named no program that it built"))
}

/// From cargo's messages, one JSON object a line.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let lines = messages.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    messages.rev().find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Takes the places of this machine out of the program: panic messages name source files.
fn flags() -> Result<String> {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cargo_home = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let sources = sysroot()?.join("lib/rustlib/src/rust");
    let library = format!("/rustc/{}", commit()?);
    let places = [(cargo_home.as_path(), "/cargo"), (root(), "/snapkeep"), (&sources, library.as_str())];
    let flags = places.map(|(place, name)| format!("--remap-path-prefix={}={name}", place.display()));
    Ok(flags.join("\x1f"))
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(rustc(&["--print", "sysroot"])?.trim()))
}

/// The compiler's commit, as its own paths have it.
fn commit() -> Result<String> {
    let version = rustc(&["-vV"])?;
    let line = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    Ok(line.unwrap_or("unknown").to_owned())
}

fn rustc(args: &[&str]) -> Result<String> {
    let output = Command::new("rustc").current_dir(root()).args(args).output();
    let output = output.map_err(Failure::during("cannot run rustc"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_last_one_that_cargo_names() {
        let messages = b"{\"reason\":\"compiler-artifact\",\"executable\":null}\nnot json\n\
            {\"reason\":\"compiler-artifact\",\"executable\":\"/t/bootstrap\"}\n{\"reason\":\"build-finished\"}\n";
        assert_eq!(executable(messages), Some(PathBuf::from("/t/bootstrap")));
        assert_eq!(executable(b"{}\n"), None);
    }
}
