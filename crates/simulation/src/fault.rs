//! What goes wrong, and what makes it harder.

/// A kind of what goes wrong, or of what the planner has to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Requests that never arrive, and answers that never come back.
    Losses,
    /// Requests that arrive late, or twice.
    Repeats,
    /// Snapshots that end FAILED or PARTIAL.
    Failures,
    /// Runs that are killed between two acts.
    Kills,
    /// Runs that are stopped for hours and then go on.
    Stalls,
    /// Operators who delete good snapshots by hand, while a run is stopped.
    Operators,
    /// Managers that restart: looks fail, running snapshots are lost.
    Restarts,
    /// Clocks of schedulers that are wrong by minutes or years.
    Clocks,
    /// Clocks of schedulers that jump while they work.
    Jumps,
    /// Looks that do not tell the server's clock.
    HiddenClocks,
    /// Versions that keep no metadata.
    NoMetadata,
    /// Versions that do one thing at a time, and others' snapshots in between.
    OneAtATime,
    /// Policies whose first deletion needs a yes.
    Confirmation,
    /// Policies that adopt others' snapshots.
    Adoption,
    /// Deletions of several snapshots in one request.
    Batches,
}

impl Fault {
    /// Each of them, by the name that a command line takes.
    pub const ALL: [(&'static str, Self); 15] = [
        ("losses", Self::Losses),
        ("repeats", Self::Repeats),
        ("failures", Self::Failures),
        ("kills", Self::Kills),
        ("stalls", Self::Stalls),
        ("operators", Self::Operators),
        ("restarts", Self::Restarts),
        ("clocks", Self::Clocks),
        ("jumps", Self::Jumps),
        ("hidden-clocks", Self::HiddenClocks),
        ("no-metadata", Self::NoMetadata),
        ("one-at-a-time", Self::OneAtATime),
        ("confirmation", Self::Confirmation),
        ("adoption", Self::Adoption),
        ("batches", Self::Batches),
    ];
}

/// What the world does to those who live in it. Each kind can be left out, to find which ones a failure needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// What goes wrong.
    pub kinds: Vec<Fault>,
    /// How many schedulers look after the same policies at once.
    pub schedulers: u64,
    /// How many days pass.
    pub days: i64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { kinds: Fault::ALL.map(|(_, fault)| fault).to_vec(), schedulers: 2, days: 16 }
    }
}

impl Faults {
    /// Whether that kind is among them.
    pub fn has(&self, fault: Fault) -> bool {
        self.kinds.contains(&fault)
    }

    /// The same without the kind of that name; `None` if there is none.
    pub fn without(&self, name: &str) -> Option<Self> {
        let (_, left_out) = Fault::ALL.into_iter().find(|(known, _)| *known == name)?;
        let kinds = self.kinds.iter().copied().filter(|fault| *fault != left_out).collect();
        Some(Self { kinds, ..self.clone() })
    }

    /// The flags of a command line that say what differs from the default.
    pub fn flags(&self) -> String {
        let usual = Self::default();
        let missing: Vec<&str> =
            Fault::ALL.into_iter().filter(|(_, fault)| !self.has(*fault)).map(|(name, _)| name).collect();
        let without = (!missing.is_empty()).then(|| format!(" --without {}", missing.join(",")));
        let schedulers = (self.schedulers != usual.schedulers).then(|| format!(" --schedulers {}", self.schedulers));
        let days = (self.days != usual.days).then(|| format!(" --days {}", self.days));
        [without, schedulers, days].into_iter().flatten().collect()
    }

    /// The same with one thing less going wrong, in each way there is.
    pub fn milder(&self) -> Vec<Self> {
        let mut milder =
            vec![Self { days: (self.days / 2).max(2), ..self.clone() }, Self { schedulers: 1, ..self.clone() }];
        milder.extend(Fault::ALL.into_iter().filter_map(|(name, _)| self.without(name)));
        milder.retain(|milder| milder != self);
        milder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_what_differs() {
        assert_eq!(Faults::default().flags(), "");
        let less = Faults::default().without("kills").and_then(|less| less.without("no-metadata")).unwrap();
        assert_eq!(less.flags(), " --without kills,no-metadata");
        assert_eq!(
            Faults { schedulers: 1, days: 4, ..less }.flags(),
            " --without kills,no-metadata --schedulers 1 --days 4"
        );
        assert_eq!(Faults::default().without("bugs"), None);
    }
}
