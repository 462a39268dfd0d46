//! The graph of a model as the Graphs tab reads it: a `GraphDef` of `graph.proto`.
//!
//! In: [`Node`]s. Out: its bytes. An edge shows the columns that flow over it; a node shows its shape and its parameters.

use super::graph::Node;
use twinspire_core::tfrecord::{push_bytes, push_varint_field};

/// The bytes of a `GraphDef`.
pub(super) fn graph_def(nodes: &[Node]) -> Vec<u8> {
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| push_bytes(1, &node_def(node, nodes), &mut graph));
    // The oldest version that readers of today still take.
    let mut versions = Vec::new();
    push_varint_field(1, 22, &mut versions);
    push_bytes(4, &versions, &mut graph);
    graph
}

/// `NodeDef`.
fn node_def(node: &Node, nodes: &[Node]) -> Vec<u8> {
    let mut message = Vec::new();
    push_bytes(1, node.name.as_bytes(), &mut message);
    push_bytes(2, node.op.as_bytes(), &mut message);
    node.inputs.iter().for_each(|&input| push_bytes(3, nodes[input].name.as_bytes(), &mut message));
    push_attribute("_output_shapes", &output_shapes(node.width), &mut message);
    if node.parameters > 0 {
        let mut value = Vec::new();
        push_varint_field(3, node.parameters as u64, &mut value);
        push_attribute("parameters", &value, &mut message);
    }
    if !node.detail.is_empty() {
        let mut value = Vec::new();
        push_bytes(2, node.detail.as_bytes(), &mut value);
        push_attribute("shape", &value, &mut message);
    }
    message
}

/// An entry of the map of attributes; the value is an `AttrValue`.
fn push_attribute(name: &str, value: &[u8], message: &mut Vec<u8>) {
    let mut entry = Vec::new();
    push_bytes(1, name.as_bytes(), &mut entry);
    push_bytes(2, value, &mut entry);
    push_bytes(5, &entry, message);
}

/// `AttrValue`: a list of one shape, rows (any number) and columns.
fn output_shapes(width: usize) -> Vec<u8> {
    let columns = (width > 0).then_some(width as u64);
    let mut shape = Vec::new();
    for size in [u64::MAX].into_iter().chain(columns) {
        // The number of rows is -1: not known.
        let mut dimension = Vec::new();
        push_varint_field(1, size, &mut dimension);
        push_bytes(2, &dimension, &mut shape);
    }
    let (mut list, mut value) = (Vec::new(), Vec::new());
    push_bytes(7, &shape, &mut list);
    push_bytes(1, &list, &mut value);
    value
}
