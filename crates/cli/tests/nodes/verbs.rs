//! The commands: what each is given, which of its requests is struck, and how its effect is counted.

use crate::world::World;
use serde_json::json;
use std::pin::Pin;

/// What there is before the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Repository,
    /// `first` and `second`.
    Snapshots,
    /// `slow`, which runs.
    Running,
}

type Counting<'a> = Pin<Box<dyn Future<Output = usize> + Send + 'a>>;

pub(crate) struct Verb {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// Method and path of its own request.
    pub(crate) strikes: (&'static str, &'static str),
    pub(crate) is_write: bool,
    /// Whether its effect can be seen afterwards.
    pub(crate) is_seen: bool,
    pub(crate) arguments: fn(&World) -> Vec<String>,
    /// How often its effect is there; 1 for what only reads.
    pub(crate) effect: fn(&World) -> Counting<'_>,
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn nothing(_: &World) -> Counting<'_> {
    Box::pin(async { 1 })
}

fn registered(world: &World) -> Counting<'_> {
    Box::pin(async { usize::from(world.is_registered().await) })
}

fn taken(world: &World) -> Counting<'_> {
    Box::pin(async { world.snapshots().await.len() })
}

const fn read(name: &'static str, needs: Needs, path: &'static str, arguments: fn(&World) -> Vec<String>) -> Verb {
    Verb { name, needs, strikes: ("GET", path), is_write: false, is_seen: true, arguments, effect: nothing }
}

const fn write(
    name: &'static str,
    needs: Needs,
    strikes: (&'static str, &'static str),
    arguments: fn(&World) -> Vec<String>,
    effect: fn(&World) -> Counting<'_>,
) -> Verb {
    Verb { name, needs, strikes, is_write: true, is_seen: true, arguments, effect }
}

/// All that talk to a cluster.
pub(crate) const VERBS: &[Verb] = &[
    write("invoke", Needs::Repository, ("PUT", "/_snapshot/REPOSITORY/*"), invoke, taken),
    write("repo register", Needs::Nothing, ("PUT", "/_snapshot/REPOSITORY"), register, registered),
    read("repo list", Needs::Repository, "/_snapshot**", |_| words("repo list")),
    read("repo show", Needs::Repository, "/_snapshot/REPOSITORY", |w| words(&format!("repo show {}", w.repository))),
    Verb {
        is_seen: false,
        ..write("repo verify", Needs::Repository, ("POST", "/_snapshot/REPOSITORY/_verify"), verify, nothing)
    },
    write("repo remove", Needs::Repository, ("DELETE", "/_snapshot/REPOSITORY"), remove, |world| {
        Box::pin(async { usize::from(!world.is_registered().await) })
    }),
    Verb {
        is_seen: false,
        ..write("repo cleanup", Needs::Snapshots, ("POST", "/_snapshot/REPOSITORY/_cleanup"), cleanup, nothing)
    },
    write("create", Needs::Repository, ("PUT", "/_snapshot/REPOSITORY/*"), create, taken),
    read("list", Needs::Snapshots, "/_snapshot/REPOSITORY/*", |_| words("list")),
    read("show", Needs::Snapshots, "/_snapshot/REPOSITORY/first", |_| words("show first")),
    read("status", Needs::Snapshots, "/_snapshot/REPOSITORY/*", |_| words("status")),
    write(
        "delete",
        Needs::Snapshots,
        ("DELETE", "/_snapshot/REPOSITORY/*"),
        |_| words("delete first --yes"),
        |world| {
            Box::pin(async {
                let left = world.snapshots().await;
                assert!(left.iter().any(|name| name == "second"), "what was not asked for is gone");
                usize::from(!left.iter().any(|name| name == "first"))
            })
        },
    ),
    write(
        "abort",
        Needs::Running,
        ("DELETE", "/_snapshot/REPOSITORY/*"),
        |_| words("abort slow --yes"),
        |world| Box::pin(async { usize::from(!world.snapshots().await.iter().any(|name| name == "slow")) }),
    ),
    write("clone", Needs::Snapshots, ("PUT", "/_snapshot/REPOSITORY/*/_clone/*"), clone, |world| {
        Box::pin(async { world.snapshots().await.iter().filter(|name| *name == "copy").count() })
    }),
];

fn invoke(world: &World) -> Vec<String> {
    let event = json!({
        "Action": "create", "Endpoint": world.front.url(), "RepositoryName": world.repository, "Region": "eu-west-1",
        "Indices": [world.index], "Wait": 2,
    });
    vec!["invoke".into(), world.file("event.json", &event.to_string())]
}

fn register(world: &World) -> Vec<String> {
    words(&format!("repo register {} --type fs --setting location={}", world.repository, world.location()))
}

fn verify(world: &World) -> Vec<String> {
    words(&format!("repo verify {}", world.repository))
}

fn remove(world: &World) -> Vec<String> {
    words(&format!("repo remove {} --yes", world.repository))
}

fn cleanup(world: &World) -> Vec<String> {
    words(&format!("repo cleanup {} --yes", world.repository))
}

fn create(world: &World) -> Vec<String> {
    words(&format!("create --indices {}", world.index))
}

fn clone(world: &World) -> Vec<String> {
    words(&format!("clone first copy --indices {}", world.index))
}
