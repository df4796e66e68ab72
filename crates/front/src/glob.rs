//! Path patterns: `*` within a segment, `**` for any number of segments.

/// Whether `path` fits `pattern`, compared as raw text.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    segments(&pattern, &path)
}

fn segments(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|taken| segments(rest, &path[taken..])),
        ([first, rest @ ..], [segment, others @ ..]) => within(first, segment) && segments(rest, others),
        _ => false,
    }
}

fn within(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.into_iter().any(|at| within(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stays_within_its_segment() {
        assert!(fits("/_snapshot/*/*", "/_snapshot/repo/snap"));
        assert!(!fits("/_snapshot/*/*", "/_snapshot/repo"));
        assert!(!fits("/_snapshot/*", "/_snapshot/repo/snap"));
        assert!(fits("/_snapshot/*/nightly-*-a", "/_snapshot/r/nightly-2026-a"));
        assert!(!fits("/_snapshot/*/nightly-*-a", "/_snapshot/r/nightly-2026"));
        assert!(fits("/a*b*c", "/a%2Fbüc"));
    }

    #[test]
    fn two_stars_are_any_segments() {
        assert!(fits("/**", "/"));
        assert!(fits("/_snapshot/**", "/_snapshot/a/b/c"));
        assert!(fits("/**/_status", "/_snapshot/r/_status"));
        assert!(!fits("/**/_status", "/_snapshot/r/_restore"));
        assert!(!fits("/_snapshot/**", "/other"));
    }
}
