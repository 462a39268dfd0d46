//! The model as a graph, one node a layer.
//!
//! In: the layout of a model and the name of its loss. Out: [`Node`]s in an order where each follows its inputs. How they are
//! drawn is in `graph_def` and `svg`.

use crate::config::Score;
use crate::layout::{InputLayout, ModelLayout, SequenceField, Source};
use crate::sequence::SequenceEncoder;
use crate::tower::Tower;

/// A layer of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Name; what stands before the first `/` is the tower.
    pub(super) name: String,
    /// What it does.
    pub(super) op: String,
    /// Shape of its parameters, or a word of how it works; may be empty.
    pub(super) detail: String,
    /// Numbers that training moves.
    pub(super) parameters: usize,
    /// Columns of its output; 0 for a number a row.
    pub(super) width: usize,
    /// Nodes it reads, by number.
    pub(super) inputs: Vec<usize>,
}

/// The nodes of a model; the last one is the loss.
pub(super) fn nodes(layout: &ModelLayout, loss: &str) -> Vec<Node> {
    let mut graph = Graph { layout, nodes: Vec::new(), tables: vec![None; layout.tables.len()] };
    let item = graph.tower("item_tower", &layout.item_tower, &layout.item);
    let user = graph.tower("user_tower", &layout.user_tower, &layout.user);
    let name = match layout.score() {
        Score::Cosine => "Cosine",
        Score::Dot => "Dot product",
    };
    let score = graph.add(("score", name), String::new(), (0, 0), vec![user, item]);
    let head = if loss == "bce" { 2 } else { 0 };
    graph.add(("loss", loss), String::new(), (head, 0), vec![score]);
    graph.nodes
}

struct Graph<'a> {
    layout: &'a ModelLayout,
    nodes: Vec<Node>,
    /// Node of each embedding table, once there is one.
    tables: Vec<Option<usize>>,
}

impl Graph<'_> {
    fn add(
        &mut self,
        (name, op): (&str, &str),
        detail: String,
        (parameters, width): (usize, usize),
        inputs: Vec<usize>,
    ) -> usize {
        self.nodes.push(Node { name: name.to_owned(), op: op.to_owned(), detail, parameters, width, inputs });
        self.nodes.len() - 1
    }

    /// The node of a table; the tower that asks first has it.
    fn table(&mut self, tower: &str, table: usize) -> usize {
        if let Some(node) = self.tables[table] {
            return node;
        }
        let spec = &self.layout.tables[table];
        let name = format!("{tower}/{}", spec.name);
        let detail = format!("{} x {}", spec.cardinality, spec.dimension);
        let node =
            self.add((&name, "Embedding"), detail, (spec.cardinality * spec.dimension, spec.dimension), Vec::new());
        self.tables[table] = Some(node);
        node
    }

    /// Everything of a tower; returns the node of its vector.
    fn tower(&mut self, name: &str, tower: &Tower, input: &InputLayout) -> usize {
        let mut below = self.input(name, input);
        for (number, layer) in tower.cross().layers().iter().enumerate() {
            let node = format!("{name}/cross.{number}");
            below = self.add((&node, "Cross"), layer.shape(), (layer.len(), input.width), vec![below]);
        }
        for (number, layer) in tower.layers().iter().enumerate() {
            let activation = tower.activation().name();
            let op = match (number + 1 == tower.layers().len(), tower.is_residual(number)) {
                (true, _) => "Linear".to_owned(),
                (false, true) => format!("Linear, {activation}, + input"),
                (false, false) => format!("Linear, {activation}"),
            };
            let detail = format!("{} x {}", layer.inputs, layer.outputs);
            let node = format!("{name}/{number}");
            below = self.add((&node, &op), detail, (layer.len(), layer.outputs), vec![below]);
        }
        match tower.score() {
            Score::Cosine => {
                let node = format!("{name}/unit_length");
                self.add((&node, "Normalize"), String::new(), (0, tower.dimension()), vec![below])
            }
            Score::Dot => below,
        }
    }

    /// The joined input of a tower.
    fn input(&mut self, name: &str, input: &InputLayout) -> usize {
        let mut parts: Vec<usize> = input.single.iter().map(|field| self.table(name, field.table)).collect();
        for sequence in &input.sequences {
            parts.push(self.pooled(name, sequence));
        }
        for history in &input.histories {
            let tables = history.fields.iter().map(|field| self.table(name, field.table)).collect();
            let node = format!("{name}/{}", history.name);
            let detail = format!("{} items", history.max_length);
            let sizes = (history.encoder.len(), history.width);
            parts.push(self.add((&node, history.encoder.name()), detail, sizes, tables));
        }
        if input.dense > 0 {
            let node = format!("{name}/numbers");
            parts.push(self.add((&node, "Numbers"), String::new(), (0, input.dense), Vec::new()));
        }
        self.add((&format!("{name}/input"), "Concat"), String::new(), (0, input.width), parts)
    }

    fn pooled(&mut self, name: &str, SequenceField { field, source, encoder }: &SequenceField) -> usize {
        let table = self.table(name, field.table);
        let SequenceEncoder::Pool { pooling } = encoder;
        let (of, detail) = match source {
            Source::Own { .. } => ("list", String::new()),
            Source::History { max_length, .. } => ("history", format!("{max_length} items")),
        };
        let table_name = self.layout.tables[field.table].name.clone();
        let node = format!("{name}/{of}.{}", table_name.trim_start_matches("embedding."));
        self.add(
            (&node, &format!("Pool, {}", format!("{pooling:?}").to_lowercase())),
            detail,
            (0, field.dimension),
            vec![table],
        )
    }
}
