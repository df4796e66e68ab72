//! What one node is started with: its directories, its configuration and its command line.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{NodeOptions, Seat};
use crate::error::{Error, Result};
use crate::jdk::Jdk;
use crate::release::{Product, Release};
use crate::user;

/// A node's directories, all below the one that its watchdog removes.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) release: &'static Release,
    pub(super) home: &'a Path,
    pub(super) java: &'a Jdk,
    pub(super) dir: &'a Path,
    pub(super) repo_dir: &'a Path,
}

impl Layout<'_> {
    fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    fn data(&self, options: &NodeOptions) -> PathBuf {
        options.data_dir.clone().unwrap_or_else(|| self.dir.join("data"))
    }

    /// Writes the configuration and gives it to the node's user.
    pub(super) fn write(&self, options: &NodeOptions, keystore: Option<&Path>) -> Result<()> {
        for name in ["config", "logs", "tmp"] {
            create(&self.dir.join(name))?;
        }
        create(&self.data(options))?;
        if !self.repo_dir.is_dir() {
            create(self.repo_dir)?;
        }
        let config = self.config();
        write(&config.join(format!("{}.yml", self.release.product)), &self.settings(options))?;
        write(&config.join("jvm.options"), &self.jvm_options(options))?;
        write(&config.join("log4j2.properties"), LOGGING)?;
        if options.secured {
            write(&config.join("users"), &format!("{}:{PASSWORD_HASH}\n", super::USER))?;
            write(&config.join("users_roles"), &format!("superuser:{}\n", super::USER))?;
        }
        if let Some(keystore) = keystore {
            let copy = config.join("opensearch.keystore");
            fs::copy(keystore, &copy).map_err(Error::at("copy", keystore))?;
            user::give_to_node(&copy)?;
        }
        Ok(())
    }

    fn settings(&self, options: &NodeOptions) -> String {
        let Release { product, major, .. } = self.release;
        let transport =
            if *product == Product::Elasticsearch && *major < 7 { "transport.tcp.port" } else { "transport.port" };
        let mut text = String::new();
        let mut set = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}: {value}");
        };
        set("cluster.name", "snapkeep-testbed");
        set("node.name", options.seat.as_ref().map_or(self.release.name, |seat| &seat.name));
        set("network.host", "127.0.0.1");
        set("http.port", "0");
        match &options.seat {
            None => {
                set(transport, "0");
                set("discovery.type", "single-node");
            }
            Some(place) => self.join(place).iter().for_each(|(name, value)| set(name, value)),
        }
        set("path.data", &quoted(&self.data(options)));
        set("path.logs", &quoted(&self.dir.join("logs")));
        set("path.repo", &format!("[{}]", quoted(self.repo_dir)));
        // The bound port is then written to logs/http.ports.
        set("node.portsfile", "true");
        // A machine with a full disk is no reason for a test to fail.
        set("cluster.routing.allocation.disk.threshold_enabled", "false");
        // By default a small machine has one such thread: a held upload would stop every other snapshot and every
        // verification of the node, those of other tests included.
        set("thread_pool.snapshot.max", "20");
        // The breaker would count garbage, which only that collector's next run removes: hundreds of tests on one node
        // would be refused for memory that is free.
        if *product == Product::OpenSearch || *major >= 7 {
            set("indices.breaker.total.use_real_memory", "false");
        }
        if options.secured {
            for (name, value) in SECURED {
                set(name, value);
            }
        } else if *product == Product::Elasticsearch && *major >= 8 {
            set("xpack.security.enabled", "false");
        }
        for (name, value) in options.s3.iter().flat_map(super::s3_settings).chain(options.settings.iter().cloned()) {
            set(&name, &value);
        }
        text
    }

    /// What makes it one of several.
    fn join(&self, seat: &Seat) -> Vec<(&'static str, String)> {
        let port = seat.all.iter().find(|(name, _)| *name == seat.name).map_or(0, |(_, port)| *port);
        let hosts: Vec<String> = seat.all.iter().map(|(_, port)| format!("\"127.0.0.1:{port}\"")).collect();
        let names: Vec<String> = seat.all.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let first = match (self.release.product, self.release.major) {
            (Product::OpenSearch, 2..) => "cluster.initial_cluster_manager_nodes",
            _ => "cluster.initial_master_nodes",
        };
        vec![
            ("transport.port", port.to_string()),
            ("discovery.seed_hosts", format!("[{}]", hosts.join(", "))),
            (first, format!("[{}]", names.join(", "))),
        ]
    }

    /// Only the first compiler and the simplest collector: a node starts a fifth faster and lives for minutes.
    fn jvm_options(&self, options: &NodeOptions) -> String {
        let heap = options.heap_mb;
        let mut lines = vec![format!("-Xms{heap}m"), format!("-Xmx{heap}m")];
        lines.extend(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"].map(str::to_owned));
        lines.push(format!("-Djava.io.tmpdir={}", self.dir.join("tmp").display()));
        match (self.release.product, self.release.major) {
            (Product::Elasticsearch, ..=6) => lines.extend(FOR_OLD_ON_17.map(str::to_owned)),
            (Product::OpenSearch, 3..) => {
                lines.push(format!("-javaagent:{}", self.home.join("agent/opensearch-agent.jar").display()));
            }
            (Product::OpenSearch, 2) if self.java.major >= 18 => lines.push("-Djava.security.manager=allow".to_owned()),
            _ => {}
        }
        lines.join("\n") + "\n"
    }

    /// The node, as an unprivileged user with an environment of its own.
    pub(super) fn command(&self) -> Vec<OsString> {
        let mut command: Vec<OsString> = Vec::new();
        if user::is_root() {
            let id = user::NODE_UID;
            command.push("setpriv".into());
            command.extend([format!("--reuid={id}"), format!("--regid={id}")].map(OsString::from));
            command.push("--clear-groups".into());
        }
        command.extend(["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"].map(OsString::from));
        command.extend(self.environment());
        command.push(self.home.join("bin").join(self.release.product.name()).into());
        if self.release.product == Product::Elasticsearch && self.release.major == 5 {
            command.push(joined("-Epath.conf=", &self.config()));
        }
        command
    }

    /// Each version reads its own names; the ones it does not know do no harm.
    fn environment(&self) -> Vec<OsString> {
        let (java, config, tmp) = (&self.java.home, self.config(), self.dir.join("tmp"));
        let mut all = vec![joined("HOME=", self.dir), joined("JAVA_HOME=", java)];
        match self.release.product {
            Product::OpenSearch => all.extend([
                joined("OPENSEARCH_JAVA_HOME=", java),
                joined("OPENSEARCH_PATH_CONF=", &config),
                joined("OPENSEARCH_TMPDIR=", &tmp),
            ]),
            Product::Elasticsearch => all.extend([
                joined("ES_JAVA_HOME=", java),
                joined("ES_PATH_CONF=", &config),
                joined("ES_JVM_OPTIONS=", &config.join("jvm.options")),
                joined("ES_TMPDIR=", &tmp),
            ]),
        }
        all
    }
}

