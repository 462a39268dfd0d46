//! Numbers that start at a cache line.
//!
//! A row of 16 numbers is one cache line then, and one vector register is filled from one line. The system's allocator
//! starts large blocks 16 bytes after a page, where every row and every register takes two.

use std::ops::{Deref, DerefMut};

/// Numbers of a line.
pub(crate) const LINE: usize = 16;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

// SAFETY: all bits 0 are sixteen numbers.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: sixteen numbers fill the 64 bytes, so that there is no padding, and any bits are numbers.
unsafe impl bytemuck::Pod for Line {}

/// A growing slice of numbers, aligned to 64 bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    /// Shortens, or appends zeros.
    pub(crate) fn resize(&mut self, len: usize) {
        let old = std::mem::replace(&mut self.len, len);
        if len > old {
            self.lines.resize(self.lines.len().max(len.div_ceil(LINE)), Line([0.0; LINE]));
            self[old..].fill(0.0);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(numbers: Vec<f32>) -> Self {
        let mut buffer = Self::zeros(numbers.len());
        buffer.copy_from_slice(&numbers);
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_starts_at_a_line_and_grows_by_zeros() {
        let mut buffer = Buffer::from(vec![1.0; 20]);
        assert_eq!((buffer.as_ptr() as usize % 64, buffer.len()), (0, 20));
        buffer.resize(3);
        assert_eq!(buffer[..], [1.0; 3]);
        buffer.resize(40);
        assert_eq!((&buffer[..3], &buffer[3..]), (&[1.0; 3][..], &[0.0; 37][..]));
        assert_eq!(buffer, Buffer::from(buffer.to_vec()));
        assert_eq!(Buffer::zeros(0), Buffer::default());
    }
}
