//! Compiles a composed model to tapes: what is done once a parameter vector, once a segment, and at every time.

use std::sync::Arc;

use super::composed::{Composed, InputKind};
use super::graph::{Node, NodeId, Symbol};
use super::lanes::Block;
use super::lower::Lowered;
use super::phase::Phase;
use super::tape::Tape;

/// Code with the slots where its results lie.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub(crate) tape: Tape,
    pub(crate) slots: Vec<usize>,
}

/// What happens to states at an event of one input.
#[derive(Clone, Debug, Default)]
pub struct Jump {
    pub(crate) tape: Tape,
    /// (state, slot of the new value): assigned all at once.
    pub(crate) assign: Vec<(usize, usize)>,
    /// (state, slot of what is added).
    pub(crate) receive: Vec<(usize, usize)>,
}

/// A model compiled to tapes over lanes; immutable and shared by all threads.
///
/// Slots `0 .. inputs_at + inputs` hold, in this order: parameters, covariates, states, steady values, inputs, the
/// event's amount and the time; constants and results follow.
#[derive(Debug)]
pub struct Program {
    pub model: Arc<Composed>,
    slots: usize,
    constants: Vec<(usize, f64)>,
    covariates_at: usize,
    states_at: usize,
    steady_at: usize,
    inputs_at: usize,
    amount_at: usize,
    time_at: usize,
    pub(crate) preset: Tape,
    pub(crate) settled: Tape,
    pub(crate) segment: Tape,
    pub(crate) derivatives: Results,
    /// Initial values, one a state.
    pub(crate) initial: Results,
    /// Derivatives of the states in `steady_states`, with each steady value standing for itself.
    pub(crate) steady: Results,
    pub(crate) steady_states: Vec<usize>,
    /// Slots that must be filled before `steady` is run, for its results to be there.
    pub(crate) steady_reads: Vec<usize>,
    /// Where to look for the steady value of each of `steady_states` first: a slot of the preset phase.
    pub(crate) near: Vec<Option<usize>>,
    /// For every input: what its assignments do, and what a bolus of it does.
    pub(crate) on_start: Vec<Jump>,
    pub(crate) on_bolus: Vec<Jump>,
    /// Slot of each input's lag, of the preset or settled phase.
    pub(crate) lags: Vec<Option<usize>>,
    outputs: Vec<Results>,
    observations: Vec<Results>,
    /// Linear series among the inputs change at every time.
    pub(crate) linear: Vec<usize>,
    /// Whether the derivatives depend on time by nothing but states and events.
    pub(crate) autonomous: bool,
    /// For each state the first that has the same unit.
    pub(crate) peers: Vec<usize>,
}

impl Program {
    pub fn compile(model: Arc<Composed>) -> Self {
        Compiler::new(model).finish()
    }

    pub fn parameters(&self) -> usize {
        self.model.parameters.len()
    }

    pub fn states(&self) -> usize {
        self.model.states.len()
    }

    /// Instructions of one evaluation of the derivatives.
    pub fn derivative_instructions(&self) -> usize {
        self.derivatives.tape.len()
    }

    /// Code and slot of output `index`.
    pub(crate) fn output(&self, index: usize) -> &Results {
        &self.outputs[index]
    }

    pub(crate) fn outputs(&self) -> &[Results] {
        &self.outputs
    }

    pub(crate) fn observations(&self) -> &[Results] {
        &self.observations
    }

    /// Code and slots of the arguments of observation `index`.
    pub(crate) fn observation(&self, index: usize) -> &Results {
        &self.observations[index]
    }

    pub(crate) fn parameter_slot(&self, index: usize) -> usize {
        index
    }

    pub(crate) fn covariate_slot(&self, index: usize) -> usize {
        self.covariates_at + index
    }

    pub(crate) fn state_slots(&self) -> std::ops::Range<usize> {
        self.states_at..self.steady_at
    }

    pub(crate) fn steady_slot(&self, state: usize) -> usize {
        self.steady_at + state
    }

