//! Numbers that a density is computed with: plain ones, or ones that carry tangents along.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What a density needs of its numbers.
pub(super) trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn constant(value: f64) -> Self;
    fn value(&self) -> f64;
    /// Whether it is the same number, with the same tangents.
    fn same(&self, other: &Self) -> bool;
    /// f(self), given its value and slope there.
    fn through(self, value: f64, slope: f64) -> Self;
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }

    fn value(&self) -> f64 {
        *self
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }

    fn through(self, value: f64, _: f64) -> Self {
        value
    }
}

/// A value in lane 0 with tangents in the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual<const W: usize>(pub [f64; W]);

impl<const W: usize> Dual<W> {
    /// `value` with `a · self + b · other` as tangents.
    // Compiled into its caller, and with it for the processor's widest registers.
    #[inline(always)]
    fn join(&self, other: &Self, value: f64, a: f64, b: f64) -> Self {
        let mut out = [0.0; W];
        for (lane, out) in out.iter_mut().enumerate() {
            *out = a * self.0[lane] + b * other.0[lane];
        }
        out[0] = value;
        Self(out)
    }
}

impl<const W: usize> Number for Dual<W> {
    #[inline(always)]
    fn constant(value: f64) -> Self {
        let mut out = [0.0; W];
        out[0] = value;
        Self(out)
    }

    #[inline(always)]
    fn value(&self) -> f64 {
        self.0[0]
    }

    #[inline(always)]
    fn same(&self, other: &Self) -> bool {
        // All lanes, without a branch at each.
        self.0.iter().zip(&other.0).fold(true, |same, (a, b)| same & (a == b))
    }

    #[inline(always)]
    fn through(self, value: f64, slope: f64) -> Self {
        self.join(&self, value, slope, 0.0)
    }
}

impl<const W: usize> Add for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.join(&other, self.0[0] + other.0[0], 1.0, 1.0)
    }
}

impl<const W: usize> Sub for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.join(&other, self.0[0] - other.0[0], 1.0, -1.0)
    }
}

impl<const W: usize> Mul for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0[0], other.0[0]);
        self.join(&other, a * b, b, a)
    }
}

impl<const W: usize> Div for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let (a, b) = (self.0[0], other.0[0]);
        self.join(&other, a / b, 1.0 / b, -a / (b * b))
    }
}

impl<const W: usize> Neg for Dual<W> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.through(-self.0[0], -1.0)
    }
}
