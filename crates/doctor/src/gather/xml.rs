//! The few texts that are read of S3's, IAM's and STS's answers: elements by name, without attributes of their own.

/// What stands in each element of that name.
pub(super) fn all<'b>(body: &'b str, name: &str) -> Vec<&'b str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.find(&open) {
        let behind = &rest[at + open.len()..];
        let Some(end) = behind.find('>') else { break };
        let (head, inner) = (&behind[..end], &behind[end + 1..]);
        rest = inner;
        // A longer name begins the same; an element that ends at once is empty.
        if !(head.is_empty() || head.starts_with([' ', '/', '\n'])) {
            continue;
        }
        if head.ends_with('/') {
            found.push("");
        } else if let Some((text, behind)) = inner.split_once(close.as_str()) {
            found.push(text.trim());
            rest = behind;
        }
    }
    found
}

/// What stands in the first element of that name.
pub(super) fn first<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    all(body, name).into_iter().next()
}

/// A text with XML's own escapes undone.
pub(super) fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

/// A text whose bytes are percent-encoded, as IAM gives documents.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_whole_names() {
        let body =
            r#"<?xml version="1.0"?><A xmlns="x"><Rule><ID>a</ID></Rule><RuleX/><Rule><ID>b</ID><ID/></Rule></A>"#;
        assert_eq!(all(body, "Rule"), ["<ID>a</ID>", "<ID>b</ID><ID/>"]);
        assert_eq!(all(body, "ID"), ["a", "b", ""]);
        assert_eq!(first(body, "RuleX"), Some(""));
        assert_eq!(first(body, "B"), None);
        assert_eq!(first("<A>cut", "A"), None);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(plain("&lt;a&gt; &amp;lt;"), "<a> &lt;");
        assert_eq!(percent_decoded("%7B%22a%22%3A1%7D+%zz%"), "{\"a\":1}+%zz%");
    }
}
