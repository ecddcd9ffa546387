//! Runs a tape on the processor's widest registers, in its two readings: plain lanes, and a value with tangents.

use pulp::{Simd, WithSimd};

use super::graph::Op;
use super::lanes::{self, Block, TimesPlus, Vector};
use super::tape::{ALL, Code, GROUP, Instruction, Tape};

/// A body for what instructions do, compiled for each kind of them.
macro_rules! each_kind {
    ($code:expr, |$kind:ident| $body:expr) => {
        each_kind!($code, $kind, $body; MulAdd, MulSub, SubMul, AddMul, DiffMul, MulMul, AddAdd, DiffAdd, DiffSub;
            Neg, Exp, Log, Sqrt, Tanh, Sin, Cos, Abs, Add, Sub, Mul, Div, Pow, Min, Max, Less, LessEqual, Equal, Select)
    };
    ($code:expr, $kind:ident, $body:expr; $($fused:ident),*; $($op:ident),*) => {
        match $code {
            $(Code::$fused => {
                let $kind = Code::$fused;
                $body
            })*
            $(Code::Plain(Op::$op) => {
                let $kind = Code::Plain(Op::$op);
                $body
            })*
        }
    };
}

/// A tape read as values of their own in every lane.
pub(super) struct LanesRun<'a, const W: usize> {
    pub tape: &'a Tape,
    pub values: &'a mut [Block<W>],
}

impl<const W: usize> WithSimd for LanesRun<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (kind, run) in self.tape.runs() {
            each_kind!(kind, |kind| for i in run {
                lane_step(simd, kind, i, self.values);
            });
        }
    }
}

/// One instruction on all lanes.
#[inline(always)]
fn lane_step<S: Simd, const W: usize>(simd: S, kind: Code, i: &Instruction, values: &mut [Block<W>]) {
    let (a, b, c) = (&values[i.a as usize].0, &values[i.b as usize].0, &values[i.c as usize].0);
    let mut out = [0.0; W];
    // Whole registers at a time. Left to itself, the compiler takes short loops apart into single lanes.
    macro_rules! registers {
        (|$a:ident, $b:ident, $c:ident| $e:expr, $one:expr) => {{
            let (xs, ys, zs) = (S::as_simd_f64s(a).0, S::as_simd_f64s(b).0, S::as_simd_f64s(c).0);
            let outs = S::as_mut_simd_f64s(&mut out).0;
            for (vector, out) in outs.iter_mut().enumerate() {
                let [$a, $b, $c] = [xs[vector], ys[vector], zs[vector]].map(|of| Vector::new(simd, of));
                let _ = ($a, $b, $c);
                *out = ($e).of;
            }
            for lane in W - W % S::F64_LANES..W {
                let ($a, $b, $c) = (a[lane], b[lane], c[lane]);
                let _ = ($a, $b, $c);
                out[lane] = $one;
            }
        }};
        (|$a:ident, $b:ident, $c:ident| $e:expr) => {
            registers!(|$a, $b, $c| $e, $e)
        };
    }
    macro_rules! each {
        (|$l:ident| $e:expr) => {
            for $l in 0..W {
                out[$l] = $e;
            }
        };
    }
    // The first of two where the mask says so, as in `Op::apply`.
    macro_rules! choose {
        ($op:ident, |$a:ident, $b:ident, $c:ident| $mask:expr, $yes:expr, $no:expr) => {
            registers!(
                |$a, $b, $c| Vector::new(simd, simd.select_f64s($mask, $yes.of, $no.of)),
                $op.apply([$a, $b, $c])
            )
        };
    }
    let unless_nan =
        |a: Vector<S>, b: Vector<S>| Vector::new(simd, simd.select_f64s(simd.equal_f64s(a.of, a.of), b.of, a.of));
    let (zero, one) = (Vector::splat(simd, 0.0), Vector::splat(simd, 1.0));
    match kind {
        Code::MulAdd => registers!(|a, b, c| a.times_plus(b, c)),
        Code::MulSub => registers!(|a, b, c| a * b - c),
        Code::SubMul => registers!(|a, b, c| c - a * b),
        Code::AddMul => registers!(|a, b, c| (a + b) * c),
        Code::DiffMul => registers!(|a, b, c| (a - b) * c),
        Code::MulMul => registers!(|a, b, c| a * b * c),
        Code::AddAdd => registers!(|a, b, c| a + b + c),
        Code::DiffAdd => registers!(|a, b, c| a - b + c),
        Code::DiffSub => registers!(|a, b, c| a - b - c),
        Code::Plain(op) => match op {
            Op::Add => registers!(|a, b, c| a + b),
            Op::Sub => registers!(|a, b, c| a - b),
            Op::Mul => registers!(|a, b, c| a * b),
            Op::Div => registers!(|a, b, c| a / b),
            Op::Neg => registers!(|a, b, c| -a),
            Op::Exp if S::F64_LANES > 1 => each!(|l| lanes::exp_by::<true>(a[l])),
            Op::Exp => each!(|l| lanes::exp(a[l])),
            Op::Log => each!(|l| lanes::ln(a[l])),
            Op::Sqrt => registers!(|a, b, c| Vector::new(simd, simd.sqrt_f64s(a.of)), a.sqrt()),
            Op::Tanh if S::F64_LANES > 1 => each!(|l| lanes::tanh_by::<true>(a[l])),
            Op::Tanh => each!(|l| lanes::tanh(a[l])),
            Op::Sin => each!(|l| a[l].sin()),
            Op::Cos => each!(|l| a[l].cos()),
            Op::Abs => registers!(|a, b, c| a.abs()),
            Op::Pow => each!(|l| lanes::pow(a[l], b[l])),
            Op::Min => choose!(op, |a, b, c| simd.less_than_f64s(a.of, b.of), a, unless_nan(a, b)),
            Op::Max => choose!(op, |a, b, c| simd.less_than_f64s(b.of, a.of), a, unless_nan(a, b)),
            Op::Less => choose!(op, |a, b, c| simd.less_than_f64s(a.of, b.of), one, zero),
            Op::LessEqual => choose!(op, |a, b, c| simd.less_than_or_equal_f64s(a.of, b.of), one, zero),
            Op::Equal => choose!(op, |a, b, c| simd.equal_f64s(a.of, b.of), one, zero),
            Op::Select => choose!(op, |a, b, c| simd.equal_f64s(a.of, zero.of), c, b),
        },
    }
    values[i.target as usize].0 = out;
}

