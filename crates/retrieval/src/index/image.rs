//! An index as one run of bytes, in memory while it is built and memory-mapped afterwards.
//!
//! ```text
//! header | ids | items | blocks and rows at which cells start | spreads | centroid codes, scales, errors
//!        | codes, scales, errors | rows | attributes | about (JSON) | one checksum for each MiB of all before
//! ```
//! Sections start at multiples of 64; where they lie follows from the header, by checked arithmetic, and their length must
//! be that of the file to the byte. Numbers are little-endian. In: parts, or a file. Out: typed looks at the sections. It
//! searches nothing.

use super::codes::CodeBlocks;
use super::kernel::LANES;
use crate::rows::Rows;
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;
use twinspire_core::hash::fingerprint64;
use twinspire_core::vfs::Vfs;
use twinspire_core::{CoreError, Result};

const MAGIC: &[u8; 8] = b"TWSPIDX\x01";
const HEADER: usize = 64;
const ALIGNMENT: usize = 64;
/// Bytes of one checksum.
const PAGE: usize = 1 << 20;

/// The numbers that the header holds; everything else follows from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Vectors.
    pub items: usize,
    /// Length of a vector.
    pub dimension: usize,
    /// Cells; 0 where every vector is looked at.
    pub cells: usize,
    /// Blocks of coded vectors.
    pub blocks: usize,
    /// Bytes of the ids, one line each; 0 where rows are known by number.
    pub ids: usize,
    /// Bytes of the table of attributes; 0 without them.
    pub attributes: usize,
    /// Bytes of the description; 0 until it is sealed.
    pub about: usize,
}

/// Where each section lies.
#[derive(Debug, Clone, Default)]
struct Layout {
    ids: Range<usize>,
    items: Range<usize>,
    cell_blocks: Range<usize>,
    cell_rows: Range<usize>,
    spreads: Range<usize>,
    centroids: [Range<usize>; 3],
    codes: [Range<usize>; 3],
    rows: Range<usize>,
    attributes: Range<usize>,
    about: Range<usize>,
    pages: Range<usize>,
}

impl Sizes {
    /// `None` where the sizes are beyond any file.
    fn layout(&self) -> Option<Layout> {
        let mut end = HEADER;
        let mut section = |count: usize, width: usize| {
            let start = end.checked_next_multiple_of(ALIGNMENT)?;
            end = start.checked_add(count.checked_mul(width)?)?;
            Some(start..end)
        };
        let is_cellular = usize::from(self.cells > 0);
        let starts = self.cells.checked_add(1)? * is_cellular;
        let block = LANES.checked_mul(self.dimension.checked_next_multiple_of(super::kernel::GROUP)?)?;
        let ids = section(self.ids, 1)?;
        let items = section(self.items * is_cellular, 4)?;
        let (cell_blocks, cell_rows, spreads) = (section(starts, 4)?, section(starts, 4)?, section(self.cells, 4)?);
        let mut coded = |blocks: usize| {
            Some([section(blocks, block)?, section(blocks.checked_mul(LANES)?, 4)?, section(blocks, 4)?])
        };
        let (centroids, codes) = (coded(self.cells.div_ceil(LANES))?, coded(self.blocks)?);
        let rows = section(self.items.checked_mul(self.dimension)?, 4)?;
        let attributes = section(self.attributes, 1)?;
        let about = section(self.about, 1)?;
        let pages = section(about.end.div_ceil(PAGE), 8)?;
        Some(Layout { ids, items, cell_blocks, cell_rows, spreads, centroids, codes, rows, attributes, about, pages })
    }

    fn numbers(&self) -> [usize; 7] {
        [self.items, self.dimension, self.cells, self.blocks, self.ids, self.attributes, self.about]
    }
}

/// 64 bytes at a multiple of 64, as a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; ALIGNMENT]);

// SAFETY: plain bytes without padding.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: likewise; every pattern of bits is a value.
unsafe impl bytemuck::Pod for Line {}

#[derive(Debug)]
enum Memory {
    Built { lines: Vec<Line>, length: usize },
    Mapped(memmap2::Mmap),
}

/// An index as bytes.
#[derive(Debug)]
pub(super) struct Image {
    memory: Memory,
    sizes: Sizes,
    layout: Layout,
}

