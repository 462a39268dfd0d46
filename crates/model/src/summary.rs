//! The model as a table of layers, shapes and parameters, printed before training.

use crate::config::Score;
use crate::layout::{HistoryLayout, ModelLayout, SequenceField, Source};
use crate::sequence::SequenceEncoder;
use crate::tower::Tower;
use twinspire_core::text::grouped;

/// One row: layer, shape, parameters.
type Line = [String; 3];

/// Lines of the table, aligned.
pub(crate) fn lines(layout: &ModelLayout) -> Vec<String> {
    let mut rows: Vec<Line> = vec![["layer", "shape", "parameters"].map(String::from)];
    for table in &layout.tables {
        let shape = format!("{} x {}", thousands(table.cardinality), table.dimension);
        rows.push([table.name.clone(), shape, thousands(table.cardinality * table.dimension)]);
    }
    let sequences = layout.user.sequences.iter().chain(&layout.item.sequences);
    rows.extend(sequences.map(|sequence| sequence_line(layout, sequence)));
    rows.extend(layout.user.histories.iter().map(history_line));
    tower_lines("user_tower", &layout.user_tower, &mut rows);
    tower_lines("item_tower", &layout.item_tower, &mut rows);
    let head = match layout.score() {
        Score::Cosine => "cosine -> logit -> 1",
        Score::Dot => "not used",
    };
    rows.push(["head".into(), head.into(), "2".into()]);
    let embeddings: usize = layout.tables.iter().map(|table| table.cardinality * table.dimension).sum();
    rows.push(["total".into(), String::new(), thousands(embeddings + layout.dense_len())]);
    aligned(&rows)
}

fn sequence_line(layout: &ModelLayout, sequence: &SequenceField) -> Line {
    let table = &layout.tables[sequence.field.table].name;
    let SequenceEncoder::Pool { pooling } = sequence.encoder;
    let pooling = format!("{pooling:?}").to_lowercase();
    let name = match sequence.source {
        Source::Own { .. } => format!("{pooling} of {table}"),
        Source::History { max_length, .. } => format!("{pooling} of {table} over {max_length} items"),
    };
    [name, format!("-> {}", sequence.field.dimension), "0".into()]
}

fn history_line(history: &HistoryLayout) -> Line {
    let name = format!("{}: {}, {} items", history.name, history.encoder.name(), history.max_length);
    [name, format!("-> {}", history.width), thousands(history.encoder.len())]
}

fn tower_lines(name: &str, tower: &Tower, rows: &mut Vec<Line>) {
    let end = match tower.score() {
        Score::Cosine => ", unit length",
        Score::Dot => "",
    };
    let bent = tower.activation().name().to_lowercase();
    for (number, layer) in tower.cross().layers().iter().enumerate() {
        let shape = format!("{}, x input, + x", layer.shape());
        rows.push([format!("{name}.cross.{number}"), shape, thousands(layer.len())]);
    }
    if tower.layers().is_empty() {
        rows.push([name.into(), format!("{0} -> {0}{end}", tower.dimension()), "0".into()]);
    }
    for (number, layer) in tower.layers().iter().enumerate() {
        let after = match (number + 1 == tower.layers().len(), tower.is_residual(number)) {
            (true, _) => end.to_owned(),
            (false, true) => format!(", {bent}, + input"),
            (false, false) => format!(", {bent}"),
        };
        let shape = format!("{} -> {}{after}", layer.inputs, layer.outputs);
        rows.push([format!("{name}.{number}"), shape, thousands(layer.len())]);
    }
}

fn thousands(number: usize) -> String {
    grouped(number as u64)
}

fn aligned(rows: &[Line]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2].map(width);
    let line = |[layer, shape, count]: &Line| {
        format!("{layer:<0$}  {shape:<1$}  {count:>2$}", widths[0], widths[1], widths[2])
    };
    rows.iter().map(line).collect()
}
