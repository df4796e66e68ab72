//! Names of Amazon's: what an endpoint, a region and an ARN say about each other.

use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::repository::check_region;
use snapkeep_core::{Code, Failure};
use std::fmt;
use std::str::FromStr;

/// The partitions whose regions start so, as botocore's `partitions.json` has them; every other region is of `aws`.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

/// A search domain's ARN: `arn:PARTITION:es:REGION:ACCOUNT:domain/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomainArn {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The domain's region.
    pub region: String,
    /// The account that the domain is in.
    pub account: String,
    /// The domain's name.
    pub name: String,
}

impl DomainArn {
    /// The domain whose own endpoint this is, in that account; `None` for an endpoint that somebody chose.
    pub fn behind(endpoint: &Endpoint, account: &str) -> Option<Self> {
        let (name, region) = (domain_name(endpoint)?, endpoint.amazon_region()?);
        check_account(account).ok()?;
        let [partition, region, account, name] = [partition_of(region), region, account, name].map(str::to_owned);
        Some(Self { partition, region, account, name })
    }
}

impl FromStr for DomainArn {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let parts: Vec<&str> = text.split(':').collect();
        if let ["arn", partition, "es", region, account, domain] = parts.as_slice()
            && let Some(name) = domain.strip_prefix("domain/").filter(|name| is_domain_name(name))
            && partition_of(region) == *partition
            && check_region("region", region).is_ok()
            && check_account(account).is_ok()
        {
            let [partition, region, account, name] = [partition, region, account, &name].map(|&part| part.to_owned());
            return Ok(Self { partition, region, account, name });
        }
        Err(Failure::new(
            Code::BadEvent,
            format!("{text:?} is not a domain's ARN"),
            "write it as the domain's page shows it: arn:aws:es:eu-west-1:123456789012:domain/NAME",
        ))
    }
}

impl fmt::Display for DomainArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(f, "arn:{partition}:es:{region}:{account}:domain/{name}")
    }
}

/// The name of the domain whose own endpoint this is, as `search-NAME-ID` or `vpc-NAME-ID` says it; `None` for an endpoint
/// that somebody chose.
pub(crate) fn domain_name(endpoint: &Endpoint) -> Option<&str> {
    endpoint.amazon_region()?;
    let label = endpoint.host().split('.').next()?;
    let named = ["search-", "vpc-"].iter().find_map(|start| label.strip_prefix(start))?;
    named.rsplit_once('-').map(|(name, _)| name).filter(|name| is_domain_name(name))
}

/// 3 to 28 lower-case letters, digits and hyphens, a letter first, as the service requires.
fn is_domain_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && (3..=28).contains(&name.len()) && name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The partition of a region.
pub(crate) fn partition_of(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// The account in an ARN, if it has one.
pub(crate) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| check_account(account).is_ok())
}

/// An account's number: 12 digits.
pub fn check_account(text: &str) -> Result<(), Failure> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    let hint = "give its 12 digits, without hyphens; `aws sts get-caller-identity` shows them";
    Err(Failure::new(Code::BadEvent, format!("{text:?} is not an account's number"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_named_by_its_own_endpoint_only() {
        for (endpoint, expected) in [
            ("https://search-logs-abc123.eu-west-1.es.amazonaws.com", Some("logs")),
            ("https://vpc-my-logs-2-abc123.eu-west-1.es.amazonaws.com", Some("my-logs-2")),
            ("https://search-logs-abc123.aos.eu-west-1.on.aws", Some("logs")),
            ("https://search-logs-abc123.cn-north-1.es.amazonaws.com.cn", Some("logs")),
            ("https://search-logs.eu-west-1.es.amazonaws.com", None),
            ("https://search-ab-abc123.eu-west-1.es.amazonaws.com", None),
            ("https://logs-abc123.eu-west-1.es.amazonaws.com", None),
            ("https://search-logs-abc123.example", None),
        ] {
            assert_eq!(domain_name(&Endpoint::trusted(endpoint).unwrap()), expected, "{endpoint}");
        }
    }

    #[test]
    fn an_arn_is_read_as_it_is_written() {
        let text = "arn:aws-cn:es:cn-north-1:123456789012:domain/logs";
        assert_eq!(text.parse::<DomainArn>().unwrap().to_string(), text);
        for wrong in [
            "",
            "logs",
            "arn:aws:es:eu-west-1:123456789012:domain/",
            "arn:aws:es:eu-west-1:123456789012:domain/logs/*",
            "arn:aws:es:eu-west-1:*:domain/logs",
            "arn:aws:es:*:123456789012:domain/logs",
            "arn:aws:es:cn-north-1:123456789012:domain/logs",
            "arn:aws:es:eu-west-1:123456789012:domain/lo*s",
            "arn:aws:iam::123456789012:role/logs",
        ] {
            assert_eq!(wrong.parse::<DomainArn>().unwrap_err().code, Code::BadEvent, "{wrong}");
        }
    }

    #[test]
    fn regions_have_partitions() {
        for (region, partition) in [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition_of(region), partition);
        }
    }
}
