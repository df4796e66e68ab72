//! A release's unpacked distribution, in the cache, shared read-only by all nodes of that release.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache::{Cache, short_digest};
use crate::error::{Error, Result};
use crate::jdk::Jdk;
use crate::maven::{self, Artifact};
use crate::progress::Progress;
use crate::release::Release;
use crate::s3::S3Client;
use crate::user;

/// Raise it when what is built here changes for the same pins.
const LAYOUT: &str = "1";

/// The home directory of the release, fetched and unpacked if it is not there yet.
pub(super) fn ensure(cache: &Cache, release: &Release, progress: &dyn Progress) -> Result<PathBuf> {
    let digest = short_digest([LAYOUT, release.sha256, release.s3_plugin]);
    let entry = cache.entry(&format!("{}-{digest}", release.name), |dir| build(release, dir, progress))?;
    Ok(entry.join(release.name))
}

fn build(release: &Release, dir: &Path, progress: &dyn Progress) -> Result<()> {
    let archive = release.archive();
    let file = dir.join(archive.file_name());
    maven::fetch(release.name, &[archive], release.size, dir, progress)?;
    progress.say(&format!("unpacking {}", release.name));
    unpack(&file, dir)?;
    fs::remove_file(&file).map_err(Error::at("remove", &file))?;
    if release.has_s3() {
        add_s3_plugin(release, &dir.join(release.name), progress)?;
    }
    user::open_tree(dir)
}

fn unpack(file: &Path, into: &Path) -> Result<()> {
    let failed = |error: zip::result::ZipError| Error::Archive { file: file.to_owned(), reason: error.to_string() };
    let reader = File::open(file).map_err(Error::at("open", file))?;
    zip::ZipArchive::new(reader).map_err(failed)?.extract(into).map_err(failed)
}

fn add_s3_plugin(release: &Release, home: &Path, progress: &dyn Progress) -> Result<()> {
    let plugin = home.join("plugins/repository-s3");
    fs::create_dir_all(&plugin).map_err(Error::at("create", &plugin))?;
    let jars = Artifact::parse_all(release.s3_plugin);
    maven::fetch(&format!("{}'s S3 plugin", release.name), &jars, 0, &plugin, progress)?;
    write(&plugin.join("plugin-descriptor.properties"), &descriptor(release))?;
    write(&plugin.join("plugin-security.policy"), POLICY)
}

fn descriptor(release: &Release) -> String {
    let Release { version, java: (java, _), .. } = release;
    format!(
        "name=repository-s3\ndescription=S3 repositories\nversion={version}\nopensearch.version={version}\n\
         java.version={java}\nclassname=org.opensearch.repositories.s3.S3RepositoryPlugin\nextended.plugins=\n\
         has.native.controller=false\n"
    )
}

/// What the plugin's own policy grants, as far as it is needed here.
const POLICY: &str = r#"grant {
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.RuntimePermission "getClassLoader";
  permission java.lang.reflect.ReflectPermission "suppressAccessChecks";
  permission java.net.SocketPermission "*", "connect,resolve";
  permission java.util.PropertyPermission "*", "read,write";
};
"#;

/// A keystore with the S3 client's keys. Making one takes two starts of Java, so it is cached by what it holds.
pub(super) fn ensure_keystore(cache: &Cache, home: &Path, java: &Jdk, client: &S3Client) -> Result<PathBuf> {
    let tree = home.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let name = format!("keystore-{}", short_digest([&*tree, &client.access_key, &client.secret_key]));
    let entry = cache.entry(&name, |dir| {
        keystore(home, java, dir, &["create"], "")?;
        for (key, value) in [("access_key", &client.access_key), ("secret_key", &client.secret_key)] {
            let setting = format!("s3.client.default.{key}");
            keystore(home, java, dir, &["add", "--stdin", &setting], value)?;
        }
        Ok(())
    })?;
    Ok(entry.join("opensearch.keystore"))
}

fn keystore(home: &Path, java: &Jdk, dir: &Path, args: &[&str], input: &str) -> Result<()> {
    use std::io::Write as _;
    let failed = || Error::io("cannot run opensearch-keystore");
    let mut command = Command::new(home.join("bin/opensearch-keystore"));
    command.args(args).env("OPENSEARCH_JAVA_HOME", &java.home).env("OPENSEARCH_PATH_CONF", dir);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed())?;
    }
    let output = child.wait_with_output().map_err(failed())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed()(std::io::Error::other(said)))
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(Error::at("write", path))
}
