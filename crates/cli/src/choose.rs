//! Which repository is meant when none is named.

use crate::session::{Session, Target};
use snapkeep_core::naming::RepositoryName;
use snapkeep_core::{Code, Failure};
use snapkeep_transport::Deadline;

/// The named repository, else the only one of the cluster that is not the managed service's own.
pub(crate) async fn repository(
    target: &Target,
    session: &Session,
    deadline: Deadline,
) -> Result<RepositoryName, Failure> {
    if let Some(name) = &target.repository {
        return Ok(name.clone());
    }
    let registered = target.api.repositories(deadline).await.map_err(|unanswered| unanswered.failure())?;
    let name = only(registered.keys().map(String::as_str))?;
    session.printer.note(&format!("repository {name}: the only one of this cluster"));
    Ok(name)
}

/// The only one of these names that is not the managed service's own.
fn only<'a>(names: impl Iterator<Item = &'a str>) -> Result<RepositoryName, Failure> {
    let own: Vec<&str> = names.filter(|name| !name.starts_with("cs-")).collect();
    match own[..] {
        [name] => RepositoryName::parse(name),
        [] => Err(Failure::new(
            Code::RepositoryMissing,
            "this cluster has no repository of its own, and none is named",
            "register one with `snapkeep repo register NAME --bucket BUCKET --role-arn ARN`; `snapkeep repo list` shows all",
        )),
        _ => Err(Failure::new(
            Code::BadEvent,
            format!("no repository is named, and this cluster has {}: {}", own.len(), own.join(", ")),
            format!("choose one with -r, such as -r {}", own[0]),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_that_is_not_the_services_own_is_taken_unasked() {
        let chosen =
            |names: &[&str]| only(names.iter().copied()).map(|name| name.to_string()).map_err(|f| (f.code, f.hint));
        assert_eq!(chosen(&["cs-automated", "cs-automated-enc", "nightly"]), Ok("nightly".into()));
        assert_eq!(chosen(&["cs-automated"]).unwrap_err().0, Code::RepositoryMissing);
        assert_eq!(chosen(&["a", "b"]), Err((Code::BadEvent, "choose one with -r, such as -r a".into())));
    }
}
