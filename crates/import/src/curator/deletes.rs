//! `delete_snapshots`: from options and filters to what goes.

use super::filters::{Chain, Unsayable};
use super::groups::{Group, Rule};
use super::{names, options};
use crate::Desk;
use crate::draft::Adopted;
use crate::section::Section;
use snapkeep_core::snapshot::State;

/// Reads one. `beginnings` are, by repository, what names begin with that the file's own snapshot actions make.
pub(super) fn read(
    at: &str,
    options: &mut Section<'_>,
    filters: Vec<Section<'_>>,
    beginnings: &[(String, String)],
    groups: &mut Vec<Group>,
    desk: &mut Desk,
) {
    let repository = options.text("repository").unwrap_or_default();
    options::unneeded(options, desk);
    let Some(mut chain) = chain(filters, desk) else { return };
    if let Some(why) = nothing_to_do(&chain) {
        return desk.lost(at, "delete_snapshots", why, "nothing to do: a running snapshot is never deleted here");
    }
    let Some(adopted) = adopted(at, &repository, &chain, beginnings, desk) else { return };
    counts(at, &mut chain, desk);
    let rule = Rule::of(&chain);
    match groups.iter_mut().find(|group| group.is_of(&repository, &adopted)) {
        Some(group) => group.add(at, &rule, desk),
        None => groups.push(Group::new(at, repository, adopted, rule)),
    }
}

/// All filters; nothing if one of them cannot be said: without it too much would go.
fn chain(filters: Vec<Section<'_>>, desk: &mut Desk) -> Option<Chain> {
    let mut chain = Chain::all();
    let mut is_whole = true;
    for mut filter in filters {
        if let Err(Unsayable(why, instead)) = chain.narrow(&mut filter, desk) {
            desk.lost(&filter.at, "the whole delete_snapshots", why, instead);
            is_whole = false;
        } else {
            crate::sm::leftovers(&filter, desk);
        }
    }
    is_whole.then_some(chain)
}

fn nothing_to_do(chain: &Chain) -> Option<&'static str> {
    match chain.states.iter().any(|state| *state != State::InProgress) {
        true => None,
        false if chain.states.is_empty() => Some("its state filters leave nothing"),
        false => Some("it deletes running snapshots, which aborts them"),
    }
}

/// Whose names they have. Without literal text at the beginning, only what the file itself takes.
fn adopted(
    at: &str,
    repository: &str,
    chain: &Chain,
    beginnings: &[(String, String)],
    desk: &mut Desk,
) -> Option<Vec<Adopted>> {
    let mut found = names::adopted(&chain.matches, &chain.except);
    if found.is_empty() {
        let own = beginnings.iter().find(|(place, _)| place == repository).map(|(_, beginning)| beginning.as_str());
        let Some(beginning) = own else {
            let why = "its filters take snapshots whatever their names begin with, and so anybody's";
            let instead = "add a filter with a prefix, one for each kind of name, and import again";
            desk.lost(at, "delete_snapshots", why, instead);
            return None;
        };
        let why = format!(
            "its filters take anybody's snapshots; here only those of this file, that begin with {beginning:?}"
        );
        desk.differs(at, "delete_snapshots", &why, "add `adopt` for other names, one for each beginning");
        let matches: Vec<String> =
            std::iter::once(format!("^{}.*$", crate::sm::escaped(beginning))).chain(chain.matches.clone()).collect();
        found = names::adopted(&matches, &chain.except);
    }
    for one in &mut found {
        (one.from, one.to) = (chain.from, chain.to);
    }
    Some(found)
}

/// Curator counts all that its filters leave; we count SUCCESS.
fn counts(at: &str, chain: &mut Chain, desk: &mut Desk) {
    if chain.beyond.is_some() && chain.states != [State::Success] {
        let why = "Curator counts FAILED and PARTIAL ones as well; here only SUCCESS counts, and the others stay";
        desk.differs(
            at,
            "count",
            why,
            "to let those go: leave `states` out, and say `keep: {failed: superseded, partial: superseded}`",
        );
        chain.states.retain(|state| *state == State::Success);
    }
}
