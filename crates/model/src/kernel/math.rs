//! Exponential and logarithm without branches, so that a loop over them becomes vector code.
//!
//! Both are the range reductions and polynomials of Cephes (S. Moshier, `expf.c` and `logf.c`); the relative error is
//! below 2e-7. NaN stays NaN.

/// Below it `e^x` is taken for 0, and above [`HIGHEST`] for what it is there.
pub(super) const LOWEST: f32 = -87.0;
pub(super) const HIGHEST: f32 = 88.0;

/// Adding 1.5 · 2^23 rounds to an integer, which then stands in the low bits.
pub(super) const ROUND: f32 = 12_582_912.0;

/// The natural logarithm of 2 in two parts, of which the first has few bits.
pub(super) const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Of `(e^x - 1 - x) / x²` between `± ln 2 / 2`, highest power first.
pub(super) const SERIES: [f32; 6] = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];

/// `2^n` of the `n` in the low bits.
#[inline(always)]
pub(super) fn power_of_two(shifted: f32) -> f32 {
    f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// `e^x`; 0 below -87, and `e^88` above 88.
#[inline(always)]
pub(crate) fn exp(unbounded: f32) -> f32 {
    let x = unbounded.clamp(LOWEST, HIGHEST);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let mut series = SERIES[0];
    for coefficient in &SERIES[1..] {
        series = series * rest + coefficient;
    }
    let fraction = series * rest * rest + rest + 1.0;
    if unbounded < LOWEST { 0.0 } else { fraction * power_of_two(shifted) }
}

/// Splits the logarithm of a positive, normal number: a count of `ln 2`, and the logarithm of what is left, from
/// `sqrt(1/2)` to `sqrt(2)`, as `m - 1` and what is added to it.
#[inline(always)]
fn ln_parts(x: f32) -> (f32, [f32; 2]) {
    const ROOT: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(ROOT);
    let exponent = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT)) - 1.0;
    let mut series = 7.037_683_6e-2;
    for coefficient in [
        -0.115_146_1,
        0.116_769_99,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_58,
        0.200_007_15,
        -0.249_999_94,
        0.333_333_3,
    ] {
        series = series * m + coefficient;
    }
    (exponent, [m, m * m * (series * m - 0.5)])
}

/// Natural logarithm of a positive, normal number.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let (exponent, [m, tail]) = ln_parts(x);
    let value = m + (tail + exponent * LN_2[1]) + exponent * LN_2[0];
    if x.is_nan() { x } else { value }
}

/// The same, with an error of 1e-7 however large or small the number is; what is not finite stays as it is.
#[inline(always)]
pub(crate) fn ln_wide(x: f32) -> f64 {
    let (exponent, [m, tail]) = ln_parts(x);
    let value = f64::from(exponent) * std::f64::consts::LN_2 + f64::from(m + tail);
    if x.is_finite() { value } else { f64::from(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_of_the_library() {
        for step in -87_000..=88_000 {
            let x = step as f32 / 1000.0;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 2e-7, "exp({x}) = {ours}, expected {exact}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert_eq!((exp(-1e9), exp(f32::NEG_INFINITY)), (0.0, 0.0));
        assert!(exp(1e9).is_finite());
    }

    #[test]
    fn ln_is_close_to_the_library() {
        for step in 1..=200_000 {
            let x = step as f32 * 1e-5;
            let (ours, exact) = (f64::from(ln(x)), f64::from(x).ln());
            assert!((ours - exact).abs() <= 1.5e-7 * exact.abs().max(1.0), "ln({x}) = {ours}, expected {exact}");
        }
        assert!(ln(f32::NAN).is_nan());
    }

    #[test]
    fn the_wide_ln_is_as_close_for_any_size() {
        for exponent in -870..=880 {
            let x = (exponent as f32 / 10.0).exp();
            assert!((ln_wide(x) - f64::from(x).ln()).abs() < 1e-7, "ln({x}) = {}", ln_wide(x));
        }
        assert!(ln_wide(f32::NAN).is_nan() && ln_wide(f32::INFINITY).is_infinite());
    }
}
