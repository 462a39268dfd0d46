//! The registers of x86-64: sixteen numbers of AVX-512, eight of AVX2, twice eight, and four.

use super::lanes::{Lanes, Sixteen, join, larger};
use std::arch::x86_64::*;

/// Two registers of eight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair(__m256, __m256);

macro_rules! register {
    ($type:ty, $width:literal, $splat:ident, $load:ident, $store:ident, $add_product:ident) => {
        impl Lanes for $type {
            const WIDTH: usize = $width;

            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                // SAFETY: the caller says that the machine has the instruction.
                unsafe { $splat(value) }
            }

            #[inline(always)]
            unsafe fn load(values: &[f32]) -> Self {
                let values = &values[..$width];
                // SAFETY: likewise, and the slice holds as many numbers.
                unsafe { $load(values.as_ptr()) }
            }

            #[inline(always)]
            unsafe fn store(self, values: &mut [f32]) {
                let values = &mut values[..$width];
                // SAFETY: likewise.
                unsafe { $store(values.as_mut_ptr(), self) }
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: the caller says that the machine has the instruction.
                unsafe { $add_product(a, b, self) }
            }
        }
    };
}

register!(__m512, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps);
register!(__m256, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps);
register!(__m128, 4, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_fmadd_ps);

impl Lanes for Pair {
    const WIDTH: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller says that the machine has the instructions.
        let half = unsafe { __m256::splat(value) };
        Self(half, half)
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        // SAFETY: likewise.
        unsafe { Self(__m256::load(values), __m256::load(&values[8..])) }
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        let (first, second) = values.split_at_mut(8);
        // SAFETY: likewise.
        unsafe {
            self.0.store(first);
            self.1.store(second);
        }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: likewise.
        unsafe { Self(self.0.add_product(a.0, b.0), self.1.add_product(a.1, b.1)) }
    }
}

macro_rules! lanewise {
    ($($name:ident: $wide:ident $half:ident),*) => {
        impl Sixteen for __m512 {
            $(#[inline(always)]
            unsafe fn $name(self, other: Self) -> Self {
                // SAFETY: the caller says that the machine has the instruction.
                unsafe { $wide(self, other) }
            })*

            #[inline(always)]
            unsafe fn power_of_two(self) -> Self {
                // SAFETY: likewise.
                unsafe {
                    let exponent = _mm512_add_epi32(_mm512_castps_si512(self), _mm512_set1_epi32(127));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
                }
            }

            #[inline(always)]
            unsafe fn zero_where_below(self, other: Self, limit: f32) -> Self {
                // SAFETY: likewise.
                unsafe {
                    let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(other, _mm512_set1_ps(limit));
                    _mm512_maskz_mov_ps(kept, self)
                }
            }

            #[inline(always)]
            unsafe fn sum(self) -> f32 {
                // SAFETY: likewise.
                unsafe { _mm512_reduce_add_ps(self) }
            }

            #[inline(always)]
            unsafe fn largest(self) -> f32 {
                // SAFETY: likewise.
                unsafe { _mm512_reduce_max_ps(self) }
            }
        }

        impl Sixteen for Pair {
            $(#[inline(always)]
            unsafe fn $name(self, other: Self) -> Self {
                // SAFETY: likewise.
                unsafe { Self($half(self.0, other.0), $half(self.1, other.1)) }
            })*

            #[inline(always)]
            unsafe fn power_of_two(self) -> Self {
                // SAFETY: likewise.
                let half = |half: __m256| unsafe {
                    let exponent = _mm256_add_epi32(_mm256_castps_si256(half), _mm256_set1_epi32(127));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
                };
                Self(half(self.0), half(self.1))
            }

            #[inline(always)]
            unsafe fn zero_where_below(self, other: Self, limit: f32) -> Self {
                // SAFETY: likewise.
                let half = |half: __m256, other: __m256| unsafe {
                    _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(other, _mm256_set1_ps(limit)), half)
                };
                Self(half(self.0, other.0), half(self.1, other.1))
            }

            #[inline(always)]
            unsafe fn sum(self) -> f32 {
                let mut lanes = [0.0; 8];
                // SAFETY: likewise.
                unsafe { _mm256_add_ps(self.0, self.1).store(&mut lanes) };
                join(lanes, |a, b| a + b)
            }

            #[inline(always)]
            unsafe fn largest(self) -> f32 {
                let mut lanes = [0.0; 8];
                // SAFETY: likewise.
                unsafe { _mm256_max_ps(self.0, self.1).store(&mut lanes) };
                join(lanes, larger)
            }
        }
    };
}

lanewise!(
    add: _mm512_add_ps _mm256_add_ps,
    sub: _mm512_sub_ps _mm256_sub_ps,
    mul: _mm512_mul_ps _mm256_mul_ps,
    max: _mm512_max_ps _mm256_max_ps,
    min: _mm512_min_ps _mm256_min_ps
);
