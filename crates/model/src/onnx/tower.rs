//! One tower: its fields, joined in the order of its columns, and its layers.

use super::graph::{Graph, Kind, Setting, Size, Value};
use super::history::{Histories, id};
use crate::config::Score;
use crate::kernel::add_scaled;
use crate::layer::normalize::SHORTEST;
use crate::layout::{Field, InputLayout, Source};
use crate::model::TwoTower;
use crate::sequence::SequenceEncoder;
use crate::tower::Tower;
use std::collections::BTreeMap;
use twinspire_core::encode::{EncodedView, FeatureEncoder, TowerLayout};
use twinspire_core::schema::Pooling;

/// Constants that follow from tables and corpus, each once in a graph.
pub(super) struct Tables<'a> {
    model: &'a TwoTower,
    items: &'a EncodedView<'a>,
    found: BTreeMap<String, Value>,
}

impl<'a> Tables<'a> {
    fn new(model: &'a TwoTower, items: &'a EncodedView<'a>) -> Self {
        Self { model, items, found: BTreeMap::new() }
    }

    fn once(&mut self, name: String, make: impl FnOnce(&Self, &str) -> Value) -> Value {
        if let Some(found) = self.found.get(&name) {
            return *found;
        }
        let value = make(self, &name);
        self.found.insert(name, value);
        value
    }

    /// An embedding table, then a row of zeros, which -1 stands for.
    pub(super) fn table(&mut self, graph: &mut Graph, number: usize) -> Value {
        let spec = &self.model.layout.tables[number];
        let (name, rows, width) = (spec.name.clone(), spec.cardinality, spec.dimension);
        self.once(name, |own, name| {
            graph.floats(
                name,
                &[rows + 1, width],
                &[&own.model.parameters.tables[number][..], &vec![0.0; width]].concat(),
            )
        })
    }

    /// The ids that the items have in a single field, then -1.
    pub(super) fn item_ids(&mut self, graph: &mut Graph, column: usize) -> Value {
        self.once(format!("items.{column}"), |own, name| {
            let ids = (0..own.items.rows).map(|item| id(own.items.single_row(item)[column]));
            let ids: Vec<i64> = ids.chain([-1]).collect();
            graph.named_integers(name, &[ids.len()], &ids)
        })
    }

    /// Of a multi field of the items: weighted sums of embeddings `[items + 1, dimension]`, and what a pooling over several
    /// items divides by `[items + 1]`, before the root of `sqrtn`.
    pub(super) fn item_sums(&mut self, graph: &mut Graph, of: (usize, Field), pooling: Pooling) -> [Value; 2] {
        let (number, field) = of;
        let name = format!("items.multi.{number}.{}", field.table);
        let sums = self.once(format!("{name}.sums"), |own, name| own.vectors(graph, of, (name, Pooling::Sum)));
        let weights = self.once(format!("{name}.{pooling:?}"), |own, name| {
            let weight = |item: usize| -> f32 {
                let (_, weights) = own.items.multi[number].row(item);
                match pooling {
                    Pooling::Sum | Pooling::Mean => weights.iter().sum(),
                    Pooling::Sqrtn => weights.iter().map(|weight| weight * weight).sum(),
                }
            };
            let weights: Vec<f32> = (0..own.items.rows).map(weight).chain([0.0]).collect();
            graph.floats(name, &[weights.len()], &weights)
        });
        [sums, weights]
    }

    /// Of a multi field of the items: pooled embeddings `[items + 1, dimension]`.
    pub(super) fn item_vectors(
        &mut self,
        graph: &mut Graph,
        of: (usize, Field),
        SequenceEncoder::Pool { pooling }: SequenceEncoder,
    ) -> Value {
        let name = format!("items.multi.{}.{}.{pooling:?}.vectors", of.0, of.1.table);
        self.once(name, |own, name| own.vectors(graph, of, (name, pooling)))
    }

    fn vectors(&self, graph: &mut Graph, (number, field): (usize, Field), (name, pooling): (&str, Pooling)) -> Value {
        let (width, table) = (field.dimension, &self.model.parameters.tables[field.table]);
        let mut vectors = vec![0.0; (self.items.rows + 1) * width];
        for (item, vector) in vectors.chunks_exact_mut(width).take(self.items.rows).enumerate() {
            let (ids, weights) = self.items.multi[number].row(item);
            let mut factors = weights.to_vec();
            SequenceEncoder::Pool { pooling }.prepare_row(&mut factors);
            for (id, factor) in ids.iter().zip(factors) {
                add_scaled(vector, &table[*id as usize * width..][..width], factor);
            }
        }
        graph.floats(name, &[self.items.rows + 1, width], &vectors)
    }
}

/// The bytes of the user tower's model, or of the item tower's.
pub(super) fn tower(
    model: &TwoTower,
    (encoder, of_item): (&FeatureEncoder, bool),
    items: &EncodedView<'_>,
    about: &str,
) -> Vec<u8> {
    let (fields, layout, tower) = match of_item {
        true => (encoder.item_layout(), &model.layout.item, &model.layout.item_tower),
        false => (encoder.user_layout(), &model.layout.user, &model.layout.user_tower),
    };
    let (mut graph, mut tables) = (Graph::default(), Tables::new(model, items));
    let input = input((&mut graph, &mut tables), fields, layout);
    let vectors = layers(&mut graph, tower, &model.parameters.dense, input);
    let vectors = match tower.score() {
        Score::Cosine => unit(&mut graph, vectors),
        Score::Dot => vectors,
    };
    let name = if of_item { "item_tower" } else { "user_tower" };
    graph.finish(name, (vectors, model.dimension()), about)
}

