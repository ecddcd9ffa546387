//! Rewrites equations for speed before they become code: in products, what changes seldom is multiplied and divided first.
//!
//! `q · k / V / (1 − f)` with a state q costs one product at every time, as q · (k / V / (1 − f)): the bracket is computed once a
//! parameter vector. What several products are divided by is inverted once. Values change by rounding only.

use std::collections::HashMap;

use super::composed::Composed;
use super::graph::{Graph, Node, NodeId, Op};
use super::phase::Phase;

/// A model's equations as they are computed.
pub(super) struct Lowered {
    pub graph: Graph,
    /// For each node of the model's graph that its roots need, the node here.
    at: Vec<Option<NodeId>>,
}

impl Lowered {
    pub fn new(model: &Composed) -> Self {
        let old = &model.graph;
        let roots = model.roots();
        let order = old.reachable(&roots);
        let mut uses = vec![0u32; old.nodes().len()];
        for id in &order {
            if let Node::Op(op, operands) = old.node(*id) {
                operands[..op.arity()].iter().for_each(|operand| uses[operand.index()] += 1);
            }
        }
        roots.iter().for_each(|id| uses[id.index()] += 2);
        let mut source = Source { graph: old, phases: Phase::of(old, model), uses, divisors: HashMap::new() };
        source.count_divisors(&order);
        let mut lowered = Self { graph: Graph::new(), at: vec![None; old.nodes().len()] };
        for id in order {
            let new = match old.node(id) {
                Node::Constant(value) => lowered.graph.constant(value),
                Node::Symbol(symbol) => lowered.graph.symbol(symbol),
                Node::Op(Op::Mul | Op::Div | Op::Neg, _) if source.phase(id) > Phase::Settled => {
                    let mut product = Product::default();
                    product.collect(&source, id);
                    lowered.product(&source, id, &product)
                }
                Node::Op(op, operands) => {
                    let operands = operands.map(|operand| lowered.at(operand));
                    lowered.graph.op(op, &operands[..op.arity()])
                }
            };
            lowered.at[id.index()] = Some(new);
        }
        lowered
    }

    /// The node for one that the model's roots need.
    pub fn at(&self, id: NodeId) -> NodeId {
        // Operands stand before their uses, and every root is asked for.
        self.at[id.index()].unwrap_or(id)
    }

    /// The nodes for some that the model's roots need.
    pub fn all(&self, ids: &[NodeId]) -> Vec<NodeId> {
        ids.iter().map(|id| self.at(*id)).collect()
    }

    fn product(&mut self, source: &Source, of: NodeId, product: &Product) -> NodeId {
        let mut result: Option<NodeId> = None;
        let mut negative = product.negative;
        for phase in Phase::ALL.into_iter().filter(|phase| *phase <= source.phase(of)) {
            let of_phase = |ids: &[NodeId]| -> Vec<NodeId> {
                ids.iter().filter(|id| source.phase(**id) == phase).map(|id| self.at(*id)).collect()
            };
            let (above, below) = (of_phase(&product.above), of_phase(&product.below));
            for factor in above {
                result = Some(result.map_or(factor, |result| self.graph.op(Op::Mul, &[result, factor])));
            }
            let shared = source.is_shared(product, phase);
            let divisor = below.into_iter().reduce(|divisor, factor| self.graph.op(Op::Mul, &[divisor, factor]));
            if let Some(divisor) = divisor {
                let one = self.graph.constant(1.0);
                result = Some(match result {
                    Some(dividend) if shared => {
                        let inverse = self.graph.op(Op::Div, &[one, divisor]);
                        self.graph.op(Op::Mul, &[dividend, inverse])
                    }
                    dividend => self.graph.op(Op::Div, &[dividend.unwrap_or(one), divisor]),
                });
            }
            // The sign goes to the part that is computed most seldom.
            if let (Some(part), true) = (result, negative) {
                result = Some(self.graph.op(Op::Neg, &[part]));
                negative = false;
            }
        }
        result.unwrap_or_else(|| self.at(of))
    }
}

/// The graph that is rewritten.
struct Source<'a> {
    graph: &'a Graph,
    phases: Vec<Phase>,
    /// How often each node is an operand; more than once if it is a root.
    uses: Vec<u32>,
    /// How many products are divided at every time by these factors.
    divisors: HashMap<Vec<NodeId>, u32>,
}

