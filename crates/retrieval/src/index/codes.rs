//! Vectors as bytes, with a bound on what that costs.
//!
//! In: f32 rows, or a query. Out: [`Codes`], blocks of 16 vectors in which the codes of 4 dimensions of one vector lie side
//! by side, and [`CodedQuery`]. It decides nothing; why the bound holds is said in [`super::exact`].

use super::kernel::{GROUP, LANES};
use rayon::prelude::*;

/// Largest code of an item, in absolute value; stored codes are raised by [`ZERO`].
const LARGEST: f32 = 127.0;
/// The stored code of 0.
const ZERO: f32 = 128.0;
/// Largest word of a query: its high byte must be a byte, with a low byte from -128 to 127.
const LARGEST_WORD: usize = 127 * 256 + 127;
/// Rows whose largest value is below this are coded as zero.
const TINY: f32 = 1e-30;

/// Coded vectors.
#[derive(Debug, Clone)]
pub(super) struct Codes {
    /// `[blocks, groups, LANES, GROUP]`, raised by 128.
    pub codes: Vec<u8>,
    /// One a lane: what a code of 1 stands for; NaN for a lane without a vector, so that it reaches no threshold.
    pub scales: Vec<f32>,
    /// One a block: largest distance between the score of a vector and that of its codes, for a query of length 1.
    pub errors: Vec<f32>,
}

impl Codes {
    /// Codes `rows`, `[rows, dimension]`, finite.
    pub fn new(rows: &[f32], dimension: usize) -> Self {
        let blocks = (rows.len() / dimension).div_ceil(LANES);
        let block_bytes = bytes_of_block(dimension);
        let mut codes = vec![ZERO as u8; blocks * block_bytes];
        let (mut scales, mut errors) = (vec![f32::NAN; blocks * LANES], vec![0.0; blocks]);
        let targets = codes.par_chunks_mut(block_bytes).zip(scales.par_chunks_mut(LANES)).zip(&mut errors);
        targets.zip(rows.par_chunks(LANES * dimension)).for_each(|(((codes, scales), error), rows)| {
            let mut largest: f64 = 0.0;
            for (lane, row) in rows.chunks_exact(dimension).enumerate() {
                scales[lane] = encode(row, lane, codes);
                largest = largest.max(error_of(row, lane, codes, scales[lane]));
            }
            *error = (largest as f32).next_up();
        });
        Self { codes, scales, errors }
    }

    /// All blocks.
    #[cfg(test)]
    pub fn blocks(&self) -> CodeBlocks<'_> {
        CodeBlocks { codes: &self.codes, scales: &self.scales, errors: &self.errors }
    }
}

/// Bytes of the codes of a block.
pub(super) fn bytes_of_block(dimension: usize) -> usize {
    LANES * dimension.next_multiple_of(GROUP)
}

/// Writes the codes of one row and returns their scale.
fn encode(row: &[f32], lane: usize, codes: &mut [u8]) -> f32 {
    let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = if largest < TINY { 0.0 } else { largest / LARGEST };
    for (dimension, &value) in row.iter().enumerate() {
        let code = if scale == 0.0 { 0.0 } else { (value / scale).round().clamp(-LARGEST, LARGEST) };
        codes[place(dimension, lane)] = (code + ZERO) as u8;
    }
    scale
}

fn place(dimension: usize, lane: usize) -> usize {
    (dimension / GROUP * LANES + lane) * GROUP + dimension % GROUP
}

/// The bound of one vector for a query of length 1: the part of it that the codes lack, what the query's own rounding may
/// cost, and the rounding of every f32 operation on both sides.
fn error_of(row: &[f32], lane: usize, codes: &[u8], scale: f32) -> f64 {
    let (mut lost, mut square) = (0.0, 0.0);
    for (dimension, &value) in row.iter().enumerate() {
        let coded = f64::from(scale) * (f64::from(codes[place(dimension, lane)]) - f64::from(ZERO));
        lost += (f64::from(value) - coded).powi(2);
        square += f64::from(value).powi(2);
    }
    let of_query = 0.51 * (row.len() as f64).sqrt() / largest_word(row.len()) as f64;
    let of_rounding = row.len() as f64 * f64::from(f32::EPSILON) + 1e-6;
    lost.sqrt() + (square.sqrt() + lost.sqrt()) * (of_query + of_rounding)
}

