use super::*;
use crate::status::{ConfigurationStatus, NotDone, Refused, ScheduleStatus, ToDelete};
use snapkeep_core::Code;
use snapkeep_core::plan::Newest;
use snapkeep_core::snapshot::{Counted, Progress, ShardStages};
use std::collections::BTreeMap;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn status() -> Status {
    Status {
        schema: 1,
        version: "0.1.0".into(),
        now: at("2026-03-10T03:10:00Z"),
        started_at: at("2026-03-01T00:00:00Z"),
        stopping: false,
        configuration: ConfigurationStatus {
            name: "/etc/snapkeep/snapkeep.yaml".into(),
            read_at: at("2026-03-01T00:00:00Z"),
            refused: None,
        },
        looked_at: Some(at("2026-03-10T03:09:58Z")),
        clusters: BTreeMap::from([("prod".into(), None)]),
        repositories: BTreeMap::new(),
        policies: vec![policy()],
        running: vec![],
    }
}

fn policy() -> PolicyStatus {
    PolicyStatus {
        policy: "nightly".into(),
        cluster: "prod".into(),
        repository: "backups".into(),
        standing: Standing::Good,
        schedule: Some(ScheduleStatus { text: "0 3 * * *".into(), timezone: "Europe/Berlin".into() }),
        last_good: Some(Newest { snapshot: "nightly-20260310t020000z".into(), started_at: at("2026-03-10T02:00:01Z") }),
        slot: Some(at("2026-03-10T02:00:00Z")),
        next_slot: Some(at("2026-03-11T02:00:00Z")),
        stale: false,
        snapshots: Some(8),
        good: Some(7),
        confirmed: true,
        run_under_way: false,
        last_run: None,
        drill: None,
        last_drill: None,
        next: Some(Preview {
            at: at("2026-03-11T02:00:00Z"),
            creates: vec!["nightly-20260311t020000z".into()],
            deletes: vec![],
            not_done: vec![],
        }),
    }
}

#[test]
fn it_says_what_is_good_and_what_comes_next() {
    let page = render(&status(), true);
    for expected in [
        "<title>1 good · snapkeep</title>",
        "nightly-20260310t020000z<br><time datetime=\"2026-03-10T02:00:01Z\">2026-03-10 02:00 UTC</time> <span class=\"away\">(69 min ago)</span>",
        "<time datetime=\"2026-03-11T02:00:00Z\">2026-03-11 02:00 UTC</time> <span class=\"away\">(in 22 h)</span>",
        "<code>0 3 * * *</code> Europe/Berlin",
        "takes nightly-20260311t020000z",
        "8, of which 7 good",
        "<meta http-equiv=\"refresh\" content=\"15\">",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    assert!(!page.contains("<h2>Running</h2>") && !page.contains("<script"), "{page}");
    assert!(!render(&status(), false).contains("http-equiv"), "whoever reads slowly can stop it");
}

#[test]
fn whatever_is_said_elsewhere_is_text() {
    let canary = "<script>alert('\"&')</script>";
    let shown = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
    let failure = || Failure::new(Code::ClusterUnavailable, canary, canary);
    let mut status = status();
    status.stopping = true;
    status.configuration.name = canary.into();
    status.configuration.refused = Some(Refused { at: status.now, failure: failure() });
    status.clusters = BTreeMap::from([(canary.into(), Some(failure()))]);
    status.repositories = BTreeMap::from([(canary.into(), failure())]);
    let policy = &mut status.policies[0];
    (policy.policy, policy.cluster, policy.repository) = (canary.into(), canary.into(), canary.into());
    policy.last_good.as_mut().unwrap().snapshot = canary.into();
    policy.last_run = Some(LastRun {
        started_at: status.now,
        finished_at: status.now,
        created: vec![canary.into(); 7],
        pending: vec![canary.into()],
        deleted: 3,
        failures: vec![failure()],
        warnings: vec![canary.into()],
    });
    policy.last_drill =
        Some(DrillStatus { snapshot: Some(canary.into()), began_at: status.now, failure: Some(failure()) });
    let doomed = ToDelete { snapshot: canary.into(), reasons: vec![canary.into()], unconfirmed: true };
    policy.next = Some(Preview {
        at: status.now,
        creates: vec![canary.into()],
        deletes: vec![doomed; 7],
        not_done: vec![NotDone { snapshot: Some(canary.into()), why: canary.into() }],
    });
    let counted = Counted { total: Some(4 << 30), done: Some(1 << 30) };
    status.running = vec![RunningStatus {
        cluster: canary.into(),
        repository: canary.into(),
        snapshot: canary.into(),
        started_at: Some(status.now),
        progress: Some(Progress {
            state: canary.into(),
            shards: ShardStages { done: 3, started: 7, total: 10, ..ShardStages::default() },
            bytes: counted,
            files: Counted::default(),
            size_bytes: None,
            started_at: None,
            unfinished: vec![],
        }),
        diagnosis: Some(canary.into()),
    }];
    let page = render(&status, true);
    assert!(!page.contains("<script") && !page.contains("alert('"), "{page}");
    assert!(page.matches(shown).count() > 30, "{page}");
    for expected in ["value=\"250\"", "25.0 %, 3 of 10 shards, 1.0 GiB of 4.0 GiB", "and 2 more", "deletes 2 more"] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
}
