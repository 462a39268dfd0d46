//! Pictures of a page: bars and lines, as SVG. In: names and numbers. Out: the text of one picture.

use super::escaped;
use std::fmt::Write as _;

/// Colours that stay apart for colour-blind eyes (Okabe and Ito 2008), in the order of the series.
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#000000"];

/// Size of a picture.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
/// Room for the labels of the axes.
const LEFT: f64 = 64.0;
const BELOW: f64 = 28.0;
/// Height of the largest value.
pub(super) const TALLEST: f64 = HEIGHT - BELOW - 12.0;
/// Labels below this share of the groups are shown, so that they do not overlap.
const MOST_LABELS: usize = 12;

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

/// Lines over the logarithm of a position.
#[derive(Debug, Clone, Copy)]
pub struct Curves<'a> {
    /// Positions from left to right, above 0.
    pub at: &'a [usize],
    /// Name and values of each series, one value a position, none negative.
    pub series: &'a [(String, Vec<f64>)],
    /// How a value is written at the axis.
    pub shown: fn(f64) -> String,
}

/// The colour of a series.
pub(super) fn colour(series: usize) -> &'static str {
    COLOURS[series % COLOURS.len()]
}

/// The largest value of all series.
fn top(series: &[(String, Vec<f64>)]) -> f64 {
    series.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE)
}

/// Where a value lies when `top` is the largest.
fn height(top: f64) -> impl Fn(f64) -> f64 {
    move |value| HEIGHT - BELOW - value / top * TALLEST
}

/// `content` in a frame with marks at the quarters of `top`.
fn picture(top: f64, shown: fn(f64) -> String, content: &str) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\">");
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let (at, right, label) = (height(top)(value), WIDTH - 8.0, escaped(&shown(value)));
        let _ = write!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, at + 4.0);
    }
    svg + content + "</svg>"
}

/// A name below the axis.
fn label(content: &mut String, middle: f64, name: &str) {
    let (low, name) = (HEIGHT - 8.0, escaped(name));
    let _ = write!(content, "<text x=\"{middle:.1}\" y=\"{low}\" text-anchor=\"middle\">{name}</text>");
}

impl Bars<'_> {
    pub(super) fn svg(&self) -> String {
        let (top, mut content) = (top(self.series), String::new());
        let y = height(top);
        let width = (WIDTH - LEFT - 8.0) / self.groups.len() as f64;
        let bar = width * 0.8 / self.series.len().max(1) as f64;
        let labelled = self.groups.len().div_ceil(MOST_LABELS);
        for (number, group) in self.groups.iter().enumerate() {
            let left = LEFT + width * (number as f64 + 0.1);
            if number.is_multiple_of(labelled) {
                label(&mut content, left + width * 0.4, group);
            }
            for (series, (_, values)) in self.series.iter().enumerate() {
                let high = y(values.get(number).copied().unwrap_or(0.0));
                let (x, tall, fill) = (left + bar * series as f64, y(0.0) - high, colour(series));
                let place = format!("x=\"{x:.1}\" y=\"{high:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\"");
                let _ = write!(content, "<rect {place} fill=\"{fill}\"/>");
            }
        }
        picture(top, self.shown, &content)
    }
}

impl Curves<'_> {
    pub(super) fn svg(&self) -> String {
        let (top, mut content) = (top(self.series), String::new());
        let y = height(top);
        let ends = [self.at.first(), self.at.last()].map(|end| end.map_or(0.0, |&end| (end as f64).ln()));
        let span = (ends[1] - ends[0]).max(1e-9);
        let x = |at: usize| LEFT + 12.0 + ((at as f64).ln() - ends[0]) / span * (WIDTH - LEFT - 40.0);
        self.at.iter().for_each(|&at| label(&mut content, x(at), &at.to_string()));
        for (number, (_, values)) in self.series.iter().enumerate() {
            let points = self.at.iter().zip(values).map(|(&at, &value)| format!("{:.1},{:.1}", x(at), y(value)));
            let (points, stroke) = (points.collect::<Vec<_>>().join(" "), colour(number));
            let _ =
                write!(content, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"2\"/>");
        }
        picture(top, self.shown, &content)
    }
}
