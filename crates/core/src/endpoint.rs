//! Which endpoints may be called: an event that could name any host would turn the function's
//! credentials and network position over to whoever sends events (server-side request forgery).

use crate::repository::check_region;
use crate::{Code, Failure};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use url::{Host, Url};

/// Domain suffixes that follow `<domain>.<region>` (`es.…`) in each AWS partition; the partitions'
/// DNS suffixes are those of botocore's `partitions.json`.
const ES_SUFFIXES: &[&str] = &[
    "es.amazonaws.com",
    "es.amazonaws.com.cn",
    "es.amazonaws.eu",
    "es.c2s.ic.gov",
    "es.sc2s.sgov.gov",
    "es.cloud.adc-e.uk",
    "es.csp.hci.ic.gov",
];

/// Domain suffixes that follow `<domain>.aos.<region>`: the dual-stack form of each partition.
const AOS_SUFFIXES: &[&str] = &[
    "on.aws",
    "on.amazonwebservices.com.cn",
    "on.amazonwebservices.eu",
    "on.aws.ic.gov",
    "on.aws.scloud",
    "on.cloud-aws.adc-e.uk",
    "on.aws.hci.ic.gov",
];

/// A cluster's endpoint that passed [`Endpoint::admit`] or [`Endpoint::trusted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    listed: bool,
}

impl Endpoint {
    /// The endpoint that an event names, if the operator's `listed` hosts (`host` or `host:port`, exact)
    /// or the rule for Amazon's domains in `region` allow it.
    pub fn admit(text: &str, region: &str, listed: &[String]) -> Result<Self, Failure> {
        let url = parse(text)?;
        let host = url.host().ok_or_else(|| not_an_endpoint("it names no host"))?.to_owned();
        if let Some(address) = literal(&host) {
            refuse_never_allowed(address)?;
        }
        let is_listed = listed.iter().any(|entry| same_authority(entry, &url));
        check_scheme(&url, &host)?;
        if is_listed || is_amazon_domain(&url, &host, region) {
            return Ok(Self { url, listed: is_listed });
        }
        Err(not_listed(&url, region))
    }

    /// The endpoint that the operator typed: any host, but plain HTTP only to this machine.
    pub fn trusted(text: &str) -> Result<Self, Failure> {
        let url = parse(text)?;
        let host = url.host().ok_or_else(|| not_an_endpoint("it names no host"))?.to_owned();
        check_scheme(&url, &host)?;
        Ok(Self { url, listed: true })
    }

    /// The region in the name of an Amazon search domain; `None` if it is none.
    pub fn amazon_region(&self) -> Option<&str> {
        let host = self.host();
        let classic = ES_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'));
        let dual_stack = || AOS_SUFFIXES.iter().find_map(|suffix| host.strip_suffix(suffix)?.strip_suffix('.'));
        let (domain, region) = match classic {
            Some(name) => name.rsplit_once('.')?,
            None => dual_stack()?.split_once(".aos.")?,
        };
        let is_domain = domain.split('.').all(is_label) && check_region("Region", region).is_ok();
        (self.url.scheme() == "https" && is_domain).then_some(region)
    }

    /// Refuses a serverless collection (`aoss`), which has no snapshot API, as `unsupported`.
    pub fn check_has_snapshots(&self) -> Result<(), Failure> {
        let host = self.host();
        let is_serverless = ES_SUFFIXES.iter().any(|suffix| {
            let partition = suffix.trim_start_matches("es.");
            host.strip_suffix(partition).is_some_and(|rest| rest.ends_with(".aoss."))
        });
        if !is_serverless {
            return Ok(());
        }
        Err(Failure::new(
            Code::Unsupported,
            format!("{self} is a serverless collection's (aoss), which has no snapshot API"),
            "the service keeps its own backups of collections; snapshots are for OpenSearch Service domains and clusters of your own",
        ))
    }

