//! Where everything of a model lies: embedding tables, the fields of each tower's input, dense parameters.
//!
//! In: the fields of the feature encoder and the `[model]` section. Out: [`ModelLayout`]. It holds no numbers.

use crate::config::{ModelSection, Score};
use crate::layer::embedding::Columns;
use crate::layer::linear::{Layers, Linear};
use crate::sequence::{Encoder, Reading, SequenceEncoder};
use crate::tower::Tower;
use std::ops::Range;
use twinspire_core::encode::{FeatureEncoder, HistoryField, TowerLayout};

/// An embedding table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableSpec {
    /// Name in the model file, as in `embedding.item.item_id`.
    pub(crate) name: String,
    /// The feature whose ids are its rows.
    pub(crate) feature: String,
    /// Rows.
    pub(crate) cardinality: usize,
    /// Width of a row.
    pub(crate) dimension: usize,
}

/// A field's place: its table, and its columns in the tower's input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Field {
    /// Number of the table.
    pub(crate) table: usize,
    /// First column in the input.
    pub(crate) column: usize,
    /// Number of columns.
    pub(crate) dimension: usize,
}

/// A column of the item tower that a history reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemColumn {
    /// One id an item: column `column` of `width`.
    Single { column: usize, width: usize },
    /// Several ids an item: multi field `number`.
    Multi { number: usize },
}

/// Where a sequence field's elements come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The row's own multi field `number`.
    Own { number: usize },
    /// The newest `max_length` items of the row's history.
    History { of: ItemColumn, max_length: usize },
}

/// A field with several elements a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceField {
    pub(crate) field: Field,
    pub(crate) source: Source,
    pub(crate) encoder: SequenceEncoder,
}

/// A field of the tokens of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenField {
    pub(crate) table: usize,
    pub(crate) of: ItemColumn,
    /// First column in the token.
    pub(crate) column: usize,
    /// Number of columns.
    pub(crate) dimension: usize,
    /// How the values of a multi field become one vector.
    pub(crate) pooling: SequenceEncoder,
}

/// A history that an encoder turns into one vector, or into one for each interest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryLayout {
    /// Name in the model file, as in `history.seen`.
    pub(crate) name: String,
    /// First column in the tower's input.
    pub(crate) column: usize,
    /// Width of a token, and of a vector.
    pub(crate) width: usize,
    /// The fields of a token, joined.
    pub(crate) fields: Vec<TokenField>,
    /// Most tokens of a row.
    pub(crate) max_length: usize,
    pub(crate) encoder: Encoder,
    pub(crate) reading: Reading,
    /// The other features of the row, where the encoder reads them.
    pub(crate) profile: Option<Box<InputLayout>>,
    /// First parameter among the dense ones.
    pub(crate) offset: usize,
    /// Rows of the tower that take each of its vectors: those of all interests, where another history has them.
    pub(crate) repeats: usize,
}

impl HistoryLayout {
    /// Its columns in an input of that width.
    pub(crate) fn columns(&self, width: usize) -> Columns {
        Columns { stride: width, first: self.column, width: self.width }
    }

    /// The encoder's parameters among all dense ones.
    pub(crate) fn parameters<'a>(&self, dense: &'a [f32]) -> &'a [f32] {
        &dense[self.offset..self.offset + self.encoder.len()]
    }

    /// Likewise their gradients.
    pub(crate) fn parameters_mut<'a>(&self, gradient: &'a mut [f32]) -> &'a mut [f32] {
        &mut gradient[self.offset..self.offset + self.encoder.len()]
    }

    /// The encoder's parameters as a backward pass reads them.
    pub(crate) fn layers<'a>(&self, Layers { dense, transposed }: Layers<'a>) -> Layers<'a> {
        Layers { dense: self.parameters(dense), transposed: self.parameters(transposed) }
    }

    /// The encoder's linear layers, each at its place among all dense parameters.
    fn linear(&self) -> impl Iterator<Item = Linear> {
        self.encoder.linear().into_iter().map(|layer| Linear { offset: self.offset + layer.offset, ..layer })
    }

    /// Width of what the encoder reads of the other features of a row.
    pub(crate) fn profile_width(&self) -> usize {
        self.profile.as_ref().map_or(0, |profile| profile.width)
    }

    /// Rows of the tower's input that take a vector.
    pub(crate) fn rows_of(&self, vector: usize) -> Range<usize> {
        vector * self.repeats..(vector + 1) * self.repeats
    }
}

