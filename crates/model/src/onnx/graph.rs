//! A graph of ONNX operators while it is built, and its bytes.
//!
//! In: inputs, constants and nodes, each of which may use what was there before it. Out: a `ModelProto` of `onnx.proto`, with
//! operators of [`OPSET`].

use crate::export::METADATA_KEY;
use twinspire_core::tfrecord::{push_bytes, push_float, push_varint_field};

/// Version of the operators: the first with `LayerNormalization`.
pub(super) const OPSET: i64 = 17;

/// Version of the file format that came with it.
const IR_VERSION: i64 = 8;

/// Types of numbers, as `TensorProto.DataType` numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float = 1,
    Integer = 7,
}

/// Length of an axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size<'a> {
    Fixed(usize),
    /// Any, the same wherever this name stands.
    Any(&'a str),
}

/// A setting of an operator.
#[derive(Debug, Clone, Copy)]
pub(super) enum Setting<'a> {
    Integer(i64),
    Integers(&'a [i64]),
    Float(f32),
}

/// What an input, a constant or a node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value(usize);

/// The graph so far.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Fields of a `GraphProto`.
    body: Vec<u8>,
    names: Vec<String>,
}

/// Fields of a `GraphProto`.
const NODE: u64 = 1;
const NAME: u64 = 2;
const CONSTANT: u64 = 5;
const INPUT: u64 = 11;
const OUTPUT: u64 = 12;

impl Graph {
    fn named(&mut self, name: String) -> Value {
        self.names.push(name);
        Value(self.names.len() - 1)
    }

    /// What the caller passes in.
    pub(super) fn input(&mut self, name: &str, kind: Kind, shape: &[Size<'_>]) -> Value {
        push_bytes(INPUT, &value_info(name, kind, shape), &mut self.body);
        self.named(name.to_owned())
    }

    /// A constant tensor; a name is used once.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], numbers: &[f32]) -> Value {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(name, (Kind::Float, shape), &bytes)
    }

    /// A constant number.
    pub(super) fn float(&mut self, number: f32) -> Value {
        let name = format!("number.{}", self.names.len());
        self.floats(&name, &[], &[number])
    }

    /// Constant whole numbers, one after the other.
    pub(super) fn integers(&mut self, numbers: &[i64]) -> Value {
        let name = format!("numbers.{}", self.names.len());
        self.named_integers(&name, &[numbers.len()], numbers)
    }

    /// A constant whole number.
    pub(super) fn integer(&mut self, number: i64) -> Value {
        let name = format!("number.{}", self.names.len());
        self.named_integers(&name, &[], &[number])
    }

    /// As [`Graph::floats`].
    pub(super) fn named_integers(&mut self, name: &str, shape: &[usize], numbers: &[i64]) -> Value {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.constant(name, (Kind::Integer, shape), &bytes)
    }

    fn constant(&mut self, name: &str, (kind, shape): (Kind, &[usize]), bytes: &[u8]) -> Value {
        let mut tensor = Vec::with_capacity(bytes.len() + 64);
        shape.iter().for_each(|&size| push_integer(1, size as i64, &mut tensor));
        push_integer(2, kind as i64, &mut tensor);
        push_bytes(8, name.as_bytes(), &mut tensor);
        push_bytes(9, bytes, &mut tensor);
        push_bytes(CONSTANT, &tensor, &mut self.body);
        self.named(name.to_owned())
    }

    /// An operator with one output.
    pub(super) fn node(&mut self, operator: &str, inputs: &[Value], settings: &[(&str, Setting<'_>)]) -> Value {
        let [output] = self.nodes(operator, inputs, settings);
        output
    }

    /// An operator with several outputs, of which it has as many as are wanted.
    pub(super) fn nodes<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[Value],
        settings: &[(&str, Setting<'_>)],
    ) -> [Value; N] {
        let outputs = [(); N].map(|()| self.named(format!("{operator}.{}", self.names.len())));
        let mut node = Vec::new();
        inputs.iter().for_each(|input| push_bytes(1, self.names[input.0].as_bytes(), &mut node));
        outputs.iter().for_each(|output| push_bytes(2, self.names[output.0].as_bytes(), &mut node));
        push_bytes(4, operator.as_bytes(), &mut node);
        settings.iter().for_each(|setting| push_bytes(5, &attribute(setting), &mut node));
        push_bytes(NODE, &node, &mut self.body);
        outputs
    }

    /// The bytes of a model that gives `vectors` `[batch, dimension]` under the name `vector`; `about` is its metadata.
    pub(super) fn finish(mut self, name: &str, (vectors, dimension): (Value, usize), about: &str) -> Vec<u8> {
        let mut node = Vec::new();
        push_bytes(1, self.names[vectors.0].as_bytes(), &mut node);
        push_bytes(2, b"vector", &mut node);
        push_bytes(4, b"Identity", &mut node);
        push_bytes(NODE, &node, &mut self.body);
        let shape = [Size::Any("batch"), Size::Fixed(dimension)];
        push_bytes(OUTPUT, &value_info("vector", Kind::Float, &shape), &mut self.body);
        push_bytes(NAME, name.as_bytes(), &mut self.body);
        let mut model = Vec::with_capacity(self.body.len() + 4096);
        push_integer(1, IR_VERSION, &mut model);
        push_bytes(2, b"twinspire", &mut model);
        push_bytes(7, &self.body, &mut model);
        let mut operators = Vec::new();
        push_integer(2, OPSET, &mut operators);
        push_bytes(8, &operators, &mut model);
        let mut entry = Vec::new();
        push_bytes(1, METADATA_KEY.as_bytes(), &mut entry);
        push_bytes(2, about.as_bytes(), &mut entry);
        push_bytes(14, &entry, &mut model);
        model
    }
}

/// A whole number; one below 0 takes ten bytes.
fn push_integer(field: u64, number: i64, message: &mut Vec<u8>) {
    push_varint_field(field, number.cast_unsigned(), message);
}

/// `ValueInfoProto`.
fn value_info(name: &str, kind: Kind, shape: &[Size<'_>]) -> Vec<u8> {
    let (mut axes, mut tensor, mut of_tensor, mut value) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for size in shape {
        let mut axis = Vec::new();
        match size {
            Size::Fixed(size) => push_integer(1, *size as i64, &mut axis),
            Size::Any(name) => push_bytes(2, name.as_bytes(), &mut axis),
        }
        push_bytes(1, &axis, &mut axes);
    }
    push_integer(1, kind as i64, &mut tensor);
    push_bytes(2, &axes, &mut tensor);
    push_bytes(1, &tensor, &mut of_tensor);
    push_bytes(1, name.as_bytes(), &mut value);
    push_bytes(2, &of_tensor, &mut value);
    value
}

/// `AttributeProto`.
fn attribute((name, setting): &(&str, Setting<'_>)) -> Vec<u8> {
    let mut message = Vec::new();
    push_bytes(1, name.as_bytes(), &mut message);
    let kind = match setting {
        Setting::Float(number) => {
            push_float(2, *number, &mut message);
            1
        }
        Setting::Integer(number) => {
            push_integer(3, *number, &mut message);
            2
        }
        Setting::Integers(numbers) => {
            numbers.iter().for_each(|number| push_integer(8, *number, &mut message));
            7
        }
    };
    push_integer(20, kind, &mut message);
    message
}
