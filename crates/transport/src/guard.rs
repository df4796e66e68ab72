//! Name resolution that gives no address the endpoint may not be connected to. It is checked here,
//! at connect, because a name that was fine a moment ago can resolve to another address now.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use snapkeep_core::endpoint::Endpoint;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

/// Resolves a host name; ports are of no account.
pub type Lookup = fn(String) -> LookingUp;

/// The addresses of a name, once they are found.
pub type LookingUp = Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// The system's own way.
pub(crate) fn system_lookup(name: String) -> LookingUp {
    Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
}

/// A resolver behind [`Endpoint::may_connect_to`].
#[derive(Clone)]
pub(crate) struct GuardedResolver {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) lookup: Lookup,
}

/// Every address of the name was refused.
#[derive(Debug)]
pub(crate) struct AddressRefused(pub(crate) String);

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} resolves only to loopback, link-local or metadata addresses", self.0)
    }
}

impl std::error::Error for AddressRefused {}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { endpoint, lookup } = self.clone();
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await?;
            Ok(admitted(&endpoint, name.as_str(), found.into_iter())?)
        })
    }
}

fn admitted(endpoint: &Endpoint, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, AddressRefused> {
    let kept: Vec<SocketAddr> = found.filter(|address| endpoint.may_connect_to(address.ip())).collect();
    if kept.is_empty() {
        return Err(AddressRefused(name.to_owned()));
    }
    Ok(Box::new(kept.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_never_called_are_left_out() {
        let endpoint = Endpoint::admit("https://vpc-a.eu-west-1.es.amazonaws.com", "eu-west-1", &[]).unwrap();
        let addresses =
            |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>().into_iter();
        let kept: Vec<SocketAddr> =
            admitted(&endpoint, "vpc-a", addresses(&["127.0.0.1:0", "10.0.0.4:0", "169.254.169.254:0"]))
                .unwrap()
                .collect();
        assert_eq!(kept, vec!["10.0.0.4:0".parse::<SocketAddr>().unwrap()]);
        let refused = admitted(&endpoint, "vpc-a", addresses(&["127.0.0.1:0", "[fe80::1]:0"])).map(|_| ());
        assert!(refused.unwrap_err().to_string().contains("resolves only to"));
    }
}
