use super::*;
use crate::clock::SystemClock;
use crate::configuration::{Around, Reading};
use crate::rota::tests::policy_of;
use snapkeep_core::policy::Policy;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// One policy whose runs do not get beyond what comes before them; and what is heard of their ends.
struct Held {
    policies: BTreeMap<String, Policy>,
    ends: Arc<Mutex<Vec<Option<Code>>>>,
    /// What follows a run does not end, either.
    is_stuck: bool,
}

impl Configuration for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    fn policies(&self) -> &BTreeMap<String, Policy> {
        &self.policies
    }

    fn only(&self) -> &[String] {
        &[]
    }

    fn fleet(&self, _only: &[String]) -> Fleet<'static> {
        Fleet::new(BTreeMap::new())
    }

    fn before<'a>(&'a self, _names: &'a [String]) -> Around<'a, Result<(), Failure>> {
        Box::pin(std::future::pending())
    }

    fn after<'a>(&'a self, _names: &'a [String], end: Result<&'a RunReport, &'a Failure>) -> Around<'a, ()> {
        Box::pin(async move {
            self.ends.lock().unwrap().push(end.err().map(|failure| failure.code));
            if self.is_stuck {
                std::future::pending::<()>().await;
            }
        })
    }
}

struct Nowhere;

impl Source for Nowhere {
    fn read(&self) -> Reading<'_> {
        Box::pin(std::future::pending())
    }
}

/// Stops a daemon whose one run does not end: what is heard of that run, and how long it all takes.
async fn stopped(is_stuck: bool, hours: u64) -> (Vec<Option<Code>>, Duration) {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let policies = BTreeMap::from([("nightly".to_owned(), policy_of("nightly", "backups", &["prod"]))]);
    let configuration: Arc<dyn Configuration> = Arc::new(Held { policies, ends: Arc::clone(&ends), is_stuck });
    let settings = Settings {
        every: Duration::from_mins(10),
        grace: Duration::from_hours(hours),
        last_words: Duration::from_secs(5),
        allow_unknown_clock: false,
        mark: || RequestMark::of("0a1b2c3d-0000-4000-8000-000000000000"),
        clock: Arc::new(SystemClock),
        metrics: Arc::new(|_| String::new()),
    };
    let board = Arc::new(Board::new(Arc::clone(&configuration), Timestamp::now()));
    let mut daemon = Daemon::new(&Nowhere, settings, Arc::clone(&board), configuration);
    daemon.begin_what_is_due();
    let (_orders, mut heard) = mpsc::channel(1);
    let begun = Instant::now();
    let asks = async {
        loop {
            tokio::time::sleep(Duration::from_secs(59)).await;
            assert!(board.is_alive(), "after {} s", begun.elapsed().as_secs());
        }
    };
    tokio::select! {
        () = daemon.wind_up(&mut heard) => {}
        () = asks => {}
    }
    let ends = ends.lock().unwrap().clone();
    (ends, begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_off_has_its_last_words_and_the_daemon_is_alive_until_then() {
    let interrupted = vec![Some(Code::Interrupted)];
    assert_eq!(stopped(false, 2).await, (interrupted.clone(), Duration::from_hours(2)));
    let (ends, took) = stopped(true, 0).await;
    assert_eq!((ends, took.as_secs()), (interrupted, 5), "whoever ends us does not wait for long");
}
