//! `policy …`

use super::*;
use snapkeep_config::Config;

const POLICIES: &str = include_str!("../../../../../config/tests/policies.yaml");

#[test]
fn policies_are_listed_with_what_stays_in_words() {
    let config = Config::parse(POLICIES).unwrap();
    expect_view("policy-list", &policy_list(config.policies.values(), look(false).now));
}

#[test]
fn slots_say_where_the_clocks_change() {
    let config = Config::parse(POLICIES).unwrap();
    let policy = &config.policies["nightly"];
    let schedule = policy.schedule.as_ref().unwrap();
    for (name, after) in
        [("policy-next-spring", "2026-03-27T12:00:00Z"), ("policy-next-autumn", "2026-10-23T12:00:00Z")]
    {
        let slots = schedule.upcoming(at(after)).take(4).collect();
        let view = Coming { policy: &policy.name, schedule, zone: &policy.zone, after: at(after), slots };
        expect_view(name, &view);
    }
}
