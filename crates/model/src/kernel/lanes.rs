//! Vector registers by name, for loops that must keep their sums in them.
//!
//! A sum of products is rounded once a term where the machine has a fused instruction, whatever the width: a number has
//! the same bits in every register. So has a sum over the sixteen lanes of [`Sixteen`]: they are joined by halves.

use super::exp;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256;

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

/// Sixteen numbers, which are computed with and joined.
pub(crate) trait Sixteen: Lanes {
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// The larger number of each lane; the other's where one is not a number.
    unsafe fn max(self, other: Self) -> Self;
    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
    /// The largest lane.
    unsafe fn largest(self) -> f32;
}

/// `e^x` of each lane.
#[inline(always)]
pub(crate) unsafe fn exp_lanes<L: Sixteen>(lanes: L) -> L {
    let mut values = [0.0f32; 16];
    // SAFETY: the caller says that the machine has the instructions.
    unsafe {
        lanes.store(&mut values);
        for value in &mut values {
            *value = exp(*value);
        }
        L::load(&values)
    }
}

/// `Σ a·b` over equally long slices.
#[inline(always)]
pub(crate) unsafe fn dot_lanes<L: Sixteen>(a: &[f32], b: &[f32]) -> f32 {
    let whole = a.len() - a.len() % L::WIDTH;
    // SAFETY: the caller says that the machine has the instructions.
    let sum = unsafe {
        let mut sums = L::splat(0.0);
        for at in (0..whole).step_by(L::WIDTH) {
            sums = sums.add_product(L::load(&a[at..]), L::load(&b[at..]));
        }
        sums.sum()
    };
    sum + a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum::<f32>()
}

/// All numbers joined by halves: one after the other, each step would wait for the one before.
#[inline(always)]
pub(super) fn join<const N: usize>(mut lanes: [f32; N], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
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

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

impl Sixteen for [f32; 16] {
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] - other[lane])
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * other[lane])
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|lane| larger(self[lane], other[lane]))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        join(self, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn largest(self) -> f32 {
        join(self, larger)
    }
}

/// Two registers of eight.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair(__m256, __m256);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Lanes, Pair, Sixteen, join, larger};
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
        max: _mm512_max_ps _mm256_max_ps
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::for_every_register;
    use twinspire_core::rng::Rng;

    for_every_register! {
        /// Writes what each method but `add_product` gives for `a` and `b`.
        pub(crate) fn results<L>(a: &[f32], b: &[f32], out: &mut [f32]) {
            // SAFETY: the machine has the instructions.
            unsafe {
                let (a, b) = (L::load(a), L::load(b));
                for (out, lanes) in out.chunks_mut(16).zip([a.add(b), a.sub(b), a.mul(b), a.max(b), exp_lanes(a)]) {
                    lanes.store(out);
                }
                out[80..].copy_from_slice(&[a.sum(), a.largest()]);
            }
        }
    }

    #[test]
    fn every_register_gives_the_bits_of_its_numbers() {
        let mut rng = Rng::stream(1, "test", 1);
        for _ in 0..100 {
            let [a, b]: [[f32; 16]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| rng.normal() as f32));
            let mut of_register = [0.0; 82];
            results(&a, &b, &mut of_register);
            let lanes = |of: fn(f32, f32) -> f32| (0..16).map(move |lane| of(a[lane], b[lane]));
            let expected = lanes(|a, b| a + b).chain(lanes(|a, b| a - b)).chain(lanes(|a, b| a * b));
            let expected = expected.chain(lanes(f32::max)).chain(lanes(|a, _| exp(a)));
            let halves = |of: fn(f32, f32) -> f32| join(a, of);
            let expected: Vec<f32> = expected.chain([halves(|a, b| a + b), halves(f32::max)]).collect();
            assert_eq!(of_register[..], expected);
        }
    }
}
