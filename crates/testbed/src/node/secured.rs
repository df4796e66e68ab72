//! A distribution whose security module can make API keys: a copy of the release's with one small plugin, compiled here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache::{Cache, short_digest};
use crate::error::{Error, Result};
use crate::jdk::Jdk;
use crate::maven::{self, Artifact};
use crate::progress::Progress;
use crate::release::Release;
use crate::user;

const SOURCE: &str = include_str!("../../java/SecurityAnalysisPlugin.java");
/// A compiler that a runtime without one can run.
const COMPILER: &str = include_str!("../../pins/java-compiler.txt");

/// The home directory of the release with the plugin, made from `plain` if it is not there yet.
pub(super) fn ensure(
    cache: &Cache,
    release: &Release,
    plain: &Path,
    java: &Jdk,
    progress: &dyn Progress,
) -> Result<PathBuf> {
    let digest = short_digest([release.sha256, SOURCE, COMPILER]);
    let entry = cache.entry(&format!("{}-secured-{digest}", release.name), |dir| {
        let home = dir.join(release.name);
        copy_tree(plain, &home)?;
        add_plugin(release, &home, java, progress)?;
        user::open_tree(dir)
    })?;
    Ok(entry.join(release.name))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::at("create", to))?;
    for found in fs::read_dir(from).map_err(Error::at("read", from))? {
        let found = found.map_err(Error::at("read", from))?.path();
        let target = to.join(found.file_name().unwrap_or_default());
        if found.is_dir() {
            copy_tree(&found, &target)?;
        } else {
            fs::copy(&found, &target).map_err(Error::at("copy", &found))?;
        }
    }
    Ok(())
}

fn add_plugin(release: &Release, home: &Path, java: &Jdk, progress: &dyn Progress) -> Result<()> {
    let plugin = home.join("plugins/security-analysis");
    fs::create_dir_all(&plugin).map_err(Error::at("create", &plugin))?;
    let scratch = tempfile::tempdir().map_err(Error::io("cannot make a directory"))?;
    let compiler = Artifact::parse_all(COMPILER);
    maven::fetch("a Java compiler", &compiler, 0, scratch.path(), progress)?;
    compile(&scratch.path().join(compiler[0].file_name()), scratch.path(), home, java)?;
    let classes = scratch.path().join("classes");
    archive(&classes, &plugin.join("security-analysis.jar"))?;
    let place = plugin.join("plugin-descriptor.properties");
    fs::write(&place, descriptor(release)).map_err(Error::at("write", &place))
}

fn compile(compiler: &Path, scratch: &Path, home: &Path, java: &Jdk) -> Result<()> {
    let source = scratch.join("SecurityAnalysisPlugin.java");
    fs::write(&source, SOURCE).map_err(Error::at("write", &source))?;
    let mut command = Command::new(java.home.join("bin/java"));
    command.arg("-jar").arg(compiler).args(["-17", "-nowarn", "-classpath"]).arg(libraries(home)?);
    command.arg("-d").arg(scratch.join("classes")).arg(&source);
    let output = command.output().map_err(Error::io("cannot run Java"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Error::io("cannot compile the node's plugin")(std::io::Error::other(said)))
}

/// All jars of the distribution's `lib`, as a class path.
fn libraries(home: &Path) -> Result<String> {
    let lib = home.join("lib");
    let found = fs::read_dir(&lib).map_err(Error::at("read", &lib))?.flatten();
    let jars = found.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "jar"));
    let jars: Vec<String> = jars.map(|jar| jar.to_string_lossy().into_owned()).collect();
    Ok(jars.join(":"))
}

/// A jar is a zip.
fn archive(classes: &Path, jar: &Path) -> Result<()> {
    let failed = |error: zip::result::ZipError| Error::Archive { file: jar.to_owned(), reason: error.to_string() };
    let file = fs::File::create(jar).map_err(Error::at("create", jar))?;
    let mut writer = zip::ZipWriter::new(file);
    for class in fs::read_dir(classes).map_err(Error::at("read", classes))?.flatten() {
        writer
            .start_file(class.file_name().to_string_lossy(), zip::write::SimpleFileOptions::default())
            .map_err(failed)?;
        let bytes = fs::read(class.path()).map_err(Error::at("read", &class.path()))?;
        std::io::Write::write_all(&mut writer, &bytes).map_err(Error::at("write", jar))?;
    }
    writer.finish().map_err(failed)?;
    Ok(())
}

fn descriptor(release: &Release) -> String {
    let Release { version, .. } = release;
    format!(
        "name=security-analysis\ndescription=what the index of the security module needs\nversion={version}\n\
         elasticsearch.version={version}\njava.version=17\nclassname=SecurityAnalysisPlugin\n"
    )
}
