//! The report for auditors, as Markdown, as a page of HTML, as CSV, and for programs.

mod csv;
mod html;
mod markdown;
mod tables;

use crate::output::{Look, View, json_of};
use snapkeep_core::audit::Audit;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Markdown,
    Html,
    Csv,
}

/// The report.
pub(crate) struct AuditView<'a> {
    pub(crate) audit: &'a Audit,
    pub(crate) page: Page,
}

impl View for AuditView<'_> {
    fn text(&self, _: &Look) -> String {
        match self.page {
            Page::Markdown => markdown::page(self.audit),
            Page::Html => html::page(self.audit),
            Page::Csv => csv::page(self.audit),
        }
    }

    fn json(&self) -> String {
        json_of(self.audit)
    }
}
