//! Who is measured: the function, and the same job in Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use snapkeep_front::{Front, Principal, TestCa};
use snapkeep_testbed::Function;
use snapkeep_testbed::cache::Cache;

use super::stand_in::StandIn;
use crate::failure::{Failure, Result};
use crate::package::{self, Arch, Entry, Pressed};
use crate::python::Packages;

/// The region that all sign for.
pub(crate) const REGION: &str = "eu-west-1";
/// The role that registrations name.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";

const USER_KEY: [&str; 2] = ["AKIDUSEREXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEUSER"];
const ROLE_KEY: [&str; 2] = ["ASIAROLEEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEROLE"];
const ROLE_TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE";

/// A function to be measured.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// Short, for JSON.
    pub(crate) id: &'static str,
    /// As the table has it.
    pub(crate) name: String,
    /// How it is run.
    pub(crate) function: Function,
    /// Bytes of what one uploads.
    pub(crate) zip_size: u64,
}

/// The cluster's side and the files that functions are pointed to. All of it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The node behind the front.
    pub(crate) node: StandIn,
    /// The domain: checks every signature.
    pub(crate) front: Front,
    /// The interpreter.
    pub(crate) python: Python,
    scratch: tempfile::TempDir,
}

/// A Python interpreter.
#[derive(Debug)]
pub(crate) struct Python {
    program: PathBuf,
    /// Such as 3.11.7.
    pub(crate) version: String,
}

/// Which credentials a function is given.
#[derive(Clone, Copy)]
enum Keys {
    /// The article's: a user's, in `ACCESS_KEY` and `SECRET_KEY`.
    User,
    /// The execution role's, as Lambda hands them to every function.
    Role,
}

impl Keys {
    fn give(self, function: Function) -> Function {
        match self {
            Self::User => function.env("ACCESS_KEY", USER_KEY[0]).env("SECRET_KEY", USER_KEY[1]),
            Self::Role => function
                .env("AWS_ACCESS_KEY_ID", ROLE_KEY[0])
                .env("AWS_SECRET_ACCESS_KEY", ROLE_KEY[1])
                .env("AWS_SESSION_TOKEN", ROLE_TOKEN),
        }
    }
}

impl Stage {
    /// Starts the cluster's side.
    pub(crate) fn set() -> Result<Self> {
        let failed = |error| Failure::new(format!("cannot start the domain's front: {error}"));
        let scratch = tempfile::tempdir().map_err(failed)?;
        let node = StandIn::start().map_err(failed)?;
        let authority = TestCa::new().map_err(failed)?;
        authority.write_pem(&scratch.path().join("ca.pem")).map_err(failed)?;
        let user = Principal::new("arn:aws:iam::123456789012:user/keeper", USER_KEY[0], USER_KEY[1]);
        let role = Principal::new("arn:aws:sts::123456789012:assumed-role/keeper/f", ROLE_KEY[0], ROLE_KEY[1]);
        let front = Front::builder(node.url()).region(REGION).pass_role(&[ROLE]).tls(&authority);
        let front = front.principal(user).principal(role.session_token(ROLE_TOKEN)).start_blocking().map_err(failed)?;
        Ok(Self { node, front, python: Python::find()?, scratch })
    }

    /// All of them, ours first.
    pub(crate) fn contestants(&self) -> Result<Vec<Contestant>> {
        let arch = Arch::host().ok_or_else(|| Failure::operator("Lambda runs on x86_64 and arm64 only"))?;
        let package = package::make(arch)?;
        let ours = |id, name: &str, keys: Keys| Contestant {
            id,
            name: name.to_owned(),
            function: self.snapkeep(&package.binary, keys),
            zip_size: package.zip_size,
        };
        Ok(vec![
            ours("snapkeep_keys", "snapkeep, the article's keys", Keys::User),
            ours("snapkeep_role", "snapkeep, the role's credentials", Keys::Role),
            self.peer("python_requests", "Python: requests + AWS4 signer, the article's keys", &REQUESTS, Keys::User)?,
            self.peer(
                "python_boto3",
                "Python: boto3's session and signer, the role's credentials",
                &BOTO3,
                Keys::Role,
            )?,
        ])
    }

