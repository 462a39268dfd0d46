//! One state of a live index, which never changes. Items are known by numbers: those of the base come first, those of the
//! tail follow. A number means something within its state only.

use super::change::LiveItem;
use super::invalid;
use super::tail::{Tail, TailItem};
use crate::error::{Result, RetrievalError};
use crate::filter::Corpus;
use crate::index::{StoredIndex, VectorIndex, check_vectors};
use crate::rows::{best, leave_out};
use crate::scan::ScanQueries;
use crate::set::ItemSet;
use rayon::prelude::*;
use std::sync::Arc;
use twinspire_core::attribute::{Attribute, AttributeTable, Filter};
use twinspire_core::ids::check_id;
use twinspire_core::query::Scored;

/// What a search sees.
#[derive(Debug, Clone)]
pub struct LiveState {
    pub(super) base: Arc<Base>,
    pub(super) tail: Tail,
    /// Numbers of the items that are there.
    pub(super) alive: ItemSet,
}

/// An index as it was built, and its items by id.
#[derive(Debug)]
pub(super) struct Base {
    pub index: StoredIndex,
    /// Numbers of the items, by their ids.
    by_id: Vec<u32>,
}

impl LiveState {
    /// The state of an index that nothing has changed yet.
    pub(super) fn of(index: StoredIndex) -> Result<Self> {
        if index.ids().len() != index.len() {
            return Err(RetrievalError::invalid("index", "it has no ids, so nobody can say what changes"));
        }
        let id = |number: &u32| index.id(*number);
        let mut by_id: Vec<u32> = (0..index.len() as u32).collect();
        by_id.par_sort_unstable_by(|left, right| id(left).cmp(id(right)));
        if let Some(twice) = by_id.windows(2).find(|pair| id(&pair[0]) == id(&pair[1])) {
            return Err(RetrievalError::invalid("index", format!("the id `{}` is there twice", id(&twice[0]))));
        }
        let (tail, alive) = (Tail::new(index.report().dimension), ItemSet::all(index.len()));
        Ok(Self { base: Arc::new(Base { index, by_id }), tail, alive })
    }

    /// The index that the state rests on; it is the whole state when [`LiveState::is_merged`].
    pub fn index(&self) -> &StoredIndex {
        &self.base.index
    }

    /// Is there neither a tail nor a dead item?
    pub fn is_merged(&self) -> bool {
        self.tail.len() == 0 && self.alive_count() == self.base.index.len()
    }

    /// Items that are there.
    pub fn alive_count(&self) -> usize {
        self.alive.count()
    }

    /// Id of an item by its number.
    pub fn id(&self, number: u32) -> &str {
        match (number as usize).checked_sub(self.base.index.len()) {
            None => self.base.index.id(number),
            Some(place) => &self.tail.item(place).id,
        }
    }

    /// Attributes that filters may name.
    pub fn attributes(&self) -> &[Attribute] {
        self.base.index.attributes().map_or(&[], AttributeTable::attributes)
    }

    /// Numbers of the items that fit a filter.
    ///
    /// # Errors
    /// `Invalid` of the field `filter`, with the names that there are.
    pub fn fitting(&self, filter: &Filter) -> Result<ItemSet> {
        let find = |id: &str| self.number_in_base(id);
        let corpus = Corpus { items: self.base.index.len(), attributes: self.base.index.attributes(), find: &find };
        let predicate = corpus.resolve(filter)?;
        let mut fitting = corpus.fitting(&predicate).resized(self.len());
        for ((item, _), number) in self.tail.from(0).zip(self.base.index.len() as u32..) {
            if predicate.holds(&item.id, &item.values) {
                fitting.insert(number);
            }
        }
        fitting.intersect(&self.alive);
        Ok(fitting)
    }

    /// Number of an id in the base, be it dead or alive.
    pub(super) fn number_in_base(&self, id: &str) -> Option<u32> {
        let Base { index, by_id } = self.base.as_ref();
        by_id.binary_search_by(|&number| index.id(number).cmp(id)).ok().map(|place| by_id[place])
    }

    /// An item that may come to life.
    pub(super) fn checked(&self, item: &LiveItem, place: usize) -> Result<TailItem> {
        check_id("id", &item.id).map_err(|error| invalid(place, error.to_string()))?;
        let dimension = self.base.index.report().dimension;
        if item.vector.len() != dimension {
            return Err(invalid(
                place,
                format!("expected a vector of {dimension} numbers, found {}", item.vector.len()),
            ));
        }
        check_vectors(&format!("changes.{place}.vector"), &item.vector, dimension)?;
        let mut values = Vec::new();
        for (name, own) in &item.attributes {
            let number = own.number_of(name, self.attributes()).map_err(|reason| invalid(place, reason))?;
            values.extend(own.iter().map(|value| (number, value.clone())));
        }
        Ok(TailItem { id: item.id.clone(), values })
    }

    /// Takes an item out; false where it was out already.
    pub(super) fn kill(&mut self, number: u32) -> bool {
        let was_alive = self.alive.contains(number);
        self.alive.remove(number);
        was_alive
    }

    /// Adds an item and returns its number.
    pub(super) fn push(&mut self, item: TailItem, vector: &[f32]) -> u32 {
        self.tail.push(item, vector);
        let number = self.len() as u32 - 1;
        self.alive = std::mem::replace(&mut self.alive, ItemSet::none(0)).resized(self.len());
        self.alive.insert(number);
        number
    }

    /// Items of the tail that are there, with their numbers.
    pub(super) fn living_tail(&self) -> impl Iterator<Item = (u32, &TailItem)> {
        let numbered = (self.base.index.len() as u32..).zip(self.tail.from(0).map(|(item, _)| item));
        numbered.filter(|(number, _)| self.alive.contains(*number))
    }
}

impl VectorIndex for LiveState {
    fn search(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>> {
        let base = self.base.index.len();
        let mut wanted = self.alive.clone();
        allowed.into_iter().for_each(|allowed| wanted.intersect(allowed));
        let in_tail: Vec<u32> = wanted.iter_from(base).map(|number| number - base as u32).collect();
        let in_base = wanted.resized(base);
        let is_whole = in_base.count() == base;
        let lists = self.base.index.search(queries, k, (!is_whole).then_some(&in_base));
        if in_tail.is_empty() {
            return lists;
        }
        let vectors = queries.vectors.par_chunks_exact(self.base.index.report().dimension);
        let one = |((query, excluded), mut found): ((&[f32], &&[u32]), Vec<Scored>)| {
            let mut scored = Vec::with_capacity(in_tail.len());
            self.tail.score(query, (base as u32, &in_tail), &mut scored);
            found.extend(leave_out(best(scored, k + excluded.len()), excluded, k));
            best(found, k)
        };
        vectors.zip(queries.excluded).zip(lists).map(one).collect()
    }

    fn len(&self) -> usize {
        self.base.index.len() + self.tail.len()
    }

    fn is_exact(&self) -> bool {
        self.base.index.is_exact()
    }
}
