//! Tables read back as they were written, and damaged ones are refused.

use super::*;
use crate::vfs::RealVfs;
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use std::sync::Arc;

fn columns(rows: u32) -> Vec<(String, ArrayRef)> {
    let ids: Vec<u32> = (0..rows).collect();
    let offsets: Vec<i32> = (0..=rows as i32).collect();
    let names = ids.iter().map(|id| (id % 2 == 0).then(|| format!("n{id}")));
    vec![
        ("id".into(), Arc::new(UInt32Array::from(ids.clone())) as ArrayRef),
        ("time".into(), Arc::new(Int64Array::from_iter_values(ids.iter().map(|&id| i64::from(id))))),
        ("name".into(), Arc::new(StringArray::from_iter(names))),
        ("pair".into(), matrix_u32(2, ids.iter().flat_map(|&id| [id, id + 1]).collect())),
        ("list".into(), list_column::<UInt32Type>(offsets, ids)),
    ]
}

#[test]
fn tables_of_any_length_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for rows in [0, 1, 1000] {
        let path = folder.path().join("t.arrow");
        write_table(&RealVfs, &path, &batch_of(columns(rows), vec![("key", "value".into())]).unwrap()).unwrap();
        let batch = read_mapped(&path).unwrap();
        assert_eq!(integers_u32(&batch, "id").unwrap().len(), rows as usize);
        assert_eq!(integers_u32(&batch, "pair").unwrap().len(), 2 * rows as usize);
        assert_eq!(lists::<UInt32Type>(&batch, "list").unwrap().rows(), rows as usize);
        assert_eq!(batch.schema().metadata()["key"], "value");
        if rows == 1000 {
            assert_eq!(integers_i64(&batch, "time").unwrap()[999], 999);
            assert_eq!(text_column(&batch, "name").unwrap().value(998), "n998");
            assert_eq!(lists::<UInt32Type>(&batch, "list").unwrap().row(7), [7]);
        }
    }
}

#[test]
fn parts_are_mapped_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.arrow");
    let batch = batch_of(columns(1000), vec![]).unwrap();
    let parts = [(0, 1), (1, 0), (1, 699), (700, 300)].map(|(start, rows)| Ok(batch.slice(start, rows)));
    write_parts(&RealVfs, &path, batch.schema_ref(), parts).unwrap().sync().unwrap();
    assert!(read_mapped(&path).is_err(), "it is not one table");
    let parts = MappedParts::open(&path).unwrap();
    let rows: Vec<RecordBatch> = parts.parts().map(|part| part.unwrap()).collect();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [1, 0, 699, 300]);
    assert_eq!(concatenated(&rows).unwrap(), batch);
    assert_eq!(text_column(&rows[2], "name").unwrap().value(1), "n2");
}

#[test]
fn a_wrong_name_or_type_is_named() {
    let batch = batch_of(columns(3), vec![]).unwrap();
    assert!(integers_u32(&batch, "nothing").unwrap_err().to_string().contains("`nothing`"));
    assert!(integers_u32(&batch, "time").unwrap_err().to_string().contains("Int64"));
    assert!(floats_f32(&batch, "name").is_err());
}

#[test]
fn a_table_cut_at_any_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.arrow");
    write_table(&RealVfs, &path, &batch_of(columns(5), vec![]).unwrap()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(read_mapped(&path).is_err(), "cut at {length} of {}", whole.len());
    }
}