/// The tower's input, `[batch, width]`.
fn input((graph, tables): (&mut Graph, &mut Tables<'_>), fields: &TowerLayout, layout: &InputLayout) -> Value {
    let mut parts: Vec<(usize, Value)> = Vec::new();
    for (single, field) in fields.single.iter().zip(&layout.single) {
        let ids = graph.input(&single.name, Kind::Integer, &[Size::Any("batch")]);
        let table = tables.table(graph, field.table);
        parts.push((field.column, graph.rows(table, ids)));
    }
    for (multi, sequence) in fields.multi.iter().zip(&layout.sequences) {
        let table = tables.table(graph, sequence.field.table);
        parts.push((sequence.field.column, pooled(graph, (&multi.name, table), multi.pooling)));
    }
    for (number, dense) in fields.dense.iter().enumerate() {
        let numbers = graph.input(&dense.name, Kind::Float, &[Size::Any("batch")]);
        parts.push((layout.dense_column + number, graph.spread(numbers, 1)));
    }
    let mut pooled = layout.sequences.iter().skip(fields.multi.len());
    for history in &fields.history {
        let histories = Histories::new(graph, &history.name);
        let name = format!("history.{}", history.name);
        if let Some(own) = layout.histories.iter().find(|own| own.name == name) {
            let dense = &tables.model.parameters.dense[own.offset..own.offset + own.encoder.len()];
            parts.push((own.column, histories.encoded((graph, tables), own, dense)));
            continue;
        }
        for sequence in pooled.by_ref().take(history.of.len()) {
            let Source::History { of, .. } = sequence.source else { continue };
            let vector = histories.pooled((graph, tables), (sequence.field, of), sequence.encoder);
            parts.push((sequence.field.column, vector));
        }
    }
    parts.sort();
    let parts: Vec<Value> = parts.into_iter().map(|(_, part)| part).collect();
    graph.node("Concat", &parts, &[("axis", Setting::Integer(1))])
}

/// A list of ids with weights to one vector.
fn pooled(graph: &mut Graph, (name, table): (&str, Value), pooling: Pooling) -> Value {
    let shape = [Size::Any("batch"), Size::Any(name)];
    let ids = graph.input(name, Kind::Integer, &shape);
    let weights = graph.input(&format!("{name}.weights"), Kind::Float, &shape);
    let (present, zero) = (graph.is_present(ids), graph.float(0.0));
    let weights = graph.choose(present, weights, zero);
    let vectors = graph.rows(table, ids);
    let wide = graph.spread(weights, 2);
    let weighted = graph.times(vectors, wide);
    let sum = graph.sum(weighted, 1, false);
    match pooling {
        Pooling::Sum => sum,
        Pooling::Mean => {
            let weight = graph.sum(weights, 1, true);
            graph.divided_or_zero(sum, weight)
        }
        Pooling::Sqrtn => {
            let squares = graph.times(weights, weights);
            let squares = graph.sum(squares, 1, true);
            let length = graph.node("Sqrt", &[squares], &[]);
            graph.divided_or_zero(sum, length)
        }
    }
}

/// What the cross layers make of the input.
fn crossed(graph: &mut Graph, tower: &Tower, dense: &[f32], input: Value) -> Value {
    let mut x = input;
    for (number, layer) in tower.cross().layers().iter().enumerate() {
        let mut product = x;
        for (part, shape, offset) in layer.tensors() {
            let numbers = &dense[offset..offset + shape.iter().product::<usize>()];
            let constant = graph.floats(&format!("cross.{number}.{part}"), &shape, numbers);
            product = if shape.len() == 2 { graph.product(product, constant) } else { graph.add(product, constant) };
        }
        let scaled = graph.times(input, product);
        x = graph.add(scaled, x);
    }
    x
}

/// The layers.
fn layers(graph: &mut Graph, tower: &Tower, dense: &[f32], input: Value) -> Value {
    let mut x = crossed(graph, tower, dense, input);
    for (number, layer) in tower.layers().iter().enumerate() {
        let weight = graph.floats(&format!("{number}.weight"), &[layer.inputs, layer.outputs], layer.weight(dense));
        let bias = graph.floats(&format!("{number}.bias"), &[layer.outputs], layer.bias(dense));
        let product = graph.product(x, weight);
        let y = graph.add(product, bias);
        if number + 1 == tower.layers().len() {
            x = y;
            continue;
        }
        let y = graph.bent(tower.activation(), y);
        x = if tower.is_residual(number) { graph.add(x, y) } else { y };
    }
    x
}

/// The division by the length.
fn unit(graph: &mut Graph, x: Value) -> Value {
    let squares = graph.times(x, x);
    let squares = graph.sum(squares, 1, true);
    let length = graph.node("Sqrt", &[squares], &[]);
    let (shortest, zero) = (graph.float(SHORTEST), graph.float(0.0));
    let is_short = graph.node("Less", &[length, shortest], &[]);
    let unit = graph.divided(x, length);
    graph.choose(is_short, zero, unit)
}
