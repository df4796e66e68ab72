//! What may be typed after `restore`.
#![allow(clippy::doc_markdown, reason = "what stands here is shown as help, not as Markdown")]

use crate::args::{Pair, Span};
use crate::confirm::Yes;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use snapkeep_core::naming::SnapshotName;
use snapkeep_core::pattern::Pattern;
use snapkeep_core::restore::{Among, Choice, OnConflict, Rename, Request};
use snapkeep_core::select::{Filter, Glob};
use snapkeep_core::{Code, Failure};
use snapkeep_engine::Following;
use std::str::FromStr;
use std::time::Duration;

/// How long a restore is followed: until it ends.
const UNTIL_THE_END: Duration = Duration::from_hours(24 * 365);

const WHAT: &str = "What";
const NAMES: &str = "Names and settings";
const CARE: &str = "Unlocked by name only";

/// Restore from a snapshot: shows the plan, then asks
///
/// The plan says what comes back under which name, what is in the way, whether there is room, and what is left out.
/// Nothing is ever deleted. Interrupted, or with shards missing: the same command again restores only what misses.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "\
Examples:
  snapkeep restore -r nightly latest --dry-run
  snapkeep restore -r nightly latest --policy nightly --indices 'logs-*' --rename-prefix restored- --yes
  snapkeep restore -r nightly --at 2026-11-22T05:00Z --indices orders --on-conflict close
  snapkeep restore -r nightly nightly-20261123t050000z --set index.number_of_replicas=0")]
pub(crate) struct Restore {
    /// The snapshot's name, or `latest`: the newest SUCCESS
    #[arg(value_name = "SNAPSHOT", required_unless_present = "at")]
    snapshot: Option<String>,
    /// The newest SUCCESS that began at that time or before; without a zone in UTC
    #[arg(long, value_name = "TIME", conflicts_with = "snapshot", help_heading = WHAT)]
    at: Option<Moment>,
    /// `latest` and --at: only this policy's snapshots
    #[arg(long, value_name = "NAME", help_heading = WHAT)]
    policy: Option<String>,
    /// `latest` and --at: only snapshots with this metadata; `a.b` reaches into objects
    #[arg(long, value_name = "KEY=VALUE", help_heading = WHAT)]
    metadata: Vec<Pair>,
    /// `latest` and --at: only names that match, such as 'nightly-*'
    #[arg(long = "match", value_name = "GLOB", help_heading = WHAT)]
    globs: Vec<String>,
    /// Only these indices and data streams: names or patterns, `-` before those that stay out [default: all but systems']
    #[arg(long, value_name = "INDEX", value_delimiter = ',', allow_hyphen_values = true, help_heading = WHAT)]
    indices: Vec<String>,
    /// Only these data streams: names or patterns
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = WHAT)]
    data_streams: Vec<String>,
    /// This before each name
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["rename_pattern", "rename_replacement"], help_heading = NAMES)]
    rename_prefix: Option<String>,
    /// Regular expression; what it finds in a name is replaced
    #[arg(long, value_name = "REGEX", requires = "rename_replacement", help_heading = NAMES)]
    rename_pattern: Option<String>,
    /// What takes its place; $1 is the first group
    #[arg(long, value_name = "TEXT", requires = "rename_pattern", help_heading = NAMES)]
    rename_replacement: Option<String>,
    /// Where something is in the way: fail, skip it, rename to restored-…, or close the index and replace its content
    #[arg(long, value_name = "CHOICE", default_value = "fail", help_heading = NAMES)]
    on_conflict: Word,
    /// Give the restored indices this setting, such as index.number_of_replicas=0
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = NAMES)]
    settings: Vec<Pair>,
    /// Let the restored indices lose this setting
    #[arg(long = "drop-setting", value_name = "KEY", value_delimiter = ',', help_heading = NAMES)]
    drop_settings: Vec<String>,
    /// Bring the indices' aliases back as well
    #[arg(long, help_heading = NAMES)]
    aliases: bool,
    /// Bring these indices back although their names begin with a dot
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = CARE)]
    include_system: Vec<String>,
    /// Bring the cluster's global state back: persistent settings and templates
    #[arg(long, help_heading = CARE)]
    global_state: bool,
    /// Let the snapshot's templates take the place of those that are there
    #[arg(long, requires = "global_state", help_heading = CARE)]
    replace_templates: bool,
    /// Bring indices back of which the snapshot lacks shards; those come back empty
    #[arg(long, help_heading = CARE)]
    partial: bool,
    /// Go on although the disks have no room
    #[arg(long, help_heading = CARE)]
    ignore_disk: bool,
    /// Show the plan and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
    /// Do not follow it
    #[arg(long, conflicts_with = "stop_on_stall")]
    no_wait: bool,
    /// Say so when nothing has moved for this long
    #[arg(long, value_name = "SPAN", default_value = "10min")]
    stall_after: Span,
    /// Then follow it no longer: status 15; the restore goes on in the cluster
    #[arg(long)]
    stop_on_stall: bool,
}

/// [`OnConflict`] as a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    Fail,
    Skip,
    Rename,
    Close,
}

/// A time: RFC 3339, or a date with or without a time of day, which is UTC then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let zoned = || text.parse::<Timestamp>().ok();
        let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let found = zoned().or_else(civil).map(Self);
        found.ok_or_else(|| "write it like 2026-11-22T05:00:00Z, or 2026-11-22 for its first moment in UTC".to_owned())
    }
}

