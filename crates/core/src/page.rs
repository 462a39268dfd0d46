//! A page of HTML that opens without a network: text, tables, and pictures as SVG within it. In: rows and numbers. Out:
//! the text of the page; it has no script and loads nothing.

use std::fmt::Write as _;

/// Colours that stay apart for colour-blind eyes (Okabe and Ito 2008), in the order of the series.
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#000000"];

/// Size of a picture.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
/// Room for the labels of the axes.
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
/// Labels below this share of the groups are shown, so that they do not overlap.
const MOST_LABELS: usize = 12;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
table{border-collapse:collapse;display:block;overflow-x:auto}\
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}svg text{font-size:12px;fill:#444}";

/// A page that is being written.
#[derive(Debug)]
pub struct Page {
    html: String,
}

/// Bars in groups: one group a name, one bar in it a series.
#[derive(Debug, Clone, Copy)]
pub struct Bars<'a> {
    /// Names of the groups, from left to right.
    pub groups: &'a [String],
    /// Name and values of each series, one value a group, none negative.
    pub series: &'a [(String, Vec<f64>)],
    /// How a value is written at the axis.
    pub shown: fn(f64) -> String,
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
        if bars.series.len() > 1 {
            let entry = |(number, (name, _)): (usize, &(String, Vec<f64>))| {
                format!("<span style=\"color:{}\">&#9632;</span> {}", colour(number), escaped(name))
            };
            let entries: Vec<String> = bars.series.iter().enumerate().map(entry).collect();
            let _ = write!(self.html, "<p>{}</p>", entries.join(" &nbsp; "));
        }
    }

    /// The whole page.
    pub fn finish(self) -> String {
        self.html + "</body></html>\n"
    }
}

fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

impl Bars<'_> {
    fn svg(&self) -> String {
        let values = self.series.iter().flat_map(|(_, values)| values).copied();
        let top = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let y = |value: f64| HEIGHT - BELOW - value / top * (HEIGHT - BELOW - 12.0);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\">");
        for quarter in 0..=4 {
            let value = top * f64::from(quarter) / 4.0;
            let (at, right, label) = (y(value), WIDTH - 8.0, escaped(&(self.shown)(value)));
            let _ = write!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
            let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, at + 4.0);
        }
        let width = (WIDTH - LEFT - 8.0) / self.groups.len() as f64;
        let bar = width * 0.8 / self.series.len().max(1) as f64;
        let labelled = self.groups.len().div_ceil(MOST_LABELS);
        for (number, group) in self.groups.iter().enumerate() {
            let left = LEFT + width * (number as f64 + 0.1);
            if number.is_multiple_of(labelled) {
                let (middle, low) = (left + width * 0.4, HEIGHT - 8.0);
                let label = escaped(group);
                let _ = write!(svg, "<text x=\"{middle:.1}\" y=\"{low}\" text-anchor=\"middle\">{label}</text>");
            }
            for (series, (_, values)) in self.series.iter().enumerate() {
                let high = y(values.get(number).copied().unwrap_or(0.0));
                let (x, tall, fill) = (left + bar * series as f64, y(0.0) - high, colour(series));
                let place = format!("x=\"{x:.1}\" y=\"{high:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\"");
                let _ = write!(svg, "<rect {place} fill=\"{fill}\"/>");
            }
        }
        svg + "</svg>"
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
        let html = page.finish();
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</body></html>\n"));
        for part in ["<h1>a &lt; b</h1>", "<h2>Days &amp; events</h2>", "<th>day</th>", "<td>&quot;x&quot;</td>"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert_eq!((html.matches("<svg").count(), html.matches("<rect").count()), (1, 4));
        assert!(!html.contains("http") && !html.contains("<script"));
        let tallest = format!("height=\"{:.1}\"", HEIGHT - BELOW - 12.0);
        assert_eq!(html.matches(&tallest).count(), 1, "the largest value fills the picture");
    }
}
