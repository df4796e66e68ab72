//! docs/codes.md says what the code says.

use snapkeep_core::Code;

#[test]
fn the_page_lists_every_code() {
    let page = include_str!("../../../docs/codes.md");
    let rows = Code::ALL.iter().map(|code| format!("| `{code}` | {} | {} |\n", code.exit(), code.meaning()));
    let table = format!("| code | exit | meaning |\n|---|---|---|\n{}", rows.collect::<String>());
    assert!(page.contains(&table), "docs/codes.md needs this table:\n{table}");
}
