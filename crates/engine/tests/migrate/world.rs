//! Two nodes and a folder that both can read.

use serde_json::{Value, json};
use snapkeep_cluster::SnapshotApi;
use snapkeep_core::Failure;
use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::migrate::{MigrationPlan, Wish};
use snapkeep_core::naming::{RepositoryName, SnapshotName};
use snapkeep_core::repository::RepositorySettings;
use snapkeep_core::restore::{Among, Choice, Request};
use snapkeep_engine::{
    Clusters, Creation, Following, Identity, Job, MigrationJob, MigrationReport, Registration, Report, Silent,
    Warnings, WrittenBefore, apply_migration, plan_migration, run,
};
use snapkeep_front::{Front, Seen};
use snapkeep_testbed::progress::Quiet;
use snapkeep_testbed::{Node, NodeHandle, NodeOptions, Product, Release, Testbed, release};
use snapkeep_transport::{Auth, Client, Deadline, Settings};
use std::time::Duration;

/// Each version and the next one that reads what it wrote.
const PAIRS: [(&str, &str); 7] = [
    ("opensearch-2.19.4", "opensearch-3.3.0"),
    ("opensearch-1.3.20", "opensearch-2.19.4"),
    ("elasticsearch-7.10.2", "opensearch-1.3.20"),
    ("elasticsearch-5.6.16", "elasticsearch-6.8.0"),
    ("elasticsearch-6.8.0", "elasticsearch-7.17.28"),
    ("elasticsearch-7.17.28", "elasticsearch-8.19.0"),
    ("elasticsearch-8.19.0", "elasticsearch-9.2.0"),
];

/// The pairs of this run: those of its releases, the first one in any case.
pub(crate) fn pairs() -> Vec<(&'static str, &'static str)> {
    let is_of_run = |name: &str| release::of_this_run().iter().any(|release| release.name == name);
    let is_first = |pair: &(&str, &str)| *pair == PAIRS[0];
    PAIRS.into_iter().filter(|pair| is_first(pair) || is_of_run(pair.0) && is_of_run(pair.1)).collect()
}

/// The source, which is a node of its own and ends with this, and the target, which is everybody's.
pub(crate) struct World {
    pub(crate) source: NodeHandle,
    pub(crate) target: &'static NodeHandle,
    pub(crate) repository: String,
    pub(crate) index: String,
    front: Front,
    from: SnapshotApi,
    to: SnapshotApi,
    _node: Node,
}

fn api(url: &str) -> SnapshotApi {
    SnapshotApi::new(Client::new(Endpoint::trusted(url).unwrap(), Auth::None, Settings::default()).unwrap())
}

pub(crate) fn minute() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

pub(crate) fn name(text: &str) -> RepositoryName {
    RepositoryName::parse(text).unwrap()
}

impl World {
    /// With a repository that the source writes.
    pub(crate) async fn of((source, target): (&str, &str)) -> Self {
        let bed = Testbed::shared();
        let target = bed.node(target);
        let options = NodeOptions { repo_dir: Some(target.repo_dir.clone()), ..NodeOptions::default() };
        let node = Node::start(Release::named(source).unwrap(), &options, &Quiet).unwrap();
        let front = Front::builder(&target.url).transparent().plain().start().await.unwrap();
        let source = NodeHandle::of(&node);
        let (from, to) = (api(&source.url), api(&front.url()));
        let (repository, index) = (bed.unique("repository"), bed.unique("books"));
        let world = Self { source, target, repository, index, front, from, to, _node: node };
        let (status, answer) = world.source.put(&world.path(""), world.folder(false)).await;
        assert_eq!(status, 200, "{answer}");
        world
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/_snapshot/{}{rest}", self.repository)
    }

    /// The registration of the folder.
    pub(crate) fn folder(&self, readonly: bool) -> Value {
        let location = self.target.repo_dir.join(&self.repository);
        json!({"type": "fs", "settings": {"location": location, "readonly": readonly}})
    }

    /// An index with a mapping, settings and an alias of its own, and 50 documents.
    pub(crate) async fn fill(&self) {
        let properties =
            json!({"properties": {"n": {"type": "long"}, "title": {"type": "text"}, "kind": {"type": "keyword"}}});
        let is_typed = self.source.product == Product::Elasticsearch && self.source.major < 7;
        let mappings = if is_typed { json!({"doc": properties}) } else { properties };
        let alias = format!("{}-alias", self.index);
        let body = json!({
            "settings": {"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "7s"},
            "mappings": mappings,
            "aliases": {alias: {"filter": {"term": {"kind": "good"}}}},
        });
        let (status, answer) = self.source.put(&format!("/{}", self.index), body).await;
        assert_eq!(status, 200, "{answer}");
        self.source.load_documents(&self.index, 50).await;
    }

    /// Takes a snapshot of these on the source.
    pub(crate) async fn take(&self, snapshot: &str, indices: &str) {
        let body = json!({"indices": indices, "include_global_state": false});
        let (status, answer) =
            self.source.put(&self.path(&format!("/{snapshot}?wait_for_completion=true")), body).await;
        assert_eq!((status, answer["snapshot"]["state"].as_str()), (200, Some("SUCCESS")), "{answer}");
    }

    /// Snapshot `s` with aliases, as it is.
    pub(crate) fn job(&self) -> MigrationJob {
        let wish = Wish {
            repository: name(&self.repository),
            name: name(&self.repository),
            role_arn: None,
            settings: serde_json::Map::new(),
            unregister: false,
        };
        let request = Request { aliases: true, ..Request::default() };
        MigrationJob {
            wish,
            choice: Choice::Named(SnapshotName::parse("s").unwrap()),
            among: Among::default(),
            request,
        }
    }

    /// The registration of the folder on the target, by this name.
    pub(crate) fn registration(&self, named: &str, written_before: WrittenBefore) -> Job {
        let body = self.folder(false);
        let settings = RepositorySettings::other("fs", body["settings"].as_object().unwrap().clone()).unwrap();
        Job::Register(Registration { repository: name(named), settings, replace: true, written_before })
    }

    /// A job on the target.
    pub(crate) async fn run_there(&self, job: &Job) -> Result<Report, Failure> {
        run(&self.to, job, minute(), Warnings::default()).await
    }

    /// A snapshot of the source's, as `create` takes it.
    pub(crate) async fn create_here(&self, snapshot: &str) -> Result<Report, Failure> {
        let creation = Creation {
            repository: name(&self.repository),
            snapshot: SnapshotName::parse(snapshot).unwrap(),
            identity: Identity::New,
            body: None,
            wait: Duration::from_secs(50),
            stall_after: None,
        };
        run(&self.from, &Job::Create(creation), minute(), Warnings::default()).await
    }

    fn clusters(&self) -> Clusters<'_> {
        Clusters { source: &self.from, target: &self.to, target_is_managed: false }
    }

    pub(crate) async fn planned(&self, job: &MigrationJob) -> MigrationPlan {
        plan_migration(&self.clusters(), job, minute()).await.unwrap()
    }

    pub(crate) async fn applied(&self, job: &MigrationJob, plan: &MigrationPlan) -> Result<MigrationReport, Failure> {
        let following = Following { wait: Duration::from_secs(50), ..Following::default() };
        apply_migration(&self.clusters(), job, plan, &following, minute(), &Silent).await
    }

    /// Requests to the target that are no looks.
    pub(crate) fn written(&self) -> Vec<Seen> {
        let is_look = |seen: &Seen| seen.method == "GET" || seen.method == "HEAD";
        self.front.requests().into_iter().filter(|seen| !is_look(seen)).collect()
    }
}
