//! Colour. Meaning is never in colour alone.

/// Whether colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    coloured: bool,
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Headings and labels.
    Dim,
    /// What matters.
    Strong,
    /// It is as it should be.
    Good,
    /// It runs.
    Moving,
    /// Look at it.
    Warning,
    /// It is not as it should be.
    Bad,
}

impl Style {
    /// With or without colour.
    pub(crate) const fn coloured(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Whether colour is used.
    pub(crate) const fn is_coloured(self) -> bool {
        self.coloured
    }

    /// The text in the tone's colour.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        match (self.coloured && !text.is_empty(), code(tone)) {
            (true, Some(code)) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            _ => text.to_owned(),
        }
    }
}

const fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Dim => Some("2"),
        Tone::Strong => Some("1"),
        Tone::Good => Some("32"),
        Tone::Moving => Some("36"),
        Tone::Warning => Some("33"),
        Tone::Bad => Some("31"),
    }
}
