//! Bugs planted in production's code are found by the simulation, and what it prints repeats them.
//!
//! Nothing in production knows of them: the test copies the crates `core` and `simulation`, changes a few expressions
//! of the copy so that `SNAPKEEP_PLANTED=N` turns the N-th bug on, builds it, and runs it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a change is made to become: `PLANTED` is whether the bug is on.
struct Bug {
    name: &'static str,
    /// File of `core`, an expression in it, and what stands there instead.
    changes: &'static [(&'static str, &'static str, &'static str)],
    /// What the broken promise says.
    found_as: &'static str,
}

const BUGS: &[Bug] = &[
    Bug {
        name: "a floor off by one",
        changes: &[(
            "retention/keep.rs",
            "self.min_count.unwrap_or(1).max(1)",
            "(self.min_count.unwrap_or(1).max(1) - u32::from(PLANTED))",
        )],
        found_as: "1: ",
    },
    Bug {
        name: "a guard left out",
        changes: &[(
            "invariants.rs",
            "still.map(|()| Permit::Act).map_err(broken)",
            "if PLANTED { Ok(Permit::Act) } else { still.map(|()| Permit::Act).map_err(broken) }",
        )],
        found_as: "3: ",
    },
    Bug {
        name: "local time for server time",
        changes: &[("inventory.rs", "self.skew.is_some_and(|skew|", "PLANTED || self.skew.is_some_and(|skew|")],
        found_as: "goes too young",
    },
    Bug {
        name: "a retry without a look",
        changes: &[(
            "steps.rs",
            "(self.sent, self.answer, self.in_vain) = (self.sent + 1, Some(answer), 0);\n                Ask::Look",
            "let again = PLANTED && answer == Event::Lost && self.sent == 0;
                (self.sent, self.answer, self.in_vain) = (self.sent + 1, Some(answer), 0);
                if again { Ask::Act } else { Ask::Look }",
        )],
        found_as: "5: ",
    },
    Bug {
        name: "a prefix match for ownership",
        changes: &[(
            "ownership.rs",
            "*by_prefix.get(name.prefix)?",
            "if PLANTED { policies.iter().position(|policy| name.prefix.starts_with(policy.prefix()))? } else { *by_prefix.get(name.prefix)? }",
        )],
        found_as: "1: ",
    },
    Bug {
        name: "an adopted snapshot that stands in for an own one",
        changes: &[
            ("plan/judged.rs", "adopted: owned.name.is_none(),", "adopted: owned.name.is_none() && !PLANTED,"),
            ("invariants.rs", "if adopted { &self.all_good }", "if adopted || PLANTED { &self.all_good }"),
        ],
        found_as: "3: ",
    },
    Bug {
        name: "the adoption of what carries a mark",
        changes: &[("ownership.rs", "_ if is_marked(", "_ if !PLANTED && is_marked(")],
        found_as: "1: ",
    },
    Bug {
        name: "a legal hold that is not read",
        changes: &[(
            "plan/make.rs",
            "is_some_and(Metadata::is_held)",
            "is_some_and(|metadata| metadata.is_held() && !PLANTED)",
        )],
        found_as: "2: ",
    },
    Bug {
        name: "slots by our clock, whatever the server's",
        changes: &[("inventory.rs", "astray.and_then(|skew|", "astray.filter(|_| !PLANTED).and_then(|skew|")],
        found_as: "for a slot that is not due",
    },
];

const SWITCH: &str = r#"
/// Which bug is on.
pub(crate) fn planted() -> usize {
    static PLANTED: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *PLANTED.get_or_init(|| std::env::var("SNAPKEEP_PLANTED").ok().and_then(|n| n.parse().ok()).unwrap_or_default())
}
"#;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn copy(from: &Path, to: &Path) -> Outcome<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn plant(core: &Path) -> Outcome<()> {
    for (number, bug) in (1..).zip(BUGS) {
        for (file, from, to) in bug.changes {
            let path = core.join("src").join(file);
            let source = std::fs::read_to_string(&path)?;
            assert_eq!(source.matches(from).count(), 1, "{file} has {from:?} once");
            let to = to.replace("PLANTED", &format!("(crate::planted() == {number})"));
            std::fs::write(path, source.replace(from, &to))?;
        }
    }
    let door = core.join("src/lib.rs");
    let source = std::fs::read_to_string(&door)?;
    Ok(std::fs::write(door, source + SWITCH)?)
}

/// Builds the copy; the path of its program.
fn build() -> Outcome<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
    if stage.join("crates").exists() {
        std::fs::remove_dir_all(stage.join("crates"))?;
    }
    for name in ["core", "simulation"] {
        copy(&root.join("crates").join(name), &stage.join("crates").join(name))?;
    }
    plant(&stage.join("crates/core"))?;
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let members = r#"members = ["crates/*", "xtask"]"#;
    assert!(manifest.contains(members), "the workspace's members");
    let manifest = manifest.replace(members, r#"members = ["crates/core", "crates/simulation"]"#);
    std::fs::write(stage.join("Cargo.toml"), manifest)?;
    std::fs::copy(root.join("Cargo.lock"), stage.join("Cargo.lock"))?;
    let target = stage.join("target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(&stage).args(["build", "--quiet", "--offline", "--package", "snapkeep-simulation"]);
    cargo.args(["--config", "profile.dev.opt-level=1", "--config", "profile.dev.debug=false", "--target-dir"]);
    let output = cargo.arg(&target).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(target.join("debug/snapkeep-simulation"))
}

fn simulate(program: &Path, bug: usize, arguments: &[&str]) -> Outcome<Output> {
    Ok(Command::new(program).args(arguments).env("SNAPKEEP_PLANTED", bug.to_string()).output()?)
}

#[test]
fn each_planted_bug_is_found_and_repeated() {
    let program = build().unwrap();
    let none = simulate(&program, 0, &["--runs", "3000"]).unwrap();
    assert!(none.status.success(), "without a bug: {}", String::from_utf8_lossy(&none.stderr));
    for (number, bug) in (1..).zip(BUGS) {
        let found = simulate(&program, number, &["--runs", "60000"]).unwrap();
        let told = String::from_utf8_lossy(&found.stderr).into_owned();
        assert_eq!(found.status.code(), Some(1), "{} was not found: {told}", bug.name);
        let after = |word: &str| told.lines().find_map(|line| line.strip_prefix(word)).unwrap().to_owned();
        assert!(after("broken: ").contains(bug.found_as), "{} was found as {}", bug.name, after("broken: "));
        // The line repeats it, to the letter; and only the bug does it.
        let line = after("repeat it: cargo xtask simulate ");
        let flags: Vec<&str> = line.split_whitespace().collect();
        let again = simulate(&program, number, &flags).unwrap();
        assert_eq!(String::from_utf8_lossy(&again.stderr), told, "{}: {line}", bug.name);
        let sound = simulate(&program, 0, &flags).unwrap();
        assert!(sound.status.success(), "{}: {line}", bug.name);
    }
}
