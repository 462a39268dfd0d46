//! A report as one page of HTML that opens without a network: figures, a curve of recall, bars of segments. In: a
//! [`Report`]. Out: the text of the page; its pictures are SVG within it, and it has no script.

use super::Report;
use super::text::shown_length;
use std::fmt::Write as _;

/// Colours that stay apart for colour-blind eyes (Okabe and Ito 2008), in the order of the rows.
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#000000"];

/// Size of a picture.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room for the labels of the axes.
const MARGIN: f64 = 46.0;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}\
table{border-collapse:collapse;display:block;overflow-x:auto}\
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}\
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}svg text{font-size:12px;fill:#444}\
small{color:#666}";

/// The page; `title` says of what the report is.
pub fn report_page(title: &str, report: &Report) -> String {
    let title = escaped(title);
    let seen = if report.leave_out_seen { ", seen items left out" } else { "" };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><h1>{title}</h1><p>{} part, {} queries, full corpus of {} items{seen}.</p>",
        escaped(&report.part),
        report.queries,
        report.items,
    );
    let _ = write!(page, "<h2>Recall by length</h2>{}{}", curve(report), legend(report));
    let shown = shown_length(&report.lengths);
    let _ = write!(page, "<h2>recall@{shown} by segment</h2>{}{}", bars(report, shown), legend(report));
    page += &sizes(report);
    for &length in &report.lengths {
        let _ = write!(page, "<h2>Figures at {length}</h2>{}", table(report, length));
    }
    page + "</body></html>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn colour(row: usize) -> &'static str {
    COLOURS[row % COLOURS.len()]
}

fn legend(report: &Report) -> String {
    let name = |(row, one): (usize, &super::ReportRow)| {
        format!("<span style=\"color:{}\">&#9632;</span> {}", colour(row), escaped(&one.name))
    };
    format!("<p>{}</p>", report.rows.iter().enumerate().map(name).collect::<Vec<_>>().join(" &nbsp; "))
}

/// A frame with marks at the values 0 to `top`; `y` turns a value into a position.
fn picture(top: f64, y: impl Fn(f64) -> f64, content: &str) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\">");
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let (at, left, right) = (y(value), MARGIN, WIDTH - 8.0);
        let _ = write!(svg, "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>", left - 6.0, at + 4.0);
    }
    svg + content + "</svg>"
}

/// A little above the largest value.
fn top(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max).max(1e-6) * 1.05
}

fn height(top: f64) -> impl Fn(f64) -> f64 {
    move |value| HEIGHT - 28.0 - value / top * (HEIGHT - 40.0)
}

/// Recall over the logarithm of the length, one line a row.
fn curve(report: &Report) -> String {
    let recall = |row: &super::ReportRow, length: usize| row.metrics.get(&format!("recall@{length}")).copied();
    let all = report.rows.iter().flat_map(|row| report.lengths.iter().filter_map(move |&length| recall(row, length)));
    let top = top(all);
    let y = height(top);
    let ends = [report.lengths.first(), report.lengths.last()].map(|end| end.map_or(0.0, |&end| (end as f64).ln()));
    let span = (ends[1] - ends[0]).max(1e-9);
    let x = |length: usize| MARGIN + 12.0 + ((length as f64).ln() - ends[0]) / span * (WIDTH - MARGIN - 40.0);
    let mut content = String::new();
    for &length in &report.lengths {
        let (x, y) = (x(length), HEIGHT - 8.0);
        let _ = write!(content, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{length}</text>");
    }
    for (number, row) in report.rows.iter().enumerate() {
        let points = report.lengths.iter().filter_map(|&length| Some((x(length), y(recall(row, length)?))));
        let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (points, colour) = (points.join(" "), colour(number));
        let _ = write!(content, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
    }
    picture(top, y, &content)
}

/// Recall at one length, a group of bars for each segment that has queries.
fn bars(report: &Report, length: usize) -> String {
    let figure = format!("recall@{length}");
    let value = |row: &super::ReportRow, segment: &str| row.segments.get(segment)?.get(&figure).copied();
    let segments: Vec<&str> =
        report.segments.iter().filter(|segment| segment.queries > 0).map(|segment| segment.name.as_str()).collect();
    let all = report.rows.iter().flat_map(|row| segments.iter().filter_map(move |segment| value(row, segment)));
    let top = top(all);
    let y = height(top);
    let group = (WIDTH - MARGIN - 8.0) / segments.len().max(1) as f64;
    let bar = group * 0.8 / report.rows.len().max(1) as f64;
    let mut content = String::new();
    for (number, segment) in segments.iter().enumerate() {
        let left = MARGIN + group * (number as f64 + 0.1);
        let (middle, low) = (left + group * 0.4, HEIGHT - 8.0);
        let _ = write!(content, "<text x=\"{middle:.1}\" y=\"{low}\" text-anchor=\"middle\">{segment}</text>");
        for (row, one) in report.rows.iter().enumerate() {
            let high = y(value(one, segment).unwrap_or(0.0));
            let (x, tall, colour) = (left + bar * row as f64, y(0.0) - high, colour(row));
            let _ = write!(
                content,
                "<rect x=\"{x:.1}\" y=\"{high:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\" fill=\"{colour}\"/>"
            );
        }
    }
    picture(top, y, &content)
}

fn sizes(report: &Report) -> String {
    let size = |segment: &super::SegmentSize| {
        let items = segment.items.map(|items| format!("{items} items, ")).unwrap_or_default();
        format!("{}: {items}{} true items of {} queries", segment.name, segment.true_items, segment.queries)
    };
    format!("<p><small>{}</small></p>", report.segments.iter().map(size).collect::<Vec<_>>().join("; "))
}

/// All figures at one length, with their intervals.
fn table(report: &Report, length: usize) -> String {
    let end = format!("@{length}");
    let names = report.rows.first().map(|row| row.metrics.keys().filter(|name| name.ends_with(&end)).collect());
    let names: Vec<&String> = names.unwrap_or_default();
    let mut html = "<table><tr><th>channel</th>".to_owned();
    names.iter().for_each(|name| html += &format!("<th>{}</th>", name.trim_end_matches(&end)));
    for row in &report.rows {
        let _ = write!(html, "</tr><tr><td>{}</td>", escaped(&row.name));
        for &name in &names {
            let value = row.metrics.get(name).copied().unwrap_or_default();
            let interval = row.intervals.get(name);
            let interval = interval.map(|one| format!(" <small>{:.4} to {:.4}</small>", one.low, one.high));
            let _ = write!(html, "<td>{value:.4}{}</td>", interval.unwrap_or_default());
        }
    }
    html + "</tr></table>"
}