    /// Whether the operator named it, rather than the rule for Amazon's domains.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// `https://host[:port]`, without a trailing slash.
    pub fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Host name or literal address, without brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Whether `address`, that the host's name resolved to, may be connected to. Private addresses
    /// are allowed (VPC domains); loopback only if the host was listed; link-local and metadata
    /// addresses never. Plain HTTP goes to loopback only, whatever `localhost` resolves to.
    pub fn may_connect_to(&self, address: IpAddr) -> bool {
        let may_leave = self.url.scheme() == "https";
        !never_allowed(address) && if is_loopback(address) { self.listed } else { may_leave }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.origin())
    }
}

fn parse(text: &str) -> Result<Url, Failure> {
    let text = text.trim();
    refuse_userinfo(text)?;
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&with_scheme).map_err(|error| not_an_endpoint(&error.to_string()))?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !bare {
        return Err(not_an_endpoint("it has more than a scheme, a host and a port"));
    }
    // The parser forgives back slashes and inner white space; an endpoint has no need of them.
    if with_scheme.contains(['\\', ' ', '\t', '\n', '\r']) {
        return Err(not_an_endpoint("it has a character that no endpoint has"));
    }
    Ok(url)
}

fn not_an_endpoint(why: &str) -> Failure {
    Failure::new(
        Code::BadEvent,
        format!("`Endpoint` is not a cluster's endpoint: {why}"),
        "give the domain's endpoint as its console shows it: https://search-NAME-ID.REGION.es.amazonaws.com",
    )
}

fn refused(why: impl AsRef<str>, hint: &str) -> Failure {
    Failure::new(Code::EndpointNotAllowed, why, hint)
}

/// The parser drops an empty user name without a word, so the text itself is looked at.
fn refuse_userinfo(text: &str) -> Result<(), Failure> {
    if !text.contains('@') {
        return Ok(());
    }
    Err(refused(
        "`Endpoint` holds a user name or password",
        "put credentials into SNAPKEEP_USERNAME and SNAPKEEP_PASSWORD",
    ))
}

fn check_scheme(url: &Url, host: &Host<String>) -> Result<(), Failure> {
    let loopback = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" => Err(refused("`Endpoint` is plain HTTP", "use https://; plain HTTP is only for loopback addresses")),
        scheme => Err(refused(format!("`Endpoint` has the scheme {scheme}"), "use https://")),
    }
}

fn not_listed(url: &Url, region: &str) -> Failure {
    let host = url.host_str().unwrap_or_default();
    let in_another_region = ES_SUFFIXES.iter().chain(AOS_SUFFIXES).any(|suffix| host.ends_with(&format!(".{suffix}")));
    let (cause, hint) = if in_another_region {
        (
            format!("`Endpoint` {host} is not an Amazon search domain of region {region} on port 443"),
            "make `Region` the one in the endpoint's name".to_owned(),
        )
    } else {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        (
            format!("`Endpoint` {host}{port} is neither an Amazon search domain of region {region} nor listed"),
            format!("if it is yours, add exactly `{host}{port}` to SNAPKEEP_ALLOWED_ENDPOINTS"),
        )
    };
    refused(cause, &hint)
}

/// Whole labels only: at least one before the region, so that `evilREGION.es.amazonaws.com` and
/// `….es.amazonaws.com.evil.example` stay outside.
fn is_amazon_domain(url: &Url, host: &Host<String>, region: &str) -> bool {
    let Host::Domain(name) = host else { return false };
    let classic = ES_SUFFIXES.iter().map(|suffix| format!(".{region}.{suffix}"));
    let dual_stack = AOS_SUFFIXES.iter().map(|suffix| format!(".aos.{region}.{suffix}"));
    url.scheme() == "https"
        && url.port().is_none()
        && classic
            .chain(dual_stack)
            .any(|suffix| name.strip_suffix(&suffix).is_some_and(|domain| domain.split('.').all(is_label)))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `host` stands for the scheme's own port; any other port must be written out.
fn same_authority(entry: &str, url: &Url) -> bool {
    let Ok(listed) = Url::parse(&format!("{}://{}", url.scheme(), entry.trim())) else { return false };
    matches!(listed.path(), "" | "/")
        && listed.username().is_empty()
        && listed.password().is_none()
        && listed.query().is_none()
        && listed.host() == url.host()
        && listed.port_or_known_default() == url.port_or_known_default()
}

fn literal(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

fn refuse_never_allowed(address: IpAddr) -> Result<(), Failure> {
    if never_allowed(address) {
        return Err(refused(
            format!("`Endpoint` is the address {address}, which is never called"),
            "name a cluster's host",
        ));
    }
    Ok(())
}

/// An IPv4 address inside an IPv6 one (compatible, mapped, NAT64, 6to4) counts as itself.
fn unwrap_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0, 0, high @ 1..=0xffff, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => from(high, low),
        _ => address,
    }
}

