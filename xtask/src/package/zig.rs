//! Linking for another processor or an older glibc: zig, from `PyPI`, with small scripts that make it look like `cc` and `ar`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use snapkeep_testbed::cache::Cache;

use super::build::Arch;
use super::elf::GLIBC;
use crate::failure::{Failure, Result};
use crate::python::Packages;

/// zig links what is shipped: its wheels are pinned by digest.
const PACKAGES: Packages<'_> =
    Packages { name: "zig", requirements: include_str!("zig-requirements.txt"), options: &["--require-hashes"] };

/// C compiler, linker and archiver for one target.
#[derive(Debug)]
pub(crate) struct Toolchain {
    target: &'static str,
    scripts: PathBuf,
    zig_cache: PathBuf,
}

impl Toolchain {
    /// Installs zig and writes the scripts, unless they are there.
    pub(crate) fn install(arch: Arch) -> Result<Self> {
        let cache = Cache::open()?;
        let zig = PACKAGES.install(&cache)?.join("ziglang/zig");
        let scripts = cache.root().join("zig-scripts").join(arch.target());
        fs::create_dir_all(&scripts).map_err(Failure::during("cannot create the directory of zig's scripts"))?;
        let zig_target = format!("{}.{}.{}", arch.target().replace("-unknown", ""), GLIBC.0, GLIBC.1);
        write_script(&scripts.join("cc"), &compiler(&zig, &zig_target))?;
        write_script(&scripts.join("ar"), &format!("#!/bin/sh\nexec '{}' ar \"$@\"\n", zig.display()))?;
        Ok(Self { target: arch.target(), scripts, zig_cache: cache.root().join("zig-cache") })
    }

    /// What makes cargo and build scripts use it.
    pub(crate) fn environment(&self) -> [(String, PathBuf); 5] {
        let name = self.target.replace('-', "_");
        let (cc, ar) = (self.scripts.join("cc"), self.scripts.join("ar"));
        [
            (format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), cc.clone()),
            (format!("CC_{name}"), cc),
            (format!("AR_{name}"), ar),
            ("ZIG_GLOBAL_CACHE_DIR".into(), self.zig_cache.clone()),
            ("ZIG_LOCAL_CACHE_DIR".into(), self.zig_cache.clone()),
        ]
    }
}

/// zig has names of its own for targets, and its libunwind is what GCC's `libgcc_s` is to the unwinder.
fn compiler(zig: &Path, target: &str) -> String {
    format!(
        r#"#!/bin/sh
for arg do
  shift
  case "$arg" in
    --target=*) continue ;;
    -lgcc_s) arg=-lunwind ;;
  esac
  set -- "$@" "$arg"
done
exec '{}' cc -target {target} "$@"
"#,
        zig.display()
    )
}

fn write_script(place: &Path, text: &str) -> Result<()> {
    // Renamed into place: another build may be running the one that is there.
    let partial = place.with_extension(std::process::id().to_string());
    let write = || {
        fs::write(&partial, text)?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
        fs::rename(&partial, place)
    };
    write().map_err(Failure::during("cannot write zig's scripts"))
}
