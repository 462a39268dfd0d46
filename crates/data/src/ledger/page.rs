//! The ledger as a page. In: [`Ledger`]. Out: HTML that is readable without a network.

use super::text::percent;
use super::{ItemShares, Ledger};
use twinspire_core::page::{Bars, Page};
use twinspire_core::text::grouped;

fn rounded(value: f64) -> String {
    grouped(value.round() as u64)
}

impl Ledger {
    /// A page with the tables of the text and their pictures; `title` says of which run.
    pub fn page(&self, title: &str) -> String {
        let mut page = Page::new(title);
        page.heading("Positives by day and event");
        let (days, events) = (self.days(), self.events());
        let groups: Vec<String> = days.keys().map(|&day| day.to_owned()).collect();
        let of_event = |event: usize| days.values().map(|counts| counts[event] as f64).collect();
        let series: Vec<(String, Vec<f64>)> =
            events.iter().enumerate().map(|(number, &name)| (name.to_owned(), of_event(number))).collect();
        page.bars(&Bars { groups: &groups, series: &series, shown: rounded });
        page.table(&self.day_table());
        page.heading("Rules, in their order");
        let groups: Vec<String> = self.rules.iter().map(|one| one.rule.clone()).collect();
        let shares = self.rules.iter().map(|one| one.hottest_share).collect();
        page.paragraph("Share of the positives on the hottest 1 % of the items, after each rule:");
        page.bars(&Bars { groups: &groups, series: &[(String::new(), shares)], shown: percent });
        page.table(&self.rule_table());
        let title = self.share_title();
        page.heading(&(title[..1].to_uppercase() + &title[1..]));
        let groups: Vec<String> = self.shares.iter().map(|one| one.of.clone()).collect();
        let shares = self.shares.iter().map(|one| one.share).collect();
        page.bars(&Bars { groups: &groups, series: &[(String::new(), shares)], shown: percent });
        page.table(&self.share_table());
        self.negatives_part(&mut page);
        self.statistics_part(&mut page);
        page.finish()
    }

    fn negatives_part(&self, page: &mut Page) {
        let drawn: Vec<&ItemShares> = self.negatives.iter().filter(|one| one.missing.is_none()).collect();
        let Some(first) = drawn.first() else { return };
        page.heading("Negatives by sampler");
        page.paragraph(
            "Share of each segment of the items among the corpus, the positives and the negatives of a sampler:",
        );
        let groups: Vec<String> = drawn.iter().map(|one| one.of.clone()).collect();
        let of_segment = |segment: usize| drawn.iter().map(|one| one.segments[segment].1).collect();
        let series: Vec<(String, Vec<f64>)> =
            first.segments.iter().enumerate().map(|(number, (name, _))| (name.clone(), of_segment(number))).collect();
        page.bars(&Bars { groups: &groups, series: &series, shown: percent });
        page.table(&self.negative_table());
        self.missing().iter().for_each(|line| page.paragraph(line));
    }

    fn statistics_part(&self, page: &mut Page) {
        page.heading("What the samples stage counted");
        page.table(&self.statistics.totals());
        page.table(&self.statistics.part_table());
        if self.statistics.collisions.is_empty() {
            return;
        }
        page.heading("Values of hashed features that share a bucket");
        let collisions = &self.statistics.collisions;
        let groups: Vec<String> = collisions.iter().map(|one| one.feature.clone()).collect();
        let share = |one: &twinspire_core::encode::Collisions| one.colliding as f64 / one.distinct.max(1) as f64;
        page.bars(&Bars {
            groups: &groups,
            series: &[(String::new(), collisions.iter().map(share).collect())],
            shown: percent,
        });
        page.table(&self.statistics.collision_table());
    }
}
