//! The ledger as plain text. In: [`Ledger`]. Out: lines.

use super::Ledger;
use std::collections::BTreeMap;
use twinspire_core::text::{aligned, grouped};

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
        if !self.negatives.is_empty() {
            lines.extend([String::new(), "negatives by sampler".to_owned()]);
            lines.extend(aligned(&self.negative_table()));
            lines.extend(self.missing());
        }
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
        let mut table = vec![head(&["of", "rows", "share"])];
        table.extend(self.shares.iter().map(|one| vec![one.of.clone(), grouped(one.rows), percent(one.share)]));
        table
    }

    pub(super) fn negative_table(&self) -> Vec<Vec<String>> {
        let segments = self.negatives.first().into_iter().flat_map(|one| &one.segments);
        let names: Vec<&str> = segments.map(|(name, _)| name.as_str()).collect();
        let titles = [&["of", "rows", "void", "hottest 1 %"], &names[..], &["least probability", "greatest"]].concat();
        let mut table = vec![head(&titles)];
        table.extend(self.negatives.iter().filter(|one| one.missing.is_none()).map(|one| {
            let mut row = vec![one.of.clone(), grouped(one.rows), grouped(one.void), percent(one.hottest_share)];
            row.extend(one.segments.iter().map(|(_, share)| percent(*share)));
            let probabilities = one.probabilities.iter().flat_map(|(least, greatest)| [least, greatest]);
            row.extend(probabilities.map(|probability| format!("{probability:.3e}")));
            row
        }));
        table
    }

    /// Samplers that cannot be drawn from, and why.
    pub(super) fn missing(&self) -> Vec<String> {
        let missing = self.negatives.iter().filter_map(|one| Some((&one.of, one.missing.as_ref()?)));
        missing.map(|(sampler, reason)| format!("{sampler}: {reason}")).collect()
    }
}
