//! `cargo xtask test --deploy`: what others' tools say of the templates, and what comes of `docs/aws.md` in an account of moto's.
//! Their versions are pinned; what they are told to leave out stands beside its reason in the templates.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapkeep_testbed::cache::Cache;

use crate::failure::{Failure, Result};
use crate::package::root;
use crate::python::Packages;

/// Names the folder in which Terraform finds its AWS provider, for a machine that cannot fetch it.
const PLUGINS: &str = "SNAPKEEP_TERRAFORM_PLUGINS";

/// Where nobody looks anything up, these are asked for all the same.
const REGION: [(&str, &str); 3] =
    [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "none"), ("AWS_SECRET_ACCESS_KEY", "none")];

const CFN_LINT: Packages<'_> =
    Packages { name: "deploy-cfn-lint", requirements: include_str!("deploy/cfn-lint.txt"), options: &[] };
const SAM: Packages<'_> =
    Packages { name: "deploy-sam", requirements: include_str!("deploy/aws-sam-cli.txt"), options: &[] };
const CHECKOV: Packages<'_> =
    Packages { name: "deploy-checkov", requirements: include_str!("deploy/checkov.txt"), options: &[] };
/// moto, and the AWS CLI that asks it.
const MOTO: Packages<'_> =
    Packages { name: "deploy-moto", requirements: include_str!("deploy/moto.txt"), options: &[] };

/// Runs every check; the first that fails ends it.
pub(crate) fn check() -> Result<()> {
    let cache = Cache::open()?;
    let template = linted(&cache)?;
    python(&cache, &SAM, "sam", &["validate", "--lint", "--template-file"], &template)?;
    let arguments = ["--skip-download", "--compact", "--quiet", "--directory"];
    python(&cache, &CHECKOV, "checkov", &arguments, &root().join("deploy"))?;
    terraform()?;
    account(&cache)
}

/// The check that takes seconds, where Python can install it; the others take minutes.
pub(crate) fn light() -> Result<()> {
    let venv = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    if !venv.is_ok_and(|output| output.status.success()) {
        println!("skipped: cfn-lint; Python 3 with venv is not here");
        return Ok(());
    }
    linted(&Cache::open()?).map(drop)
}

fn linted(cache: &Cache) -> Result<PathBuf> {
    let template = root().join("deploy/sam/template.yaml");
    python(cache, &CFN_LINT, "cfn-lint", &["--non-zero-exit-code", "warning"], &template)?;
    Ok(template)
}

/// The tests that need an account: what they deploy is what is packaged.
fn account(cache: &Cache) -> Result<()> {
    crate::package::run(&[])?;
    println!("   docs/aws.md and doctor, in moto's account");
    let mut command = crate::cargo::cargo();
    command.args(["test", "--package", "snapkeep-cli", "--test", "aws", "--", "--nocapture"]).current_dir(root());
    command.env("SNAPKEEP_MOTO", MOTO.install(cache)?).env("SNAPKEEP_SAM", SAM.install(cache)?);
    let status = command.status().map_err(Failure::during("cannot run cargo"))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("the tests in moto's account failed ({status})"))) }
}

fn python(cache: &Cache, packages: &Packages<'_>, program: &str, arguments: &[&str], about: &Path) -> Result<()> {
    let place = packages.install(cache)?;
    println!("   {program} {}", about.strip_prefix(root()).unwrap_or(about).display());
    let mut command = Command::new("python3");
    // Its first line names the Python that installed it, which is gone.
    command.arg(place.join("bin").join(program)).args(arguments).arg(about);
    command.env("PYTHONPATH", place).env("SAM_CLI_TELEMETRY", "0").envs(REGION);
    succeed(&mut command, program)
}

fn terraform() -> Result<()> {
    if Command::new("terraform").arg("-version").output().is_err() {
        println!("skipped: terraform is not here");
        return Ok(());
    }
    let scratch = tempfile::tempdir().map_err(Failure::during("cannot make a directory"))?;
    let module = copied(&root().join("deploy/terraform"), scratch.path())?;
    succeed(terraform_in(&module).args(["fmt", "-check", "-diff", "-recursive"]), "terraform fmt")?;
    let mut init = terraform_in(&module);
    init.args(["init", "-backend=false", "-input=false"]);
    if let Some(plugins) = std::env::var_os(PLUGINS) {
        let mut flag = std::ffi::OsString::from("-plugin-dir=");
        flag.push(plugins);
        init.arg(flag);
    }
    if !init.output().map_err(Failure::during("cannot run terraform"))?.status.success() {
        println!(
            "skipped: terraform validate; its AWS provider is not to be had ({PLUGINS} names a folder that has it)"
        );
        return Ok(());
    }
    println!("   terraform validate and test deploy/terraform");
    succeed(terraform_in(&module).arg("validate"), "terraform validate")?;
    succeed(terraform_in(&module).args(["test", "-no-color"]), "terraform test")
}

fn terraform_in(module: &Path) -> Command {
    let mut command = Command::new("terraform");
    command.arg(format!("-chdir={}", module.display())).env("CHECKPOINT_DISABLE", "1");
    command
}

/// Terraform writes beside what it reads.
fn copied(module: &Path, scratch: &Path) -> Result<PathBuf> {
    for folder in ["", "policies", "tests"] {
        let (from, to) = (module.join(folder), scratch.join(folder));
        let failed = || Failure::during(format!("cannot copy {}", from.display()));
        std::fs::create_dir_all(&to).map_err(failed())?;
        for entry in std::fs::read_dir(&from).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            if entry.path().is_file() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed())?;
            }
        }
    }
    Ok(scratch.to_owned())
}

/// What it says is shown only where it fails.
fn succeed(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().map_err(Failure::during(format!("cannot run {what}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Failure::new(format!("{what} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said))))
}