impl Restore {
    /// Whether the end is waited for.
    pub(crate) fn waits(&self) -> bool {
        !self.no_wait
    }

    pub(crate) fn following(&self) -> Following {
        Following {
            wait: if self.waits() { UNTIL_THE_END } else { Duration::ZERO },
            stall_after: Some(self.stall_after.0),
            stop_on_stall: self.stop_on_stall,
        }
    }

    /// Which snapshot.
    pub(crate) fn choice(&self) -> Result<(Choice, Among), Failure> {
        let choice = match (&self.snapshot, self.at) {
            (_, Some(Moment(time))) => Choice::At(time),
            (Some(name), None) if name != "latest" => Choice::Named(SnapshotName::parse(name)?),
            _ => Choice::Latest,
        };
        let limits = self.policy.is_some() || !self.metadata.is_empty() || !self.globs.is_empty();
        if limits && matches!(choice, Choice::Named(_)) {
            let cause = "--policy, --metadata and --match say which snapshot `latest` and --at mean, and one is named";
            return Err(Failure::new(Code::BadEvent, cause, "leave them out, or give `latest` in place of the name"));
        }
        let filter = Filter {
            globs: self.globs.iter().map(|glob| Glob::parse(glob)).collect::<Result<_, _>>()?,
            metadata: self.metadata.iter().map(|pair| (pair.key.clone(), Some(pair.value.clone()))).collect(),
            ..Filter::default()
        };
        Ok((choice, Among { policy: self.policy.clone(), filter }))
    }

    /// What of it, and how.
    pub(crate) fn request(&self) -> Result<Request, Failure> {
        let excluded = self.indices.iter().filter_map(|text| text.strip_prefix('-'));
        Ok(Request {
            indices: patterns(self.indices.iter().map(String::as_str).filter(|text| !text.starts_with('-')))?,
            exclude: patterns(excluded)?,
            data_streams: patterns(self.data_streams.iter().map(String::as_str))?,
            include_system: patterns(self.include_system.iter().map(String::as_str))?,
            rename: self.rename()?,
            on_conflict: self.on_conflict.choice(),
            settings: self.settings.iter().map(|pair| (pair.key.clone(), Value::from(pair.value.clone()))).collect(),
            drop_settings: self.drop_settings.clone(),
            aliases: self.aliases,
            partial: self.partial,
            global_state: self.global_state,
            replace_templates: self.replace_templates,
            ignore_disk: self.ignore_disk,
            leave_incomplete: false,
            state_once: false,
        })
    }

    fn rename(&self) -> Result<Option<Rename>, Failure> {
        match (&self.rename_prefix, &self.rename_pattern, &self.rename_replacement) {
            (Some(prefix), ..) => Rename::prefix(prefix).map(Some),
            (None, Some(pattern), Some(replacement)) => Rename::pattern(pattern, replacement).map(Some),
            _ => Ok(None),
        }
    }
}

fn patterns<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Pattern>, Failure> {
    texts.map(|text| Pattern::parse(text).map_err(|failure| failure.with_code(Code::BadEvent))).collect()
}

impl Word {
    fn choice(self) -> OnConflict {
        match self {
            Self::Fail => OnConflict::Fail,
            Self::Skip => OnConflict::Skip,
            Self::Rename => OnConflict::Rename,
            Self::Close => OnConflict::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        restore: Restore,
    }

    fn read(line: &str) -> Result<Restore, clap::Error> {
        Line::try_parse_from(std::iter::once("restore").chain(line.split_whitespace())).map(|line| line.restore)
    }

    #[test]
    fn which_snapshot_is_said_in_one_way() {
        for (line, expected) in [
            ("latest", Choice::Latest),
            ("a", Choice::Named(SnapshotName::parse("a").unwrap())),
            ("--at 2026-11-22", Choice::At("2026-11-22T00:00:00Z".parse().unwrap())),
            ("--at 2026-11-22T05:00+01:00", Choice::At("2026-11-22T04:00:00Z".parse().unwrap())),
            ("--at 2026-11-22T05:00", Choice::At("2026-11-22T05:00:00Z".parse().unwrap())),
        ] {
            assert_eq!(read(line).unwrap().choice().unwrap().0, expected, "{line}");
        }
        for wrong in ["", "a --at 2026-11-22", "--at yesterday", "a --replace-templates", "a --rename-pattern b"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("a --policy nightly").unwrap().choice().unwrap_err().code, Code::BadEvent);
    }

    #[test]
    fn what_is_asked_for() {
        let line = "latest --indices logs-*,-logs-debug --set index.number_of_replicas=0 --rename-prefix r- --on-conflict skip";
        let request = read(line).unwrap().request().unwrap();
        let texts = |patterns: &[Pattern]| patterns.iter().map(Pattern::to_string).collect::<Vec<_>>();
        assert_eq!(
            (texts(&request.indices), texts(&request.exclude)),
            (vec!["logs-*".into()], vec!["logs-debug".into()])
        );
        assert_eq!(request.settings["index.number_of_replicas"], "0");
        assert_eq!((request.rename, request.on_conflict), (Some(Rename::prefix("r-").unwrap()), OnConflict::Skip));
        assert_eq!(read("a --rename-prefix R").unwrap().request().unwrap_err().code, Code::BadEvent);
    }
}
