//! What the rows of a batch share in one tower: fields with few distinct values, multiplied once for the whole batch, and
//! packed histories.
//!
//! In: the ids of all chunks, then their gradients. Out: the shared part of the first layer's output, and the gradients
//! of what was shared. Each field is one thread's work, over the chunks in order, so that no sum depends on the number
//! of threads. Histories are read here, and encoded by those who work on the chunks.

use crate::input::{ChunkInput, RowSource};
use crate::layer::distinct::{Distinct, sum_of_indexed};
use crate::layer::embedding::Columns;
use crate::layer::linear::Linear;
use crate::layout::{Field, InputLayout, ModelLayout};
use crate::model::Parameters;
use crate::optimizer::Shard;
use crate::sequence::{History, Pass, TokenGradients, Tokens, cut, starts};
use crate::team::Team;
use crate::tower::Tower;
use std::ops::Range;
use twinspire_core::encode::EncodedView;

/// Fewest rows whose histories are worth a part of their own.
const PART_ROWS: usize = 128;

/// The shared fields of one tower's input.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    /// One for each single field, with whether it is shared.
    fields: Vec<(Distinct, bool)>,
    /// One for each history that has an encoder.
    histories: Vec<History>,
    /// What threads read at once: one for each history a part.
    parts: Vec<Vec<Tokens>>,
}

/// A single field of one tower, and the chunks of a batch.
pub(crate) struct SharedField<'s, I> {
    distinct: &'s mut Distinct,
    shared: &'s mut bool,
    number: usize,
    field: Field,
    /// The first layer, where it may share fields.
    layer: Option<Linear>,
    inputs: I,
}

impl<'i, I: Iterator<Item = &'i ChunkInput> + Clone> SharedField<'_, I> {
    /// Finds out whether the field is worth it, and multiplies its values if it is.
    pub(crate) fn find(self, parameters: &Parameters) {
        let Self { distinct, number, field, inputs, .. } = self;
        let table = &parameters.tables[field.table];
        let (rows, cardinality) = (inputs.clone().map(ChunkInput::rows).sum(), table.len() / field.dimension);
        let ids = inputs.map(|input| input.ids(number));
        *self.shared = self.layer.is_some() && distinct.find(field, cardinality, (rows, ids));
        if let Some(layer) = self.layer.filter(|_| *self.shared) {
            distinct.multiply(table, &layer, &parameters.dense);
        }
    }

    /// Computes the gradients of a shared field from those that the chunks kept.
    pub(crate) fn backward(self, parameters: &Parameters) {
        if let Some(layer) = self.layer.filter(|_| *self.shared) {
            let slopes: Vec<&[f32]> = self.inputs.map(|input| input.slopes(&layer)).collect();
            self.distinct.backward(&layer, &parameters.dense, &slopes);
        }
    }
}

