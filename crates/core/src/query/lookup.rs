//! The one way from a [`Query`] to what a user tower reads, taken by requests, by the golden set and by exported user
//! embeddings. It searches nothing and knows no vector.

use super::past::Past;
use super::{PastItems, Query, QueryBatch};
use crate::behaviour::{TimedItems, WindowValue};
use crate::encode::{EncodedRows, FeatureEncoder, Raw, RawFeatures};
use crate::history::Histories;
use crate::ids::check_id;
use crate::items::ItemTable;
use crate::{CoreError, Result};

/// Where stored values are looked up. All three belong to one bundle or one samples folder.
#[derive(Debug, Clone, Copy)]
pub struct Lookup<'a> {
    /// The feature encoder.
    pub encoder: &'a FeatureEncoder,
    /// The corpus.
    pub items: &'a ItemTable,
    /// Histories and raw user features.
    pub histories: &'a Histories,
    /// Does the user tower read the times of a history? Windows do it in any case.
    pub needs_times: bool,
}

/// One query, looked up and encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedQuery {
    /// User and context features, one row.
    pub rows: EncodedRows,
    /// Item indices, oldest first.
    pub history: Vec<u32>,
    /// Their times, microseconds UTC, one an item; or none, where the request has none and nothing reads them.
    pub times: Vec<i64>,
    /// When it is asked, microseconds UTC.
    pub asked: i64,
    /// The user key is in the history table.
    pub user_known: bool,
    /// Ids of the request's history that the corpus does not have; they are left out.
    pub unknown_history: usize,
}

impl EncodedQuery {
    /// True when neither a stored user nor a history stands behind the query.
    pub fn is_cold_start(&self) -> bool {
        !self.user_known && self.history.is_empty()
    }

    /// A batch of this one query.
    pub fn batch(&self) -> QueryBatch<'_> {
        let past = PastItems { items: &self.history, times: &self.times, asked: self.asked };
        QueryBatch { features: self.rows.view(), histories: vec![past] }
    }
}

impl<'a> Lookup<'a> {
    /// Looks up and encodes a query as of `time` (microseconds UTC), which decides what its windows hold, and how long ago its history was. A feature of the
    /// request wins over the stored value of the user; a feature whose column is the user key has the query's user as its
    /// value. The request's history replaces the stored one.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that names the field (`user`, `history.3`, `history_times`, `features.city`): an id that is
    /// none, a history without the times that a window or the user tower needs, a feature that no one knows, a value that its feature
    /// refuses. `Damaged` when a stored value is refused.
    pub fn encode(&self, query: &Query, time: i64) -> Result<EncodedQuery> {
        if let Some(user) = &query.user {
            check_id("user", user)?;
        }
        self.check_names(&query.features)?;
        let user_row = query.user.as_deref().and_then(|user| self.histories.find(user));
        let past = Past::of(query, user_row, self)?;
        let columns = self.encoder.user_columns();
        let values: Vec<Raw<'_>> =
            columns.iter().map(|(name, column)| self.value(query, user_row, name, column)).collect();
        let mut rows = self.encoder.empty_user_rows();
        let encoded = self.encoder.encode_user(&values, &self.windows(&past, time), &mut rows);
        encoded.map_err(|error| at_feature(query, error))?;
        let Past { items: history, times, unknown: unknown_history } = past;
        Ok(EncodedQuery { rows, history, times, asked: time, user_known: user_row.is_some(), unknown_history })
    }

    fn check_names(&self, features: &RawFeatures) -> Result<()> {
        let columns = self.encoder.user_columns();
        let is_known = |name: &str| columns.iter().any(|(known, _)| known == name);
        match features.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(unknown) => {
                let known: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
                let reason = format!("there is no such user or context feature; known are: {}", known.join(", "));
                Err(CoreError::Invalid { field: format!("features.{unknown}"), reason })
            }
        }
    }

    fn windows(&self, past: &Past, time: i64) -> Vec<WindowValue> {
        let windows = self.encoder.windows();
        if windows.is_empty() {
            return Vec::new();
        }
        let (items, history) = (self.items.features(), TimedItems { items: &past.items, times: &past.times });
        windows.of(history, &items).as_of(time).to_vec()
    }

    fn value<'q>(&self, query: &'q Query, user_row: Option<u32>, name: &str, column: &str) -> Raw<'q>
    where
        'a: 'q,
    {
        if let Some(given) = query.features.get(name) {
            return given.as_raw();
        }
        match (user_row, &query.user) {
            (Some(row), _) => self.histories.raw(row, column).into(),
            (None, Some(user)) if self.histories.is_key(column) => Raw::Text(user),
            (None, _) => Raw::Missing,
        }
    }
}