impl TokenField {
    /// Its columns in tokens of that width.
    pub(crate) fn columns(&self, width: usize) -> Columns {
        Columns { stride: width, first: self.column, width: self.dimension }
    }
}

/// The input of one tower: single fields, multi fields, numbers, pooled histories, encoded ones, joined in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InputLayout {
    /// Columns of the input.
    pub(crate) width: usize,
    /// One for each single field.
    pub(crate) single: Vec<Field>,
    /// Multi fields, then one for each item field of each pooled history.
    pub(crate) sequences: Vec<SequenceField>,
    /// Histories that have an encoder.
    pub(crate) histories: Vec<HistoryLayout>,
    /// Number of numbers.
    pub(crate) dense: usize,
    /// Their first column.
    pub(crate) dense_column: usize,
}

impl InputLayout {
    /// Rows of the tower for each row of samples: one for each interest that a history has.
    pub(crate) fn interests(&self) -> usize {
        self.histories.iter().map(|history| history.encoder.interests()).max().unwrap_or(1)
    }

    /// Does a row have anything beside histories that have an encoder?
    pub(crate) fn has_features(&self) -> bool {
        !self.single.is_empty() || !self.sequences.is_empty() || self.dense > 0
    }

    /// Number of fields that read a table.
    fn readers(&self, table: usize) -> usize {
        let fields = self.single.iter().chain(self.sequences.iter().map(|sequence| &sequence.field));
        let tokens = self.histories.iter().flat_map(|history| &history.fields);
        let read = fields.map(|field| field.table).chain(tokens.map(|field| field.table));
        read.filter(|read| *read == table).count()
    }

    /// The input without histories: its first columns.
    fn profile(&self) -> Self {
        let own = |sequence: &&SequenceField| matches!(sequence.source, Source::Own { .. });
        let sequences = self.sequences.iter().filter(own).copied().collect();
        let width = self.dense_column + self.dense;
        Self { width, single: self.single.clone(), sequences, histories: Vec::new(), ..*self }
    }
}

/// The whole model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelLayout {
    pub(crate) tables: Vec<TableSpec>,
    pub(crate) user: InputLayout,
    pub(crate) item: InputLayout,
    pub(crate) user_tower: Tower,
    pub(crate) item_tower: Tower,
    /// First of the two numbers (factor, bias) of the sigmoid layer, which follow the towers and the encoders.
    pub(crate) head: usize,
}

impl ModelLayout {
    /// All linear layers, in the order of their parameters.
    pub(crate) fn linear(&self) -> Vec<Linear> {
        let towers = [&self.user_tower, &self.item_tower].into_iter().flat_map(Tower::linear);
        let mut layers: Vec<Linear> =
            towers.chain(self.user.histories.iter().flat_map(HistoryLayout::linear)).collect();
        layers.sort_by_key(|layer| layer.offset);
        layers
    }

    /// The model over these features.
    pub(crate) fn new(section: &ModelSection, encoder: &FeatureEncoder) -> Self {
        let mut tables = Tables { specs: Vec::new(), default_dimension: section.embedding_dimension as usize };
        let (user_fields, item_fields) = (encoder.user_layout(), encoder.item_layout());
        let item = tables.input("item", item_fields);
        let mut user = tables.input("user", user_fields);
        for history in &user_fields.history {
            tables.add_history(&mut user, history, section, (&item, item_fields));
        }
        let dimension = section.output_dimension as usize;
        let user_tower = Tower::new(&section.user_tower, section.score, (user.width, dimension), 0);
        let offset = user_tower.len();
        let item_tower = Tower::new(&section.item_tower, section.score, (item.width, dimension), offset);
        let mut head = user_tower.len() + item_tower.len();
        let interests = user.interests();
        for history in &mut user.histories {
            history.repeats = interests / history.encoder.interests();
            history.offset = head;
            head += history.encoder.len();
        }
        Self { tables: tables.specs, user, item, user_tower, item_tower, head }
    }

    /// Length of a user or item vector.
    pub(crate) fn dimension(&self) -> usize {
        self.user_tower.dimension()
    }

    /// What vectors of users and items score.
    pub(crate) fn score(&self) -> Score {
        self.user_tower.score()
    }

    /// Number of fields that read a table.
    pub(crate) fn readers(&self, table: usize) -> usize {
        let profiles = self.user.histories.iter().filter_map(|history| history.profile.as_deref());
        profiles.chain([&self.user, &self.item]).map(|input| input.readers(table)).sum()
    }

