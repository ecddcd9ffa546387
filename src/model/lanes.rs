//! Elementary functions on blocks of lanes, written without branches so that the compiler vectorises them.
//!
//! The same code runs on every processor and gives the same bits on each: no fused multiply-add, no system libm.

use pulp::Simd;

/// W numbers that go through the same arithmetic together.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Block<const W: usize>(pub [f64; W]);

impl<const W: usize> Block<W> {
    pub const ZERO: Self = Self([0.0; W]);

    #[inline(always)]
    pub fn splat(value: f64) -> Self {
        Self([value; W])
    }

    #[inline(always)]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(f))
    }
}

/// One register of lanes, with the operators of numbers: what is written once for both is the same arithmetic.
#[derive(Clone, Copy)]
pub(crate) struct Vector<S: Simd> {
    simd: S,
    pub of: S::f64s,
}

impl<S: Simd> Vector<S> {
    #[inline(always)]
    pub fn new(simd: S, of: S::f64s) -> Self {
        Self { simd, of }
    }

    #[inline(always)]
    pub fn splat(simd: S, value: f64) -> Self {
        Self { simd, of: simd.splat_f64s(value) }
    }

    #[inline(always)]
    pub fn abs(self) -> Self {
        Self { simd: self.simd, of: self.simd.abs_f64s(self.of) }
    }

    /// The greater of two numbers; what it is where one is none is not said.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self { simd: self.simd, of: self.simd.max_f64s(self.of, other.of) }
    }
}

/// a · b + c, rounded once where the processor has such an instruction: without one it would be computed by a long routine.
#[inline(always)]
pub(crate) fn times_plus<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
    if S::F64_LANES > 1 { simd.mul_add_f64s(a, b, c) } else { simd.add_f64s(simd.mul_f64s(a, b), c) }
}

/// self · factor + more, of registers rounded once where the processor can.
pub(crate) trait TimesPlus {
    fn times_plus(self, factor: Self, more: Self) -> Self;
}

impl<S: Simd> TimesPlus for Vector<S> {
    #[inline(always)]
    fn times_plus(self, factor: Self, more: Self) -> Self {
        Self { simd: self.simd, of: times_plus(self.simd, self.of, factor.of, more.of) }
    }
}

impl TimesPlus for f64 {
    #[inline(always)]
    fn times_plus(self, factor: Self, more: Self) -> Self {
        self * factor + more
    }
}

macro_rules! operator {
    ($operator:ident, $name:ident, $function:ident) => {
        impl<S: Simd> std::ops::$operator for Vector<S> {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Self { simd: self.simd, of: self.simd.$function(self.of, other.of) }
            }
        }
    };
}

operator!(Add, add, add_f64s);
operator!(Sub, sub, sub_f64s);
operator!(Mul, mul, mul_f64s);
operator!(Div, div, div_f64s);

impl<S: Simd> std::ops::Neg for Vector<S> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self { simd: self.simd, of: self.simd.neg_f64s(self.of) }
    }
}

