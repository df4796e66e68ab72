//! `policy import`

use super::*;
use snapkeep_import::{Target, read};
use std::path::Path;

const ACTIONS: &str = "\
actions:
  1:
    action: snapshot
    options: {repository: backups, wait_for_completion: True, include_global_state: False, allow_ilm_indices: True}
    filters: [{filtertype: pattern, kind: prefix, value: logs-}]
  2:
    action: delete_snapshots
    options: {repository: backups}
    filters:
    - {filtertype: pattern, kind: prefix, value: curator-}
    - {filtertype: age, source: creation_date, direction: older, unit: days, unit_count: 45}
  3: {action: delete_indices}
";

#[test]
fn what_is_imported_and_what_is_not() {
    let target = Target {
        cluster: "logs".into(),
        endpoint: Some("https://search.example:9200".into()),
        schedule: Some("30 2 * * *".into()),
        timezone: Some("Europe/Berlin".into()),
        name: None,
    };
    let imported = read(ACTIONS, &target).unwrap();
    let view = |out| ImportView { imported: &imported, cluster: &target.cluster, out };
    expect_view("policy-import", &view(None));
    expect_view("policy-import-out", &view(Some(Path::new("snapkeep.yaml"))));
}
