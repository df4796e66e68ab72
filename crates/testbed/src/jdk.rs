//! Finds a Java runtime of the major version that a node can run on.
//!
//! Looked at, in this order: `SNAPKEEP_JDK_<major>` for each major in the range, `JAVA_HOME`, the `java` on `PATH`, and the
//! usual places (`/usr/lib/jvm`, `/opt/java`, SDKMAN). A place counts if it has `bin/java` and a `release` file that says
//! its version; the newest within the range is taken, one named by `SNAPKEEP_JDK_<major>` before all.

use std::env;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::user;

/// A Java home and its major version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Jdk {
    /// Major version: 17, 21, 25.
    pub major: u32,
    /// The directory that holds `bin/java`.
    pub home: PathBuf,
}

/// The newest Java on this machine whose major version lies in `majors`.
///
/// # Errors
/// [`Error::MissingTool`] with the command that installs one.
pub fn find(majors: RangeInclusive<u32>) -> Result<Jdk> {
    let named = majors.clone().rev().filter_map(|major| env::var_os(format!("SNAPKEEP_JDK_{major}")));
    let named: Vec<Jdk> = named.filter_map(|home| probe(Path::new(&home))).collect();
    newest(named, &majors)
        .or_else(|| newest(places().iter().filter_map(|home| probe(home)).collect(), &majors))
        .ok_or_else(|| missing(&majors))
}

fn newest(found: Vec<Jdk>, majors: &RangeInclusive<u32>) -> Option<Jdk> {
    found.into_iter().filter(|jdk| majors.contains(&jdk.major)).max()
}

fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().collect();
    places.extend(java_on_path());
    let sdkman = env::var_os("HOME").map(|home| Path::new(&home).join(".sdkman/candidates/java"));
    for parent in ["/usr/lib/jvm", "/opt/java"].map(PathBuf::from).into_iter().chain(sdkman) {
        places.extend(fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    places
}

/// `PATH`'s `java` is usually a chain of links: its target is `<home>/bin/java`.
fn java_on_path() -> Option<PathBuf> {
    let java = env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join("java")).find(|java| java.is_file())?;
    Some(fs::canonicalize(java).ok()?.parent()?.parent()?.to_owned())
}

fn probe(home: &Path) -> Option<Jdk> {
    let home = fs::canonicalize(home).ok()?;
    let release = fs::read_to_string(home.join("release")).ok()?;
    let usable = home.join("bin/java").is_file() && !(user::is_root() && user::closed_ancestor(&home).is_some());
    usable.then_some(Jdk { major: major_of(&release)?, home })
}

/// The major version in a `release` file's `JAVA_VERSION="17.0.15"`; before 9 it was `"1.8.0_302"`.
fn major_of(release: &str) -> Option<u32> {
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION="))?.trim_matches('"');
    let mut parts = version.split(['.', '-', '_', '+']);
    match parts.next()? {
        "1" => parts.next()?.parse().ok(),
        major => major.parse().ok(),
    }
}

fn missing(majors: &RangeInclusive<u32>) -> Error {
    let (first, last) = (majors.start(), majors.end());
    let install = if majors.contains(&17) {
        "apt-get install openjdk-17-jre-headless".to_owned()
    } else {
        format!("apt-get install temurin-{last}-jdk (or openjdk-{first}-jre-headless where the distribution has it)")
    };
    Error::MissingTool { what: format!("a Java runtime from {first} to {last}"), install }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_release_files() {
        assert_eq!(major_of("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\n"), Some(17));
        assert_eq!(major_of("JAVA_VERSION=\"25\""), Some(25));
        assert_eq!(major_of("JAVA_VERSION=\"1.8.0_302\""), Some(8));
        assert_eq!(major_of("JAVA_VERSION=\"26-ea\""), Some(26));
        assert_eq!(major_of("OS_NAME=\"Linux\""), None);
    }

    #[test]
    fn the_newest_within_the_range_is_taken() {
        let jdk = |major| Jdk { major, home: PathBuf::from(format!("/jdk{major}")) };
        let found = vec![jdk(17), jdk(11), jdk(25), jdk(21)];
        assert_eq!(newest(found.clone(), &(11..=21)), Some(jdk(21)));
        assert_eq!(newest(found, &(26..=30)), None);
    }

    #[test]
    fn what_is_missing_comes_with_the_command_that_installs_it() {
        let error = find(90..=99).unwrap_err();
        assert!(error.needs_operator());
        let line = error.to_string();
        assert!(line.contains("apt-get install temurin-99-jdk") && !line.contains('\n'), "{line}");
        assert!(missing(&(11..=17)).to_string().contains("apt-get install openjdk-17-jre-headless"));
    }
}
