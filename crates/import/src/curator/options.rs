//! Options without an equal, and actions that are no policies.

use crate::Desk;
use crate::section::Section;

/// Options that our policies need nothing for: what is done in their place.
const UNNEEDED: &[(&str, &str)] = &[
    ("retry_interval", "a deletion is looked at again, never repeated blindly"),
    ("retry_count", "a deletion is looked at again, never repeated blindly"),
    ("wait_for_completion", "a run always waits for its snapshots, and the next one goes on where it ended"),
    ("wait_interval", "how often a snapshot is looked at is chosen by how long it takes"),
    ("skip_repo_fs_check", "`snapkeep repo verify` checks a repository"),
    ("timeout_override", "the time for a whole run is --timeout"),
    ("continue_if_exception", "policies do not wait for one another; the report names each failure"),
    ("ignore_empty_list", "that nothing is to be deleted is no failure"),
    ("ignore_unavailable", "names are made explicit just before they are sent"),
    ("disable_action", ""),
];

/// Lists what is given of them, and what nobody knows.
pub(super) fn unneeded(options: &mut Section<'_>, desk: &mut Desk) {
    for (key, why) in UNNEEDED {
        if options.take(key).is_some() && !why.is_empty() {
            desk.lost(&options.at, &format!("`{key}`"), why, "nothing to do");
        }
    }
    crate::sm::leftovers(options, desk);
}

/// A restore is no policy: the command that does it.
pub(super) fn restore(at: &str, options: &mut Section<'_>, filters: usize, desk: &mut Desk) {
    let mut command = vec!["snapkeep restore".to_owned()];
    let named = options.text("name");
    command.push(named.as_deref().map_or("latest".to_owned(), quoted));
    command.extend(options.text("repository").map(|name| format!("-r {}", quoted(&name))));
    if let Some(node) = options.take("indices") {
        let indices = crate::section::texts(node);
        command.extend((!indices.is_empty()).then(|| format!("--index {}", quoted(&indices.join(",")))));
    }
    command.extend(options.text("rename_pattern").map(|text| format!("--rename-pattern {}", quoted(&text))));
    command.extend(options.text("rename_replacement").map(|text| format!("--rename-replacement {}", quoted(&text))));
    let flags =
        [("include_aliases", "--aliases"), ("include_global_state", "--global-state"), ("partial", "--partial")];
    for (key, flag) in flags {
        command.extend((options.flag(key) == Some(true)).then(|| flag.to_owned()));
    }
    let why = "a restore is no policy: it is asked for";
    desk.lost(at, "restore", why, &format!("run {}", command.join(" ")));
    if options.take("extra_settings").is_some() {
        desk.lost(
            &options.at,
            "`extra_settings`",
            "they are not in the command above",
            "give each with --set KEY=VALUE",
        );
    }
    if named.is_none() && filters > 0 {
        let why = "the command above takes the newest SUCCESS of the repository";
        desk.lost(at, "the filters of restore", why, "name the snapshots with --match, or the time with --at");
    }
    options.take("max_wait");
    unneeded(options, desk);
}

/// For a shell.
fn quoted(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_.,/:=".contains(c);
    if !text.is_empty() && text.chars().all(is_bare) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Actions on indices.
pub(super) fn elsewhere(at: &str, action: &str, desk: &mut Desk) {
    let why = "snapkeep keeps snapshots; it does nothing to indices";
    desk.lost(at, action, why, "use the cluster's own index lifecycle (ILM, ISM), or leave it to Curator");
}
