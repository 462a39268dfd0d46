//! Vector registers by name, for loops that must keep their sums in them.
//!
//! A sum of products is rounded once a term where the machine has a fused instruction, whatever the width: a number has
//! the same bits in every register. So has a sum over the sixteen lanes of [`Sixteen`]: they are joined by halves.

use super::math::{HIGHEST, LN_2, LOWEST, ROUND, SERIES, power_of_two};

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
    /// The smaller one, likewise.
    unsafe fn min(self, other: Self) -> Self;
    /// `2^n` of the `n` in the low bits of each lane.
    unsafe fn power_of_two(self) -> Self;
    /// 0 in the lanes where `other` is below the limit.
    unsafe fn zero_where_below(self, other: Self, limit: f32) -> Self;
    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
    /// The largest lane.
    unsafe fn largest(self) -> f32;
}

/// `e^x` of each lane, as [`super::exp`]: only the last bits differ, since a product and the sum after it are rounded once.
#[inline(always)]
pub(crate) unsafe fn exp_lanes<L: Sixteen>(x: L) -> L {
    // SAFETY: the caller says that the machine has the instructions.
    unsafe {
        // The second of two numbers is the result where one is none: NaN stays NaN.
        let bounded = L::splat(HIGHEST).min(L::splat(LOWEST).max(x));
        let shifted = L::splat(ROUND).add_product(bounded, L::splat(std::f32::consts::LOG2_E));
        let whole = shifted.sub(L::splat(ROUND));
        let rest = bounded.add_product(whole, L::splat(-LN_2[0])).add_product(whole, L::splat(-LN_2[1]));
        let mut series = L::splat(SERIES[0]);
        for coefficient in &SERIES[1..] {
            series = L::splat(*coefficient).add_product(series, rest);
        }
        let fraction = rest.add_product(series, rest.mul(rest)).add(L::splat(1.0));
        fraction.mul(shifted.power_of_two()).zero_where_below(x, LOWEST)
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
pub(super) fn larger(a: f32, b: f32) -> f32 {
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
    unsafe fn min(self, other: Self) -> Self {
        std::array::from_fn(|lane| if self[lane] < other[lane] { self[lane] } else { other[lane] })
    }

    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        self.map(power_of_two)
    }

    #[inline(always)]
    unsafe fn zero_where_below(self, other: Self, limit: f32) -> Self {
        std::array::from_fn(|lane| if other[lane] < limit { 0.0 } else { self[lane] })
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
                let all = [a.add(b), a.sub(b), a.mul(b), a.max(b), a.min(b), a.zero_where_below(b, 0.5)];
                for (out, lanes) in out.chunks_mut(16).zip(all) {
                    lanes.store(out);
                }
                out[96..].copy_from_slice(&[a.sum(), a.largest()]);
            }
        }

        /// Writes the exponentials of `x`.
        pub(crate) fn exponentials<L>(x: &[f32], out: &mut [f32]) {
            // SAFETY: the machine has the instructions.
            unsafe { exp_lanes(L::load(x)).store(out) };
        }
    }

    #[test]
    fn every_register_gives_the_bits_of_its_numbers() {
        let mut rng = Rng::stream(1, "test", 1);
        for _ in 0..100 {
            let [a, b]: [[f32; 16]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| rng.normal() as f32));
            let mut of_register = [0.0; 98];
            results(&a, &b, &mut of_register);
            let lanes = |of: fn(f32, f32) -> f32| (0..16).map(move |lane| of(a[lane], b[lane]));
            let expected = lanes(|a, b| a + b).chain(lanes(|a, b| a - b)).chain(lanes(|a, b| a * b));
            let expected = expected.chain(lanes(f32::max)).chain(lanes(f32::min));
            let expected = expected.chain(lanes(|a, b| if b < 0.5 { 0.0 } else { a }));
            let halves = |of: fn(f32, f32) -> f32| join(a, of);
            let expected: Vec<f32> = expected.chain([halves(|a, b| a + b), halves(f32::max)]).collect();
            assert_eq!(of_register[..], expected);
        }
    }

    #[test]
    fn exponentials_of_a_register_are_within_two_units_of_the_library() {
        let mut powers = [0.0; 16];
        for step in (-87_000..=88_000).step_by(16) {
            let x: [f32; 16] = std::array::from_fn(|lane| ((step + lane as i32) as f32 / 1000.0).min(88.0));
            exponentials(&x, &mut powers);
            for (x, power) in x.iter().zip(powers) {
                let exact = f64::from(*x).exp();
                assert!((f64::from(power) / exact - 1.0).abs() < 2e-7, "exp({x}) = {power}, expected {exact}");
            }
        }
        let mut x = [0.0; 16];
        x[..5].copy_from_slice(&[f32::NEG_INFINITY, -87.1, f32::INFINITY, 100.0, f32::NAN]);
        exponentials(&x, &mut powers);
        assert_eq!((powers[0], powers[1], powers[5]), (0.0, 0.0, 1.0));
        assert!(powers[2] == powers[3] && (powers[3] / 88f32.exp() - 1.0).abs() < 1e-6 && powers[4].is_nan());
    }
}
