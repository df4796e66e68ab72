//! Where a repository is, as far as its registration tells.

use snapkeep_cluster::Registered;

/// The settings that say where a repository is, by the names that the types of repositories have for it.
const ADDRESS: [&str; 9] =
    ["account", "base_path", "bucket", "client", "container", "endpoint", "location", "path", "uri"];

/// The repository's address in one line; `None` if its settings do not tell.
pub(crate) fn address(registered: &Registered) -> Option<String> {
    // A `url` repository cannot be written to.
    if registered.kind == "url" {
        return None;
    }
    let part = |key: &&str| {
        let text = registered.settings.get(*key)?.as_str()?;
        let text = plain(key, text);
        (!text.is_empty()).then(|| format!("{key} {text}"))
    };
    let parts: Vec<String> = ADDRESS.iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| format!("{}: {}", registered.kind, parts.join(", ")))
}

/// One spelling for each meaning.
fn plain<'t>(key: &str, text: &'t str) -> &'t str {
    match key {
        "base_path" => text.trim_matches('/'),
        "location" | "path" | "uri" => text.trim_end_matches('/'),
        "client" if text == "default" => "",
        "endpoint" => {
            let host = text.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
            // Amazon's buckets have one name each, whichever of its endpoints is asked.
            let is_amazons = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            if is_amazons { "" } else { host }
        }
        _ => text,
    }
}
