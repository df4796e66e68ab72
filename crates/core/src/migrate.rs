//! How another cluster gets to read a repository, so that its snapshots can be restored there: registered read-only, or
//! as it stands there already. Two clusters that write to one repository destroy it, so that one which both may write
//! to is refused.

use crate::naming::RepositoryName;
use crate::repository::{RepositorySettings, S3Settings, check_role_arn, refuse_reserved};
use crate::restore::{Problem, RestorePlan};
use crate::{Code, Failure};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The setting by which a cluster only reads a repository.
const READONLY: &str = "readonly";

/// What is asked for, beyond the restore itself.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The repository's name on the source.
    pub repository: RepositoryName,
    /// The name that it gets on the target.
    pub name: RepositoryName,
    /// The snapshot role of the target, where that is not the source's.
    pub role_arn: Option<String>,
    /// Settings that the target needs in the place of the source's.
    pub settings: Map<String, Value>,
    /// Whether it is forgotten there once all serves.
    pub unregister: bool,
}

/// What was seen of repositories.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The repository as the source has it.
    pub source: Place,
    /// Whether the target is a managed domain, which reaches buckets through a role.
    pub target_is_managed: bool,
    /// All that are registered on the target, by name.
    pub target: BTreeMap<String, Place>,
}

/// A repository as it is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// `s3`, `fs`, …
    pub kind: String,
    /// Its settings.
    pub settings: Map<String, Value>,
    /// Whether it is the place that is asked for: its address says so, and what it holds.
    pub is_same: bool,
}

impl Place {
    /// Whether that cluster only reads it.
    pub fn is_readonly(&self) -> bool {
        self.kind == "url" || self.settings.get(READONLY).is_some_and(|flag| *flag == true || flag == "true")
    }
}

/// How the target gets to read the repository.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attachment {
    /// Its name there.
    pub name: String,
    /// What is done.
    pub action: Attach,
    /// Why, in words.
    pub reason: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its settings there.
    pub settings: Map<String, Value>,
    /// Whether it is forgotten again once all serves.
    pub unregister: bool,
}

/// What is done so that the target reads the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attach {
    /// It is registered read-only.
    Register,
    /// It is there read-only.
    Present,
    /// Nothing: something is in the way.
    Blocked,
}

/// What would be done. Version 1 of its shape; keys are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MigrationPlan {
    /// 1.
    pub schema: u32,
    /// The repository's name on the source.
    pub repository: String,
    /// How the target gets to read it.
    pub attachment: Attachment,
    /// Why it may not. Empty if it may.
    pub problems: Vec<Problem>,
    /// What is restored then.
    pub restore: RestorePlan,
}

impl MigrationPlan {
    /// The first reason why it may not be carried out.
    pub fn complaint(&self) -> Option<Failure> {
        let own = self.problems.first().map(|problem| Failure::new(problem.code, &problem.cause, &problem.hint));
        own.or_else(|| self.restore.complaint())
    }

    /// Whether there is nothing left to do: all serves, and nothing is to be forgotten.
    pub fn is_done(&self) -> bool {
        let forgets = self.attachment.unregister && self.attachment.action == Attach::Present;
        self.restore.is_done() && !forgets
    }
}

/// Decides how the target gets to read the repository, and what speaks against it.
pub fn attach(seen: &Seen, wish: &Wish) -> (Attachment, Vec<Problem>) {
    let wanted = settings(seen, wish);
    let sent = plain(&wanted);
    let attachment = |name: &str, action, reason: &str, place: Option<&Place>| Attachment {
        name: name.to_owned(),
        action,
        reason: reason.to_owned(),
        kind: place.map_or_else(|| seen.source.kind.clone(), |place| place.kind.clone()),
        settings: place.map_or_else(|| sent.clone(), |place| place.settings.clone()),
        unregister: wish.unregister,
    };
    let problem = of_source(wish).or_else(|| of_writers(seen)).or_else(|| of_name(seen, wish));
    if let Some(problem) = problem {
        let blocked = attachment(wish.name.as_str(), Attach::Blocked, &problem.cause, None);
        return (blocked, vec![problem]);
    }
    if let Some((name, place)) = present(seen, wish) {
        let reason = "it is registered there, read-only";
        let present = attachment(name, Attach::Present, reason, Some(place));
        // What somebody else registered under another name is not ours to forget.
        let unregister = wish.unregister && name == wish.name.as_str();
        return (Attachment { unregister, ..present }, Vec::new());
    }
    match wanted.and_then(|wanted| checked(seen, wanted)) {
        Ok(_) => (attachment(wish.name.as_str(), Attach::Register, "it is not registered there", None), Vec::new()),
        Err(failure) => {
            let problem = Problem { code: failure.code, cause: failure.cause, hint: failure.hint };
            (attachment(wish.name.as_str(), Attach::Blocked, &problem.cause, None), vec![problem])
        }
    }
}

