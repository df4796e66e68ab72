//! Least, middle and greatest of a measure.

use serde_json::{Value, json};

/// What several runs of one thing gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The least: what an idle machine would show.
    pub(crate) least: f64,
    /// The middle one, or between the two.
    pub(crate) median: f64,
    /// The greatest.
    pub(crate) greatest: f64,
}

impl Spread {
    /// Of these values, in any order.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { least: at(0), median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), greatest: at(last) }
    }

    /// The median, and the least in brackets.
    pub(crate) fn shown(self) -> String {
        let Self { least, median, greatest } = self;
        if least < greatest { format!("{median:.1} ({least:.1})") } else { format!("{median:.1}") }
    }

    /// All three, to thousandths.
    pub(crate) fn json(self) -> Value {
        json!({ "min": rounded(self.least), "median": rounded(self.median), "max": rounded(self.greatest) })
    }
}

/// Bytes in millions.
#[expect(clippy::cast_precision_loss, reason = "no size here comes near 2^52 bytes")]
pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// To thousandths.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two() {
        assert_eq!(Spread::of(vec![5.0, 1.0, 2.0]), Spread { least: 1.0, median: 2.0, greatest: 5.0 });
        assert!((Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median - 2.5).abs() < 1e-9);
    }
}