fn is_loopback(address: IpAddr) -> bool {
    unwrap_v4(address).is_loopback()
}

/// Link-local (the instance metadata and container credential services among them), the IPv6
/// addresses of the same services, and addresses that are no host's.
fn never_allowed(address: IpAddr) -> bool {
    match unwrap_v4(address) {
        IpAddr::V4(v4) => {
            v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() || v4.octets()[0] == 0
        }
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || matches!(v6.segments(), [0xfd00, 0x0ec2, ..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(text: &str, listed: &[&str]) -> Result<Endpoint, Code> {
        let listed: Vec<String> = listed.iter().map(|&s| s.to_owned()).collect();
        Endpoint::admit(text, "eu-west-1", &listed).map_err(|failure| failure.code)
    }

    #[test]
    fn amazons_domains_of_the_region_pass() {
        for host in [
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com",
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com/",
            "search-logs-abc123.eu-west-1.es.amazonaws.com",
            "HTTPS://Search-Logs-abc123.EU-WEST-1.es.amazonaws.com",
            "https://vpc-logs-abc123.eu-west-1.es.amazonaws.com:443",
            "https://search-logs-abc123.aos.eu-west-1.on.aws",
            "https://search-logs-abc123.eu-west-1.es.amazonaws.com.cn",
            "https://vpc-logs.aos.eu-west-1.on.amazonwebservices.com.cn",
            "https://search-logs.eu-west-1.es.c2s.ic.gov",
        ] {
            assert!(admit(host, &[]).is_ok(), "{host}");
        }
    }

    #[test]
    fn everything_else_must_be_listed_exactly() {
        for host in [
            "https://search-logs.us-east-1.es.amazonaws.com",
            "https://evileu-west-1.es.amazonaws.com",
            "https://eu-west-1.es.amazonaws.com",
            "https://.eu-west-1.es.amazonaws.com",
            "https://search-logs.eu-west-1.es.amazonaws.com.evil.example",
            "https://search-logs.eu-west-1.es.amazonaws.com:9200",
            "https://search-logs.eu-west-1.es.amazonaws.com.",
            "http://search-logs.eu-west-1.es.amazonaws.com",
            "https://aos.eu-west-1.on.aws",
            "https://search-logs.eu-west-1.on.aws",
            "https://logs.example.org",
            "https://10.0.0.7",
            "https://127.0.0.1:9200",
            "http://localhost:9200",
            "https://2130706433",
            "https://0x7f.1",
            "https://[::1]:9200",
            "ftp://search-logs.eu-west-1.es.amazonaws.com",
            "https://@search-logs.eu-west-1.es.amazonaws.com",
            "https://:@search-logs.eu-west-1.es.amazonaws.com",
            "https://user@search-logs.eu-west-1.es.amazonaws.com",
            "https://user:secret@search-logs.eu-west-1.es.amazonaws.com",
            "https://search-logs.eu-west-1.es.amazonaws.com@evil.example",
        ] {
            assert_eq!(admit(host, &[]), Err(Code::EndpointNotAllowed), "{host}");
        }
    }

    #[test]
    fn a_listed_host_passes_exactly_as_listed() {
        assert!(admit("https://logs.example.org", &["logs.example.org"]).is_ok());
        assert!(admit("https://logs.example.org:9200", &["logs.example.org:9200"]).is_ok());
        assert!(admit("http://127.0.0.1:9200", &["127.0.0.1:9200"]).is_ok());
        assert!(admit("http://localhost:9200", &[" localhost:9200 "]).is_ok());
        assert!(admit("https://[::1]:9200", &["[::1]:9200"]).is_ok());
        for (host, listed) in [
            ("https://logs.example.org:9200", "logs.example.org"),
            ("https://a.logs.example.org", "logs.example.org"),
            ("https://logs.example.org", "*.example.org"),
            ("http://logs.example.org", "logs.example.org"),
            ("https://127.0.0.1:9201", "127.0.0.1:9200"),
            ("https://u@logs.example.org", "logs.example.org"),
        ] {
            assert_eq!(admit(host, &[listed]), Err(Code::EndpointNotAllowed), "{host} with {listed}");
        }
    }

    #[test]
    fn an_operators_endpoint_is_any_host_but_plain_http_stays_here() {
        for good in [
            "https://own.example:9200",
            "own.example",
            "http://localhost:9200",
            "http://127.0.0.1:9200",
            "https://10.0.0.7",
        ] {
            assert!(Endpoint::trusted(good).is_ok(), "{good}");
        }
        for bad in ["http://own.example:9200", "http://10.0.0.7", "ftp://own.example", "https://u:p@own.example"] {
            assert_eq!(Endpoint::trusted(bad).unwrap_err().code, Code::EndpointNotAllowed, "{bad}");
        }
    }

    #[test]
    fn an_amazon_domains_name_tells_its_region() {
        for (host, region) in [
            ("search-logs-abc.eu-west-1.es.amazonaws.com", Some("eu-west-1")),
            ("vpc-logs-abc.cn-north-1.es.amazonaws.com.cn", Some("cn-north-1")),
            ("search-logs-abc.aos.us-gov-east-1.on.aws", Some("us-gov-east-1")),
            ("eu-west-1.es.amazonaws.com", None),
            ("search-logs.nowhere.es.amazonaws.com", None),
            ("search-logs.eu-west-1.on.aws", None),
            ("es.amazonaws.com", None),
            ("logs.example.org", None),
            ("https://127.0.0.1:9200", None),
        ] {
            assert_eq!(Endpoint::trusted(host).unwrap().amazon_region(), region, "{host}");
        }
        for (host, is_serverless) in [
            ("abc123.eu-west-1.aoss.amazonaws.com", true),
            ("abc123.cn-north-1.aoss.amazonaws.com.cn", true),
            ("aoss.amazonaws.com.example.org", false),
            ("search-logs-abc.eu-west-1.es.amazonaws.com", false),
        ] {
            let refused = Endpoint::trusted(host).unwrap().check_has_snapshots().err().map(|failure| failure.code);
            assert_eq!(refused, is_serverless.then_some(Code::Unsupported), "{host}");
        }
    }

    #[test]
    fn metadata_addresses_are_refused_even_when_listed() {
        for host in
            ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]", "169.254.170.2"]
        {
            assert_eq!(admit(&format!("https://{host}"), &[host]), Err(Code::EndpointNotAllowed), "{host}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_a_bad_event() {
        for text in [
            "",
            "https://",
            "https://host.example/path",
            "https://host.example/?q=1",
            "https://host.example/#f",
            "https://host.example:99999",
            "https://a b.example",
            "https:\\\\host.example",
        ] {
            assert_eq!(admit(text, &[]), Err(Code::BadEvent), "{text:?}");
        }
    }

    #[test]
    fn at_connect_private_addresses_pass_and_local_ones_do_not() {
        let domain = admit("https://vpc-logs.eu-west-1.es.amazonaws.com", &[]).unwrap();
        for address in ["10.0.0.7", "172.16.3.4", "192.168.1.1", "52.1.2.3", "fd12::7"] {
            assert!(domain.may_connect_to(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "::7f00:1",
            "::a9fe:a9fe",
            "224.0.0.1",
        ] {
            assert!(!domain.may_connect_to(address.parse().unwrap()), "{address}");
        }
        let listed = admit("https://localhost:9200", &["localhost:9200"]).unwrap();
        assert!(listed.may_connect_to("127.0.0.1".parse().unwrap()));
        assert!(!listed.may_connect_to("169.254.169.254".parse().unwrap()));
    }
}