/// Automated snapshots are in a bucket of the service's own, which no other domain reaches.
fn of_source(wish: &Wish) -> Option<Problem> {
    refuse_reserved(&wish.repository).err().map(|_| Problem {
        code: Code::Unsupported,
        cause: format!(
            "repository {} is the managed service's own: its snapshots serve their own domain, and no other can register it",
            wish.repository
        ),
        hint: "take a snapshot into a repository of your own on the source (`create`) and migrate that; on its own domain `restore` restores an automated one".to_owned(),
    })
}

/// The source writes to it: the target must not.
fn of_writers(seen: &Seen) -> Option<Problem> {
    let (name, _) = seen.target.iter().find(|(_, place)| place.is_same && !place.is_readonly())?;
    Some(Problem {
        code: Code::RepositoryConflict,
        cause: format!(
            "the target may write to this repository, which is registered there as {name}: two clusters that write to one repository destroy it"
        ),
        hint: format!(
            "register it there read-only first: `repo register {name} --readonly --replace`; then run this again"
        ),
    })
}

fn of_name(seen: &Seen, wish: &Wish) -> Option<Problem> {
    if let Err(failure) = refuse_reserved(&wish.name) {
        return Some(Problem {
            code: failure.code,
            cause: failure.cause,
            hint: "choose another name with --as".into(),
        });
    }
    seen.target.get(wish.name.as_str()).filter(|place| !place.is_same).map(|_| Problem {
        code: Code::RepositoryConflict,
        cause: format!("another repository is registered as {} on the target", wish.name),
        hint: "choose another name for this one with --as".to_owned(),
    })
}

/// Where the target has it already; by the name that is asked for, if that is one of them.
fn present<'a>(seen: &'a Seen, wish: &Wish) -> Option<(&'a str, &'a Place)> {
    let mut same = seen.target.iter().filter(|(_, place)| place.is_same).map(|(name, place)| (name.as_str(), place));
    let asked = seen.target.get_key_value(wish.name.as_str()).filter(|(_, place)| place.is_same);
    asked.map(|(name, place)| (name.as_str(), place)).or_else(|| same.next())
}

/// The settings of the registration: the source's, what the target needs in their place, read-only.
pub fn settings(seen: &Seen, wish: &Wish) -> Result<RepositorySettings, Failure> {
    let mut settings = seen.source.settings.clone();
    settings.extend(wish.settings.clone());
    // What the service itself adds to a registration is for nobody to send.
    settings.remove("uuid");
    settings.insert(READONLY.to_owned(), "true".into());
    if let Some(role_arn) = &wish.role_arn {
        check_role_arn(role_arn)?;
        settings.insert("role_arn".to_owned(), role_arn.as_str().into());
    }
    if seen.source.kind != "s3" {
        return RepositorySettings::other(&seen.source.kind, settings);
    }
    let text = |key: &str| settings.get(key).and_then(Value::as_str).map(str::to_owned);
    let (Some(bucket), Some(region), Some(role_arn)) = (text("bucket"), text("region"), text("role_arn")) else {
        return RepositorySettings::other("s3", settings);
    };
    // Looks for secrets among them as well.
    RepositorySettings::other("s3", settings.clone())?;
    for own in ["bucket", "region", "role_arn"] {
        settings.remove(own);
    }
    Ok(RepositorySettings::S3(S3Settings { bucket, region, role_arn, further: settings }))
}

/// A managed domain reaches a bucket through a role alone.
fn checked(seen: &Seen, wanted: RepositorySettings) -> Result<RepositorySettings, Failure> {
    let has_role = plain(&Ok(wanted.clone())).contains_key("role_arn");
    if !seen.target_is_managed || has_role {
        return Ok(wanted);
    }
    let cause =
        "the target is a managed domain, which reads a bucket through a role, and the source's registration names none";
    Err(Failure::new(Code::BadEvent, cause, "give the target's snapshot role with --role-arn"))
}