/// Largest word of a query: as large as integer sums allow.
fn largest_word(dimension: usize) -> usize {
    LARGEST_WORD.min(i32::MAX as usize / (LARGEST as usize * dimension))
}

/// Some blocks of coded vectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct CodeBlocks<'a> {
    /// As in [`Codes`].
    pub codes: &'a [u8],
    /// As in [`Codes`].
    pub scales: &'a [f32],
    /// As in [`Codes`].
    pub errors: &'a [f32],
}

impl<'a> CodeBlocks<'a> {
    /// Codes and scales of each block.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [f32])> + use<'a> {
        let bytes = self.codes.len() / self.errors.len().max(1);
        self.codes.chunks_exact(bytes.max(1)).zip(self.scales.chunks_exact(LANES))
    }

    /// The blocks from number `from` up to `to`.
    pub fn slice(&self, from: usize, to: usize) -> Self {
        let bytes = self.codes.len() / self.errors.len().max(1);
        Self {
            codes: &self.codes[from * bytes..to * bytes],
            scales: &self.scales[from * LANES..to * LANES],
            errors: &self.errors[from..to],
        }
    }

    /// Largest error of a block.
    pub fn largest_error(&self) -> f32 {
        self.errors.iter().fold(0.0, |largest, &error| largest.max(error))
    }

    /// Panics unless the blocks are those of vectors as long as the query: what the kernels rely on.
    pub fn check(&self, query: &CodedQuery) {
        let blocks = self.errors.len();
        assert_eq!(self.codes.len(), blocks * LANES * query.words.len(), "codes of the query's dimension");
        assert_eq!(self.scales.len(), blocks * LANES, "a scale for each lane");
    }
}

/// A query as words of 16 bits.
#[derive(Debug, Clone)]
pub(super) struct CodedQuery {
    words: Vec<i16>,
    /// For each group of dimensions the high and the low bytes of its words.
    bytes: Vec<[i32; 2]>,
    bias: i32,
    step: f64,
    per_error: f32,
}

impl CodedQuery {
    /// Codes a finite query.
    pub fn new(query: &[f32]) -> Self {
        let largest = query.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let step = if largest > 0.0 { f64::from(largest) / largest_word(query.len()) as f64 } else { 1.0 };
        let mut words: Vec<i16> = query.iter().map(|&value| (f64::from(value) / step).round() as i16).collect();
        words.resize(query.len().next_multiple_of(GROUP), 0);
        let high = |word: i16| ((i32::from(word) + 128) >> 8) as i8;
        let pack = |group: &[i16], byte: &dyn Fn(i16) -> i8| {
            i32::from_le_bytes(std::array::from_fn(|position| byte(group[position]) as u8))
        };
        let bytes =
            words.chunks_exact(GROUP).map(|group| [pack(group, &high), pack(group, &|word| word as i8)]).collect();
        let sum: i32 = words.iter().map(|&word| i32::from(word)).sum();
        let length = query.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        let per_error = ((length / step) as f32).next_up();
        Self { words, bytes, bias: sum.wrapping_mul(ZERO as i32), step, per_error }
    }

    /// One word a dimension, filled up with zeros to whole groups.
    pub fn words(&self) -> &[i16] {
        &self.words
    }

    /// For each group of dimensions the high and the low bytes of its words, which make `256 · high + low`.
    #[cfg(target_arch = "x86_64")]
    pub fn bytes(&self) -> &[[i32; 2]] {
        &self.bytes
    }

    /// What raising the codes adds to every sum.
    pub fn bias(&self) -> i32 {
        self.bias
    }

    /// What a score of 1 stands for.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// Length of the query in steps: what the error of a block is multiplied with.
    pub fn per_error(&self) -> f32 {
        self.per_error
    }
}
