//! Straight-line code over blocks of lanes: the tape, and its two readings (plain lanes, tangents).

use pulp::{Arch, Simd, WithSimd};

use super::graph::{Graph, Node, NodeId, Op};
use super::lanes::{self, Block, Vector};

/// What an instruction does; the fused ones save a store, a load and a dispatch each.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    Plain(Op),
    /// a·b + c
    MulAdd,
    /// a·b − c
    MulSub,
    /// c − a·b
    SubMul,
}

#[derive(Clone, Copy, Debug)]
struct Instruction {
    code: Code,
    target: u32,
    a: u32,
    b: u32,
    c: u32,
}

/// Lanes that are counted together where tangents are left out.
pub(crate) const GROUP: usize = 8;
/// As a number of groups: every lane there is.
pub(crate) const ALL: u8 = u8::MAX;

/// Straight-line code that fills the slots of some nodes from slots already filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    code: Vec<Instruction>,
}

/// Registers that a number of groups of lanes fills; all whole ones where it is not said.
#[inline(always)]
pub(crate) fn registers<S: Simd, const W: usize>(groups: Option<&u8>) -> usize {
    match groups.map(|groups| usize::from(*groups) * GROUP) {
        Some(lanes) if lanes < W => lanes / S::F64_LANES,
        _ => W / S::F64_LANES,
    }
}

/// How a tape reads its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Every lane is a value of its own: posterior draws, particles.
    Lanes,
    /// Lane 0 is the value, every other lane a tangent of it: forward-mode derivatives.
    Tangents,
}

impl Tape {
    /// Code for `nodes` (in graph order), each into its slot. A product that only a sum among them uses is fused into it.
    pub(crate) fn new(graph: &Graph, nodes: &[NodeId], keep: &[NodeId], slot: &dyn Fn(NodeId) -> u32) -> Self {
        let mut uses = vec![0u32; graph.nodes().len()];
        let mut here = vec![false; graph.nodes().len()];
        for id in nodes {
            here[id.index()] = true;
            if let Node::Op(op, operands) = graph.node(*id) {
                operands[..op.arity()].iter().for_each(|operand| uses[operand.index()] += 1);
            }
        }
        keep.iter().for_each(|id| uses[id.index()] += 2);
        let product = |id: NodeId| match graph.node(id) {
            Node::Op(Op::Mul, [a, b, _]) if here[id.index()] && uses[id.index()] == 1 => Some((a, b)),
            _ => None,
        };
        let mut fused = vec![false; graph.nodes().len()];
        let mut code = Vec::new();
        for id in nodes.iter().rev() {
            let Node::Op(op, [a, b, c]) = graph.node(*id) else { continue };
            if fused[id.index()] {
                continue;
            }
            let (kind, a, b, c, from) = match (op, product(a), product(b)) {
                (Op::Add, Some((x, y)), _) => (Code::MulAdd, x, y, b, Some(a)),
                (Op::Add, _, Some((x, y))) => (Code::MulAdd, x, y, a, Some(b)),
                (Op::Sub, Some((x, y)), _) => (Code::MulSub, x, y, b, Some(a)),
                (Op::Sub, _, Some((x, y))) => (Code::SubMul, x, y, a, Some(b)),
                _ => (Code::Plain(op), a, b, c, None),
            };
            if let Some(from) = from {
                fused[from.index()] = true;
            }
            code.push(Instruction { code: kind, target: slot(*id), a: slot(a), b: slot(b), c: slot(c) });
        }
        code.reverse();
        Self { code }
    }

    pub(crate) fn len(&self) -> usize {
        self.code.len()
    }

    /// Raises the number of groups of every slot that the code writes to that of what it is computed from.
    pub(crate) fn spread(&self, groups: &mut [u8]) {
        for i in &self.code {
            let operands = [i.a, i.b, i.c].map(|slot| groups[slot as usize]);
            groups[i.target as usize] = match i.code {
                Code::Plain(Op::Less | Op::LessEqual | Op::Equal) => 1,
                // The condition has no tangents.
                Code::Plain(Op::Select) => operands[1].max(operands[2]),
                Code::Plain(op) => operands[..op.arity()].iter().copied().fold(1, u8::max),
                Code::MulAdd | Code::MulSub | Code::SubMul => operands.into_iter().fold(1, u8::max),
            };
        }
    }

    /// The slots that the code writes.
    pub(crate) fn targets(&self) -> impl Iterator<Item = usize> {
        self.code.iter().map(|i| i.target as usize)
    }

