//! The ledger as plain text. In: [`Ledger`]. Out: lines.

use super::Ledger;
use crate::statistics::{aligned, grouped};
use std::collections::BTreeMap;

pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl Ledger {
    /// Plain text for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["positives by day and event".to_owned()];
        lines.extend(aligned(&self.day_table()));
        lines.extend([String::new(), "rules, in their order".to_owned()]);
        lines.extend(aligned(&self.rule_table()));
        lines.extend([String::new(), self.share_title()]);
        lines.extend(aligned(&self.share_table()));
        lines.push(String::new());
        lines.extend(self.statistics.lines());
        lines
    }

    pub(super) fn share_title(&self) -> String {
        format!("share of the hottest 1 % of the items ({} of {})", self.hottest_items, grouped(self.statistics.items))
    }

    /// Names of the events, in the order in which they come.
    pub(super) fn events(&self) -> Vec<&str> {
        let mut events: Vec<&str> = Vec::new();
        for one in &self.positives {
            if !events.contains(&one.event.as_str()) {
                events.push(&one.event);
            }
        }
        events
    }

    /// Days, each with the positives of every event.
    pub(super) fn days(&self) -> BTreeMap<&str, Vec<u64>> {
        let events = self.events();
        let mut days = BTreeMap::new();
        for one in &self.positives {
            let counts = days.entry(one.day.as_deref().unwrap_or("no day")).or_insert_with(|| vec![0; events.len()]);
            let event = events.iter().position(|&name| name == one.event);
            event.into_iter().for_each(|event| counts[event] += one.positives);
        }
        days
    }

    pub(super) fn day_table(&self) -> Vec<Vec<String>> {
        let events = self.events();
        let mut table = vec![head(&["day"]).into_iter().chain(events.iter().map(|&name| name.to_owned())).collect()];
        for (day, counts) in self.days() {
            table.push(std::iter::once(day.to_owned()).chain(counts.into_iter().map(grouped)).collect());
        }
        table
    }

    pub(super) fn rule_table(&self) -> Vec<Vec<String>> {
        let mut table = vec![head(&["rule", "left out", "positives after it", "on the hottest 1 %"])];
        table.extend(self.rules.iter().map(|one| {
            vec![one.rule.clone(), grouped(one.left_out), grouped(one.positives), percent(one.hottest_share)]
        }));
        table
    }

    pub(super) fn share_table(&self) -> Vec<Vec<String>> {
        let mut table = vec![head(&["of", "rows", "share", "least probability", "greatest"])];
        table.extend(self.shares.iter().map(|one| {
            let mut row = vec![one.of.clone(), one.rows.map(grouped).unwrap_or_default(), percent(one.share)];
            row.extend(
                one.probabilities.iter().flat_map(|(least, most)| [format!("{least:.3e}"), format!("{most:.3e}")]),
            );
            row
        }));
        table
    }
}