impl Source<'_> {
    /// `order` are the nodes that are needed, operands before their uses.
    fn count_divisors(&mut self, order: &[NodeId]) {
        let mut absorbed = vec![false; self.graph.nodes().len()];
        for id in order.iter().rev() {
            let product = matches!(self.graph.node(*id), Node::Op(Op::Mul | Op::Div | Op::Neg, _));
            if !product || absorbed[id.index()] || self.phase(*id) <= Phase::Settled {
                continue;
            }
            let mut factors = Product::default();
            factors.collect(self, *id);
            factors.within.iter().for_each(|id| absorbed[id.index()] = true);
            let divisor = factors.divisor(self, Phase::Time);
            if !divisor.is_empty() {
                *self.divisors.entry(divisor).or_default() += 1;
            }
        }
    }

    /// Whether other products are divided by the same at every time.
    fn is_shared(&self, product: &Product, phase: Phase) -> bool {
        phase == Phase::Time && self.divisors.get(&product.divisor(self, phase)).is_some_and(|products| *products > 1)
    }

    fn phase(&self, id: NodeId) -> Phase {
        self.phases[id.index()]
    }
}

/// Factors above and below the line, nodes of the old graph, in the order in which they are written.
#[derive(Default)]
struct Product {
    above: Vec<NodeId>,
    below: Vec<NodeId>,
    negative: bool,
    /// Products that became part of this one.
    within: Vec<NodeId>,
}

impl Product {
    /// The factors of a phase below the line, in one order whoever wrote them.
    fn divisor(&self, source: &Source, phase: Phase) -> Vec<NodeId> {
        let mut factors: Vec<NodeId> = self.below.iter().copied().filter(|id| source.phase(*id) == phase).collect();
        factors.sort_unstable();
        factors
    }

    /// Adds the factors of a node, and theirs where they are products that nothing else uses.
    fn collect(&mut self, source: &Source, id: NodeId) {
        let mut waiting = vec![(id, false)];
        while let Some((next, inverse)) = waiting.pop() {
            let mine = next == id || source.uses[next.index()] == 1;
            if mine && next != id && matches!(source.graph.node(next), Node::Op(Op::Mul | Op::Div | Op::Neg, _)) {
                self.within.push(next);
            }
            match source.graph.node(next) {
                Node::Op(Op::Mul, [a, b, _]) if mine => waiting.extend([(b, inverse), (a, inverse)]),
                Node::Op(Op::Div, [a, b, _]) if mine => waiting.extend([(b, !inverse), (a, inverse)]),
                Node::Op(Op::Neg, [a, ..]) if mine => {
                    self.negative = !self.negative;
                    waiting.push((a, inverse));
                }
                _ if inverse => self.below.push(next),
                _ => self.above.push(next),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::graph::Symbol;
    use super::super::library::Library;
    use super::*;
    use crate::stats::Seed;

    /// Divisions at every time in what the roots need.
    fn divisions(graph: &Graph, model: &Composed, roots: &[NodeId]) -> usize {
        let phases = Phase::of(graph, model);
        let dividing = |id: &NodeId| matches!(graph.node(*id), Node::Op(Op::Div, _));
        graph.reachable(roots).iter().filter(|id| dividing(id) && phases[id.index()] >= Phase::Time).count()
    }

    #[test]
    fn equations_keep_their_values_and_lose_divisions() {
        let library = Library::embedded();
        let (mut before, mut after) = (0, 0);
        for (name, _) in library.names() {
            let Ok((model, _)) = library.load(&name) else { continue };
            let lowered = Lowered::new(&model);
            let (old, new) = (model.roots(), lowered.all(&model.roots()));
            let (old_divisions, new_divisions) =
                (divisions(&model.graph, &model, &old), divisions(&lowered.graph, &model, &new));
            assert!(new_divisions <= old_divisions, "{name}: {new_divisions} for {old_divisions}");
            (before, after) = (before + old_divisions, after + new_divisions);
            for seed in 0..5 {
                let value = |symbol: Symbol| {
                    let mut stream = Seed(seed).stream(&format!("{symbol:?}"), 0);
                    stream.random_range(0.2..3.0)
                };
                for (old, new) in old.iter().zip(&new) {
                    let (old, new) = (model.graph.evaluate(*old, &value), lowered.graph.evaluate(*new, &value));
                    let same = (old - new).abs() <= 1e-9 * old.abs() || old.to_bits() == new.to_bits();
                    assert!(same || (old.is_nan() && new.is_nan()), "{name}: {old} {new}");
                }
            }
        }
        assert!(after < before, "{after} divisions for {before}");
    }
}