/// A section that is filled while an image is built.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section {
    /// Ids, one line each.
    Ids,
    /// Item of each row.
    Items,
    /// Block at which each cell starts, and the end.
    CellBlocks,
    /// Row at which each cell starts, and the end.
    CellRows,
    /// Spread of each cell.
    Spreads,
    /// Codes, scales or errors of the centroids.
    Centroids(usize),
    /// Codes, scales or errors of the vectors.
    Codes(usize),
    /// f32 vectors.
    Rows,
}

impl Image {
    /// An image of sections that are still empty, and without a description.
    pub fn new(sizes: Sizes) -> Self {
        let layout = sizes.layout().expect("vectors that are in memory fit it");
        let length = layout.pages.end;
        let lines = vec![Line([0; ALIGNMENT]); length.div_ceil(ALIGNMENT)];
        Self { memory: Memory::Built { lines, length }, sizes, layout }
    }

    /// Writes a section of an image that is being built.
    pub fn fill<T: bytemuck::NoUninit>(&mut self, section: Section, values: &[T]) {
        let range = match section {
            Section::Ids => &self.layout.ids,
            Section::Items => &self.layout.items,
            Section::CellBlocks => &self.layout.cell_blocks,
            Section::CellRows => &self.layout.cell_rows,
            Section::Spreads => &self.layout.spreads,
            Section::Centroids(part) => &self.layout.centroids[part],
            Section::Codes(part) => &self.layout.codes[part],
            Section::Rows => &self.layout.rows,
        }
        .clone();
        self.bytes_mut()[range].copy_from_slice(bytemuck::cast_slice(values));
    }

    /// Ends with the table of attributes, the description and the checksums, in the place of any that are there.
    pub fn seal(&mut self, attributes: &[u8], about: &[u8]) {
        (self.sizes.attributes, self.sizes.about) = (attributes.len(), about.len());
        self.layout = self.sizes.layout().expect("an image that is in memory fits it");
        let end = self.layout.pages.end;
        if let Memory::Built { lines, length } = &mut self.memory {
            lines.resize(end.div_ceil(ALIGNMENT), Line([0; ALIGNMENT]));
            *length = end;
        }
        let header = self.header();
        let Layout { attributes: attributes_range, about: about_range, pages, .. } = self.layout.clone();
        let bytes = self.bytes_mut();
        bytes[attributes_range.start..].fill(0);
        bytes[attributes_range].copy_from_slice(attributes);
        bytes[..HEADER].copy_from_slice(&header);
        bytes[about_range.clone()].copy_from_slice(about);
        let checksums = checksums(&bytes[..about_range.end]);
        bytes[pages].copy_from_slice(bytemuck::cast_slice(&checksums));
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        for (bytes, number) in header[8..].chunks_exact_mut(8).zip(self.sizes.numbers()) {
            bytes.copy_from_slice(&(number as u64).to_le_bytes());
        }
        header
    }

