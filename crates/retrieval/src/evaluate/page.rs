//! A report as a page: a curve of recall, bars of segments, all figures with their intervals. In: a [`Report`]. Out: HTML
//! that is readable without a network.

use super::text::shown_length;
use super::{Report, ReportRow, SegmentSize};
use twinspire_core::page::{Bars, Curves, Page};

fn thousandths(value: f64) -> String {
    format!("{value:.3}")
}

/// The page; `title` says of what the report is.
pub fn report_page(title: &str, report: &Report) -> String {
    let mut page = Page::new(title);
    let seen = if report.leave_out_seen { ", seen items left out" } else { "" };
    let (part, queries, items) = (&report.part, report.queries, report.items);
    page.paragraph(&format!("{part} part, {queries} queries, full corpus of {items} items{seen}."));
    page.heading("Recall by length");
    let names: Vec<String> = report.lengths.iter().map(|length| format!("recall@{length}")).collect();
    let series = series(report, |row| names.iter().map(|name| figure(row.metrics.get(name))).collect());
    page.curves(&Curves { at: &report.lengths, series: &series, shown: thousandths });
    segments(&mut page, report);
    if let Some(index) = &report.index {
        page.heading("What the index misses");
        page.paragraph(&format!(
            "Share of the exact list that a list of {} holds, {} queries.",
            index.k, index.queries
        ));
        page.table(&index.table());
    }
    for &length in &report.lengths {
        page.heading(&format!("Figures at {length}"));
        page.table(&table(report, length));
    }
    page.finish()
}

fn figure(value: Option<&f64>) -> f64 {
    value.copied().unwrap_or_default()
}

/// One series a row of the report.
fn series(report: &Report, values: impl Fn(&ReportRow) -> Vec<f64>) -> Vec<(String, Vec<f64>)> {
    report.rows.iter().map(|row| (row.name.clone(), values(row))).collect()
}

/// Recall at one length, a group of bars for each segment that has queries, and how large the segments are.
fn segments(page: &mut Page, report: &Report) {
    let name = format!("recall@{}", shown_length(&report.lengths));
    page.heading(&format!("{name} by segment"));
    let groups: Vec<String> =
        report.segments.iter().filter(|segment| segment.queries > 0).map(|segment| segment.name.clone()).collect();
    let recall = |row: &ReportRow, segment| figure(row.segments.get(segment).and_then(|figures| figures.get(&name)));
    let series = series(report, |row| groups.iter().map(|segment| recall(row, segment)).collect());
    page.bars(&Bars { groups: &groups, series: &series, shown: thousandths });
    let size = |segment: &SegmentSize| {
        let items = segment.items.map(|items| format!("{items} items, ")).unwrap_or_default();
        format!("{}: {items}{} true items of {} queries", segment.name, segment.true_items, segment.queries)
    };
    page.paragraph(&report.segments.iter().map(size).collect::<Vec<_>>().join("; "));
}

/// All figures at one length, with their intervals.
fn table(report: &Report, length: usize) -> Vec<Vec<String>> {
    let end = format!("@{length}");
    let names = report.rows.first().map(|row| row.metrics.keys().filter(|name| name.ends_with(&end)).collect());
    let names: Vec<&String> = names.unwrap_or_default();
    let head = names.iter().map(|name| name.trim_end_matches(&end).to_owned());
    let mut rows = vec![[String::from("channel")].into_iter().chain(head).collect()];
    for row in &report.rows {
        let cell = |&name: &&String| {
            let interval = row.intervals.get(name).map(|one| format!(" ({:.4} to {:.4})", one.low, one.high));
            format!("{:.4}{}", figure(row.metrics.get(name)), interval.unwrap_or_default())
        };
        rows.push([row.name.clone()].into_iter().chain(names.iter().map(cell)).collect());
    }
    rows
}
