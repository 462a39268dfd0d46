//! One JSON object to named cells. In: text. Out: cells, or false for what is no object. A value is read by the rule of
//! requests, [`RawValue`], so that a log and a request with the same JSON mean the same.

use crate::ingest::account::Kind;
use crate::ingest::named::{Claim, NamedCells};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt::{self, Write as _};
use twinspire_core::encode::RawValue;

/// Reads one object into cells; false when the text is something else, or a key occurs twice.
pub(super) fn read_object(text: &str, cells: &mut NamedCells) -> bool {
    cells.clear();
    let mut source = serde_json::Deserializer::from_str(text);
    source.deserialize_map(Object { cells }).is_ok() && source.end().is_ok()
}

struct Object<'a> {
    cells: &'a mut NamedCells,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(claim) = map.next_key_seed(Key { cells: self.cells })? {
            match claim {
                Claim::Kept(number) => set(self.cells, number, map.next_value()?),
                Claim::Passed => drop(map.next_value::<IgnoredAny>()?),
                Claim::Repeated => return Err(A::Error::custom("a key occurs twice")),
            }
        }
        Ok(())
    }
}

struct Key<'a> {
    cells: &'a mut NamedCells,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Claim;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Claim, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Claim;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Claim, E> {
        Ok(self.cells.claim(name))
    }
}

/// Sets a cell. Objects and nested arrays are no values.
fn set(cells: &mut NamedCells, number: usize, value: serde_json::Value) {
    let elements = match RawValue::deserialize(value) {
        Ok(RawValue::Missing) => return,
        Ok(RawValue::Text(value)) => return cells.set(number, |text| text.push_str(&value)),
        Ok(RawValue::List(elements)) => elements,
        Err(_) => return cells.blame(Kind::BadList, number),
    };
    let weighted = cells.list_rule(number).and_then(|rule| rule.weighted);
    if weighted == Some(false) && elements.iter().any(|(_, weight)| *weight != 1.0) {
        return cells.blame(Kind::BadList, number);
    }
    let mut list = cells.list(number);
    for (value, weight) in elements {
        list.element(|text| {
            text.push_str(&value);
            if weighted.unwrap_or(weight != 1.0) {
                write!(text, ":{weight}").expect("writing to a string does not fail");
            }
        });
    }
    list.close();
}
