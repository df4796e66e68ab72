//! `docs/aws.md`, as somebody reads it who does what it says.

/// A section's blocks of that kind, in order, each without its indentation.
pub(crate) fn blocks(heading: &str, kind: &str) -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/aws.md")).unwrap();
    let depth = heading.split(' ').next().unwrap().len();
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let is_next = |line: &&str| {
        line.starts_with('#')
            && line.split(' ').next().is_some_and(|marks| marks.len() <= depth && marks.ends_with('#'))
    };
    let mut blocks: Vec<String> = Vec::new();
    let mut open = None;
    for line in lines.take_while(|line| !is_next(line)) {
        let text = line.trim_start();
        match open {
            None if text == format!("```{kind}") => {
                open = Some(line.len() - text.len());
                blocks.push(String::new());
            }
            None => {}
            Some(_) if text == "```" => open = None,
            Some(indent) => blocks.last_mut().unwrap().extend([line.get(indent..).unwrap_or_default(), "\n"]),
        }
    }
    assert!(!blocks.is_empty(), "{heading} has no {kind}");
    blocks
}

/// The commands of a `console` block, as a script.
pub(crate) fn script(block: &str) -> String {
    block.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}
