//! The verdict on one shard, from what was seen of it. Pure.

use super::facts::{Current, InGeneration, InSnapshot, Listed, Listing, ShardFacts};
use super::files::{FileNumber, Numbers};
use super::finding::{Effect, Finding, Kind};
use super::names::Names;
use super::trouble;
use crate::model::SnapshotRef;
use crate::store::{AZURE_ARCHIVE, Access};

/// Names that one finding lists; there are as many findings as it takes blobs, not as it takes pairs.
const NAMED: usize = 5;

/// Parts of files, beyond each file's first, that are looked at for one shard although they are not there: a blob of a few
/// bytes may claim millions.
const MISSING_PARTS: usize = 10_000;

/// Storage classes that must be thawed before they are read.
const FROZEN: [&str; 3] = ["GLACIER", "DEEP_ARCHIVE", AZURE_ARCHIVE];

/// All that is wrong with the shard's metadata and, where its folder was listed, with the blobs that are there.
pub fn judge(facts: &ShardFacts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = of_generation(facts).into_iter().collect();
    for (snapshot, seen) in &facts.snapshots {
        findings.extend(of_snapshot(facts, snapshot, seen));
    }
    match &facts.listing {
        None => {}
        Some(Err(access)) => findings.push(unlisted(facts, access)),
        Some(Ok(listing)) => {
            let look = |name: &str| listing.get(name).cloned();
            findings.extend(of_blobs(facts, look));
        }
    }
    findings.into_iter().map(|finding| finding.of_shard(&facts.index, facts.shard)).collect()
}

fn all_names(facts: &ShardFacts) -> Names {
    facts.snapshots.iter().map(|(snapshot, _)| &snapshot.name).collect()
}

fn of_generation(facts: &ShardFacts) -> Option<Finding> {
    // Nodes read it when they take or delete a snapshot, not when they restore one.
    let effect = Effect::Later;
    let all_are_elsewhere = facts.snapshots.iter().all(|(_, seen)| matches!(seen, InSnapshot::Elsewhere));
    match (&facts.current, &facts.generation) {
        (Current::Undefined, _) if facts.snapshots.is_empty() || all_are_elsewhere => None,
        // Its folder would say it, and may not be listed.
        (Current::Undefined, _) if matches!(facts.listing, Some(Err(_))) => None,
        (Current::Undefined, _) => {
            let detail = "neither index-N nor the folder says which index-… is the current one";
            let finding = Finding::new(Kind::GenerationUndefined, effect, detail).in_blob(facts.path("index-…"));
            Some(finding.hurts(all_names(facts)))
        }
        (Current::Known(generation), Some(Err(trouble))) => {
            let blob = facts.path(&format!("index-{generation}"));
            Some(trouble::finding(Kind::Generation, effect, &blob, trouble).hurts(all_names(facts)))
        }
        (Current::Known(generation), Some(Ok(found))) if !found.differences.is_empty() => {
            let blob = facts.path(&format!("index-{generation}"));
            let finding = Finding::new(Kind::GenerationMismatch, effect, some(&found.differences)).in_blob(blob);
            Some(finding.hurts(all_names(facts)))
        }
        _ => None,
    }
}

fn of_snapshot(facts: &ShardFacts, snapshot: &SnapshotRef, seen: &InSnapshot) -> Vec<Finding> {
    let blob = || facts.path(&format!("snap-{}.dat", snapshot.uuid));
    let hurt = |finding: Finding| finding.hurts(Names::from_iter([&snapshot.name]));
    match seen {
        InSnapshot::Trouble(trouble) => {
            vec![hurt(trouble::finding(Kind::ShardSnapshot, Effect::Shard, &blob(), trouble))]
        }
        InSnapshot::Another { name: other } => {
            let detail = format!("it is the blob of another snapshot, {other}");
            vec![hurt(Finding::new(Kind::ShardSnapshot, Effect::Shard, detail).in_blob(blob()))]
        }
        InSnapshot::Elsewhere => Vec::new(),
        InSnapshot::There => {
            let Some(Ok(generation)) = &facts.generation else { return Vec::new() };
            let is_lacking = !generation.snapshots.contains_key(&snapshot.name);
            is_lacking.then(|| hurt(not_in_generation(&snapshot.name).in_blob(blob()))).into_iter().collect()
        }
        InSnapshot::Files { files, differences } => {
            let mut findings = Vec::new();
            if !differences.is_empty() {
                findings.push(Finding::new(Kind::GenerationMismatch, Effect::Shard, some(differences)));
            }
            if let Some(Ok(generation)) = &facts.generation {
                findings.extend(compared(facts, &snapshot.name, files, generation));
            }
            findings.into_iter().map(|finding| hurt(finding.in_blob(blob()))).collect()
        }
    }
}

