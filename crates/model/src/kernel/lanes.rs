//! Vector registers by name, for loops that must keep their sums in them.
//!
//! A sum of products is rounded once a term where the machine has a fused instruction, whatever the width: a number has
//! the same bits in every register.

/// A vector register. Methods may only be called where the machine has its instructions.
pub(crate) trait Lanes: Copy {
    const WIDTH: usize;
    unsafe fn splat(value: f32) -> Self;
    /// The first numbers.
    unsafe fn load(values: &[f32]) -> Self;
    unsafe fn store(self, values: &mut [f32]);
    /// `self + a · b`.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

/// One number, with a fused instruction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single(f32);

impl Lanes for Single {
    const WIDTH: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(value)
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        Self(values[0])
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        values[0] = self.0;
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(a.0.mul_add(b.0, self.0))
    }
}

/// Numbers on any machine; only some have a fused instruction.
impl<const N: usize> Lanes for [f32; N] {
    const WIDTH: usize = N;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; N]
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        std::array::from_fn(|lane| values[lane])
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        values[..N].copy_from_slice(&self);
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        std::array::from_fn(|n| if fused { a[n].mul_add(b[n], self[n]) } else { self[n] + a[n] * b[n] })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

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
}
