//! The one retry policy: for reads only.

use crate::{Answer, Lost};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How often and how fast a read is tried again.
#[derive(Clone, Debug)]
pub struct Pace {
    /// Tries in all.
    pub attempts: u32,
    /// Longest pause before the second try; doubled for each further one.
    pub base: Duration,
    /// Longest pause of all, `Retry-After` included.
    pub ceiling: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { attempts: 6, base: Duration::from_millis(250), ceiling: Duration::from_secs(8) }
    }
}

impl Pace {
    /// The pause after failed try number `failed` (from 1): full jitter (`random` in 0..1) below a
    /// doubling limit, but never less than the server asked for.
    pub fn pause(&self, failed: u32, asked_for: Option<Duration>, random: f64) -> Duration {
        let limit = self.base.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.ceiling);
        let jittered = limit.mul_f64(random.clamp(0.0, 1.0)).max(self.base / 4);
        asked_for.unwrap_or_default().min(self.ceiling).max(jittered)
    }
}

/// A number in 0..1 from the standard library's per-instance random keys: jitter needs no more.
pub(crate) fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    #[allow(clippy::cast_precision_loss)] // 53 bits fit an f64 exactly
    let fraction = bits as f64 / (1_u64 << 53) as f64;
    fraction
}

/// Whether a read that ended like this may end better the next time.
pub(crate) fn may_pass(outcome: &Result<Answer, Lost>) -> bool {
    match outcome {
        Err(lost) => lost.is_transient(),
        Ok(answer) => matches!(answer.status, 429 | 502 | 503 | 504) || is_throttled(answer),
    }
}

/// Amazon's front can say "slow down" as a 403 as well as a 429. A denial names users and resources,
/// whose names may hold any word: it is none.
pub fn is_throttled(answer: &Answer) -> bool {
    const WORDS: [&str; 4] = ["rate exceeded", "throttlingexception", "throttled", "too many requests"];
    if answer.status != 403 {
        return answer.status == 429;
    }
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(2048)]).to_lowercase();
    let is_denial = text.contains("not authorized to perform") || text.contains("no permissions for");
    !is_denial && WORDS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer::new(status, body)
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for status in [429, 502, 503, 504] {
            assert!(may_pass(&Ok(answer(status, "<html>"))), "{status}");
        }
        assert!(may_pass(&Ok(answer(403, r#"{"message":"Rate exceeded"}"#))));
        assert!(may_pass(&Err(Lost::Cut("reset".into()))));
        let denial = r#"{"Message":"User: x is not authorized to perform: es:ESHttpGet on domain/throttled-logs"}"#;
        assert!(!may_pass(&Ok(answer(403, denial))));
        for status in [200, 400, 403, 404, 500] {
            assert!(!may_pass(&Ok(answer(status, "no"))), "{status}");
        }
        assert!(!may_pass(&Err(Lost::Unreadable("large".into()))));
        assert!(!may_pass(&Err(Lost::AddressRefused("x".into()))));
    }

    #[test]
    fn pauses_double_stay_below_the_ceiling_and_heed_the_server() {
        let pace = Pace::default();
        let longest: Vec<u128> = (1..=8).map(|failed| pace.pause(failed, None, 1.0).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert!(pace.pause(1, None, 0.0) > Duration::ZERO);
        assert_eq!(pace.pause(1, Some(Duration::from_secs(3)), 0.5), Duration::from_secs(3));
        assert_eq!(pace.pause(1, Some(Duration::from_hours(1)), 0.5), pace.ceiling);
        assert!((0..1000).map(|_| random()).all(|r| (0.0..1.0).contains(&r)));
    }
}