    /// Number of dense parameters.
    pub(crate) fn dense_len(&self) -> usize {
        self.head + 2
    }
}

struct Tables {
    specs: Vec<TableSpec>,
    default_dimension: usize,
}

impl Tables {
    /// A table of the ids of `feature`; `place` goes before its name.
    fn add(&mut self, place: &str, feature: &str, cardinality: u32, dimension: usize) -> usize {
        let (name, feature) = (format!("embedding.{place}.{feature}"), feature.to_owned());
        self.specs.push(TableSpec { name, feature, cardinality: cardinality as usize, dimension });
        self.specs.len() - 1
    }

    fn dimension(&self, of_field: Option<u32>) -> usize {
        of_field.map_or(self.default_dimension, |dimension| dimension as usize)
    }

    /// Single fields, multi fields and numbers of a tower.
    fn input(&mut self, side: &str, fields: &TowerLayout) -> InputLayout {
        let mut input = InputLayout { dense: fields.dense.len(), ..InputLayout::default() };
        for single in &fields.single {
            let dimension = self.dimension(single.dimension);
            let table = self.add(side, &single.name, single.cardinality, dimension);
            input.single.push(Field { table, column: input.width, dimension });
            input.width += dimension;
        }
        for (number, multi) in fields.multi.iter().enumerate() {
            let dimension = self.dimension(multi.dimension);
            let table = self.add(side, &multi.name, multi.cardinality, dimension);
            let field = Field { table, column: input.width, dimension };
            let encoder = SequenceEncoder::Pool { pooling: multi.pooling };
            input.sequences.push(SequenceField { field, source: Source::Own { number }, encoder });
            input.width += dimension;
        }
        input.dense_column = input.width;
        input.width += input.dense;
        input
    }

    /// A history of the user tower, pooled or with its encoder, over tables of the item tower or of its own.
    fn add_history(
        &mut self,
        user: &mut InputLayout,
        history: &HistoryField,
        section: &ModelSection,
        (item, item_fields): (&InputLayout, &TowerLayout),
    ) {
        let fields = history.of.iter().map(|name| self.token_field(history, name, (item, item_fields)));
        let fields: Vec<TokenField> = fields.collect();
        let (column, max_length) = (user.width, history.max_length as usize);
        let width: usize = fields.iter().map(|field| field.dimension).sum();
        user.width += width;
        let mut first = 0;
        let placed = fields.into_iter().map(|field| {
            let column = first;
            first += field.dimension;
            TokenField { column, ..field }
        });
        let Some(own) = section.encoder_of(&history.name) else {
            user.sequences.extend(placed.map(|TokenField { table, of, column: first, dimension, .. }| SequenceField {
                field: Field { table, column: column + first, dimension },
                source: Source::History { of, max_length },
                encoder: SequenceEncoder::Pool { pooling: history.pooling },
            }));
            return;
        };
        let profile = user.profile();
        let encoder = Encoder::new(own, (width, profile.width), max_length);
        let profile = encoder.reads_profile().then(|| Box::new(profile));
        let (name, fields, reading) = (format!("history.{}", history.name), placed.collect(), own.reading());
        user.histories.push(HistoryLayout {
            name,
            column,
            width,
            fields,
            max_length,
            encoder,
            reading,
            profile,
            offset: 0,
            repeats: 1,
        });
    }

    /// An item field that a history reads, at column 0.
    fn token_field(
        &mut self,
        history: &HistoryField,
        name: &String,
        (item, item_fields): (&InputLayout, &TowerLayout),
    ) -> TokenField {
        let single = item_fields.single.iter().position(|field| field.name == *name);
        let multi = item_fields.multi.iter().position(|field| field.name == *name);
        let (of, items_table, (cardinality, pooling)) = match (single, multi) {
            (Some(column), _) => {
                let of = ItemColumn::Single { column, width: item_fields.single.len() };
                (of, item.single[column].table, (item_fields.single[column].cardinality, history.pooling))
            }
            (None, Some(number)) => {
                let (table, field) = (item.sequences[number].field.table, &item_fields.multi[number]);
                (ItemColumn::Multi { number }, table, (field.cardinality, field.pooling))
            }
            (None, None) => unreachable!("the schema checked that a history reads item fields"),
        };
        let dimension = self.specs[items_table].dimension;
        let place = || format!("history.{}", history.name);
        let table = if history.shared { items_table } else { self.add(&place(), name, cardinality, dimension) };
        TokenField { table, of, column: 0, dimension, pooling: SequenceEncoder::Pool { pooling } }
    }
}
