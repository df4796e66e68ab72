//! What a program needs of the system that it starts on.

use std::fmt;

use object::Endianness;
use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, FileHeader64, Machine, PT_INTERP};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionTable};

use super::build::Arch;

/// The C library of Lambda's `provided.al2023`, Amazon Linux 2023.
pub(crate) const GLIBC: (u32, u32) = (2, 34);

/// How the names of its symbols' versions begin.
const GLIBC_SYMBOLS: &str = "GLIBC_";

/// The shared libraries that are in it and that a Rust program may ask for.
const LIBRARIES: [&str; 9] = [
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "librt.so.1",
    "libpthread.so.0",
    "libutil.so.1",
    "libgcc_s.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

/// The headers that matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elf {
    machine: Machine,
    /// It is loaded by the dynamic linker.
    dynamic: bool,
    /// Shared libraries by name.
    libraries: Vec<String>,
    /// Versions of symbols that it was linked with, such as `GLIBC_2.34`.
    versions: Vec<String>,
}

impl Elf {
    /// Reads a program's headers.
    pub(crate) fn parse(program: &[u8]) -> Result<Self, String> {
        read(program).map_err(|error| format!("it is not a 64-bit ELF program: {error}"))
    }

    /// Why it would not start on Lambda, if it would not.
    pub(crate) fn check(&self, arch: Arch) -> Result<(), String> {
        if self.machine != machine_of(arch) {
            return Err(format!("its ELF machine is {:?}, not that of {arch}", self.machine));
        }
        if let Some(missing) = self.libraries.iter().find(|name| !LIBRARIES.contains(&name.as_str())) {
            return Err(format!("it needs {missing}, which provided.al2023 does not have"));
        }
        match self.versions.iter().find(|version| is_too_new(version)) {
            None => Ok(()),
            Some(version) => Err(format!("it needs {version}, but provided.al2023 has glibc {}.{}", GLIBC.0, GLIBC.1)),
        }
    }

    fn newest_glibc(&self) -> Option<(u32, u32)> {
        self.versions.iter().filter_map(|version| number(version.strip_prefix(GLIBC_SYMBOLS)?)).max()
    }
}

impl fmt::Display for Elf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.dynamic {
            return f.write_str("nothing (static)");
        }
        f.write_str(&self.libraries.join(", "))?;
        match self.newest_glibc() {
            Some((major, minor)) => {
                write!(f, "; glibc {major}.{minor} or later (provided.al2023 has {}.{})", GLIBC.0, GLIBC.1)
            }
            None => Ok(()),
        }
    }
}

fn machine_of(arch: Arch) -> Machine {
    match arch {
        Arch::X86_64 => EM_X86_64,
        Arch::Arm64 => EM_AARCH64,
    }
}

/// `2.34`; a third number adds nothing that matters.
fn number(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|part| part.parse().ok());
    numbers.next().flatten().zip(numbers.next().flatten())
}

/// Names without a number, such as `GLIBC_ABI_DT_RELR`, came with 2.36 and later.
fn is_too_new(version: &str) -> bool {
    let glibc = version.strip_prefix(GLIBC_SYMBOLS);
    glibc.is_some_and(|version| number(version).is_none_or(|number| number > GLIBC))
}

fn read(program: &[u8]) -> object::Result<Elf> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let segments = header.program_headers(endian, program)?;
    Ok(Elf {
        machine: header.e_machine(endian),
        dynamic: segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP),
        libraries: libraries(endian, program, &sections)?,
        versions: versions(endian, program, &sections)?,
    })
}

type Sections<'d, 'p> = SectionTable<'d, FileHeader64<Endianness>, &'p [u8]>;

fn libraries<'d>(endian: Endianness, program: &'d [u8], sections: &Sections<'d, 'd>) -> object::Result<Vec<String>> {
    let Some((entries, link)) = sections.dynamic(endian, program)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, program, link)?;
    let needed = entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED);
    needed.map(|entry| entry.string(endian, strings).map(text)).collect()
}

fn versions<'d>(endian: Endianness, program: &'d [u8], sections: &Sections<'d, 'd>) -> object::Result<Vec<String>> {
    let Some((mut files, link)) = sections.gnu_verneed(endian, program)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, program, link)?;
    let mut versions = Vec::new();
    while let Some((_, mut entries)) = files.next()? {
        while let Some(entry) = entries.next()? {
            versions.push(text(entry.name(endian, strings)?));
        }
    }
    Ok(versions)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(libraries: &[&str], versions: &[&str]) -> Elf {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Elf { machine: EM_X86_64, dynamic: true, libraries: owned(libraries), versions: owned(versions) }
    }

    #[test]
    fn this_very_program_is_read() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = Elf::parse(&program).unwrap();
        let host = Arch::host().unwrap();
        assert_eq!(elf.machine, machine_of(host));
        assert!(elf.dynamic && elf.libraries.iter().any(|name| name == "libc.so.6"), "{elf:?}");
        assert!(elf.newest_glibc().is_some_and(|version| version >= (2, 17)), "{elf:?}");
        let other = if host == Arch::X86_64 { Arch::Arm64 } else { Arch::X86_64 };
        assert!(elf.check(other).unwrap_err().contains("machine"));
    }

    #[test]
    fn what_lambda_has_passes_and_anything_newer_is_named() {
        let at_most = asking(&["libc.so.6", "libgcc_s.so.1"], &["GLIBC_2.2.5", "GLIBC_2.34", "GCC_4.2.0"]);
        at_most.check(Arch::X86_64).unwrap();
        assert_eq!(at_most.newest_glibc(), Some((2, 34)));
        for version in ["GLIBC_2.35", "GLIBC_2.100", "GLIBC_3.0", "GLIBC_ABI_DT_RELR", "GLIBC_PRIVATE"] {
            let refused = asking(&["libc.so.6"], &["GLIBC_2.17", version]).check(Arch::X86_64).unwrap_err();
            assert!(refused.contains(version), "{refused}");
        }
        let refused = asking(&["libssl.so.3"], &[]).check(Arch::X86_64).unwrap_err();
        assert!(refused.contains("libssl.so.3"), "{refused}");
    }

    #[test]
    fn other_files_are_refused() {
        for file in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x01\x01\x01"] {
            assert!(Elf::parse(file).unwrap_err().contains("ELF"), "{file:?}");
        }
    }
}
