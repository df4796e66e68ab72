//! How the domain and its cluster are.

use super::endpoint::is_listed;
use crate::{Check, Domain, Facts, Finding, Found, Life, Load, Mend, Reach, Seen};
use snapkeep_cluster::Health;
use snapkeep_core::Code;

/// Amazon's own automated management takes no snapshots from this share of the heap on, in percent.
const HEAP_LIMIT: u64 = 85;

/// Nodes take no new shards from this share of their disk on, in percent: the low watermark.
const DISK_LOW: u64 = 85;

/// Indices become read-only from this share on, in percent: the flood stage.
const DISK_FLOOD: u64 = 95;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach == Reach::Serverless {
        return Vec::new();
    }
    let of_domain = (facts.subject.domain.is_some() || facts.subject.is_signed).then(|| match &facts.domain {
        Err(unseen) => Finding::unchecked(Check::DomainState, unseen),
        Ok(found) => state(facts, found),
    });
    let of_cluster = [
        told(Check::Health, &facts.health, health),
        told(Check::Blocks, &facts.blocks, |blocks| blocked(&blocks.cluster)),
        told(Check::Disk, &facts.load, disk),
        told(Check::Memory, &facts.load, memory),
    ];
    of_domain.into_iter().chain(of_cluster).collect()
}

fn told<T>(check: Check, seen: &Seen<T>, judge: impl Fn(&T) -> Finding) -> Finding {
    seen.as_ref().map_or_else(|unseen| Finding::unchecked(check, unseen), judge)
}

fn state(facts: &Facts, found: &Found<Domain>) -> Finding {
    let name = facts.subject.domain.as_ref().map(ToString::to_string).unwrap_or_default();
    let gone = |says: String, means: &str, mend: &str| {
        Finding::failed(Check::DomainState, Code::ClusterUnavailable, says, means).mend(Mend::advice(mend))
    };
    let domain = match found {
        Found::There(domain) => domain,
        Found::Refused => {
            return Finding::unchecked(Check::DomainState, &crate::Unseen::without("es:DescribeDomain"));
        }
        Found::Missing => {
            return gone(
                format!("there is no domain {name}"),
                "the endpoint is that of a domain that is gone, or of another account or region",
                "check account and region of the credentials, and the endpoint",
            );
        }
    };
    match domain.life {
        Life::Deleted => {
            gone(format!("{name} is being deleted"), "nothing can be taken of it any more", "use another domain")
        }
        Life::New => gone(format!("{name} is being made"), "it has no endpoint yet", "wait until it is active"),
        Life::Active => standing(facts, domain),
    }
}

fn standing(facts: &Facts, domain: &Domain) -> Finding {
    let host = facts.subject.endpoint.host();
    if !domain.hosts.is_empty() && !is_listed(&domain.hosts, host) {
        let own = &domain.hosts[0];
        let says = format!("{host} is not an endpoint of {}", domain.arn);
        let means = "requests go to another cluster, or nowhere";
        return Finding::failed(Check::DomainState, Code::BadConfig, says, means)
            .mend(Mend::advice(format!("use the domain's own endpoint: https://{own}")));
    }
    match &domain.change {
        Some(change) => Finding::warning(
            Check::DomainState,
            format!("the domain is being changed ({change})"),
            "nodes are replaced meanwhile (blue/green): a snapshot may fail and is made up for by the next, and addresses move",
        )
        .mend(Mend::advice("wait until the domain is active again, if this is not urgent")),
        None => Finding::ok(Check::DomainState, format!("{} is active ({})", domain.arn, domain.engine)),
    }
}

fn health(health: &Health) -> Finding {
    match health.status.as_str() {
        "red" => {
            let says = format!("the cluster is red: {} lack a primary shard", some(&health.red));
            Finding::failed(
                Check::Health,
                Code::ClusterUnavailable,
                says,
                "a snapshot that holds them fails, or is PARTIAL where that is allowed",
            )
            .mend(Mend::command("curl -X GET \"$ENDPOINT/_cluster/allocation/explain\""))
            .mend(Mend::advice("restore these indices from a good snapshot, or leave them out of the policy"))
        }
        "yellow" => Finding::warning(
            Check::Health,
            "the cluster is yellow: replicas are not assigned",
            "snapshots are taken of primary shards and work; a node that fails now may take a shard with it",
        )
        .mend(Mend::command("curl -X GET \"$ENDPOINT/_cluster/allocation/explain\"")),
        status => Finding::ok(Check::Health, format!("the cluster is {status}")),
    }
}

fn blocked(blocks: &[String]) -> Finding {
    if blocks.is_empty() {
        return Finding::ok(Check::Blocks, "nothing blocks the whole cluster");
    }
    Finding::failed(
        Check::Blocks,
        Code::ClusterUnavailable,
        format!("the whole cluster is blocked: {}", some(blocks)),
        "repositories cannot be registered, and nothing can be restored, until the block is lifted",
    )
    .mends(blocks.iter().map(|block| lift(block)))
}

fn lift(block: &str) -> Mend {
    Mend::command(format!(
        "curl -X PUT \"$ENDPOINT/_cluster/settings\" -H 'Content-Type: application/json' -d '{{\"persistent\":{{\"cluster.blocks.{block}\":null}},\"transient\":{{\"cluster.blocks.{block}\":null}}}}'"
    ))
}

fn disk(load: &Load) -> Finding {
    let used = percent(load.disk_total.saturating_sub(load.disk_free), load.disk_total);
    let says = format!("the disks are {used} % full");
    let room = Mend::advice("delete indices that are not needed, or give the domain more storage");
    if used >= DISK_FLOOD {
        let means = "indices become read-only, and nothing can be restored";
        Finding::failed(Check::Disk, Code::ClusterUnavailable, says, means).mend(room)
    } else if used >= DISK_LOW {
        Finding::warning(Check::Disk, says, "no room is left to restore to; at 95 % indices become read-only")
            .mend(room)
    } else {
        Finding::ok(Check::Disk, says)
    }
}

fn memory(load: &Load) -> Finding {
    let used = percent(load.heap_used, load.heap_max);
    let says = format!("the heaps of the nodes are {used} % full");
    if used >= HEAP_LIMIT {
        let means = "nodes may refuse requests or fall out of the cluster; the service's own snapshot management waits at such a moment";
        return Finding::warning(Check::Memory, says, means)
            .mend(Mend::advice("have fewer shards, or larger nodes; schedule snapshots away from the peaks"));
    }
    Finding::ok(Check::Memory, says)
}

/// Nothing of nothing is 0 %.
fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

/// A few of them, and how many more there are.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
