//! Reads the bytes of a shard's files and sums them up.

use super::checksum::{self, Check, Sum};
use super::choice::Share;
use super::facts::{Listing, ShardFacts};
use super::finding::{Effect, Finding};
use super::trouble;
use crate::load::Loader;
use crate::model::FileInfo;
use crate::store::Access;
use futures_util::{StreamExt as _, stream};

/// Files of one shard that are read at once.
const AT_ONCE: usize = 8;

/// Reads the files that are in the share and whose blobs are there, and says what is wrong; `read` hears of each file's
/// bytes.
pub(super) async fn check(
    loader: &Loader<'_>,
    facts: &ShardFacts,
    share: Share,
    read: &(dyn Fn(u64) + Sync),
) -> Vec<Finding> {
    let Some(Ok(listing)) = &facts.listing else { return Vec::new() };
    let chosen = facts.used().into_iter().filter_map(|number| Some((facts.files.get(number)?, number)));
    let chosen = chosen.filter(|(file, _)| share.holds(&file.name) && is_readable(file, listing));
    let checks = chosen.map(|(file, number)| async move {
        let found = of_file(loader, facts, file).await;
        read(file.length);
        found.map(|finding| finding.hurts(facts.users_of(number)).of_shard(&facts.index, facts.shard))
    });
    stream::iter(checks.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).filter_map(async |found| found).collect().await
}

/// Files whose bytes are in the snapshots' own blobs: they cost nothing.
pub(super) fn check_virtual(facts: &ShardFacts) -> Vec<Finding> {
    let used = facts.used().into_iter().filter_map(|number| Some((number, facts.files.get(number)?)));
    let found = used.filter(|(_, file)| file.is_virtual()).filter_map(|(number, file)| {
        let finding = of_virtual(file)?.in_blob(facts.path(&file.name));
        Some(finding.hurts(facts.users_of(number)).of_shard(&facts.index, facts.shard))
    });
    found.collect()
}

/// What is missing, of another length or frozen has a finding already.
fn is_readable(file: &FileInfo, listing: &Listing) -> bool {
    file.parts().all(|(blob, length)| super::judge::of_blob(listing.get(&blob), length, &file.physical_name).is_none())
}

async fn of_file(loader: &Loader<'_>, facts: &ShardFacts, file: &FileInfo) -> Option<Finding> {
    let blob = file.parts().next().map_or_else(|| file.name.to_string(), |(blob, _)| blob);
    if file.is_virtual() {
        return of_virtual(file).map(|finding| finding.in_blob(facts.path(&file.name)));
    }
    let recorded = file.checksum.as_deref();
    let judged = |sum: Result<Sum, Access>| match sum {
        Ok(sum) => checksum::judge(&sum, recorded, &file.physical_name),
        Err(access) => Some(trouble::of_data(&access, Effect::Shard)),
    };
    let first = sum(loader, facts, file).await;
    let is_final = matches!(&first, Err(access) if access.is_final());
    let mut found = judged(first)?;
    if !is_final {
        // Twice before it is called corrupt.
        let Some(again) = judged(sum(loader, facts, file).await) else {
            loader.note_reread();
            return None;
        };
        found = again;
    }
    Some(found.in_blob(facts.path(&blob)))
}

/// A virtual blob's bytes are in the snapshot's own blob.
fn of_virtual(file: &FileInfo) -> Option<Finding> {
    let mut check = Check::new(file.length);
    check.take(file.meta_hash.as_deref().unwrap_or_default());
    checksum::judge(&check.sum(), file.checksum.as_deref(), &file.physical_name)
}

async fn sum(loader: &Loader<'_>, facts: &ShardFacts, file: &FileInfo) -> Result<Sum, Access> {
    let mut check = Check::new(file.length);
    for (blob, _) in file.parts() {
        (check, _) = loader.store.stream(&facts.path(&blob), check, Check::take).await?;
    }
    Ok(check.sum())
}
