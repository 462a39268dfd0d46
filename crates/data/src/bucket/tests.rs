//! What a bucket loads from tables with several parts, and that what is stored of it comes back equal.

use super::*;
use arrow_array::{ArrayRef, Int64Array, UInt8Array, UInt64Array};
use std::path::PathBuf;
use std::sync::Arc;
use twinspire_core::interaction::{FIRST_SLOTS, SLOTS, slot};
use twinspire_core::table::{batch_of, write_parts, write_table};
use twinspire_core::vfs::RealVfs;

/// (slot, user, item, time) of a row; all rows of a slot have the same key.
type Written = (u64, Option<&'static str>, &'static str, i64);

/// A table with a part for each slot.
fn written(path: PathBuf, rows: &[Written]) -> (PathBuf, u64) {
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let numbers = || Arc::new(UInt8Array::from(vec![1; rows.len()])) as ArrayRef;
    let kinds = rows.iter().map(|row| if row.3 == 3 { EventKind::Impression } else { EventKind::Positive } as u8);
    let slots: Vec<u64> = rows.iter().map(|row| row.0).collect();
    let keys = UInt64Array::from_iter_values(slots.iter().map(|slot| slot * (u64::MAX / SLOTS as u64 + 1)));
    assert!(keys.values().iter().zip(&slots).all(|(&key, &of)| slot(key) as u64 == of));
    let columns: Vec<(String, ArrayRef)> = vec![
        ("user".into(), text(rows.iter().map(|row| row.1).collect())),
        ("item".into(), text(rows.iter().map(|row| Some(row.2)).collect())),
        ("f:raw".into(), text(rows.iter().map(|row| (row.3 > 1).then_some(row.2)).collect())),
        ("time".into(), Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.3)))),
        ("kind".into(), Arc::new(UInt8Array::from_iter_values(kinds))),
        ("event".into(), numbers()),
        ("part".into(), numbers()),
        ("row".into(), Arc::new(UInt64Array::from_iter_values(0..rows.len() as u64))),
        ("key".into(), Arc::new(keys)),
    ];
    let starts: Vec<usize> = (0..rows.len()).filter(|&at| at == 0 || slots[at] != slots[at - 1]).collect();
    let firsts: Vec<u64> = starts.iter().map(|&start| slots[start]).collect();
    let table = batch_of(columns, vec![(FIRST_SLOTS, serde_json::json!(firsts).to_string())]).unwrap();
    let ends = starts.iter().skip(1).copied().chain([rows.len()]);
    let parts = starts.iter().zip(ends).map(|(&start, end)| Ok(table.slice(start, end - start)));
    write_parts(&RealVfs, &path, table.schema_ref(), parts).unwrap().sync().unwrap();
    (path, 0)
}

/// (user, item, time, raw value) of all rows.
fn shown(bucket: &Bucket) -> Vec<(Option<&str>, &str, i64, Option<&str>)> {
    let row = |row| (bucket.user_key(row), bucket.item(row), row.time, bucket.raw(row, 0));
    bucket.rows.iter().map(row).collect()
}

fn loaded(folder: &Path) -> Bucket {
    let first = [(1, Some("z"), "i", 1), (5, Some("b"), "y", 1), (5, Some("a"), "x", 2), (5, Some("b"), "y", 3)];
    let second = [(4, None, "w", 9), (5, Some("a"), "z", 1), (9, Some("c"), "x", 2)];
    let tables = [written(folder.join("1.arrow"), &first), written(folder.join("2.arrow"), &second)];
    Bucket::load(&tables, &(3..9), &["raw".to_owned()]).unwrap()
}

#[test]
fn users_that_share_a_key_stay_apart_and_other_slots_are_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut bucket = loaded(folder.path());
    let (a, b) = (Some("a"), Some("b"));
    let expected = [
        (None, "w", 9, Some("w")),
        (a, "z", 1, None),
        (a, "x", 2, Some("x")),
        (b, "y", 1, None),
        (b, "y", 3, Some("y")),
    ];
    assert_eq!(shown(&bucket), expected);
    assert_eq!(bucket.rows.iter().map(|row| row.user).collect::<Vec<_>>(), [MISSING, 0, 0, 1, 1]);
    assert_eq!(bucket.items().iter().flatten().collect::<Vec<_>>(), ["w", "x", "y", "z"]);
    bucket.leave_out([None, Some("rule"), Some("rule"), None, None].into_iter());
    bucket.renumber();
    assert_eq!(shown(&bucket), [expected[0], expected[3], expected[4]]);
    assert_eq!((bucket.users().len(), bucket.items().len(), bucket.filtered["rule"]), (1, 2, 2));
}

#[test]
fn a_stored_bucket_comes_back_with_the_cells_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = loaded(folder.path());
    let items: Vec<(String, ArrayRef)> = vec![("item".into(), Arc::new(bucket.items().clone()))];
    let items = batch_of(items, vec![]).unwrap();
    write_table(&RealVfs, &folder.path().join("items.arrow"), &items).unwrap();
    let columns = ["raw".to_owned()];
    for kept in [[false, false], [false, true], [true, true]] {
        let (items, mode) = ("items.arrow", Mode::Events);
        let stored = StoredBucket { folder: folder.path(), items, columns: &columns, kept: &[kept], mode };
        stored.write(&RealVfs, &bucket).unwrap();
        let again = stored.open().unwrap();
        for (row, stored) in bucket.rows.iter().zip(&again.rows) {
            let cell = bucket.raw(row, 0).filter(|_| kept[usize::from(row.is_positive())]);
            assert_eq!(again.raw(stored, 0), cell);
            assert_eq!((again.user_key(stored), again.item(stored)), (bucket.user_key(row), bucket.item(row)));
        }
        let same = |row: &Row| (row.time, row.position, row.kind, row.event, row.part);
        assert!(again.rows.iter().map(same).eq(bucket.rows.iter().map(same)));
    }
}
