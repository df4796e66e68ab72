//! Where the cluster is, and whether it can be reached.

use crate::{Check, Facts, Finding, Found, Mend, Reach};
use jiff::SignedDuration;
use snapkeep_core::Code;

/// A signature may be off by so much; SigV4's own rule.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// From here on it is worth a word.
const NOTICED: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if facts.reach == Reach::Serverless {
        return vec![serverless(facts)];
    }
    facts.skew.map(clock).into_iter().chain([reach(facts)]).collect()
}

fn serverless(facts: &Facts) -> Finding {
    let says = format!("{} is a serverless collection's (aoss)", facts.subject.endpoint);
    Finding::failed(
        Check::Serverless,
        Code::Unsupported,
        says,
        "collections have no snapshot API: nothing can be taken of them or restored to them",
    )
    .mend(Mend::advice(
        "name the endpoint of an OpenSearch Service domain; the service keeps its own backups of collections",
    ))
}

fn clock(skew: SignedDuration) -> Finding {
    let side = if skew.is_positive() { "behind" } else { "ahead of" };
    let says = format!("this machine's clock is {} s {side} the service's", skew.abs().as_secs());
    let mend = Mend::command("timedatectl set-ntp true");
    if skew.abs() > TOLERATED {
        let means = "signatures of that time are refused, and nothing is deleted by age";
        Finding::failed(Check::Clock, Code::SignatureRejected, says, means).mend(mend)
    } else if skew.abs() > NOTICED {
        Finding::warning(Check::Clock, says, "beyond 5 minutes signatures are refused").mend(mend)
    } else {
        Finding::ok(Check::Clock, "this machine's clock and the service's agree")
    }
}

fn reach(facts: &Facts) -> Finding {
    let endpoint = &facts.subject.endpoint;
    let unreachable = |says: String, means: &str| {
        Finding::failed(Check::Reach, Code::ClusterUnavailable, says, means).mends(known(facts))
    };
    match &facts.reach {
        Reach::Answered | Reach::Serverless => Finding::ok(Check::Reach, format!("{endpoint} answers")),
        Reach::NoSuchName(_) => unreachable(
            format!("there is no host {}", endpoint.host()),
            "the endpoint is misspelt, or the domain is gone or has another one by now",
        )
        .mend(Mend::advice("copy the endpoint from the domain's page")),
        Reach::NoConnection { cause } if is_in_vpc(facts) => unreachable(
            format!("{} cannot be connected to: {cause}", endpoint.host()),
            "the domain is in a VPC, and this machine is outside or not let in",
        )
        .mends(vpc_mends()),
        Reach::NoConnection { cause } => unreachable(
            format!("{} cannot be connected to: {cause}", endpoint.host()),
            "nothing listens there, or something on the way does not let requests through",
        )
        .mend(Mend::advice("check host and port, and the firewalls and proxies on the way")),
        Reach::Untrusted(why) => unreachable(
            format!("the certificate of {} is not trusted: {why}", endpoint.host()),
            "it is another host's, or of an authority that is not known here",
        )
        .mend(Mend::advice(
            "name the authority's certificate with --ca-file, or use the name that the certificate is for",
        )),
        Reach::NoCluster(what) => unreachable(
            format!("{} is no cluster's endpoint: {what}", endpoint.host()),
            "Dashboards, a proxy or a login page in between answers like this",
        )
        .mend(Mend::advice("copy the domain endpoint from the domain's page, without `/_dashboards`")),
    }
}

/// The endpoint's own name says so, or the service does.
fn is_in_vpc(facts: &Facts) -> bool {
    let told = matches!(&facts.domain, Ok(Found::There(domain)) if domain.in_vpc);
    told || facts.subject.endpoint.host().starts_with("vpc-")
}

fn vpc_mends() -> [Mend; 2] {
    [
        Mend::command(
            "aws ec2 authorize-security-group-ingress --group-id DOMAIN_SECURITY_GROUP --protocol tcp --port 443 --source-group CALLER_SECURITY_GROUP",
        ),
        Mend::advice(
            "run inside the VPC (a function with SubnetIds and SecurityGroupIds, a bastion, a VPN); the domain's security group must let port 443 in from there",
        ),
    ]
}

/// The endpoint that the service names for the domain, if it is another one.
fn known(facts: &Facts) -> Option<Mend> {
    let Ok(Found::There(domain)) = &facts.domain else { return None };
    let host = domain.hosts.first().filter(|_| !is_listed(&domain.hosts, facts.subject.endpoint.host()))?;
    Some(Mend::advice(format!("use the domain's own endpoint: https://{host}")))
}

pub(super) fn is_listed(hosts: &[String], host: &str) -> bool {
    hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}