    pub(crate) fn input_slot(&self, index: usize) -> usize {
        self.inputs_at + index
    }

    pub(crate) fn amount_slot(&self) -> usize {
        self.amount_at
    }

    pub(crate) fn time_slot(&self) -> usize {
        self.time_at
    }

    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Blocks for all slots, constants filled in.
    pub(crate) fn blocks<const W: usize>(&self, tangents: bool) -> Vec<Block<W>> {
        let mut blocks = vec![Block::ZERO; self.slots];
        for (slot, value) in &self.constants {
            blocks[*slot] = if tangents { first(*value) } else { Block::splat(*value) };
        }
        blocks
    }
}

/// A value with zero tangents.
pub(crate) fn first<const W: usize>(value: f64) -> Block<W> {
    let mut block = Block::ZERO;
    block.0[0] = value;
    block
}

struct Compiler {
    model: Arc<Composed>,
    lowered: Lowered,
    phases: Vec<Phase>,
    slot_of: Vec<Option<u32>>,
    program: Program,
}

impl Compiler {
    fn new(model: Arc<Composed>) -> Self {
        let covariates_at = model.parameters.len();
        let states_at = covariates_at + model.covariates.len();
        let steady_at = states_at + model.states.len();
        let inputs_at = steady_at + model.states.len();
        let amount_at = inputs_at + model.inputs.len();
        let program = Program {
            slots: amount_at + 2,
            constants: Vec::new(),
            covariates_at,
            states_at,
            steady_at,
            inputs_at,
            amount_at,
            time_at: amount_at + 1,
            preset: Tape::default(),
            settled: Tape::default(),
            segment: Tape::default(),
            derivatives: Results::default(),
            initial: Results::default(),
            steady: Results::default(),
            steady_states: Vec::new(),
            steady_reads: Vec::new(),
            near: Vec::new(),
            on_start: Vec::new(),
            on_bolus: Vec::new(),
            lags: Vec::new(),
            outputs: Vec::new(),
            observations: Vec::new(),
            linear: Vec::new(),
            autonomous: false,
            peers: Vec::new(),
            model: model.clone(),
        };
        let lowered = Lowered::new(&model);
        let (phases, slot_of) = (Phase::of(&lowered.graph, &model), vec![None; lowered.graph.nodes().len()]);
        Self { model, lowered, phases, slot_of, program }
    }

