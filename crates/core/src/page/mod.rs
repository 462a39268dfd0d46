//! A page of HTML that opens without a network: text, tables, and pictures as SVG within it. In: rows and numbers. Out:
//! the text of the page; it has no script and loads nothing.

mod chart;

pub use chart::{Bars, Curves};

use chart::colour;
use std::fmt::Write as _;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
table{border-collapse:collapse;display:block;overflow-x:auto}\
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}svg text{font-size:12px;fill:#444}";

/// A page that is being written.
#[derive(Debug)]
pub struct Page {
    html: String,
}

/// Text that stands for itself in HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Page {
    /// An empty page under a title.
    pub fn new(title: &str) -> Self {
        let title = escaped(title);
        let head = format!("<meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style>");
        Self { html: format!("<!doctype html><html lang=\"en\"><head>{head}</head><body><h1>{title}</h1>") }
    }

    /// Appends a heading.
    pub fn heading(&mut self, text: &str) {
        let _ = write!(self.html, "<h2>{}</h2>", escaped(text));
    }

    /// Appends a paragraph.
    pub fn paragraph(&mut self, text: &str) {
        let _ = write!(self.html, "<p>{}</p>", escaped(text));
    }

    /// Appends a table; its first row is the head.
    pub fn table(&mut self, rows: &[Vec<String>]) {
        self.html += "<table>";
        for (number, row) in rows.iter().enumerate() {
            let tag = if number == 0 { "th" } else { "td" };
            self.html += "<tr>";
            row.iter().for_each(|cell| self.html += &format!("<{tag}>{}</{tag}>", escaped(cell)));
            self.html += "</tr>";
        }
        self.html += "</table>";
    }

    /// Appends a picture of bars, with a legend where there are several series. Nothing without groups.
    pub fn bars(&mut self, bars: &Bars<'_>) {
        if bars.groups.is_empty() {
            return;
        }
        self.html += &bars.svg();
        self.legend(bars.series.iter().map(|(name, _)| name.as_str()));
    }

    /// Appends a picture of lines, with a legend where there are several series. Nothing without points.
    pub fn curves(&mut self, curves: &Curves<'_>) {
        if curves.at.is_empty() {
            return;
        }
        self.html += &curves.svg();
        self.legend(curves.series.iter().map(|(name, _)| name.as_str()));
    }

    fn legend<'n>(&mut self, names: impl ExactSizeIterator<Item = &'n str>) {
        if names.len() < 2 {
            return;
        }
        let entry = |(number, name): (usize, &str)| {
            format!("<span style=\"color:{}\">&#9632;</span> {}", colour(number), escaped(name))
        };
        let entries: Vec<String> = names.enumerate().map(entry).collect();
        let _ = write!(self.html, "<p>{}</p>", entries.join(" &nbsp; "));
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.html + "</body></html>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_escapes_its_text_and_loads_nothing() {
        let mut page = Page::new("a < b");
        page.heading("Days & events");
        page.table(&[vec!["day".into(), "rows".into()], vec!["\"x\"".into(), "3".into()]]);
        let groups = ["one".to_owned(), "two".to_owned()];
        let series = [("click".to_owned(), vec![1.0, 4.0]), ("buy".to_owned(), vec![0.0, 2.0])];
        page.bars(&Bars { groups: &groups, series: &series, shown: |value| format!("{value:.0}") });
        page.bars(&Bars { groups: &[], series: &series, shown: |value| value.to_string() });
        page.curves(&Curves { at: &[1, 10, 100], series: &series, shown: |value| format!("{value:.0}") });
        page.curves(&Curves { at: &[], series: &[], shown: |value| value.to_string() });
        let html = page.finish();
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</body></html>\n"));
        for part in ["<h1>a &lt; b</h1>", "<h2>Days &amp; events</h2>", "<th>day</th>", "<td>&quot;x&quot;</td>"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert_eq!((html.matches("<svg").count(), html.matches("<rect").count()), (2, 4));
        assert_eq!(html.matches("<polyline").count(), 2);
        assert!(!html.contains("http") && !html.contains("<script"));
        assert_eq!(
            html.matches(&format!("height=\"{:.1}\"", chart::TALLEST)).count(),
            1,
            "the largest value fills the picture"
        );
    }
}
