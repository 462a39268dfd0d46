//! The messages of an event file, as TensorFlow's `event.proto` and `summary.proto` define them.
//!
//! In: what happened, when, and in which step. Out: the bytes of an `Event`. Scalars and histograms are written in the form
//! that every reader takes (`simple_value`, `histo`). What is not needed to read them again is not written.

use crate::histogram::Histogram;
use twinspire_core::tfrecord::{
    push_bytes, push_double, push_float, push_packed_doubles, push_varint_field, split_varint,
};

/// Numbers of the fields of an `Event`.
const WALL_TIME: u64 = 1;
const STEP: u64 = 2;
const FILE_VERSION: u64 = 3;
const GRAPH_DEF: u64 = 4;
const SUMMARY: u64 = 5;
const SESSION_LOG: u64 = 7;

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What<'a> {
    /// The first event of every file.
    Version,
    /// Training begins, or goes on, with this step: what a reader knows of it and of later ones is out of date.
    Start,
    /// Values by tag.
    Values(&'a [(String, Value<'a>)]),
    /// A serialised `GraphDef`.
    Graph(&'a [u8]),
}

/// The value of a tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Scalar(f64),
    Histogram(&'a Histogram),
}

/// The bytes of an `Event`; the wall time is in seconds since 1970.
pub(super) fn event(wall_time: f64, step: u64, what: &What<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    push_double(WALL_TIME, wall_time, &mut message);
    if step > 0 {
        push_varint_field(STEP, step, &mut message);
    }
    match what {
        What::Version => push_bytes(FILE_VERSION, b"brain.Event:2", &mut message),
        What::Start => {
            let mut log = Vec::new();
            push_varint_field(1, 1, &mut log);
            push_bytes(SESSION_LOG, &log, &mut message);
        }
        What::Graph(graph) => push_bytes(GRAPH_DEF, graph, &mut message),
        What::Values(values) => {
            let mut summary = Vec::new();
            values.iter().for_each(|(tag, value)| push_bytes(1, &value_message(tag, value), &mut summary));
            push_bytes(SUMMARY, &summary, &mut message);
        }
    }
    message
}

/// `Summary.Value`.
fn value_message(tag: &str, value: &Value<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    push_bytes(1, tag.as_bytes(), &mut message);
    match value {
        Value::Scalar(number) => push_float(2, *number as f32, &mut message),
        Value::Histogram(histogram) => push_bytes(5, &histogram_message(histogram), &mut message),
    }
    message
}

/// `HistogramProto`.
fn histogram_message(histogram: &Histogram) -> Vec<u8> {
    let mut message = Vec::new();
    let Histogram { min, max, count, sum, squares, limits, counts } = histogram;
    for (field, &number) in (1..).zip([min, max, count, sum, squares]) {
        // Not only 0 has the bits of 0 here: -0.0 is written.
        if number.to_bits() != 0 {
            push_double(field, number, &mut message);
        }
    }
    push_packed_doubles(6, limits, &mut message);
    push_packed_doubles(7, counts, &mut message);
    message
}

/// The step of an event that [`event`] made.
pub(super) fn step_of(message: &[u8]) -> u64 {
    let after_time = message.get(9..).unwrap_or_default();
    match split_varint(after_time) {
        Some((key, rest)) if key == STEP << 3 => split_varint(rest).map_or(0, |(step, _)| step),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_an_event_is_read_again() {
        for step in [0, 1, 127, 128, 300, 1 << 40, i64::MAX.cast_unsigned()] {
            for what in [What::Version, What::Start, What::Values(&[("loss".into(), Value::Scalar(0.5))])] {
                assert_eq!(step_of(&event(1.5, step, &what)), step);
            }
        }
        assert_eq!(step_of(&[]), 0);
    }
}