    fn finish(mut self) -> Program {
        let model = self.model.clone();
        let states = &model.states;
        let steady_states: Vec<usize> = (0..states.len()).filter(|i| states[*i].initial.steady).collect();
        let derivatives: Vec<NodeId> = states.iter().map(|s| s.derivative).collect();
        let initial: Vec<NodeId> = states.iter().map(|s| s.initial.value).collect();
        let steady: Vec<NodeId> = model.steady_derivatives.clone();
        let near: Vec<Option<NodeId>> = steady_states.iter().map(|i| states[*i].initial.near).collect();
        let outputs: Vec<NodeId> = model.outputs.iter().map(|o| o.value).collect();
        let roots = self.lowered.all(&model.roots());
        for id in self.lowered.graph.reachable(&roots) {
            self.place(id);
        }
        self.program.preset = self.tape(&roots, Phase::Preset..=Phase::Preset);
        self.program.settled = self.tape(&roots, Phase::Settled..=Phase::Settled);
        self.program.segment = self.tape(&roots, Phase::Segment..=Phase::Segment);
        self.program.derivatives = self.results(&derivatives);
        self.program.initial = self.results(&initial);
        self.program.steady = self.results(&steady);
        self.program.steady_states = steady_states;
        self.program.steady_reads = self.program.steady.tape.sources();
        self.program.steady_reads.extend(&self.program.steady.slots);
        self.program.near = near.iter().map(|id| id.map(|id| self.slot(self.lowered.at(id)) as usize)).collect();
        for input in &model.inputs {
            let (assigned, received): (Vec<NodeId>, Vec<NodeId>) =
                (input.assignments.iter().map(|a| a.value).collect(), input.receipts.iter().map(|r| r.gain).collect());
            let (assigned, received) = (self.results(&assigned), self.results(&received));
            self.program.on_start.push(Jump {
                tape: assigned.tape,
                assign: input.assignments.iter().map(|a| a.state).zip(assigned.slots).collect(),
                receive: Vec::new(),
            });
            self.program.on_bolus.push(Jump {
                tape: received.tape,
                assign: Vec::new(),
                receive: input.receipts.iter().map(|r| r.state).zip(received.slots).collect(),
            });
            let lag = input.lag.map(|id| self.slot(self.lowered.at(id)) as usize);
            self.program.lags.push(lag);
        }
        self.program.outputs = outputs.iter().map(|id| self.results(&[*id])).collect();
        self.program.observations = model.observations.iter().map(|o| self.results(&o.arguments)).collect();
        self.program.linear =
            (0..model.inputs.len()).filter(|i| model.inputs[*i].kind == InputKind::SeriesLinear).collect();
        let derived = self.lowered.graph.symbols(&self.lowered.all(&derivatives));
        self.program.autonomous = !derived.iter().any(|symbol| match symbol {
            Symbol::Time => true,
            Symbol::Input(input) => self.program.linear.contains(input),
            _ => false,
        });
        let unit = |state: usize| &model.states[state].unit;
        let first = |state: usize| (0..state).find(|other| unit(*other) == unit(state)).unwrap_or(state);
        self.program.peers = (0..model.states.len()).map(first).collect();
        self.program
    }

    fn place(&mut self, id: NodeId) {
        let program = &mut self.program;
        let slot = match self.lowered.graph.node(id) {
            Node::Symbol(Symbol::Parameter(i)) => program.parameter_slot(i),
            Node::Symbol(Symbol::Covariate(i)) => program.covariate_slot(i),
            Node::Symbol(Symbol::State(i)) => program.states_at + i,
            Node::Symbol(Symbol::Steady(i)) => program.steady_slot(i),
            Node::Symbol(Symbol::Input(i)) => program.input_slot(i),
            Node::Symbol(Symbol::Amount) => program.amount_at,
            Node::Symbol(Symbol::Time) => program.time_at,
            Node::Constant(value) => {
                program.constants.push((program.slots, value));
                program.slots += 1;
                program.slots - 1
            }
            Node::Op(..) => {
                program.slots += 1;
                program.slots - 1
            }
        };
        self.slot_of[id.index()] = Some(slot as u32);
    }

    fn slot(&self, id: NodeId) -> u32 {
        // Only nodes reachable from the roots are asked for, and all of those are placed.
        self.slot_of[id.index()].unwrap_or(u32::MAX)
    }

    /// Code for the nodes of some phases that the roots need.
    fn tape(&self, roots: &[NodeId], phases: std::ops::RangeInclusive<Phase>) -> Tape {
        let graph = &self.lowered.graph;
        let nodes: Vec<NodeId> =
            graph.reachable(roots).into_iter().filter(|id| phases.contains(&self.phases[id.index()])).collect();
        // Later phases read results of this one, so whatever they use must not be fused away.
        let mut keep: Vec<NodeId> = roots.to_vec();
        for id in graph.reachable(roots) {
            if let (Node::Op(_, operands), true) = (graph.node(id), self.phases[id.index()] > *phases.end()) {
                keep.extend(operands);
            }
        }
        Tape::new(graph, &nodes, &keep, &|id| self.slot(id))
    }

    /// Code for some roots of the model.
    fn results(&self, roots: &[NodeId]) -> Results {
        let roots = self.lowered.all(roots);
        Results {
            tape: self.tape(&roots, Phase::Time..=Phase::Event),
            slots: roots.iter().map(|id| self.slot(*id) as usize).collect(),
        }
    }
}
