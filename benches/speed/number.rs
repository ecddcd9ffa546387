//! Numbers with and without a tangent, so that equations are written once and differentiated by hand-rolled duals.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// What an equation asks of a number.
pub trait Number: Over<Self> + Over<f64> + From<f64> {
    fn value(self) -> f64;
    fn tanh(self) -> Self;

    fn positive(self) -> Self {
        if self.value() > 0.0 { self } else { 0.0.into() }
    }
}

/// Arithmetic with numbers of another kind: parameters need no tangents where only states move.
pub trait Over<P>:
    Copy
    + Neg<Output = Self>
    + Add<P, Output = Self>
    + Sub<P, Output = Self>
    + Mul<P, Output = Self>
    + Div<P, Output = Self>
{
}

impl<P, N> Over<P> for N where
    N: Copy + Neg<Output = N> + Add<P, Output = N> + Sub<P, Output = N> + Mul<P, Output = N> + Div<P, Output = N>
{
}

impl Number for f64 {
    fn value(self) -> f64 {
        self
    }

    fn tanh(self) -> f64 {
        f64::tanh(self)
    }
}

/// A value and its derivatives in `T` directions.
#[derive(Clone, Copy, Debug)]
pub struct Dual<const T: usize> {
    pub value: f64,
    pub tangents: [f64; T],
}

impl<const T: usize> Dual<T> {
    /// A value that moves in one direction only.
    pub fn along(value: f64, direction: usize) -> Self {
        let mut dual = Self::from(value);
        dual.tangents[direction] = 1.0;
        dual
    }

    #[inline(always)]
    fn chain(self, value: f64, slope: f64) -> Self {
        Self { value, tangents: self.tangents.map(|tangent| slope * tangent) }
    }

    #[inline(always)]
    fn chain_two(self, other: Self, value: f64, slope: f64, other_slope: f64) -> Self {
        let mut dual = Self { value, tangents: self.tangents };
        for (own, other) in dual.tangents.iter_mut().zip(other.tangents) {
            *own = slope * *own + other_slope * other;
        }
        dual
    }
}

impl<const T: usize> From<f64> for Dual<T> {
    #[inline(always)]
    fn from(value: f64) -> Self {
        Self { value, tangents: [0.0; T] }
    }
}

impl<const T: usize> Number for Dual<T> {
    #[inline(always)]
    fn value(self) -> f64 {
        self.value
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        let value = self.value.tanh();
        self.chain(value, 1.0 - value * value)
    }
}

impl<const T: usize> Neg for Dual<T> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

macro_rules! arithmetic {
    ($trait:ident, $method:ident, |$a:ident, $b:ident| $value:expr, $slope:expr, $other_slope:expr) => {
        impl<const T: usize> $trait for Dual<T> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                let ($a, $b) = (self.value, other.value);
                self.chain_two(other, $value, $slope, $other_slope)
            }
        }

        impl<const T: usize> $trait<f64> for Dual<T> {
            type Output = Self;

            #[inline(always)]
            #[allow(unused_variables)]
            fn $method(self, $b: f64) -> Self {
                let $a = self.value;
                self.chain($value, $slope)
            }
        }
    };
}

arithmetic!(Add, add, |a, b| a + b, 1.0, 1.0);
arithmetic!(Sub, sub, |a, b| a - b, 1.0, -1.0);
arithmetic!(Mul, mul, |a, b| a * b, b, a);
arithmetic!(Div, div, |a, b| a / b, 1.0 / b, -a / (b * b));
