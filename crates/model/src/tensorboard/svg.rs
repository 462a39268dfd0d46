//! The graph of a model as a picture.
//!
//! In: [`Node`]s. Out: an SVG text, inputs at the left, the loss at the right, the user tower above the item tower. It needs
//! no font but the reader's, and no script.

use super::graph::Node;
use std::fmt::Write as _;

/// Size of a box, and of a place for it, in pixels.
const BOX: (usize, usize) = (236, 52);
const PLACE: (usize, usize) = (290, 68);

/// Around everything.
const MARGIN: usize = 24;

/// Letters of a line of a box; of a longer name the end is shown.
const LETTERS: usize = 32;

/// The picture.
pub(super) fn svg(nodes: &[Node]) -> String {
    let places = places(nodes);
    let columns = places.iter().map(|place| place.0).max().map_or(0, |last| last + 1);
    let rows = places.iter().map(|place| place.1).max().map_or(0, |last| last + 1);
    let (width, height) = (columns * PLACE.0 + 2 * MARGIN, rows * PLACE.1 + 2 * MARGIN);
    let corner = |node: usize| (MARGIN + places[node].0 * PLACE.0, MARGIN + places[node].1 * PLACE.1);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, node) in nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&input| edge(&mut text, corner(input), corner(number)));
    }
    for (number, node) in nodes.iter().enumerate() {
        draw(&mut text, node, corner(number));
    }
    text.push_str("</svg>\n");
    text
}

/// Column and row of each node. A node stands right of all its inputs; a tower's nodes of one column stand below each
/// other.
fn places(nodes: &[Node]) -> Vec<(usize, usize)> {
    let mut columns: Vec<usize> = Vec::new();
    for node in nodes {
        columns.push(node.inputs.iter().map(|&input| columns[input] + 1).max().unwrap_or(0));
    }
    let band = |node: &Node| match node.name.split_once('/') {
        Some(("user_tower", _)) => Some(0),
        Some(_) => Some(1),
        None => None,
    };
    let in_band = |number: usize, wanted: usize| band(&nodes[number]) == Some(wanted);
    let stack = |column: usize, wanted: usize| {
        (0..nodes.len()).filter(|&number| columns[number] == column && in_band(number, wanted)).count()
    };
    let last = columns.iter().copied().max().unwrap_or(0);
    let heights = [0, 1].map(|wanted| (0..=last).map(|column| stack(column, wanted)).max().unwrap_or(0));
    let row = |number: usize| match band(&nodes[number]) {
        None => (heights[0] + heights[1]).saturating_sub(1) / 2,
        Some(own) => {
            let above = (0..number).filter(|&other| columns[other] == columns[number] && in_band(other, own)).count();
            let spare = (heights[own] - stack(columns[number], own)) / 2;
            own * heights[0] + spare + above
        }
    };
    columns.iter().enumerate().map(|(number, &column)| (column, row(number))).collect()
}

fn edge(text: &mut String, from: (usize, usize), to: (usize, usize)) {
    let (x, y, end, to_y) = (from.0 + BOX.0, from.1 + BOX.1 / 2, to.0, to.1 + BOX.1 / 2);
    let middle = usize::midpoint(x, end);
    let _ = writeln!(
        text,
        "<path d=\"M{x} {y} C{middle} {y} {middle} {to_y} {end} {to_y}\" fill=\"none\" stroke=\"#9aa5b1\"/>"
    );
}

fn draw(text: &mut String, node: &Node, (x, y): (usize, usize)) {
    let fill = match (node.parameters, node.op.as_str()) {
        (0, _) => "#eef2f6",
        (_, "Embedding") => "#fdf0d5",
        _ => "#d9ecff",
    };
    let (width, height) = BOX;
    let _ = writeln!(
        text,
        "<g><title>{}: {}, {} parameters</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" \
         fill=\"{fill}\" stroke=\"#52606d\"/>",
        escaped(&node.name),
        escaped(&node.op),
        node.parameters
    );
    let what = if node.detail.is_empty() { node.op.clone() } else { format!("{} {}", node.op, node.detail) };
    let lines = [(20, " font-weight=\"bold\"", shortened(&node.name)), (39, "", shortened(&what))];
    for (down, style, line) in lines {
        let (left, top) = (x + 10, y + down);
        let _ = writeln!(text, "<text x=\"{left}\" y=\"{top}\"{style}>{}</text>", escaped(&line));
    }
    text.push_str("</g>\n");
}

/// The last letters of a text that is too long for a box.
fn shortened(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= LETTERS {
        return text.to_owned();
    }
    std::iter::once('…').chain(text.chars().skip(letters + 1 - LETTERS)).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