fn not_in_generation(name: &str) -> Finding {
    Finding::new(Kind::NotInGeneration, Effect::Later, format!("{name} is not in it"))
}

/// What a snapshot and the shard's `index-…` say of its files.
fn compared(facts: &ShardFacts, name: &str, files: &Numbers, generation: &InGeneration) -> Vec<Finding> {
    let Some(recorded) = generation.snapshots.get(name) else { return vec![not_in_generation(name)] };
    let named = |numbers: Vec<FileNumber>| -> Vec<String> {
        numbers.iter().filter_map(|number| facts.files.get(*number)).map(|file| file.name.to_string()).collect()
    };
    let (only_recorded, only_here) = (named(recorded.without(files)), named(files.without(recorded)));
    let mut findings = Vec::new();
    if !only_recorded.is_empty() {
        // A restore reads the snapshot's own list.
        findings.push(Finding::new(Kind::InGenerationOnly, Effect::Later, some(&only_recorded)));
    }
    if !only_here.is_empty() {
        // The next delete takes the file for unused.
        findings.push(Finding::new(Kind::InSnapshotOnly, Effect::Later, some(&only_here)));
    }
    findings
}

fn unlisted(facts: &ShardFacts, access: &Access) -> Finding {
    let (kind, effect) = match access {
        Access::Missing => (Kind::ShardContainer, Effect::Shard),
        other => trouble::of_access(other, Effect::Shard),
    };
    let kind = if kind == Kind::Unread { Kind::ShardContainer } else { kind };
    let finding = Finding::new(kind, effect, access).denied(access.is_lost_access());
    finding.in_blob(facts.path("")).hurts(all_names(facts))
}

/// What is wrong with the blobs that hold the files which snapshots need.
fn of_blobs(facts: &ShardFacts, look: impl Fn(&str) -> Option<Listed>) -> Vec<Finding> {
    let (mut findings, mut left) = (Vec::new(), MISSING_PARTS);
    for number in facts.used() {
        let Some(file) = facts.files.get(number) else { continue };
        for (part, (blob, length)) in file.parts().enumerate() {
            let found = match facts.unconfirmed.get(&blob) {
                // What the listing says may be wrong, and we may not ask.
                Some(access) => Some(trouble::of_data(access, Effect::Shard)),
                None => of_blob(look(&blob).as_ref(), length, &file.physical_name),
            };
            let Some(mut finding) = found else { continue };
            let is_last = part > 0 && left == 0;
            if is_last {
                let more = file.number_of_parts() - part as u64 - 1;
                finding.detail = format!("{}; nothing is said of {more} parts behind it", finding.detail);
            }
            findings.push(finding.in_blob(facts.path(&blob)).hurts(facts.users_of(number)));
            if is_last {
                break;
            }
            left -= usize::from(part > 0);
        }
    }
    findings
}

/// What is wrong with one blob.
pub fn of_blob(listed: Option<&Listed>, length: u64, file: &str) -> Option<Finding> {
    let Some(listed) = listed else {
        let detail = format!("{length} bytes of {file} are not there");
        return Some(Finding::new(Kind::MissingBlob, Effect::Shard, detail));
    };
    if listed.size != length {
        let detail = format!("{} bytes instead of {length} of {file}", listed.size);
        return Some(Finding::new(Kind::BlobLength, Effect::Shard, detail));
    }
    let class = listed.class.as_deref().filter(|class| FROZEN.contains(class))?;
    Some(Finding::new(Kind::Archived, Effect::Shard, format!("it lies in {class}: thaw it before a restore")))
}

/// The first of them, and how many there are more.
fn some(texts: &[String]) -> String {
    let shown = texts[..texts.len().min(NAMED)].join("; ");
    match texts.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Blobs that look wrong in the listing, by name: each is asked for by its name before that counts.
pub fn suspects(facts: &ShardFacts, listing: &Listing) -> Vec<String> {
    let (mut suspects, mut left) = (Vec::new(), MISSING_PARTS);
    for number in facts.used() {
        let Some(file) = facts.files.get(number) else { continue };
        for (part, (blob, length)) in file.parts().enumerate() {
            // What lies in an archive may have been thawed.
            if of_blob(listing.get(&blob), length, &file.physical_name).is_none() {
                continue;
            }
            suspects.push(blob);
            if part > 0 && left == 0 {
                break;
            }
            left -= usize::from(part > 0);
        }
    }
    suspects
}