/// A tape read as a value in lane 0 with tangents in the others.
pub(super) struct TangentsRun<'a, const W: usize> {
    pub tape: &'a Tape,
    pub values: &'a mut [Block<W>],
    /// Groups of lanes that each slot fills; all where it is not said.
    pub groups: &'a [u8],
}

impl<const W: usize> WithSimd for TangentsRun<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (kind, run) in self.tape.runs() {
            // Code of its own for each number of groups, so that registers are counted when it is compiled.
            each_kind!(kind, |kind| for i in run {
                match self.groups.get(i.target as usize).copied().unwrap_or(ALL) {
                    1 if W > GROUP => tangent_step::<S, W, 1>(simd, kind, i, self.values),
                    2 if W > 2 * GROUP => tangent_step::<S, W, 2>(simd, kind, i, self.values),
                    3 if W > 3 * GROUP => tangent_step::<S, W, 3>(simd, kind, i, self.values),
                    _ => tangent_step::<S, W, { ALL as usize }>(simd, kind, i, self.values),
                }
            });
        }
    }
}

/// One instruction on the first `N` groups of lanes; the others of its target stay as they are.
#[inline(always)]
fn tangent_step<S: Simd, const W: usize, const N: usize>(
    simd: S,
    kind: Code,
    i: &Instruction,
    values: &mut [Block<W>],
) {
    let whole = N * GROUP >= W;
    let registers = if whole { W / S::F64_LANES } else { N * GROUP / S::F64_LANES };
    let (a, b, c) = (&values[i.a as usize].0, &values[i.b as usize].0, &values[i.c as usize].0);
    let (x, y, z) = (a[0], b[0], c[0]);
    let mut out = [0.0; W];
    // The tangents are computed in all lanes alike, whole registers at a time; then the value goes into lane 0.
    // Left to itself, the compiler would leave lane 0 out of the first register and take it apart.
    macro_rules! tangents {
                ($value:expr; $($k:ident),*; |$a:ident, $b:ident, $c:ident| $e:expr) => {{
                    let value: f64 = $value;
                    {
                        $(let $k = Vector::splat(simd, $k);)*
                        let (a, b, c) = (S::as_simd_f64s(a).0, S::as_simd_f64s(b).0, S::as_simd_f64s(c).0);
                        let vectors = S::as_mut_simd_f64s(&mut out).0;
                        for (vector, out) in vectors.iter_mut().enumerate().take(registers) {
                            let ($a, $b, $c) = (a[vector], b[vector], c[vector]);
                            let [$a, $b, $c] = [$a, $b, $c].map(|of| Vector::new(simd, of));
                            let _ = ($a, $b, $c);
                            *out = ($e).of;
                        }
                    }
                    let rest = if whole { W - W % S::F64_LANES } else { W };
                    for lane in rest..W {
                        let ($a, $b, $c) = (a[lane], b[lane], c[lane]);
                        let _ = ($a, $b, $c);
                        out[lane] = $e;
                    }
                    out[0] = value;
                }};
            }
    // f(x) with f′(x).
    macro_rules! unary {
                ($value:expr, $slope:expr) => {{
                    let slope: f64 = $slope;
                    tangents!($value; slope; |a, b, c| slope * a)
                }};
            }
    match kind {
        Code::MulAdd => tangents!(x * y + z; x, y; |a, b, c| x.times_plus(b, y.times_plus(a, c))),
        Code::MulSub => tangents!(x * y - z; x, y; |a, b, c| x.times_plus(b, y * a - c)),
        Code::SubMul => {
            let (minus_x, minus_y) = (-x, -y);
            tangents!(z - x * y; minus_x, minus_y; |a, b, c| minus_x.times_plus(b, minus_y.times_plus(a, c)))
        }
        Code::AddMul => {
            let sum = x + y;
            tangents!(sum * z; sum, z; |a, b, c| sum.times_plus(c, z * (a + b)))
        }
        Code::DiffMul => {
            let difference = x - y;
            tangents!(difference * z; difference, z; |a, b, c| difference.times_plus(c, z * (a - b)))
        }
        Code::MulMul => {
            let product = x * y;
            tangents!(product * z; x, y, z, product; |a, b, c| product.times_plus(c, z * x.times_plus(b, y * a)))
        }
        Code::AddAdd => tangents!(x + y + z; ; |a, b, c| a + b + c),
        Code::DiffAdd => tangents!(x - y + z; ; |a, b, c| a - b + c),
        Code::DiffSub => tangents!(x - y - z; ; |a, b, c| a - b - c),
        Code::Plain(op) => match op {
            Op::Add => tangents!(x + y; ; |a, b, c| a + b),
            Op::Sub => tangents!(x - y; ; |a, b, c| a - b),
            Op::Mul => tangents!(x * y; x, y; |a, b, c| x.times_plus(b, y * a)),
            Op::Div => {
                let (quotient, inverse) = (x / y, 1.0 / y);
                let minus = -quotient;
                tangents!(quotient; minus, inverse; |a, b, c| minus.times_plus(b, a) * inverse)
            }
            Op::Neg => tangents!(-x; ; |a, b, c| -a),
            Op::Exp => {
                let value = lanes::exp(x);
                unary!(value, value)
            }
            Op::Log => unary!(lanes::ln(x), 1.0 / x),
            Op::Sqrt => {
                let value = x.sqrt();
                // At 0 the slope is infinite; a constant 0 there must not turn its zero tangents into NaN.
                let slope = 0.5 / value;
                for l in 0..W {
                    out[l] = if a[l] == 0.0 { 0.0 } else { slope * a[l] };
                }
                out[0] = value;
            }
            Op::Tanh => {
                let value = lanes::tanh(x);
                unary!(value, 1.0 - value * value)
            }
            Op::Sin => unary!(x.sin(), x.cos()),
            Op::Cos => unary!(x.cos(), -x.sin()),
            Op::Abs => unary!(x.abs(), if x < 0.0 { -1.0 } else { 1.0 }),
            Op::Pow => {
                let value = lanes::pow(x, y);
                let by_base = if x == 0.0 { if y > 1.0 { 0.0 } else { y } } else { y * value / x };
                let by_power = if x > 0.0 { value * lanes::ln(x) } else { 0.0 };
                tangents!(value; by_base, by_power; |a, b, c| by_base * a + by_power * b)
            }
            Op::Min | Op::Max => {
                let first = if op == Op::Min { x < y } else { x > y } || x.is_nan();
                out = if first { *a } else { *b };
            }
            Op::Less | Op::LessEqual | Op::Equal => {
                out[0] = op.apply([x, y, 0.0]);
            }
            Op::Select => out = if x != 0.0 { *b } else { *c },
        },
    }
    let target = &mut values[i.target as usize].0;
    if whole {
        *target = out;
    } else {
        target[..N * GROUP].copy_from_slice(&out[..N * GROUP]);
    }
}
