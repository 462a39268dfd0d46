//! Which items of a corpus fit a filter. In: a resolved filter and the table of attributes. Out: an [`ItemSet`], found from
//! the lists of items that have a value, never item by item.

use crate::config::RetrievalSettings;
use crate::error::Result;
use crate::set::ItemSet;
use twinspire_core::attribute::{AttributeTable, Filter, Predicate};
use twinspire_core::items::ItemTable;
use twinspire_core::sample::SampleLayout;

/// What filters look at.
#[derive(Clone, Copy)]
pub(crate) struct Corpus<'a> {
    /// Number of items.
    pub items: usize,
    /// Attributes of the items, where there are some; every predicate was resolved against them.
    pub attributes: Option<&'a AttributeTable>,
    /// Row of an id.
    pub find: &'a dyn Fn(&str) -> Option<u32>,
}

impl Corpus<'_> {
    /// The items that fit.
    pub fn fitting(&self, predicate: &Predicate) -> ItemSet {
        match predicate {
            Predicate::Text { attribute, value } => {
                self.set(self.attributes.iter().map(|table| table.having_text(*attribute, value)))
            }
            Predicate::Range { attribute, bounds } => {
                self.set(self.attributes.iter().flat_map(|table| table.having_number(*attribute, *bounds)))
            }
            Predicate::Items(ids) => {
                let mut set = ItemSet::none(self.items);
                ids.iter().filter_map(|id| (self.find)(id)).for_each(|item| set.insert(item));
                set
            }
            Predicate::Not(predicate) => self.fitting(predicate).complement(),
            Predicate::All(predicates) => self.joined(predicates, ItemSet::all, ItemSet::intersect),
            Predicate::Any(predicates) => self.joined(predicates, ItemSet::none, ItemSet::unite),
        }
    }

    /// The filter with its names resolved.
    ///
    /// # Errors
    /// `Invalid` of the field `filter`, with the names that there are.
    pub fn resolve(&self, filter: &Filter) -> Result<Predicate> {
        Ok(filter.resolve(self.attributes.map_or(&[], AttributeTable::attributes))?)
    }

    /// What may be a candidate: the items that are available and fit `filter`. `None`: every item.
    ///
    /// # Errors
    /// As [`Corpus::resolve`].
    pub fn candidates(&self, filter: Option<&Filter>) -> Result<Option<ItemSet>> {
        let available = self.attributes.and_then(AttributeTable::available);
        let available = available.map(|items| self.set(std::iter::once(items)));
        let Some(filter) = filter else { return Ok(available) };
        let mut fitting = self.fitting(&self.resolve(filter)?);
        available.iter().for_each(|available| fitting.intersect(available));
        Ok(Some(fitting))
    }

    fn set<'i>(&self, lists: impl Iterator<Item = &'i [u32]>) -> ItemSet {
        let mut set = ItemSet::none(self.items);
        lists.flatten().for_each(|&item| set.insert(item));
        set
    }

    fn joined(
        &self,
        predicates: &[Predicate],
        of_none: impl Fn(usize) -> ItemSet,
        join: impl Fn(&mut ItemSet, &ItemSet),
    ) -> ItemSet {
        let mut sets = predicates.iter().map(|predicate| self.fitting(predicate));
        let first = sets.next().unwrap_or_else(|| of_none(self.items));
        sets.fold(first, |mut joined, set| {
            join(&mut joined, &set);
            joined
        })
    }
}

/// What may be a candidate of a bundle that is made of `samples`, whose corpus is `items`: those that are available and
/// fit the filter of the settings. `None`: every item.
///
/// # Errors
/// A damaged table; a filter that names no attribute of it.
pub fn candidates_of(
    samples: &SampleLayout,
    items: &ItemTable,
    settings: &RetrievalSettings,
) -> Result<Option<ItemSet>> {
    let path = samples.attributes();
    let table = path.exists().then(|| AttributeTable::open(&path)).transpose()?;
    let corpus = Corpus { items: items.len(), attributes: table.as_ref(), find: &|id| items.find(id) };
    corpus.candidates(settings.plan().filter())
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::attribute::{Attribute, AttributeKind, AttributeRows, AttributeValue, Bounds};
    use twinspire_core::rng::Rng;

    const ITEMS: u32 = 150;

    /// A predicate of some depth over the text attribute 0, the number attribute 1 and ids.
    fn any_predicate(rng: &mut Rng, depth: u32) -> Predicate {
        let several = |rng: &mut Rng| (0..rng.below(4)).map(|_| any_predicate(rng, depth - 1)).collect();
        match rng.below(if depth == 0 { 3 } else { 6 }) {
            0 => Predicate::Text { attribute: 0, value: ["a", "b", "c"][rng.below(3) as usize].to_owned() },
            1 => {
                let (from, to) = (f64::from(rng.below(9)), f64::from(rng.below(9)));
                Predicate::Range { attribute: 1, bounds: Bounds { gte: Some(from), lt: Some(to), ..Bounds::default() } }
            }
            2 => Predicate::Items((0..rng.below(40)).map(|_| rng.below(200).to_string()).collect()),
            3 => Predicate::Not(Box::new(any_predicate(rng, depth - 1))),
            4 => Predicate::All(several(rng)),
            _ => Predicate::Any(several(rng)),
        }
    }

    #[test]
    fn the_items_that_fit_are_those_that_fit_one_by_one() {
        let mut rng = Rng::stream(4, "filter", 0);
        let kinds = [("word", AttributeKind::Text), ("size", AttributeKind::Number)];
        let attributes = kinds.map(|(name, kind)| Attribute { name: name.into(), kind }).to_vec();
        let mut rows = AttributeRows::new(attributes, ITEMS as usize);
        let mut values = Vec::new();
        for item in 0..ITEMS {
            let words = (0..rng.below(3)).map(|_| (0, AttributeValue::Text(["a", "b"][rng.below(2) as usize].into())));
            let mut own: Vec<(u32, AttributeValue)> = words.collect();
            own.extend((0..rng.below(2)).map(|_| (1, AttributeValue::Number(f64::from(rng.below(9))))));
            own.iter().for_each(|(attribute, value)| rows.push(item, *attribute, value.clone()));
            values.push(own);
        }
        let table = AttributeTable::from_batch(&rows.into_batch().unwrap()).unwrap();
        let find = |id: &str| id.parse().ok().filter(|&item: &u32| item < ITEMS);
        let corpus = Corpus { items: ITEMS as usize, attributes: Some(&table), find: &find };
        let mut sizes = Vec::new();
        for _ in 0..500 {
            let predicate = any_predicate(&mut rng, 3);
            let fits = |item: &u32| predicate.holds(&item.to_string(), &values[*item as usize]);
            let expected: Vec<u32> = (0..ITEMS).filter(fits).collect();
            assert!(corpus.fitting(&predicate).iter().eq(expected.iter().copied()), "{predicate:?}");
            sizes.push(expected.len());
        }
        assert!(sizes.contains(&0) && sizes.contains(&(ITEMS as usize)) && sizes.iter().any(|&size| size > 60));
    }
}
