//! Straight-line code over blocks of lanes: how a graph becomes a tape.

use std::collections::{BTreeSet, HashMap, HashSet};

use pulp::{Arch, Simd};

use super::evaluate::{LanesRun, TangentsRun};
use super::graph::{Graph, Node, NodeId, Op};
use super::lanes::Block;

/// What an instruction does; the fused ones save a store, a load and a dispatch each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Code {
    Plain(Op),
    /// a·b + c
    MulAdd,
    /// a·b − c
    MulSub,
    /// c − a·b
    SubMul,
    /// (a + b)·c
    AddMul,
    /// (a − b)·c
    DiffMul,
    /// a·b·c
    MulMul,
    /// a + b + c
    AddAdd,
    /// a − b + c
    DiffAdd,
    /// a − b − c
    DiffSub,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    code: Code,
    pub target: u32,
    pub a: u32,
    pub b: u32,
    pub c: u32,
}

/// Lanes that are counted together where tangents are left out.
pub(crate) const GROUP: usize = 8;
/// As a number of groups: every lane there is.
pub(crate) const ALL: u8 = u8::MAX;

/// Straight-line code that fills the slots of some nodes from slots already filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    code: Vec<Instruction>,
    /// What the instructions up to the end of each run do.
    runs: Vec<(Code, usize)>,
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
    /// Code for `nodes` (in graph order), each into its slot. A product, sum or difference that only one sum or product among them
    /// uses is fused into it.
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
        let inner = |id: NodeId, wanted: Op| match graph.node(id) {
            Node::Op(op, [a, b, _]) if op == wanted && here[id.index()] && uses[id.index()] == 1 => Some((a, b)),
            _ => None,
        };
        // What an operation does with an inner one as its first or as its second operand.
        let fusions = [
            (Op::Add, Op::Mul, Some(Code::MulAdd), Some(Code::MulAdd)),
            (Op::Add, Op::Add, Some(Code::AddAdd), Some(Code::AddAdd)),
            (Op::Add, Op::Sub, Some(Code::DiffAdd), Some(Code::DiffAdd)),
            (Op::Sub, Op::Mul, Some(Code::MulSub), Some(Code::SubMul)),
            (Op::Sub, Op::Sub, Some(Code::DiffSub), None),
            (Op::Mul, Op::Add, Some(Code::AddMul), Some(Code::AddMul)),
            (Op::Mul, Op::Sub, Some(Code::DiffMul), Some(Code::DiffMul)),
            (Op::Mul, Op::Mul, Some(Code::MulMul), Some(Code::MulMul)),
        ];
        let mut fused = vec![false; graph.nodes().len()];
        let mut code = Vec::new();
        for id in nodes.iter().rev() {
            let Node::Op(op, [a, b, c]) = graph.node(*id) else { continue };
            if fused[id.index()] {
                continue;
            }
            let fusion = fusions.iter().filter(|(outer, ..)| *outer == op).find_map(|(_, within, first, second)| {
                let one = first.zip(inner(a, *within)).map(|(kind, (x, y))| (kind, x, y, b, Some(a)));
                one.or_else(|| second.zip(inner(b, *within)).map(|(kind, (x, y))| (kind, x, y, a, Some(b))))
            });
            let (kind, a, b, c, from) = fusion.unwrap_or((Code::Plain(op), a, b, c, None));
            if let Some(from) = from {
                fused[from.index()] = true;
            }
            code.push(Instruction { code: kind, target: slot(*id), a: slot(a), b: slot(b), c: slot(c) });
        }
        code.reverse();
        Self::in_runs(code)
    }

    /// Puts instructions of one kind behind one another as far as their operands allow, so that what an instruction does is
    /// looked up once a run.
    fn in_runs(code: Vec<Instruction>) -> Self {
        let mut waits = vec![0usize; code.len()];
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); code.len()];
        let writer: HashMap<u32, usize> = code.iter().enumerate().map(|(index, i)| (i.target, index)).collect();
        for (index, i) in code.iter().enumerate() {
            // An operand that the code does not use repeats another.
            let mut from: Vec<usize> = [i.a, i.b, i.c].iter().filter_map(|slot| writer.get(slot).copied()).collect();
            from.sort_unstable();
            from.dedup();
            waits[index] = from.len();
            from.into_iter().for_each(|writer| users[writer].push(index));
        }
        let mut ready: Vec<usize> = (0..code.len()).filter(|index| waits[*index] == 0).collect();
        let mut tape = Self { code: Vec::with_capacity(code.len()), runs: Vec::new() };
        while !ready.is_empty() {
            // The kind with the most instructions ready; of equal ones the first.
            let many = |kind: Code| ready.iter().filter(|index| code[**index].code == kind).count();
            let kind = ready.iter().map(|index| code[*index].code).rev().max_by_key(|kind| many(*kind));
            let Some(kind) = kind else { break };
            while let Some(place) = ready.iter().position(|index| code[*index].code == kind) {
                let index = ready.remove(place);
                tape.code.push(code[index]);
                for user in &users[index] {
                    waits[*user] -= 1;
                    if waits[*user] == 0 {
                        ready.push(*user);
                    }
                }
            }
            tape.runs.push((kind, tape.code.len()));
        }
        tape
    }

    pub(crate) fn len(&self) -> usize {
        self.code.len()
    }

    /// The instructions of each run, with their kind.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Code, &[Instruction])> {
        let mut start = 0;
        self.runs.iter().map(move |(kind, end)| {
            let run = &self.code[start..*end];
            start = *end;
            (*kind, run)
        })
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
                _ => operands.into_iter().fold(1, u8::max),
            };
        }
    }

    /// The slots that the code reads and does not write.
    pub(crate) fn sources(&self) -> Vec<usize> {
        let written: HashSet<u32> = self.code.iter().map(|i| i.target).collect();
        let read: BTreeSet<u32> = self.code.iter().flat_map(|i| [i.a, i.b, i.c]).collect();
        read.into_iter().filter(|slot| !written.contains(slot)).map(|slot| slot as usize).collect()
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
            Reading::Lanes => arch.dispatch(LanesRun { tape: self, values }),
            Reading::Tangents => arch.dispatch(TangentsRun { tape: self, values, groups }),
        }
    }
}