    /// Puts zeros into every slot that the code writes.
    pub(crate) fn clear<const W: usize>(&self, values: &mut [Block<W>]) {
        self.targets().for_each(|slot| values[slot] = Block::ZERO);
    }

    /// Runs the code on the processor's widest vectors.
    pub(crate) fn run<const W: usize>(&self, arch: Arch, reading: Reading, values: &mut [Block<W>]) {
        self.run_within(arch, reading, values, &[]);
    }

    /// Runs the code; of a slot's tangents, only those in its number of groups, where it has one.
    pub(crate) fn run_within<const W: usize>(
        &self,
        arch: Arch,
        reading: Reading,
        values: &mut [Block<W>],
        groups: &[u8],
    ) {
        match reading {
            Reading::Lanes => arch.dispatch(LanesRun { code: &self.code, values }),
            Reading::Tangents => arch.dispatch(TangentsRun { code: &self.code, values, groups }),
        }
    }
}

struct LanesRun<'a, const W: usize> {
    code: &'a [Instruction],
    values: &'a mut [Block<W>],
}

impl<const W: usize> WithSimd for LanesRun<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let values = self.values;
        for i in self.code {
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
            let unless_nan = |a: Vector<S>, b: Vector<S>| {
                Vector::new(simd, simd.select_f64s(simd.equal_f64s(a.of, a.of), b.of, a.of))
            };
            let (zero, one) = (Vector::splat(simd, 0.0), Vector::splat(simd, 1.0));
            match i.code {
                Code::MulAdd => registers!(|a, b, c| a * b + c),
                Code::MulSub => registers!(|a, b, c| a * b - c),
                Code::SubMul => registers!(|a, b, c| c - a * b),
                Code::Plain(op) => match op {
                    Op::Add => registers!(|a, b, c| a + b),
                    Op::Sub => registers!(|a, b, c| a - b),
                    Op::Mul => registers!(|a, b, c| a * b),
                    Op::Div => registers!(|a, b, c| a / b),
                    Op::Neg => registers!(|a, b, c| -a),
                    Op::Exp => each!(|l| lanes::exp(a[l])),
                    Op::Log => each!(|l| lanes::ln(a[l])),
                    Op::Sqrt => registers!(|a, b, c| Vector::new(simd, simd.sqrt_f64s(a.of)), a.sqrt()),
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
    }
}

struct TangentsRun<'a, const W: usize> {
    code: &'a [Instruction],
    values: &'a mut [Block<W>],
    groups: &'a [u8],
}

impl<const W: usize> WithSimd for TangentsRun<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for i in self.code {
            // Code of its own for each number of groups, so that registers are counted when it is compiled.
            match self.groups.get(i.target as usize).copied().unwrap_or(ALL) {
                1 if W > GROUP => tangent_step::<S, W, 1>(simd, i, self.values),
                2 if W > 2 * GROUP => tangent_step::<S, W, 2>(simd, i, self.values),
                3 if W > 3 * GROUP => tangent_step::<S, W, 3>(simd, i, self.values),
                _ => tangent_step::<S, W, { ALL as usize }>(simd, i, self.values),
            }
        }
    }
}

/// One instruction on the first `N` groups of lanes; the others of its target stay as they are.
#[inline(always)]
fn tangent_step<S: Simd, const W: usize, const N: usize>(simd: S, i: &Instruction, values: &mut [Block<W>]) {
    let whole = N * GROUP >= W;
    let registers = if whole { W / S::F64_LANES } else { N * GROUP / S::F64_LANES };
    let (a, b, c) = (&values[i.a as usize].0, &values[i.b as usize].0, &values[i.c as usize].0);
    let (x, y) = (a[0], b[0]);
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
    match i.code {
        Code::MulAdd => tangents!(x * y + c[0]; x, y; |a, b, c| x * b + y * a + c),
        Code::MulSub => tangents!(x * y - c[0]; x, y; |a, b, c| x * b + y * a - c),
        Code::SubMul => tangents!(c[0] - x * y; x, y; |a, b, c| c - (x * b + y * a)),
        Code::Plain(op) => match op {
            Op::Add => tangents!(x + y; ; |a, b, c| a + b),
            Op::Sub => tangents!(x - y; ; |a, b, c| a - b),
            Op::Mul => tangents!(x * y; x, y; |a, b, c| x * b + y * a),
            Op::Div => {
                let (quotient, inverse) = (x / y, 1.0 / y);
                tangents!(quotient; quotient, inverse; |a, b, c| (a - quotient * b) * inverse)
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
