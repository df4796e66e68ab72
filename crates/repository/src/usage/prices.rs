//! What a byte costs.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Bytes of a gigabyte on a bill.
const GIGABYTE: f64 = 1_073_741_824.0;

/// S3's list prices of storage, in US dollars per gigabyte and month: us-east-1, the first 50 TB, as of June 2025. Requests,
/// retrieval and minimum times are not in them.
const LIST: [(&str, f64); 8] = [
    ("STANDARD", 0.023),
    ("INTELLIGENT_TIERING", 0.023),
    ("STANDARD_IA", 0.0125),
    ("ONEZONE_IA", 0.01),
    ("GLACIER_IR", 0.004),
    ("GLACIER", 0.0036),
    ("DEEP_ARCHIVE", 0.00099),
    ("EXPRESS_ONEZONE", 0.11),
];

/// A price that somebody gives: `STANDARD=0.021`.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// The storage class.
    pub class: String,
    /// US dollars per gigabyte and month.
    pub usd: f64,
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(class, usd)| Some((class, usd.parse::<f64>().ok()?)));
        match parsed.filter(|(class, usd)| !class.is_empty() && usd.is_finite() && *usd >= 0.0) {
            Some((class, usd)) => Ok(Self { class: class.to_owned(), usd }),
            None => Err(format!("{text:?} is no price such as STANDARD=0.021")),
        }
    }
}

/// Prices by storage class.
#[derive(Clone, Debug)]
pub struct Prices {
    by_class: BTreeMap<String, f64>,
}

impl Prices {
    /// The list prices, changed by these.
    pub fn with(changes: &[Price]) -> Self {
        let list = LIST.iter().map(|(class, usd)| ((*class).to_owned(), *usd));
        let changes = changes.iter().map(|price| (price.class.clone(), price.usd));
        Self { by_class: list.chain(changes).collect() }
    }

    /// What so many bytes of a class cost a month, in US dollars.
    pub fn monthly(&self, class: &str, bytes: u64) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "a price")]
        let gigabytes = bytes as f64 / GIGABYTE;
        self.by_class.get(class).map(|usd| usd * gigabytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_prices_take_the_place_of_listed_ones() {
        let prices = Prices::with(&["STANDARD=0.02".parse().unwrap()]);
        let millionths = |class: &str, bytes| prices.monthly(class, bytes).map(|usd| (usd * 1e6).round());
        assert_eq!(millionths("STANDARD", 1 << 30), Some(20_000.0));
        assert_eq!(millionths("DEEP_ARCHIVE", 10 << 30), Some(9_900.0));
        assert_eq!(prices.monthly("NEW_CLASS", 1), None);
        for bad in ["STANDARD", "=1", "STANDARD=x", "STANDARD=-1", "STANDARD=NaN"] {
            assert!(bad.parse::<Price>().is_err(), "{bad}");
        }
    }
}
