//! Inner loops over slices, each compiled for AVX-512, for AVX2 and for any CPU; the best one is taken at run time.
//!
//! In and out: plain slices. Sums use a fixed number of lanes, so a result depends on the instruction set of the
//! machine at most, never on threads.

mod buffer;
mod lanes;
mod math;
#[cfg(target_arch = "x86_64")]
mod registers;
mod transpose;
mod vector;

pub(crate) use buffer::{Buffer, LINE};
pub(crate) use lanes::{Lanes, Single, Sixteen, dot_lanes, exp_lanes};
pub(crate) use math::{exp, ln, ln_wide};
#[cfg(target_arch = "x86_64")]
pub(crate) use registers::Pair;
pub(crate) use transpose::transpose;
pub(crate) use vector::{
    LANES, add_bias_and, add_bias_relu, add_column_sums, add_products, add_scaled, add_to, bias_rows, dot, lane_sum,
    mask_by_sign, product_of,
};

use std::sync::LazyLock;

/// Which of the compiled forms runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Any CPU.
    Portable,
    /// AVX2 and FMA.
    V3,
    /// AVX-512 F and DQ.
    V4,
}

/// The level that [`twinspire_core::stage::instruction_set`] names.
#[inline(always)]
pub(crate) fn level() -> Level {
    static LEVEL: LazyLock<Level> = LazyLock::new(|| match twinspire_core::stage::instruction_set() {
        "x86-64-v4" => Level::V4,
        "x86-64-v3" => Level::V3,
        _ => Level::Portable,
    });
    *LEVEL
}

/// Asks for the cache line that holds `values[at]`; nothing happens when it lies outside.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a value, and every x86-64 has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values.get(at);
}

/// Asks for all lines of `count` values from `start` on, which starts a line.
#[inline(always)]
pub(crate) fn prefetch_run<T>(values: &[T], start: usize, count: usize) {
    (0..count).step_by(LINE).for_each(|at| prefetch(values, start + at));
}

/// The body of a function that does its work in the form of the [`Level`] that runs here.
macro_rules! at_level {
    ($([$size:ident])? ($($argument:ident: $type:ty),*) [$($result:ty)?] $v4:expr, $v3:expr, $portable:expr) => {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
            fn v4 $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
                $v4
            }
            #[target_feature(enable = "avx2,fma")]
            fn v3 $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
                $v3
            }
            match $crate::kernel::level() {
                // SAFETY: the level says that this CPU has the features.
                $crate::kernel::Level::V4 => return unsafe { v4 $(::<$size>)? ($($argument),*) },
                // SAFETY: likewise.
                $crate::kernel::Level::V3 => return unsafe { v3 $(::<$size>)? ($($argument),*) },
                $crate::kernel::Level::Portable => {}
            }
        }
        $portable
    };
}
pub(crate) use at_level;

/// Compiles a function for every [`Level`] and calls the right one.
macro_rules! for_every_level {
    ($($(#[$meta:meta])* pub(crate) fn $name:ident $(<const $size:ident: usize>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        pub(crate) fn $name $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn any $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? $body

            $crate::kernel::at_level! {
                $([$size])? ($($argument: $type),*) [$($result)?]
                any $(::<$size>)? ($($argument),*),
                any $(::<$size>)? ($($argument),*),
                any $(::<$size>)? ($($argument),*)
            }
        }
    )*};
}
pub(crate) use for_every_level;

/// Compiles a function for the registers of sixteen numbers of every [`Level`], its type parameter, and calls the right one.
macro_rules! for_every_register {
    ($($(#[$meta:meta])* pub(crate) fn $name:ident<$register:ident $(, const $size:ident: usize)?>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$meta])*
        pub(crate) fn $name $(<const $size: usize>)? ($($argument: $type),*) $(-> $result)? {
            /// Only where the machine has the instructions of the register.
            #[inline(always)]
            unsafe fn any<$register: $crate::kernel::Sixteen $(, const $size: usize)?>($($argument: $type),*) $(-> $result)? $body

            // SAFETY: each is called where the machine has the instructions of its register; arrays need none of their own.
            $crate::kernel::at_level! {
                $([$size])? ($($argument: $type),*) [$($result)?]
                unsafe { any::<std::arch::x86_64::__m512 $(, $size)?>($($argument),*) },
                unsafe { any::<$crate::kernel::Pair $(, $size)?>($($argument),*) },
                unsafe { any::<[f32; 16] $(, $size)?>($($argument),*) }
            }
        }
    )*};
}
pub(crate) use for_every_register;

/// The same address; the compiler does not know that it is.
#[inline(always)]
pub(crate) fn hidden<T>(address: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut hidden = address;
        #[expect(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written")]
        // SAFETY: there is no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) hidden, options(pure, nomem, nostack, preserves_flags))
        };
        hidden
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    address
}
