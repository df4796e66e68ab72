//! What every test here stands on: a node, a repository, a front, policies, and daemons.

use crate::operator::Operator;
use crate::time::{Days, Watch};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::naming::{RepositoryName, RequestMark};
use snapkeep_core::pattern::Pattern;
use snapkeep_core::policy::{FirstDelete, Limits, Policy, Settings as PolicySettings};
use snapkeep_core::retention::{Count, Keep};
use snapkeep_core::schedule::Schedule;
use snapkeep_core::selection::Selection;
use snapkeep_core::{Code, Failure};
use snapkeep_daemon::{Around, Clock, Configuration, Order, Reading, Settings, Source, SystemClock, listen, serve};
use snapkeep_engine::policies::{Fleet, RunReport};
use snapkeep_front::{Front, Seen};
use snapkeep_testbed::{NodeHandle, Testbed};
use snapkeep_transport::{Auth, Client, Pace};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const CLUSTER: &str = "prod";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One test's world.
pub(crate) struct World {
    pub(crate) node: &'static NodeHandle,
    pub(crate) front: Arc<Front>,
    pub(crate) repository: RepositoryName,
    pub(crate) index: String,
}

impl World {
    /// A registered repository and an index of a few documents.
    pub(crate) async fn on(node: &str) -> Self {
        let bed = Testbed::shared();
        let node = bed.node(node);
        let front = Arc::new(Front::builder(&node.url).transparent().plain().start().await.unwrap());
        let repository = RepositoryName::parse(&bed.unique("repository")).unwrap();
        let body = json!({"type": "fs", "settings": {"location": node.repo_dir.join(repository.as_str())}});
        let (status, answer) = node.put(&format!("/_snapshot/{repository}"), body).await;
        assert_eq!(status, 200, "{answer}");
        let world = Self { node, front, repository, index: bed.unique("books") };
        node.load_documents(&world.index, 20).await;
        world
    }

    /// Time for so many daemons and for the node behind the front.
    pub(crate) fn days(&self, begin: Timestamp, end: Timestamp, daemons: usize) -> Arc<Days> {
        let front = Arc::clone(&self.front);
        Days::new(move |ahead| front.shift_times(ahead), begin, end, daemons)
    }

    /// A policy of the world's own index that keeps so many.
    pub(crate) fn policy(&self, name: &str, schedule: &str, keep: u32) -> Policy {
        policy(&self.repository, &self.index, name, schedule, keep)
    }

    /// A configuration of these policies, by the world's front.
    pub(crate) fn source(&self, policies: impl IntoIterator<Item = Policy>) -> Written {
        Written::new(self.front.url(), policies)
    }

    /// Names and states of the snapshots, as the node itself lists them, in order.
    pub(crate) async fn states(&self) -> BTreeMap<String, String> {
        let (status, body) = self.node.get(&format!("/_snapshot/{}/_all", self.repository)).await;
        assert!(status == 200 || status == 404, "{status}: {body}");
        let list = body["snapshots"].as_array().or(body["responses"][0]["snapshots"].as_array());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.into_iter().flatten().map(|entry| (text(&entry["snapshot"]), text(&entry["state"]))).collect()
    }

    /// The newest good snapshot whose name begins so, and when it began by the node's clock, in seconds.
    pub(crate) async fn newest_good(&self, start: &str) -> (String, f64) {
        // The same list, through the front: it knows what the node's time is said to be.
        let there = NodeHandle { url: self.front.url(), ..self.node.clone() };
        let (status, body) = there.get(&format!("/_snapshot/{}/_all", self.repository)).await;
        assert_eq!(status, 200, "{body}");
        let list = body["snapshots"].as_array().or(body["responses"][0]["snapshots"].as_array());
        let good = list.into_iter().flatten().filter(|entry| entry["state"] == "SUCCESS");
        let good = good.map(|entry| {
            let began = entry["start_time_in_millis"].as_f64().unwrap() / 1000.0;
            (entry["snapshot"].as_str().unwrap().to_owned(), began)
        });
        good.filter(|(name, _)| name.starts_with(start)).max_by(|one, other| one.1.total_cmp(&other.1)).unwrap()
    }

    /// Requests of that method that the front saw.
    pub(crate) fn seen(&self, method: &str) -> Vec<Seen> {
        self.front.requests().into_iter().filter(|seen| seen.method == method).collect()
    }

    /// Names below the repository of the requests of that method that went on to the node.
    pub(crate) fn named(&self, method: &str) -> BTreeSet<String> {
        let start = format!("/_snapshot/{}/", self.repository);
        let sent = self.seen(method).into_iter().filter(|seen| seen.forwarded > 0);
        let names = sent.flat_map(|seen| {
            let rest = seen.path_and_query.strip_prefix(&start).unwrap().to_owned();
            let names = rest.split('?').next().unwrap_or_default().to_owned();
            names.split(',').map(str::to_owned).collect::<Vec<_>>()
        });
        names.collect()
    }
}

