//! Histories: rows of the corpus to one vector.
//!
//! In: `[batch, length]` rows of the corpus, oldest first, -1 at the end where a history is shorter. Out: `[batch, width]`.
//! What an item is to a history follows from the corpus, so that its features are constants of the graph.

use super::graph::{Graph, Kind, Setting, Size, Value};
use super::tower::Tables;
use crate::config::Positions;
use crate::layer::attention::Attention;
use crate::layer::block::Block;
use crate::layer::layer_norm::{EPSILON, LayerNorm};
use crate::layer::linear::Linear;
use crate::layout::{Field, HistoryLayout, ItemColumn};
use crate::sequence::{Encoder, Gru, Reading, SelfAttention, SequenceEncoder};
use twinspire_core::ids::MISSING;
use twinspire_core::schema::Pooling;

/// What a token does not see gets this score: `exp` of it is 0, and it is a number, unlike infinity less infinity.
const UNSEEN: f32 = -1e30;

/// The histories of a batch.
pub(super) struct Histories {
    /// `[batch, length]`.
    rows: Value,
    /// `[batch, length]`: is there an item?
    present: Value,
    /// `[batch, 1]`: how many items.
    count: Value,
    /// `[length]`: 0, 1, 2, …
    places: Value,
}

impl Histories {
    pub(super) fn new(graph: &mut Graph, feature: &str) -> Self {
        let shape = [Size::Any("batch"), Size::Any(feature)];
        let rows = graph.input(feature, Kind::Integer, &shape);
        let present = graph.is_present(rows);
        let ones = graph.as_integers(present);
        let count = graph.sum(ones, 1, true);
        let shape = graph.node("Shape", &[rows], &[("start", Setting::Integer(1)), ("end", Setting::Integer(2))]);
        let length = graph.drop_axis(shape, 0);
        let (zero, one) = (graph.integer(0), graph.integer(1));
        let places = graph.node("Range", &[zero, length, one], &[]);
        Self { rows, present, count, places }
    }

    /// Distance from the newest item, `[batch, length]`; below 0 where there is no item.
    fn ages(&self, graph: &mut Graph) -> Value {
        let one = graph.integer(1);
        let newest = graph.subtract(self.count, one);
        graph.subtract(newest, self.places)
    }