/// Elasticsearch 5 and 6 were made for Java 8; with these they run on 17.
const FOR_OLD_ON_17: [&str; 7] = [
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.io=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "-Djava.security.manager=allow",
    "-Dlog4j2.disable.jmx=true",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dfile.encoding=UTF-8",
];

/// The security module with users in a file and API keys. Without TLS: it never leaves loopback.
const SECURED: [(&str, &str); 4] = [
    ("xpack.security.enabled", "true"),
    ("xpack.security.authc.api_key.enabled", "true"),
    ("xpack.security.http.ssl.enabled", "false"),
    ("xpack.security.transport.ssl.enabled", "false"),
];

/// [`PASSWORD`](super::PASSWORD), as a file realm keeps it: PBKDF2 with HMAC-SHA-512.
const PASSWORD_HASH: &str =
    "{PBKDF2}10000$7VaXt7J9cMNl2bBjpxbc2DkI6A5cYxJIbSoXReDNusM=$KnfrHDZ24lhnWmH3CFbbDKFoFY36NfxjqabJUqtgS0c=";

/// Everything to standard output, which the watchdog keeps.
const LOGGING: &str = "status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %marker%m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
";

fn joined(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(path);
    text
}

/// YAML, which takes a JSON string as it is.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy().into_owned()).to_string()
}

fn create(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(Error::at("create", dir))?;
    user::give_to_node(dir)
}

fn write(path: &Path, content: &str) -> Result<()> {
    fs::write(path, content).map_err(Error::at("write", path))?;
    user::give_to_node(path)
}