/// A policy of that index at that time, which keeps so many.
pub(crate) fn policy(repository: &RepositoryName, index: &str, name: &str, schedule: &str, keep: u32) -> Policy {
    let include = vec![Pattern::parse(index).unwrap()];
    Policy::new(PolicySettings {
        name: name.to_owned(),
        clusters: vec![CLUSTER.to_owned()],
        repository: repository.clone(),
        indices: Selection { include, ..Selection::default() },
        schedule: Some(Schedule::parse(schedule, TimeZone::UTC).unwrap()),
        zone: TimeZone::UTC,
        prefix: None,
        metadata: Map::new(),
        partial: false,
        include_global_state: false,
        keep: Some(Keep { last: Some(Count::Of(keep)), ..Keep::default() }),
        limits: Limits::default(),
        stale_after: None,
        first_delete: FirstDelete::Allow,
        adopt: vec![],
        drill: None,
    })
    .unwrap()
}

/// A configuration that a test writes.
pub(crate) struct Written {
    url: String,
    text: Mutex<Result<BTreeMap<String, Policy>, Failure>>,
    operator: Option<Arc<Operator>>,
}

impl Written {
    /// Of these policies on the one cluster at that address.
    pub(crate) fn new(url: String, policies: impl IntoIterator<Item = Policy>) -> Self {
        let written = Self { url, text: Mutex::new(Ok(BTreeMap::new())), operator: None };
        written.write(policies);
        written
    }

    /// Whose runs this operator hears of.
    pub(crate) fn heard_by(self, operator: &Arc<Operator>) -> Self {
        Self { operator: Some(Arc::clone(operator)), ..self }
    }

    pub(crate) fn write(&self, policies: impl IntoIterator<Item = Policy>) {
        let policies = policies.into_iter().map(|policy| (policy.name.clone(), policy)).collect();
        *self.text.lock().unwrap() = Ok(policies);
    }

    pub(crate) fn spoil(&self) {
        let failure = Failure::new(Code::BadConfig, "snapkeep.yaml: unknown key", "mend the file");
        *self.text.lock().unwrap() = Err(failure);
    }
}

impl Source for Written {
    fn read(&self) -> Reading<'_> {
        Box::pin(async {
            let policies = self.text.lock().unwrap().clone()?;
            let (name, url, operator) = ("snapkeep.yaml".to_owned(), self.url.clone(), self.operator.clone());
            Ok(Arc::new(Read { name, url, policies, operator }) as Arc<dyn Configuration>)
        })
    }
}

struct Read {
    name: String,
    url: String,
    policies: BTreeMap<String, Policy>,
    operator: Option<Arc<Operator>>,
}

impl Configuration for Read {
    fn name(&self) -> &str {
        &self.name
    }

    fn policies(&self) -> &BTreeMap<String, Policy> {
        &self.policies
    }

    fn only(&self) -> &[String] {
        &[]
    }

    fn fleet(&self, _only: &[String]) -> Fleet<'static> {
        let pace = Pace { attempts: 2, base: Duration::from_millis(10), ceiling: Duration::from_millis(50) };
        let settings = snapkeep_transport::Settings { pace, ..Default::default() };
        let client = Client::new(Endpoint::trusted(&self.url).unwrap(), Auth::None, settings).unwrap();
        Fleet::new(BTreeMap::from([(CLUSTER.to_owned(), Arc::new(SnapshotApi::new(client)))]))
    }

    fn after<'a>(&'a self, _names: &'a [String], end: Result<&'a RunReport, &'a Failure>) -> Around<'a, ()> {
        Box::pin(async move {
            if let (Some(operator), Ok(report)) = (&self.operator, end) {
                operator.hear(report, &self.policies).await;
            }
        })
    }
}

/// A daemon that is about to begin.
pub(crate) struct Daemon {
    pub(crate) settings: Settings,
    pub(crate) address: SocketAddr,
    pub(crate) orders: mpsc::Sender<Order>,
    listener: tokio::net::TcpListener,
    heard: mpsc::Receiver<Order>,
}

impl Daemon {
    pub(crate) async fn new(clock: Arc<dyn Clock>, every: Duration) -> Self {
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (orders, heard) = mpsc::channel(4);
        let settings = Settings {
            every,
            grace: Duration::from_secs(30),
            last_words: Duration::from_secs(30),
            allow_unknown_clock: false,
            mark: || RequestMark::of("0a1b2c3d-0000-4000-8000-000000000000"),
            clock,
            metrics: Arc::new(|status| format!("clusters {}\n", status.clusters.len())),
        };
        Self { settings, address: listener.local_addr().unwrap(), orders, listener, heard }
    }

    pub(crate) async fn simulated(watch: &Watch) -> Self {
        Self::new(Arc::new(watch.clone()), Duration::from_hours(2)).await
    }

    /// One that goes by the machine's clock.
    pub(crate) async fn real() -> Self {
        Self::new(Arc::new(SystemClock), Duration::from_mins(10)).await
    }

    /// Until it is told to stop, or is dropped.
    pub(crate) async fn serve(self, source: &Written) {
        let Self { settings, listener, heard, orders: _kept, .. } = self;
        serve(source, settings, listener, heard).await.unwrap();
    }
}

/// Status and body of a page.
pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

pub(crate) async fn status(address: SocketAddr) -> Value {
    let (status, body) = get(address, "/status.json").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}
