//! `cargo xtask package`: the zip that goes to Lambda.
//!
//! The same sources give the same zip, byte for byte, on any machine with the same toolchain and linker: no path, no time
//! and no name of the machine is in it. Before it is written, the program's ELF headers are checked against what the
//! runtime `provided.al2023` has.

mod archive;
mod build;
mod elf;
mod start;
mod zig;

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::sha256;
use crate::failure::{Failure, Result};
pub(crate) use archive::{Entry, Pressed, zip};
pub(crate) use build::Arch;

/// How it is called.
pub(crate) const USAGE: &str = "cargo xtask package [--arch x86_64|arm64|all]";

/// A function's zip.
#[derive(Debug)]
pub(crate) struct Package {
    /// The program.
    pub(crate) binary: PathBuf,
    /// The zip beneath `dist`.
    pub(crate) zip: PathBuf,
    /// Bytes of the program.
    pub(crate) binary_size: u64,
    /// Bytes of the zip.
    pub(crate) zip_size: u64,
    /// Digest of the zip.
    sha256: String,
    /// What it needs of the system.
    needs: elf::Elf,
}

/// Makes the zip for each architecture asked for.
pub(crate) fn run(args: &[String]) -> Result<()> {
    for arch in architectures(args)? {
        let package = make(arch)?;
        println!("{}", describe(arch, &package));
        println!("  start    {}", start::check(arch, &package.binary)?);
    }
    Ok(())
}

/// Builds, checks and zips.
pub(crate) fn make(arch: Arch) -> Result<Package> {
    let (binary, needs) = build::checked(arch)?;
    let program = fs::read(&binary).map_err(Failure::during("cannot read the program"))?;
    let entry = Entry { name: "bootstrap".into(), content: program.as_slice().into(), executable: true };
    let bytes = zip(&[entry], Pressed::Hardest)?;
    let place = dist().join(format!("snapkeep-lambda-{}-{arch}.zip", env!("CARGO_PKG_VERSION")));
    fs::create_dir_all(dist()).map_err(Failure::during("cannot create dist"))?;
    fs::write(&place, &bytes).map_err(Failure::during("cannot write the zip"))?;
    Ok(Package {
        binary,
        binary_size: program.len() as u64,
        zip_size: bytes.len() as u64,
        sha256: sha256(&bytes),
        zip: place,
        needs,
    })
}

fn describe(arch: Arch, package: &Package) -> String {
    let zip = package.zip.strip_prefix(root()).unwrap_or(&package.zip);
    format!(
        "{} ({arch})\n  binary   {} bytes\n  zip      {} bytes\n  sha256   {}\n  needs    {}",
        zip.display(),
        package.binary_size,
        package.zip_size,
        package.sha256,
        package.needs,
    )
}

fn architectures(args: &[String]) -> Result<Vec<Arch>> {
    let mut chosen = vec![Arch::X86_64];
    let mut rest = args.iter().map(String::as_str);
    while let Some(arg) = rest.next() {
        let value = match arg.split_once('=') {
            Some(("--arch", value)) => Some(value),
            None if arg == "--arch" => rest.next(),
            _ => return Err(Failure::operator(format!("unknown argument {arg}; usage: {USAGE}"))),
        };
        chosen = match value {
            Some("all") => vec![Arch::X86_64, Arch::Arm64],
            Some("x86_64") => vec![Arch::X86_64],
            Some("arm64") => vec![Arch::Arm64],
            _ => return Err(Failure::operator(format!("--arch takes x86_64, arm64 or all; usage: {USAGE}"))),
        };
    }
    Ok(chosen)
}

/// The workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn dist() -> PathBuf {
    root().join("dist")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(args: &[&str]) -> Result<Vec<Arch>> {
        architectures(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_architecture_is_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap(), [Arch::X86_64]);
        assert_eq!(chosen(&["--arch", "arm64"]).unwrap(), [Arch::Arm64]);
        assert_eq!(chosen(&["--arch=all"]).unwrap(), [Arch::X86_64, Arch::Arm64]);
        for wrong in [&["--arch"][..], &["--arch", "mips"], &["arm64"], &["--fast=1"]] {
            assert_eq!(chosen(wrong).unwrap_err().exit, 2, "{wrong:?}");
        }
    }
}