/// The settings as they are sent; none where they cannot be.
fn plain(wanted: &Result<RepositorySettings, Failure>) -> Map<String, Value> {
    let body = wanted.as_ref().map(RepositorySettings::body).unwrap_or_default();
    body.get("settings").and_then(Value::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn place(kind: &str, settings: &Value, is_same: bool) -> Place {
        Place { kind: kind.into(), settings: map(settings), is_same }
    }

    fn wish() -> Wish {
        let name = |text| RepositoryName::parse(text).unwrap();
        Wish { repository: name("r"), name: name("r"), role_arn: None, settings: Map::new(), unregister: false }
    }

    fn seen(target: &[(&str, Place)]) -> Seen {
        Seen {
            source: place("s3", &json!({"bucket": "b", "region": "eu-west-1", "role_arn": ROLE}), true),
            target_is_managed: true,
            target: target.iter().map(|(name, place)| ((*name).to_owned(), place.clone())).collect(),
        }
    }

    const ROLE: &str = "arn:aws:iam::123456789012:role/snapshots";
    const OTHER: &str = "arn:aws:iam::210987654321:role/snapshots";

    #[test]
    fn what_is_there_decides() {
        let same = |readonly: &str| place("s3", &json!({"bucket": "b", "readonly": readonly}), true);
        let other = || place("s3", &json!({"bucket": "c"}), false);
        for (target, expected) in [
            (vec![], (Attach::Register, "r", None)),
            (vec![("x", other())], (Attach::Register, "r", None)),
            (vec![("r", same("true"))], (Attach::Present, "r", None)),
            (vec![("x", same("true"))], (Attach::Present, "x", None)),
            (vec![("x", same("true")), ("r", same("true"))], (Attach::Present, "r", None)),
            (vec![("r", same("false"))], (Attach::Blocked, "r", Some(Code::RepositoryConflict))),
            (vec![("r", same("true")), ("x", same("false"))], (Attach::Blocked, "r", Some(Code::RepositoryConflict))),
            (vec![("r", other())], (Attach::Blocked, "r", Some(Code::RepositoryConflict))),
        ] {
            let (found, problems) = attach(&seen(&target), &wish());
            let code = problems.first().map(|problem| problem.code);
            assert_eq!((found.action, found.name.as_str(), code), expected, "{target:?}: {found:?}");
        }
    }

    #[test]
    fn it_is_registered_to_be_read_whatever_is_asked_for() {
        let asked = Wish { role_arn: Some(OTHER.into()), settings: map(&json!({"readonly": "false"})), ..wish() };
        let (found, problems) = attach(&seen(&[]), &asked);
        assert!(problems.is_empty(), "{problems:?}");
        let expected = json!({"bucket": "b", "region": "eu-west-1", "role_arn": OTHER, "readonly": "true"});
        assert_eq!(found.settings, map(&expected));
    }

    #[test]
    fn what_cannot_be_registered_is_told() {
        let name = |text| RepositoryName::parse(text).unwrap();
        let automated = Wish { repository: name("cs-automated-enc"), ..wish() };
        assert_eq!(attach(&seen(&[]), &automated).1[0].code, Code::Unsupported);
        let reserved = Wish { name: name("cs-mine"), ..wish() };
        assert_eq!(attach(&seen(&[]), &reserved).1[0].code, Code::BadEvent);
        let roleless = Seen { source: place("s3", &json!({"bucket": "b"}), true), ..seen(&[]) };
        assert!(attach(&roleless, &wish()).1[0].hint.contains("--role-arn"));
        let secret = json!({"bucket": "b", "secret_key": "x", "role_arn": ROLE, "region": "eu-west-1"});
        let secret = Seen { source: place("s3", &secret, true), ..seen(&[]) };
        let (found, problems) = attach(&secret, &wish());
        assert_eq!((found.action, problems.len(), found.settings.len()), (Attach::Blocked, 1, 0), "no secret is shown");
    }

    #[test]
    fn only_what_was_asked_for_by_name_is_forgotten() {
        let there = || place("s3", &json!({"bucket": "b", "readonly": "true"}), true);
        let forgets = Wish { unregister: true, ..wish() };
        for (name, expected) in [("r", true), ("x", false)] {
            assert_eq!(attach(&seen(&[(name, there())]), &forgets).0.unregister, expected, "{name}");
        }
        assert!(attach(&seen(&[]), &forgets).0.unregister);
    }
}
