//! Results of `notify`.

use crate::output::{Cell, Look, Table, Tone, View, json_of};
use serde::Serialize;
use snapkeep_notify::Delivery;

/// How messages fared.
pub(crate) struct Delivered<'a>(pub(crate) &'a [Delivery]);

impl View for Delivered<'_> {
    fn text(&self, look: &Look) -> String {
        let mut table = Table::new(&["CHANNEL", "OUTCOME", "WHY"]);
        for delivery in self.0 {
            let (outcome, why) = match &delivery.failure {
                None => (Cell::toned(Tone::Good, "delivered"), ""),
                Some(failure) => (Cell::toned(Tone::Bad, "failed"), failure.cause.as_str()),
            };
            table.row(vec![delivery.channel.as_str().into(), outcome, why.into()]);
        }
        table.render(look.style)
    }

    fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            schema: u32,
            deliveries: &'a [Delivery],
        }
        json_of(&Whole { schema: 1, deliveries: self.0 })
    }
}