/// A refused value is the request's fault only if the request sent it.
fn at_feature(query: &Query, error: CoreError) -> CoreError {
    let CoreError::Invalid { field, reason } = error else { return error };
    if query.features.contains_key(&field) {
        return CoreError::Invalid { field: format!("features.{field}"), reason };
    }
    let user = query.user.as_deref().unwrap_or_default();
    CoreError::damaged("histories.arrow", format!("feature `{field}` of user `{user}`: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Faults;
    use crate::encode::{EncodedRows, Fitted, RawValue};
    use crate::history::HistoryRows;
    use crate::schema::FeatureSchema;

    struct World {
        encoder: FeatureEncoder,
        items: ItemTable,
        histories: Histories,
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    fn world() -> World {
        let json = r#"[
            {"name": "user", "column": "uid", "side": "user", "kind": "hash", "buckets": 1000},
            {"name": "town", "column": "city", "side": "user", "kind": "vocabulary", "values": ["Rome", "Oslo"]},
            {"name": "age", "side": "user", "kind": "numeric", "normalise": "none"},
            {"name": "hour", "side": "context", "kind": "vocabulary", "values": ["8", "9"]},
            {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
        let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
        let encoder = FeatureEncoder::new(schema, Fitted::default()).unwrap();
        let mut rows: EncodedRows = encoder.empty_item_rows();
        for id in ["a", "b", "c"] {
            encoder.encode_item(&[Raw::Text(id)], &mut rows).unwrap();
        }
        let batch = ItemTable::batch(&texts(&["a", "b", "c"]), &[1, 1, 0], rows, &encoder).unwrap();
        let histories = HistoryRows {
            users: texts(&["ann", "bob"]),
            offsets: vec![0, 2, 3],
            items: vec![2, 0, 1],
            times: vec![1, 2, 3],
            raw: vec![
                ("uid".into(), vec![Some("ann".into()), Some("bob".into())]),
                ("city".into(), vec![Some("Rome".into()), None]),
                ("age".into(), vec![Some("30".into()), Some("old".into())]),
            ],
        };
        let histories = Histories::from_batch(histories.into_batch().unwrap()).unwrap();
        World { items: ItemTable::from_batch(&batch).unwrap(), encoder, histories }
    }

    impl World {
        fn lookup(&self, needs_times: bool) -> Lookup<'_> {
            Lookup { encoder: &self.encoder, items: &self.items, histories: &self.histories, needs_times }
        }

        fn encode(&self, query: &Query) -> Result<EncodedQuery> {
            self.lookup(false).encode(query, 10)
        }

        fn row(&self, values: [Raw<'_>; 4]) -> EncodedRows {
            let mut rows = self.encoder.empty_user_rows();
            self.encoder.encode_user(&values, &[], &mut rows).unwrap();
            rows
        }
    }

    fn of_user(user: &str) -> Query {
        Query { user: Some(user.into()), ..Query::default() }
    }

    fn feature(name: &str, value: &str) -> RawFeatures {
        RawFeatures::from([(name.to_owned(), RawValue::Text(value.to_owned()))])
    }

    const TEXT: fn(&'static str) -> Raw<'static> = Raw::Text;

    #[test]
    fn stored_values_and_history_stand_in_for_what_the_request_does_not_say() {
        let world = world();
        let found = world.encode(&of_user("ann")).unwrap();
        assert_eq!(found.rows, world.row([TEXT("ann"), TEXT("Rome"), TEXT("30"), Raw::Missing]));
        assert_eq!((found.history.as_slice(), found.user_known, found.is_cold_start()), (&[2, 0][..], true, false));
        let query = Query {
            features: RawFeatures::from([
                ("town".to_owned(), RawValue::Text("Oslo".into())),
                ("age".to_owned(), RawValue::Missing),
                ("hour".to_owned(), RawValue::Text("9".into())),
            ]),
            history: Some(texts(&["b", "zz", "b"])),
            ..of_user("ann")
        };
        let given = world.encode(&query).unwrap();
        assert_eq!(given.rows, world.row([TEXT("ann"), TEXT("Oslo"), Raw::Missing, TEXT("9")]));
        assert_eq!((given.history.as_slice(), given.unknown_history), (&[1, 1][..], 1));
        let emptied = world.encode(&Query { history: Some(Vec::new()), ..of_user("ann") }).unwrap();
        assert!(emptied.history.is_empty() && !emptied.is_cold_start(), "an empty history replaces the stored one");
    }

    #[test]
    fn a_new_user_has_her_key_and_nothing_else() {
        let world = world();
        let new = world.encode(&of_user("zoe")).unwrap();
        assert_eq!(new.rows, world.row([TEXT("zoe"), Raw::Missing, Raw::Missing, Raw::Missing]));
        assert!(new.is_cold_start() && !new.user_known);
        let nobody = world.encode(&Query::default()).unwrap();
        assert_eq!(nobody.rows, world.row([Raw::Missing; 4]));
    }

    #[test]
    fn a_refusal_names_the_field_of_the_request() {
        let world = world();
        let refused = |query: &Query| match world.encode(query) {
            Err(CoreError::Invalid { field, reason }) => (field, reason),
            other => panic!("{other:?}"),
        };
        let (field, reason) = refused(&Query { features: feature("city", "Rome"), ..Query::default() });
        assert_eq!(field, "features.city", "the name counts, not the column");
        assert!(reason.ends_with("known are: user, town, age, hour"), "{reason}");
        assert_eq!(refused(&Query { features: feature("id", "a"), ..Query::default() }).0, "features.id");
        assert_eq!(refused(&Query { features: feature("age", "old"), ..of_user("ann") }).0, "features.age");
        assert_eq!(refused(&of_user("")).0, "user");
        assert_eq!(refused(&Query { history: Some(texts(&["a", "\n"])), ..Query::default() }).0, "history.1");
    }

    #[test]
    fn a_stored_value_that_cannot_be_encoded_is_not_the_fault_of_the_request() {
        let error = world().encode(&of_user("bob")).unwrap_err();
        assert_eq!(error.code(), "damaged");
        assert!(error.to_string().contains("`age`") && error.to_string().contains("`bob`"), "{error}");
        assert!(world().encode(&Query { features: feature("age", "31"), ..of_user("bob") }).is_ok());
    }

    /// The world above with one feature, which counts the last 5 seconds.
    fn with_window() -> World {
        let world = world();
        let json = r#"[
            {"name": "clicks", "side": "user", "kind": "window", "window": "5s", "what": "count", "normalise": "none"},
            {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
        let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
        World { encoder: FeatureEncoder::new(schema, Fitted::default()).unwrap(), ..world }
    }

    #[test]
    fn windows_look_at_the_stored_history_or_at_the_one_of_the_request_as_of_now() {
        let world = with_window();
        let lookup = world.lookup(false);
        let second = 1_000_000;
        let clicks = |query: &Query, time| lookup.encode(query, time).unwrap().rows.dense[0];
        let stored =
            [1, 2, 3, 5 * second + 1, 5 * second + 2, 5 * second + 3].map(|time| clicks(&of_user("ann"), time));
        assert_eq!(stored, [0.0, 1.0, 2.0, 2.0, 1.0, 0.0]);
        let of = |ids: &[&str], times: Option<Vec<i64>>| Query {
            history: Some(texts(ids)),
            history_times: times,
            ..of_user("ann")
        };
        let times = vec![0, 2 * second, 4 * second];
        assert_eq!(
            clicks(&of(&["a", "zz", "b"], Some(times.clone())), 5 * second),
            2.0,
            "an unknown item is in no window"
        );
        assert_eq!(clicks(&of(&[], None), 5 * second), 0.0);
        let refused = |query: &Query| match lookup.encode(query, 0) {
            Err(CoreError::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&of(&["a"], None)), "history_times", "a window needs times");
        assert_eq!(refused(&of(&["a"], Some(times))), "history_times");
        assert_eq!(refused(&of(&["a", "b"], Some(vec![2, 1]))), "history_times.1");
        assert_eq!(refused(&Query { history_times: Some(vec![]), ..of_user("ann") }), "history_times");
    }
}
