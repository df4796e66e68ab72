//! The clusters that a run leaves out although its policies hold for them: of these only where their repositories are is
//! asked, so that nothing goes from a place that is theirs as well.

use super::eye::{Eye, Scene, Ties};
use super::fleet::Fleet;
use super::together::together;
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use std::pin::pin;

/// What `visits` comes to, with these asked meanwhile: nobody waits for one of them who deletes nothing.
pub(super) async fn during<T>(visits: impl Future<Output = T>, fleet: &Fleet<'_>, scene: &Scene<'_>) -> T {
    let mut visits = pin!(visits);
    tokio::select! {
        visited = &mut visits => visited,
        () = ask(fleet, scene) => visits.await,
    }
}

/// Asks them. While one has not answered, [`super::location::Locations`] lets nothing be deleted.
async fn ask(fleet: &Fleet<'_>, scene: &Scene<'_>) {
    let asks = fleet.left_out().map(|(name, repositories)| async move {
        match look(fleet, scene, name, repositories).await {
            Ok(()) => scene.locations.heard(name),
            Err(failure) => scene.locations.unheard(name, failure),
        }
        scene.locations.told(name);
    });
    together(asks).await;
}

async fn look(
    fleet: &Fleet<'_>,
    scene: &Scene<'_>,
    name: &str,
    repositories: &[RepositoryName],
) -> Result<(), Failure> {
    let mut eye = Eye::new(name, fleet.get(name, scene.deadline).await?, scene);
    for repository in repositories {
        match eye.repository(repository, &Ties::default(), &[]).await {
            Err(failure) if failure.code != Code::RepositoryMissing => return Err(failure),
            // It has noted where the repository is; one that is not registered is no place.
            _ => {}
        }
    }
    Ok(())
}
