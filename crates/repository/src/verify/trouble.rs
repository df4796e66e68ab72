//! From why a blob says nothing to what is found.

use super::finding::{Effect, Finding, Kind};
use crate::load::Trouble;
use crate::store::Access;

/// The finding of a blob of metadata that says nothing. What we may not read, or what the store did not serve, is no damage.
pub(super) fn finding(kind: Kind, effect: Effect, blob: &str, trouble: &Trouble) -> Finding {
    let finding = match trouble {
        Trouble::Damaged(_) | Trouble::Access(Access::Missing) => Finding::new(kind, effect, trouble),
        Trouble::Access(access) => of_data(access, effect),
    };
    Finding { at: trouble.at(), ..finding.in_blob(blob) }
}

/// The finding of a blob that could not be read.
pub(super) fn of_data(access: &Access, effect: Effect) -> Finding {
    let (kind, effect) = of_access(access, effect);
    Finding::new(kind, effect, access).denied(access.is_lost_access())
}

/// The finding of something of which nothing is known.
pub(super) fn unread(access: &Access) -> Finding {
    Finding::new(Kind::Unread, Effect::Unknown, access).denied(access.is_lost_access())
}

/// What it means that a blob could not be read.
pub(super) fn of_access(access: &Access, effect: Effect) -> (Kind, Effect) {
    match access {
        Access::Missing => (Kind::MissingBlob, effect),
        // A restore fails as well, until somebody thaws it.
        Access::Archived { .. } => (Kind::Archived, effect),
        _ => (Kind::Unread, Effect::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Damage;

    #[test]
    fn only_what_is_known_to_be_wrong_is_damage() {
        let why = || "no".to_owned();
        for (trouble, kind, is_damage) in [
            (Trouble::Damaged(Damage::cut_off(3, "x")), Kind::ShardSnapshot, true),
            (Trouble::Access(Access::Missing), Kind::ShardSnapshot, true),
            (Trouble::Access(Access::Archived { class: "GLACIER".into() }), Kind::Archived, true),
            (Trouble::Access(Access::Denied { why: why() }), Kind::Unread, false),
            (Trouble::Access(Access::KeyDenied { why: why() }), Kind::Unread, false),
            (Trouble::Access(Access::Throttled { why: why() }), Kind::Unread, false),
            (Trouble::Access(Access::Other { why: why() }), Kind::Unread, false),
        ] {
            let found = finding(Kind::ShardSnapshot, Effect::Shard, "b", &trouble);
            assert_eq!((found.kind, found.effect.is_damage()), (kind, is_damage), "{trouble:?}");
        }
    }
}
