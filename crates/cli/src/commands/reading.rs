//! What commands have in common that read a repository without its cluster.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

use crate::args::Bytes;
use crate::session::Session;
use crate::settings::place::{self, Place};
use clap::Args;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_repository::load::Loader;
use snapkeep_repository::open::Opened;
use snapkeep_repository::store::{Settings, Store};
use std::sync::Arc;

/// Where the repository is.
#[derive(Debug, Default, Args)]
pub(crate) struct Reading {
    /// s3://BUCKET/PREFIX, file:///FOLDER, or the name of a repository of the configuration or the cluster [default: -r]
    #[arg(value_name = "URL|REPO")]
    place: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// How it is reached; -r names it.
#[derive(Debug, Default, Args)]
pub(crate) struct Access {
    /// Another S3 than Amazon's, such as http://127.0.0.1:9000 [default: AWS_ENDPOINT_URL_S3]
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Most bytes a second that are read, such as 50MB
    #[arg(long, value_name = "BYTES")]
    limit_rate: Option<Bytes>,
}

impl Reading {
    /// Opens the repository's place.
    pub(crate) async fn store(&self, session: &Session) -> Result<Store, Failure> {
        self.access.store(self.place.as_deref(), session).await
    }

    /// The repository's name on its cluster, if it is not given by its place.
    pub(crate) fn name(&self, session: &Session) -> Result<Option<RepositoryName>, Failure> {
        place::name(self.place.as_deref(), session)
    }
}

impl Access {
    /// Opens the place that is named, else the one of `-r`.
    pub(crate) async fn store(&self, place: Option<&str>, session: &Session) -> Result<Store, Failure> {
        let place = place::resolve(place, self.s3_endpoint.as_deref(), session).await?;
        open(place, self.limit_rate.map(|bytes| bytes.0), session)
    }
}

/// Opens a place, at most so many bytes a second.
pub(crate) fn open(place: Place, bytes_per_second: Option<u64>, session: &Session) -> Result<Store, Failure> {
    let of_environment = || session.process.variable("AWS_CA_BUNDLE").map(Into::into);
    let settings = Settings {
        keys: Some(Arc::new(place.keys)),
        ca_file: session.globals.ca_file.clone().or_else(of_environment),
        bytes_per_second,
        ..Settings::default()
    };
    session.printer.detail(&format!("repository: {}", place.location));
    Store::open(place.location, &settings)
}

/// Reads the newest generation and gives it to `read`, within `--timeout` if that is given.
pub(crate) async fn read<T>(
    store: &Store,
    session: &Session,
    read: impl AsyncFnOnce(&Loader<'_>, &Opened) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let loader = Loader::new(store);
    let work = async {
        let opened = Opened::open(&loader).await?;
        if !opened.is_listed {
            session.printer.warning("the bucket cannot be listed: the generation is what index.latest says");
        }
        read(&loader, &opened).await
    };
    let Some(timeout) = session.globals.timeout else { return work.await };
    tokio::time::timeout(timeout.0, work).await.unwrap_or_else(|_| {
        let cause = "it took longer than --timeout allows";
        Err(Failure::new(Code::Inconclusive, cause, "allow more time; `verify --resume FILE` goes on where it was"))
    })
}