    fn snapkeep(&self, program: &Path, keys: Keys) -> Function {
        let function = Function::new(program)
            .env("SNAPKEEP_ALLOWED_ENDPOINTS", self.front.authority())
            .env("SNAPKEEP_CA_FILE", self.scratch.path().join("ca.pem"));
        keys.give(function)
    }

    fn peer(&self, id: &'static str, name: &str, peer: &Peer, keys: Keys) -> Result<Contestant> {
        let packages = self.install(peer)?;
        let module = self.scratch.path().join(format!("{}.py", peer.module));
        fs::write(&module, peer.source).map_err(Failure::during("cannot write the function"))?;
        let function = Function::new(&self.python.program)
            .arg("-I")
            .arg("-S")
            .arg(package::root().join("bench/python/runtime.py"))
            .arg(self.scratch.path())
            .arg(&packages)
            .arg(peer.module)
            .env("REQUESTS_CA_BUNDLE", self.authorities()?)
            .env("AWS_CA_BUNDLE", self.authorities()?);
        let zip_size = upload_size(&packages, peer)?;
        Ok(Contestant { id, name: name.to_owned(), function: keys.give(function), zip_size })
    }

    fn install(&self, peer: &Peer) -> Result<PathBuf> {
        let name = format!("bench-{}-python{}", peer.module, self.python.version);
        Packages { name: &name, requirements: peer.requirements, options: &[] }.install(&Cache::open()?)
    }

    /// What Python trusts: the public authorities, as certifi has them, and the front's. (snapkeep adds the front's to the
    /// system's, so each side reads some 150 certificates at its first request.)
    fn authorities(&self) -> Result<PathBuf> {
        let place = self.scratch.path().join("authorities.pem");
        let read = |path: &Path| fs::read_to_string(path).map_err(Failure::during("cannot read authorities"));
        let public = read(&self.install(&REQUESTS)?.join("certifi/cacert.pem"))?;
        let own = read(&self.scratch.path().join("ca.pem"))?;
        fs::write(&place, public + &own).map_err(Failure::during("cannot write authorities"))?;
        Ok(place)
    }
}

/// A function in Python.
#[derive(Debug)]
struct Peer {
    module: &'static str,
    source: &'static str,
    requirements: &'static str,
}

const REQUESTS: Peer = Peer {
    module: "requests_function",
    source: include_str!("../../../bench/python/requests_function.py"),
    requirements: include_str!("../../../bench/python/requests.txt"),
};

const BOTO3: Peer = Peer {
    module: "boto3_function",
    source: include_str!("../../../bench/python/boto3_function.py"),
    requirements: include_str!("../../../bench/python/boto3.txt"),
};

impl Python {
    /// The interpreter behind `python3`, not a virtual environment's link to it.
    fn find() -> Result<Self> {
        let script =
            "import os, platform, sys; print(os.path.realpath(sys.executable)); print(platform.python_version())";
        let output = Command::new("python3").args(["-c", script]).output();
        let output = output.map_err(|error| {
            Failure::operator(format!("python3: {error}; install it with: apt-get install python3 python3-venv"))
        })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines().map(str::to_owned);
        match (lines.next(), lines.next()) {
            (Some(program), Some(version)) => Ok(Self { program: program.into(), version }),
            _ => Err(Failure::new("python3 does not say where it is")),
        }
    }
}

/// Bytes of the function's zip: `pip install --target`, then zipped, without what pip compiled and without scripts.
fn upload_size(packages: &Path, peer: &Peer) -> Result<u64> {
    let mut files = Vec::new();
    collect(packages, &mut files).map_err(Failure::during("cannot read installed packages"))?;
    files.sort();
    let mut entries = vec![entry(format!("{}.py", peer.module), peer.source.as_bytes().to_vec())];
    for file in files {
        let content = fs::read(&file).map_err(Failure::during("cannot read an installed package"))?;
        let name = file.strip_prefix(packages).unwrap_or(&file).to_string_lossy().into_owned();
        entries.push(entry(name, content));
    }
    Ok(package::zip(&entries, Pressed::Well)?.len() as u64)
}

fn entry(name: String, content: Vec<u8>) -> Entry<'static> {
    Entry { name, content: content.into(), executable: false }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for found in fs::read_dir(directory)? {
        let path = found?.path();
        let skipped = path.file_name().is_some_and(|name| name == "__pycache__" || name == "bin");
        match path.is_dir() {
            _ if skipped => {}
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