    /// The values that the items have in one field, pooled over all of them: `[batch, dimension]`.
    pub(super) fn pooled(
        &self,
        (graph, tables): (&mut Graph, &mut Tables<'_>),
        (field, of): (Field, ItemColumn),
        SequenceEncoder::Pool { pooling }: SequenceEncoder,
    ) -> Value {
        let (vectors, weights) = match of {
            ItemColumn::Single { column, .. } => {
                let ids = tables.item_ids(graph, column);
                let ids = graph.rows(ids, self.rows);
                let table = tables.table(graph, field.table);
                let present = graph.is_present(ids);
                (graph.rows(table, ids), graph.as_floats(present))
            }
            ItemColumn::Multi { number } => {
                let [sums, weights] = tables.item_sums(graph, (number, field), pooling);
                (graph.rows(sums, self.rows), graph.rows(weights, self.rows))
            }
        };
        let (sum, weight) = (graph.sum(vectors, 1, false), graph.sum(weights, 1, true));
        match pooling {
            Pooling::Sum => sum,
            Pooling::Mean => graph.divided_or_zero(sum, weight),
            Pooling::Sqrtn => {
                let length = graph.node("Sqrt", &[weight], &[]);
                graph.divided_or_zero(sum, length)
            }
        }
    }

    /// The history through its encoder, `[batch, width]`; `dense` are the encoder's parameters.
    pub(super) fn encoded(
        &self,
        (graph, tables): (&mut Graph, &mut Tables<'_>),
        layout: &HistoryLayout,
        dense: &[f32],
    ) -> Value {
        let mut parts = Vec::new();
        for field in &layout.fields {
            let place = Field { table: field.table, column: field.column, dimension: field.dimension };
            parts.push(match field.of {
                ItemColumn::Single { column, .. } => {
                    let ids = tables.item_ids(graph, column);
                    let ids = graph.rows(ids, self.rows);
                    let table = tables.table(graph, field.table);
                    graph.rows(table, ids)
                }
                ItemColumn::Multi { number } => {
                    let vectors = tables.item_vectors(graph, (number, place), field.pooling);
                    graph.rows(vectors, self.rows)
                }
            });
        }
        let tokens = graph.node("Concat", &parts, &[("axis", Setting::Integer(2))]);
        let encoding = Encoding { graph, histories: self, name: &layout.name, dense };
        let states = match &layout.encoder {
            Encoder::SelfAttention(own) => encoding.attend(own, tokens),
            Encoder::Gru(own) => encoding.recur(own, tokens),
            Encoder::Recency => tokens,
            Encoder::Din(_) | Encoder::Dien(_) | Encoder::Interests(_) => {
                unreachable!("refused before a graph is begun")
            }
        };
        self.read(graph, layout.reading, states)
    }

    /// One vector from the states `[batch, length, width]`.
    fn read(&self, graph: &mut Graph, reading: Reading, states: Value) -> Value {
        let ages = self.ages(graph);
        let present = graph.is_present(ages);
        let weights = match reading {
            Reading::Last => {
                let zero = graph.integer(0);
                let is_newest = graph.node("Equal", &[ages, zero], &[]);
                graph.as_floats(is_newest)
            }
            Reading::Mean => graph.as_floats(present),
            Reading::Recent { decay } => {
                let (decay, ages, zero) = (graph.float(decay), graph.as_floats(ages), graph.float(0.0));
                let powers = graph.node("Pow", &[decay, ages], &[]);
                graph.choose(present, powers, zero)
            }
        };
        let sum = graph.sum(weights, 1, true);
        let weights = graph.divided_or_zero(weights, sum);
        let weights = graph.spread(weights, 1);
        let vector = graph.product(weights, states);
        graph.drop_axis(vector, 1)
    }
}

/// An encoder while its nodes are added.
struct Encoding<'g, 'h> {
    graph: &'g mut Graph,
    histories: &'h Histories,
    name: &'h str,
    dense: &'h [f32],
}

impl Encoding<'_, '_> {
    fn constant(&mut self, name: &str, shape: &[usize], offset: usize) -> Value {
        let numbers = &self.dense[offset..offset + shape.iter().product::<usize>()];
        self.graph.floats(&format!("{}.{name}", self.name), shape, numbers)
    }

    /// `x · W + b`.
    fn linear(&mut self, name: &str, layer: Linear, x: Value) -> Value {
        let (inputs, outputs) = (layer.inputs, layer.outputs);
        let weight = self.constant(&format!("{name}.weight"), &[inputs, outputs], layer.offset);
        let bias = self.constant(&format!("{name}.bias"), &[outputs], layer.offset + inputs * outputs);
        let product = self.graph.product(x, weight);
        self.graph.add(product, bias)
    }

    fn norm(&mut self, name: &str, norm: LayerNorm, x: Value) -> Value {
        let gain = self.constant(&format!("{name}.gain"), &[norm.width], norm.offset);
        let bias = self.constant(&format!("{name}.bias"), &[norm.width], norm.offset + norm.width);
        let settings = [("axis", Setting::Integer(-1)), ("epsilon", Setting::Float(EPSILON))];
        self.graph.node("LayerNormalization", &[x, gain, bias], &settings)
    }

    fn attend(mut self, own: &SelfAttention, tokens: Value) -> Value {
        let mut x = tokens;
        let (length, positions) = own.positions();
        let places = match positions {
            Positions::Age => Some(self.histories.ages(self.graph)),
            Positions::Order => Some(self.histories.places),
            Positions::None => None,
        };
        if let Some(places) = places {
            let with_zero = [&self.dense[..length * own.width()], &vec![0.0; own.width()]].concat();
            let table = self.graph.floats(&format!("{}.positions", self.name), &[length + 1, own.width()], &with_zero);
            let none = self.graph.integer(-1);
            let places = self.graph.choose(self.histories.present, places, none);
            let added = self.graph.rows(table, places);
            x = self.graph.add(x, added);
        }
        let seen = self.seen(own.blocks().first().is_some_and(|block| block.attention.causal));
        for (number, block) in own.blocks().iter().enumerate() {
            x = self.block(number, block, (x, seen));
        }
        own.norm().map_or(x, |norm| self.norm("norm", norm, x))
    }

    /// What each token sees, `[batch, 1, 1 or length, length]`.
    fn seen(&mut self, causal: bool) -> Value {
        let graph = &mut *self.graph;
        let axes = graph.integers(&[1, 2]);
        let present = graph.node("Unsqueeze", &[self.histories.present, axes], &[]);
        if !causal {
            return present;
        }
        let from = graph.spread(self.histories.places, 1);
        let earlier = graph.node("LessOrEqual", &[self.histories.places, from], &[]);
        graph.node("And", &[present, earlier], &[])
    }

    fn block(&mut self, number: usize, block: &Block, (x, seen): (Value, Value)) -> Value {
        let name = |layer: &str| format!("block.{number}.{layer}");
        let first = block.norm_first;
        let read = if first { self.norm(&name("norm_1"), block.norms[0], x) } else { x };
        let joined = self.linear(&name("joined"), block.joined, read);
        let attended = self.attention(block.attention, joined, seen);
        let out = self.linear(&name("out"), block.out, attended);
        let sum = self.graph.add(out, x);
        let middle = if first { sum } else { self.norm(&name("norm_1"), block.norms[0], sum) };
        let read = if first { self.norm(&name("norm_2"), block.norms[1], middle) } else { middle };
        let up = self.linear(&name("up"), block.up, read);
        let inner = self.graph.bent(block.activation, up);
        let down = self.linear(&name("down"), block.down, inner);
        let sum = self.graph.add(down, middle);
        if first { sum } else { self.norm(&name("norm_2"), block.norms[1], sum) }
    }

    fn attention(&mut self, own: Attention, joined: Value, seen: Value) -> Value {
        let (graph, width) = (&mut *self.graph, own.width / own.heads);
        let parts = graph.integers(&[own.width as i64; 3]);
        let parts: [Value; 3] = graph.nodes("Split", &[joined, parts], &[("axis", Setting::Integer(2))]);
        let by_head = graph.integers(&[0, 0, own.heads as i64, width as i64]);
        let [queries, keys, values] = parts.map(|part| graph.node("Reshape", &[part, by_head], &[]));
        let queries = graph.turned(queries, &[0, 2, 1, 3]);
        let keys = graph.turned(keys, &[0, 2, 3, 1]);
        let values = graph.turned(values, &[0, 2, 1, 3]);
        let scores = graph.product(queries, keys);
        let scale = graph.float(own.scale());
        let scores = graph.times(scores, scale);
        let unseen = graph.float(UNSEEN);
        let scores = graph.choose(seen, scores, unseen);
        let weights = graph.node("Softmax", &[scores], &[("axis", Setting::Integer(-1))]);
        let attended = graph.product(weights, values);
        let attended = graph.turned(attended, &[0, 2, 1, 3]);
        let joined = graph.integers(&[0, 0, own.width as i64]);
        graph.node("Reshape", &[attended, joined], &[])
    }

    /// The gates stand in the order of ONNX: update, reset, new. Padding stands at the end, so that no state that is read
    /// has seen it.
    fn recur(self, own: &Gru, tokens: Value) -> Value {
        let Self { graph, name, dense, .. } = self;
        let width = own.width();
        let gates = |layer: Linear| {
            let column = |gate: usize, column: usize| gate * width + column;
            let order = [1, 0, 2].into_iter().flat_map(move |gate| (0..width).map(move |own| column(gate, own)));
            let rows = order
                .clone()
                .flat_map(move |output| (0..width).map(move |input| dense[layer.offset + input * 3 * width + output]));
            let bias = order.map(move |output| dense[layer.offset + 3 * width * width + output]);
            (rows.collect::<Vec<f32>>(), bias.collect::<Vec<f32>>())
        };
        let [(input, input_bias), (state, state_bias)] = own.layers().map(gates);
        let input = graph.floats(&format!("{name}.input"), &[1, 3 * width, width], &input);
        let state = graph.floats(&format!("{name}.state"), &[1, 3 * width, width], &state);
        let bias = graph.floats(&format!("{name}.bias"), &[1, 6 * width], &[input_bias, state_bias].concat());
        let by_time = graph.turned(tokens, &[1, 0, 2]);
        let settings = [("hidden_size", Setting::Integer(width as i64)), ("linear_before_reset", Setting::Integer(1))];
        let states = graph.node("GRU", &[by_time, input, state, bias], &settings);
        let states = graph.drop_axis(states, 1);
        graph.turned(states, &[1, 0, 2])
    }
}

/// An id as a graph has it.
pub(super) fn id(id: u32) -> i64 {
    if id == MISSING { -1 } else { i64::from(id) }
}
