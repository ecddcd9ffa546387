//! Expressions of a model as one shared graph: equal subexpressions are one node, constants are folded.

use std::collections::HashMap;

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an expression may refer to; the numbers index the lists of [`super::Composed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    Parameter(usize),
    Covariate(usize),
    State(usize),
    /// The value of a state at the steady state; only in initial values.
    Steady(usize),
    /// The current rate or value of an input.
    Input(usize),
    /// The amount of the event that is being applied; only in what a state receives.
    Amount,
    /// Time since the epoch, in the model's time unit.
    Time,
}

/// An operation; comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Neg,
    Exp,
    Log,
    Sqrt,
    Tanh,
    Sin,
    Cos,
    Abs,
    Add,
    Sub,
    Mul,
    Div,
    /// `a^b` for a > 0 (any a when b is a whole constant, which is expanded into products).
    Pow,
    Min,
    Max,
    Less,
    LessEqual,
    Equal,
    /// `a` if the condition (first operand) is not 0, else `b`; the branch not taken is never looked at.
    Select,
}

impl Op {
    pub fn arity(self) -> usize {
        match self {
            Op::Neg | Op::Exp | Op::Log | Op::Sqrt | Op::Tanh | Op::Sin | Op::Cos | Op::Abs => 1,
            Op::Select => 3,
            _ => 2,
        }
    }

    /// The value on plain numbers; operands beyond the arity are ignored.
    pub fn apply(self, [a, b, c]: [f64; 3]) -> f64 {
        let truth = |condition: bool| if condition { 1.0 } else { 0.0 };
        match self {
            Op::Neg => -a,
            Op::Exp => a.exp(),
            Op::Log => a.ln(),
            Op::Sqrt => a.sqrt(),
            Op::Tanh => a.tanh(),
            Op::Sin => a.sin(),
            Op::Cos => a.cos(),
            Op::Abs => a.abs(),
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            Op::Pow => a.powf(b),
            // Written so that NaN is passed on instead of being dropped.
            Op::Min => {
                if a < b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Op::Max => {
                if a > b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Op::Less => truth(a < b),
            Op::LessEqual => truth(a <= b),
            Op::Equal => truth(a == b),
            Op::Select => {
                if a != 0.0 {
                    b
                } else {
                    c
                }
            }
        }
    }
}

/// A constant, a symbol, or an operation on earlier nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    Constant(f64),
    Symbol(Symbol),
    /// Operands beyond the arity repeat the first.
    Op(Op, [NodeId; 3]),
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Symbol(Symbol),
    Op(Op, [NodeId; 3]),
}

/// Nodes in an order in which every operand stands before its use.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    known: HashMap<Key, NodeId>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graph({} nodes)", self.nodes.len())
    }
}

impl Graph {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, id: NodeId) -> Node {
        self.nodes[id.index()]
    }

    pub fn constant(&mut self, value: f64) -> NodeId {
        self.intern(Key::Constant(value.to_bits()), Node::Constant(value))
    }

    pub fn symbol(&mut self, symbol: Symbol) -> NodeId {
        self.intern(Key::Symbol(symbol), Node::Symbol(symbol))
    }

    /// The node for `op` on as many operands as its arity.
    ///
    /// Folds constants, drops neutral elements, orders the operands of commutative operations and shares what is equal.
    pub fn op(&mut self, op: Op, operands: &[NodeId]) -> NodeId {
        debug_assert_eq!(operands.len(), op.arity());
        let mut abc = [operands[0]; 3];
        abc[..operands.len()].copy_from_slice(operands);
        let values = abc.map(|id| self.value(id));
        if let [Some(a), Some(b), Some(c)] = values {
            return self.constant(op.apply([a, b, c]));
        }
        if let Some(simpler) = self.simplify(op, abc, values) {
            return simpler;
        }
        if matches!(op, Op::Add | Op::Mul | Op::Min | Op::Max | Op::Equal) && abc[1] < abc[0] {
            abc.swap(0, 1);
        }
        if op.arity() == 2 {
            abc[2] = abc[0];
        }
        self.intern(Key::Op(op, abc), Node::Op(op, abc))
    }

    /// The number, if the node is a constant.
    pub fn value(&self, id: NodeId) -> Option<f64> {
        match self.node(id) {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Every symbol that the nodes depend on, each once.
    pub fn symbols(&self, roots: &[NodeId]) -> Vec<Symbol> {
        let mut found = Vec::new();
        for id in self.reachable(roots) {
            if let Node::Symbol(symbol) = self.node(id) {
                found.push(symbol);
            }
        }
        found
    }

    /// The nodes that the roots depend on, and the roots, in evaluation order.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut needed = vec![false; self.nodes.len()];
        for root in roots {
            needed[root.index()] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if let (true, Node::Op(_, operands)) = (needed[index], self.nodes[index]) {
                operands.iter().for_each(|id| needed[id.index()] = true);
            }
        }
        (0..self.nodes.len()).filter(|index| needed[*index]).map(|index| NodeId(index as u32)).collect()
    }

    /// The value of a node, given the symbols'.
    pub fn evaluate(&self, root: NodeId, symbol: &dyn Fn(Symbol) -> f64) -> f64 {
        let mut values = vec![f64::NAN; root.index() + 1];
        for id in self.reachable(&[root]) {
            values[id.index()] = match self.node(id) {
                Node::Constant(value) => value,
                Node::Symbol(name) => symbol(name),
                Node::Op(op, operands) => op.apply(operands.map(|operand| values[operand.index()])),
            };
        }
        values[root.index()]
    }

    /// A copy of `root` in which `replace` stands for the symbols it answers to; used to join components.
    pub fn substitute(&mut self, root: NodeId, replace: &dyn Fn(Symbol) -> Option<NodeId>) -> NodeId {
        let mut renamed: HashMap<NodeId, NodeId> = HashMap::new();
        for id in self.reachable(&[root]) {
            let new = match self.node(id) {
                Node::Constant(_) => id,
                Node::Symbol(symbol) => replace(symbol).unwrap_or(id),
                Node::Op(op, operands) => {
                    let operands = operands.map(|operand| renamed[&operand]);
                    self.op(op, &operands[..op.arity()])
                }
            };
            renamed.insert(id, new);
        }
        renamed[&root]
    }

    fn simplify(&mut self, op: Op, [a, b, c]: [NodeId; 3], [x, y, _]: [Option<f64>; 3]) -> Option<NodeId> {
        match (op, x, y) {
            (Op::Add, Some(0.0), _) => Some(b),
            (Op::Add | Op::Sub, _, Some(0.0)) => Some(a),
            (Op::Sub, Some(0.0), _) => Some(self.op(Op::Neg, &[b])),
            (Op::Mul, Some(1.0), _) => Some(b),
            (Op::Mul | Op::Div, _, Some(1.0)) => Some(a),
            (Op::Mul, Some(-1.0), _) => Some(self.op(Op::Neg, &[b])),
            (Op::Mul | Op::Div, _, Some(-1.0)) => Some(self.op(Op::Neg, &[a])),
            // Factors of unit conversions meet here: 60 · (1000 · x) is one product.
            (Op::Mul, Some(x), None) => self.scaled(b, x),
            (Op::Mul, None, Some(y)) => self.scaled(a, y),
            (Op::Div, None, Some(y)) if y != 0.0 => {
                let factor = self.constant(1.0 / y);
                Some(self.op(Op::Mul, &[a, factor]))
            }
            (Op::Add, ..) => match self.node(b) {
                Node::Op(Op::Neg, [inner, ..]) => Some(self.op(Op::Sub, &[a, inner])),
                _ => match self.node(a) {
                    Node::Op(Op::Neg, [inner, ..]) => Some(self.op(Op::Sub, &[b, inner])),
                    _ => None,
                },
            },
            (Op::Sub, ..) => match self.node(b) {
                Node::Op(Op::Neg, [inner, ..]) => Some(self.op(Op::Add, &[a, inner])),
                _ => None,
            },
            (Op::Neg, ..) => match self.node(a) {
                Node::Op(Op::Neg, [inner, ..]) => Some(inner),
                _ => None,
            },
            (Op::Pow, _, Some(power)) => self.power(a, power),
            (Op::Select, Some(condition), _) => Some(if condition != 0.0 { b } else { c }),
            _ => None,
        }
    }

    fn scaled(&mut self, node: NodeId, factor: f64) -> Option<NodeId> {
        let Node::Op(Op::Mul, [a, b, _]) = self.node(node) else { return None };
        let (inner, other) = match (self.value(a), self.value(b)) {
            (Some(inner), _) => (inner, b),
            (_, Some(inner)) => (inner, a),
            _ => return None,
        };
        let product = self.constant(inner * factor);
        Some(self.op(Op::Mul, &[product, other]))
    }

    /// Whole and half powers as products and roots, which also keeps them defined for negative bases.
    fn power(&mut self, base: NodeId, power: f64) -> Option<NodeId> {
        if power == 0.0 {
            return Some(self.constant(1.0));
        }
        if power == 0.5 {
            return Some(self.op(Op::Sqrt, &[base]));
        }
        if power.fract() != 0.0 || power.abs() > 16.0 {
            return None;
        }
        let mut result = None;
        let (mut square, mut rest) = (base, power.abs() as u32);
        while rest > 0 {
            if rest & 1 == 1 {
                result = Some(result.map_or(square, |r| self.op(Op::Mul, &[r, square])));
            }
            rest >>= 1;
            if rest > 0 {
                square = self.op(Op::Mul, &[square, square]);
            }
        }
        let result = result?;
        if power > 0.0 {
            return Some(result);
        }
        let one = self.constant(1.0);
        Some(self.op(Op::Div, &[one, result]))
    }

    fn intern(&mut self, key: Key, node: Node) -> NodeId {
        *self.known.entry(key).or_insert_with(|| {
            self.nodes.push(node);
            NodeId((self.nodes.len() - 1) as u32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_folds_and_simplifies() {
        let mut graph = Graph::new();
        let (x, y) = (graph.symbol(Symbol::State(0)), graph.symbol(Symbol::State(1)));
        let xy = graph.op(Op::Mul, &[x, y]);
        let yx = graph.op(Op::Mul, &[y, x]);
        assert_eq!(xy, yx);
        let (two, three, zero) = (graph.constant(2.0), graph.constant(3.0), graph.constant(0.0));
        let six = graph.op(Op::Mul, &[two, three]);
        assert_eq!(graph.value(six), Some(6.0));
        assert_eq!(graph.op(Op::Add, &[x, zero]), x);
        let scaled = graph.op(Op::Mul, &[two, x]);
        let scaled = graph.op(Op::Mul, &[three, scaled]);
        assert_eq!(scaled, graph.op(Op::Mul, &[six, x]));
        assert_eq!(graph.symbols(&[scaled]), vec![Symbol::State(0)]);
        let replaced = graph.substitute(xy, &|symbol| (symbol == Symbol::State(1)).then_some(three));
        assert_eq!(replaced, graph.op(Op::Mul, &[three, x]));
    }
}
