//! What goes wrong.

/// A kind of what goes wrong.
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
}

impl Fault {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Losses,
        Self::Repeats,
        Self::Failures,
        Self::Kills,
        Self::Stalls,
        Self::Operators,
        Self::Restarts,
        Self::Clocks,
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
        Self { kinds: Fault::ALL.to_vec(), schedulers: 2, days: 16 }
    }
}

impl Faults {
    /// Whether that kind is among them.
    pub fn has(&self, fault: Fault) -> bool {
        self.kinds.contains(&fault)
    }

    /// The same with one thing less going wrong, in each way there is.
    pub fn milder(&self) -> Vec<Self> {
        let without =
            |fault: &Fault| Self { kinds: self.kinds.iter().copied().filter(|f| f != fault).collect(), ..self.clone() };
        let mut milder: Vec<Self> = self.kinds.iter().map(without).collect();
        milder.push(Self { schedulers: 1, ..self.clone() });
        milder.push(Self { days: (self.days / 2).max(2), ..self.clone() });
        milder.retain(|milder| milder != self);
        milder
    }
}

/// A bug planted between production's code and the world, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Retention and its guard take the floor for one less than it is.
    FloorOffByOne,
    /// Acts without the look's permit.
    GuardLeftOut,
    /// Takes its own clock for the server's: what it knows of the skew is left out.
    LocalTime,
    /// Sends a lost write again without looking.
    RetryWithoutLook,
    /// Owns whatever begins with the policy's name.
    PrefixOwns,
}

impl Bug {
    /// Each of them.
    pub const ALL: [Self; 5] =
        [Self::FloorOffByOne, Self::GuardLeftOut, Self::LocalTime, Self::RetryWithoutLook, Self::PrefixOwns];
}