impl Shared {
    /// The single fields of a tower, each with the chunks of the batch, `inputs`: parts that threads may share.
    pub(crate) fn fields<'i, I: Iterator<Item = &'i ChunkInput> + Clone>(
        &mut self,
        (tower, layout): (&Tower, &InputLayout),
        inputs: I,
    ) -> impl Iterator<Item = SharedField<'_, I>> {
        self.fields.resize_with(layout.single.len(), Default::default);
        let layer = tower.first().copied().filter(|_| tower.may_share());
        let fields = self.fields.iter_mut().zip(&layout.single).enumerate();
        fields.map(move |(number, ((distinct, shared), field))| SharedField {
            distinct,
            shared,
            number,
            field: *field,
            layer,
            inputs: inputs.clone(),
        })
    }

    /// Reads the histories of rows. They are read in parts; what is read does not depend on these.
    pub(crate) fn read_histories(
        &mut self,
        (layout, parameters): (&InputLayout, &Parameters),
        (items, (source, rows)): (&EncodedView<'_>, (&impl RowSource, usize)),
        pass: Pass,
        team: &Team,
    ) {
        self.histories.resize_with(layout.histories.len(), History::default);
        if layout.histories.is_empty() {
            return;
        }
        let starts = starts(source, rows, (2 * team.threads()).min(rows / PART_ROWS).max(1));
        self.parts.resize_with(starts.len() - 1, Vec::new);
        team.each(self.parts.iter_mut().zip(starts.windows(2)), |_, (part, ends)| {
            let own = ends[0]..ends[1];
            source.ask(own.clone());
            part.resize_with(layout.histories.len(), Tokens::default);
            for (history, tokens) in layout.histories.iter().zip(part) {
                tokens.read((source, own.clone()), (history.max_length, pass.joined));
            }
        });
        for (number, (own, history)) in layout.histories.iter().zip(&mut self.histories).enumerate() {
            let parts = self.parts.iter().map(|part| &part[number]);
            history.take((own, parameters), (items, (source, rows)), pass, parts);
        }
    }

    /// Cuts rows whose histories were read into chunks, as [`cut`] says, whose result this returns.
    pub(crate) fn cut(&mut self, rows: usize, sizes: (usize, usize)) -> Vec<usize> {
        cut(&mut self.histories, rows, sizes)
    }

    /// The histories, in the order of the layout.
    pub(crate) fn histories(&self) -> &[History] {
        &self.histories
    }

    /// Takes what groups got for the profiles that encoders read: one of each history a group.
    pub(crate) fn take_profiles(&mut self, groups: &[Vec<TokenGradients>]) {
        for (number, history) in self.histories.iter_mut().enumerate() {
            history.take_profiles(groups.iter().map(|left| &left[number]));
        }
    }

    /// Is this single field shared?
    pub(crate) fn has(&self, number: usize) -> bool {
        self.fields.get(number).is_some_and(|(_, shared)| *shared)
    }

    fn iter(&self) -> impl Iterator<Item = &Distinct> {
        self.fields.iter().filter(|(_, shared)| *shared).map(|(distinct, _)| distinct)
    }

    /// Writes into `runs` the columns of an input of `width` columns that no shared field covers.
    pub(crate) fn other_columns(&self, width: usize, runs: &mut Vec<Range<usize>>) {
        runs.clear();
        let mut start = 0;
        for field in self.iter().map(Distinct::field) {
            runs.push(start..field.column);
            start = field.column + field.dimension;
        }
        runs.push(start..width);
        runs.retain(|run| !run.is_empty());
    }

    /// Writes the shared part of `x · W` of these rows of the batch to `y` `[rows, outputs]`.
    pub(crate) fn forward(&self, rows: Range<usize>, y: &mut [f32]) {
        let width = y.len() / rows.len();
        let sources: Vec<_> = self.iter().map(|distinct| distinct.products(rows.clone())).collect();
        sum_of_indexed(y, &sources, width);
    }

    /// Losses of the encoders' own.
    pub(crate) fn auxiliary_loss(&self, layout: &InputLayout, groups: &[Vec<TokenGradients>]) -> f64 {
        let histories = layout.histories.iter().zip(&self.histories).enumerate();
        let loss = |(number, (own, history)): (usize, (_, &History))| {
            history.auxiliary_loss(own, groups.iter().map(|left| &left[number]))
        };
        histories.map(loss).sum()
    }

    /// Places of the shared fields' rows of `W` among all dense parameters: the chunks have no gradients of them.
    pub(crate) fn parameters(&self, tower: &Tower) -> impl Iterator<Item = Range<usize>> {
        let place = |layer: &Linear, field: Field| {
            let start = layer.offset + field.column * layer.outputs;
            start..start + field.dimension * layer.outputs
        };
        tower.first().into_iter().flat_map(move |layer| self.iter().map(move |distinct| place(layer, distinct.field())))
    }

    /// Puts the gradients of the shared fields' rows of `W` at their places among those of all dense parameters.
    pub(crate) fn dense_gradient(&self, tower: &Tower, gradient: &mut [f32]) {
        for (place, distinct) in self.parameters(tower).zip(self.iter()) {
            gradient[place].copy_from_slice(distinct.weight_gradient());
        }
    }

    /// Ids and gradients of a table that nothing but one shared field of this tower reads; each id is there once.
    pub(crate) fn only(&self, layout: &ModelLayout, table: usize) -> Option<(&[u32], &[f32])> {
        let distinct = self.iter().find(|distinct| distinct.field().table == table)?;
        (layout.readers(table) == 1).then(|| distinct.rows())
    }

    /// Adds what the groups left of the histories to a shard of table `table`, in the order of the layout.
    pub(crate) fn collect_histories(
        &self,
        layout: &InputLayout,
        table: usize,
        groups: &[Vec<TokenGradients>],
        shard: &mut Shard,
    ) {
        for (number, (own, history)) in layout.histories.iter().zip(&self.histories).enumerate() {
            history.collect(own, table, groups.iter().map(|left| &left[number]), shard);
        }
    }

    /// Adds the gradients of the shared fields of table `table` to a shard, in the order of the layout.
    pub(crate) fn collect(&self, table: usize, shard: &mut Shard) {
        for distinct in self.iter().filter(|distinct| distinct.field().table == table) {
            let (ids, gradients) = distinct.rows();
            let width = distinct.field().dimension;
            shard.add_rows(ids, gradients, Columns { stride: width, first: 0, width });
        }
    }
}
