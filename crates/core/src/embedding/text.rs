//! The text form: `id<TAB>v1,v2,…`, one line an id, shortest floats that read back equal.

use super::EmbeddingTable;
use crate::vfs::Vfs;
use crate::{CoreError, Result};
use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::path::Path;

pub(super) fn write(table: &EmbeddingTable, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let at = |error| CoreError::io(path, error);
    let mut file = vfs.create(path).map_err(at)?;
    let mut line = String::new();
    for (row, id) in table.ids.iter().enumerate() {
        line.clear();
        line.push_str(id);
        for (position, value) in table.row(row).iter().enumerate() {
            line.push(if position == 0 { '\t' } else { ',' });
            write!(line, "{value}").expect("writing to a String does not fail");
        }
        line.push('\n');
        file.write_all(line.as_bytes()).map_err(at)?;
    }
    file.sync().map_err(at)
}

pub(super) fn read(path: &Path) -> Result<EmbeddingTable> {
    let file = std::fs::File::open(path).map_err(|error| CoreError::io(path, error))?;
    let (mut ids, mut values, mut dimension) = (Vec::new(), Vec::new(), 0);
    for (number, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| CoreError::io(path, error))?;
        let fault = |reason: &str| CoreError::damaged(path, format!("line {}: {reason}", number + 1));
        let (id, vector) = line.split_once('\t').ok_or_else(|| fault("no tab after the id"))?;
        let before = values.len();
        for text in vector.split(',') {
            values.push(text.parse::<f32>().map_err(|_| fault("a value is not a number"))?);
        }
        if number == 0 {
            dimension = values.len();
        } else if values.len() - before != dimension {
            return Err(fault("another number of values than the line before"));
        }
        ids.push(id.to_owned());
    }
    EmbeddingTable::new(ids, dimension, values)
}
