//! Opens a file: plain, `.gz` (all members) or `.zst` (all frames), by its ending. Out: the decompressed bytes.
//! A cut or damaged file is an I/O error on the way, never a shorter file.

use crate::error::{DataError, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Size of the reads, in bytes.
pub(crate) const BLOCK: usize = 1 << 17;

/// The decompressed bytes of a file; none for a file of zero bytes, whatever its ending.
///
/// # Errors
/// [`DataError::Unreadable`] when it cannot be opened.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if file.metadata().map_err(|error| unreadable(path, &error))?.len() == 0 {
        return Ok(Box::new(std::io::empty()));
    }
    let file = BufReader::with_capacity(BLOCK, file);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(file)),
        Some("zst") => {
            Box::new(zstd::stream::read::Decoder::with_buffer(file).map_err(|error| unreadable(path, &error))?)
        }
        _ => Box::new(file),
    })
}

/// The error for a file that failed while it was read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> DataError {
    DataError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

/// How many bytes a file may have when it is decompressed, for choosing the number of buckets only.
///
/// # Errors
/// I/O, with the path.
pub(crate) fn expected_bytes(path: &Path) -> Result<u64> {
    let size = std::fs::metadata(path).map_err(|error| DataError::io(path, error))?.len();
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
    Ok(if is_compressed { size.saturating_mul(6) } else { size })
}