/// 1.5 · 2⁵²: adding it rounds a double of moderate size to a whole number kept in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// a · b + c, rounded once: only for code that runs where the processor has such an instruction.
#[inline(always)]
fn fused<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// 2ⁿ for whole n in −1022…1023, given n + ROUND.
#[inline(always)]
fn power_of_two(shifted: f64) -> f64 {
    f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

/// eʳ − 1 for |r| ≤ ln 2 / 2 by its Taylor series to r¹³ (remainder below 4e-18 relative).
#[inline(always)]
fn exp_m1_reduced<const FUSED: bool>(r: f64) -> f64 {
    /// 1 / (k + 2)!
    const C: [f64; 12] = [
        0.5,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    // By Estrin's scheme: the terms wait for one another less than in Horner's.
    let fma = fused::<FUSED>;
    let (r2, pair) = (r * r, |k: usize| fma(C[k + 1], r, C[k]));
    let r4 = r2 * r2;
    let four = |k: usize| fma(pair(k + 2), r2, pair(k));
    let sum = fma(fma(four(8), r4, four(4)), r4, four(0));
    fma(r2, sum, r)
}

/// eˣ, within 2 units in the last place; 0 below −745, ∞ above 709.78, NaN passed on.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    exp_by::<false>(x)
}

/// [`exp`], with fused steps where it says so.
#[inline(always)]
pub(super) fn exp_by<const FUSED: bool>(x: f64) -> f64 {
    let clamped = if x < -746.0 {
        -746.0
    } else if x > 710.0 {
        710.0
    } else {
        x
    };
    let shifted = fused::<FUSED>(clamped, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused::<FUSED>(-n, LN2_LOW, fused::<FUSED>(-n, LN2_HIGH, clamped));
    // Two factors, so that neither leaves the normal range where the result is subnormal or near overflow.
    let half = (n * 0.5 + ROUND) - ROUND;
    let scale = power_of_two(half + ROUND);
    let rest = power_of_two((n - half) + ROUND);
    (1.0 + exp_m1_reduced::<FUSED>(r)) * scale * rest
}

/// tanh x, within 3 units in the last place.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    tanh_by::<false>(x)
}

/// [`tanh`], with fused steps where it says so.
#[inline(always)]
pub(super) fn tanh_by<const FUSED: bool>(x: f64) -> f64 {
    let size = x.abs();
    let y = if size > 22.0 { 44.0 } else { 2.0 * size };
    let shifted = fused::<FUSED>(y, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused::<FUSED>(-n, LN2_LOW, fused::<FUSED>(-n, LN2_HIGH, y));
    let power = power_of_two(shifted);
    let exp_m1 = fused::<FUSED>(power, exp_m1_reduced::<FUSED>(r), power - 1.0);
    let result = (exp_m1 / (exp_m1 + 2.0)).copysign(x);
    if x.is_nan() { x } else { result }
}

/// ln x, within 2 units in the last place; −∞ at 0, NaN below.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    // Subnormals are scaled into the normal range first.
    let tiny = x < f64::MIN_POSITIVE;
    let bits = (if tiny { x * 18_014_398_509_481_984.0 } else { x }).to_bits();
    // Brings the mantissa into [√½, √2).
    let offset = bits.wrapping_sub(0x3FE6_A09E_667F_3BCD);
    let exponent = ((offset as i64) >> 52) as f64 - if tiny { 54.0 } else { 0.0 };
    let m = f64::from_bits(bits.wrapping_sub(offset & 0xFFF0_0000_0000_0000));
    // ln m = 2 artanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.1716: the series to s¹⁹ (remainder below 1e-17 relative).
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut sum = 2.0 / 21.0;
    for k in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = sum * z + 2.0 / k;
    }
    // ln(1+f) = f − f²/2 + s (f²/2 + R): keeps the relative accuracy near 1 (Tang 1990, as in fdlibm).
    let half_square = 0.5 * f * f;
    let value = exponent * LN2_HIGH - ((half_square - (s * (half_square + z * sum) + exponent * LN2_LOW)) - f);
    if x > 0.0 && x < f64::INFINITY {
        value
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x == f64::INFINITY {
        x
    } else {
        f64::NAN
    }
}

/// aᵇ for a ≥ 0 as e^(b ln a); relative error grows as |b ln a| · 1e-16.
#[inline(always)]
pub fn pow(a: f64, b: f64) -> f64 {
    if a == 0.0 { if b > 0.0 { 0.0 } else { f64::INFINITY } } else { exp(b * ln(a)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(ours: fn(f64) -> f64, libm: fn(f64) -> f64, from: f64, to: f64) -> f64 {
        (0..200_000)
            .map(|i| from + (to - from) * i as f64 / 199_999.0)
            .map(|x| ((ours(x) - libm(x)) / libm(x)).abs())
            .filter(|error| !error.is_nan())
            .fold(0.0, f64::max)
    }

    #[test]
    fn agree_with_the_system_library_to_rounding() {
        let eps = f64::EPSILON;
        assert!(worst(exp, f64::exp, -700.0, 709.0) < 2.0 * eps);
        assert!(worst(exp, f64::exp, -1.0, 1.0) < 2.0 * eps);
        assert!(worst(tanh, f64::tanh, -25.0, 25.0) < 3.0 * eps);
        assert!(worst(tanh, f64::tanh, -1e-3, 1e-3) < 3.0 * eps);
        assert!(worst(exp_by::<true>, f64::exp, -700.0, 709.0) < 2.0 * eps);
        assert!(worst(exp_by::<true>, f64::exp, -1.0, 1.0) < 2.0 * eps);
        assert!(worst(tanh_by::<true>, f64::tanh, -25.0, 25.0) < 3.0 * eps);
        assert!(worst(tanh_by::<true>, f64::tanh, -1e-3, 1e-3) < 3.0 * eps);
        assert!(worst(ln, f64::ln, 1e-3, 3.0) < 2.0 * eps);
        assert!(worst(ln, f64::ln, 0.999, 1.001) < 2.0 * eps);
        assert!(worst(ln, f64::ln, 1e-300, 1e300) < 2.0 * eps);
    }

    #[test]
    fn limits_are_right() {
        assert_eq!((exp(-800.0), exp(800.0)), (0.0, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan() && tanh(f64::NAN).is_nan() && ln(f64::NAN).is_nan() && ln(-1.0).is_nan());
        assert_eq!((ln(0.0), ln(f64::INFINITY), ln(1.0)), (f64::NEG_INFINITY, f64::INFINITY, 0.0));
        assert_eq!((tanh(0.0), tanh(-0.0).to_bits(), tanh(400.0), tanh(-400.0)), (0.0, (-0.0f64).to_bits(), 1.0, -1.0));
        assert_eq!((exp(0.0), exp(-745.1) > 0.0, exp(f64::NEG_INFINITY)), (1.0, true, 0.0));
        assert!((ln(5e-324) - 5e-324f64.ln()).abs() < 1e-12);
        assert_eq!((pow(0.0, 0.5), pow(2.0, 0.0)), (0.0, 1.0));
        assert!((pow(2.0, 0.75) / 2f64.powf(0.75) - 1.0).abs() < 1e-15);
    }
}
