//! Unpacks a file: plain, `.gz` (all members) or `.zst` (all frames), by its ending. Out: the decompressed bytes.
//! A cut or damaged file is an I/O error on the way, never a shorter file.

use crate::error::Result;
use crate::files::{DataFiles, unreadable};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufReader, Read};
use std::path::Path;
use twinspire_core::partition::Tree;

/// Size of the reads, in bytes.
pub(crate) const BLOCK: usize = 1 << 17;

/// The decompressed bytes of a file; none for a file of zero bytes, whatever its ending.
///
/// # Errors
/// As [`DataFiles::open`].
pub(crate) fn open(files: &DataFiles, path: &Path) -> Result<Box<dyn Read + Send>> {
    let (length, bytes) = files.open(path)?;
    if length == 0 {
        return Ok(Box::new(std::io::empty()));
    }
    let bytes = BufReader::with_capacity(BLOCK, bytes);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(bytes)),
        Some("zst") => {
            Box::new(zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| unreadable(path, &error))?)
        }
        _ => Box::new(bytes),
    })
}

/// How many bytes a file may have when it is decompressed, for choosing the number of buckets only.
///
/// # Errors
/// As [`DataFiles::open`].
pub(crate) fn expected_bytes(files: &DataFiles, path: &Path) -> Result<u64> {
    let size = files.size(path)?.unwrap_or(0);
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
    Ok(if is_compressed { size.saturating_mul(6) } else { size })
}