    /// Writes the sealed image.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn write(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> {
        let at = |error| CoreError::io(path, error);
        let mut file = vfs.create(path).map_err(at)?;
        file.write_all(self.bytes()).map_err(at)?;
        file.sync().map_err(at)
    }

    /// Maps a file and checks its length, its checksums and that its parts fit each other.
    ///
    /// # Errors
    /// `Io`, or `Damaged` that says what does not fit.
    pub fn open(path: &Path) -> Result<Self> {
        let damaged = |reason: &str| CoreError::damaged(path, reason);
        if cfg!(target_endian = "big") {
            return Err(damaged("an index is little-endian, as this machine is not"));
        }
        let file = std::fs::File::open(path).map_err(|error| CoreError::io(path, error))?;
        // SAFETY: an index is written once under a temporary name and never changed after the rename.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| CoreError::io(path, error))?;
        let sizes = read_header(&map).ok_or_else(|| damaged("not an index of this version"))?;
        let layout = sizes.layout().filter(|layout| layout.pages.end == map.len());
        let layout = layout.ok_or_else(|| damaged("its length does not fit its header"))?;
        let expected = map[layout.pages.clone()].chunks_exact(8);
        let expected = expected.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        let is_whole = expected.eq(checksums(&map[..layout.about.end]));
        let gap = &map[layout.about.end..layout.pages.start];
        if !is_whole || gap.iter().any(|&byte| byte != 0) {
            return Err(damaged("a checksum does not fit its bytes"));
        }
        let image = Self { memory: Memory::Mapped(map), sizes, layout };
        image.check_parts().map_err(damaged)?;
        Ok(image)
    }

    /// What a search relies on; a file whose checksums are right may still have been made by another program.
    fn check_parts(&self) -> Result<(), &'static str> {
        let Sizes { items, dimension, cells, blocks, .. } = self.sizes;
        if dimension == 0 || items > u32::MAX as usize {
            return Err("its vectors have no dimension, or are too many");
        }
        if self.sizes.ids > 0 && self.ids().is_none_or(|ids| ids.split('\n').count() != items) {
            return Err("its ids do not fit its vectors");
        }
        if cells == 0 {
            return if blocks == items.div_ceil(LANES) { Ok(()) } else { Err("its blocks do not fit its vectors") };
        }
        let mut seen = vec![false; items];
        let mut is_new = |&item: &u32| seen.get_mut(item as usize).is_some_and(|seen| !std::mem::replace(seen, true));
        if !self.items().iter().all(&mut is_new) {
            return Err("an item occurs twice, or is beyond the corpus");
        }
        let (of_blocks, of_rows) = (self.cell_blocks(), self.cell_rows());
        let fits = of_blocks.windows(2).zip(of_rows.windows(2)).all(|(blocks, rows)| {
            let rows = rows[1].checked_sub(rows[0]).map(|rows| rows.div_ceil(LANES as u32));
            rows.is_some() && rows == blocks[1].checked_sub(blocks[0])
        });
        let ends = [of_blocks[0], of_blocks[cells], of_rows[0], of_rows[cells]];
        if fits && ends == [0, blocks as u32, 0, items as u32] {
            Ok(())
        } else {
            Err("its cells do not fit its vectors")
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Built { lines, length } => &bytemuck::cast_slice(lines)[..*length],
            Memory::Mapped(map) => map,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Built { lines, length } => &mut bytemuck::cast_slice_mut(lines)[..*length],
            Memory::Mapped(_) => &mut [],
        }
    }

    fn typed<T: bytemuck::AnyBitPattern>(&self, range: &Range<usize>) -> &[T] {
        bytemuck::cast_slice(&self.bytes()[range.clone()])
    }

    fn coded(&self, [codes, scales, errors]: &[Range<usize>; 3]) -> CodeBlocks<'_> {
        CodeBlocks { codes: self.typed(codes), scales: self.typed(scales), errors: self.typed(errors) }
    }

    /// Numbers of the header.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Bytes of the whole.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// The table of attributes; empty without them.
    pub fn attributes(&self) -> &[u8] {
        self.typed(&self.layout.attributes)
    }

    /// The description.
    pub fn about(&self) -> &[u8] {
        self.typed(&self.layout.about)
    }

    /// Bytes of the ids, one line each.
    pub fn id_bytes(&self) -> &[u8] {
        self.typed(&self.layout.ids)
    }

    /// Ids, one line each, in the order of the items.
    pub fn ids(&self) -> Option<&str> {
        std::str::from_utf8(self.typed(&self.layout.ids)).ok()
    }

    fn items(&self) -> &[u32] {
        self.typed(&self.layout.items)
    }

    /// Block at which each cell starts, and the end.
    pub fn cell_blocks(&self) -> &[u32] {
        self.typed(&self.layout.cell_blocks)
    }

    /// Row at which each cell starts, and the end.
    pub fn cell_rows(&self) -> &[u32] {
        self.typed(&self.layout.cell_rows)
    }

    /// Spread of each cell.
    pub fn spreads(&self) -> &[f32] {
        self.typed(&self.layout.spreads)
    }

    /// Coded centroids.
    pub fn centroids(&self) -> CodeBlocks<'_> {
        self.coded(&self.layout.centroids)
    }

    /// Coded vectors.
    pub fn codes(&self) -> CodeBlocks<'_> {
        self.coded(&self.layout.codes)
    }

    /// f32 vectors.
    pub fn rows(&self) -> Rows<'_> {
        let items = (self.sizes.cells > 0).then(|| self.items());
        Rows { values: self.typed(&self.layout.rows), dimension: self.sizes.dimension, items }
    }
}

fn read_header(bytes: &[u8]) -> Option<Sizes> {
    let header = bytes.get(..HEADER)?;
    let mut numbers = [0; 7];
    for (number, bytes) in numbers.iter_mut().zip(header[8..].chunks_exact(8)) {
        *number = usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()?;
    }
    let [items, dimension, cells, blocks, ids, attributes, about] = numbers;
    let sizes = Sizes { items, dimension, cells, blocks, ids, attributes, about };
    (&header[..8] == MAGIC).then_some(sizes)
}

fn checksums(bytes: &[u8]) -> Vec<u64> {
    bytes.par_chunks(PAGE).map(fingerprint64).collect()
}
