//! The memory of one thread's simulations: blocks for a program's values and for the solver's stages.

use pulp::{Arch, WithSimd};

use crate::model::{Block, Program, Reading, Support, Tape};

use super::integrate::Used;

/// Memory for solving one program with W lanes; keep one a thread and reuse it.
#[derive(Debug)]
pub struct Workspace<const W: usize> {
    pub(crate) arch: Arch,
    pub(crate) reading: Reading,
    /// All slots of the program.
    pub(crate) values: Vec<Block<W>>,
    /// State at the start and the end of a step.
    pub(crate) before: Vec<Block<W>>,
    pub(crate) after: Vec<Block<W>>,
    /// Derivatives at the seven stages of a step, one state after another.
    pub(crate) stages: Vec<Block<W>>,
    /// Largest size of each state so far, the scale of its absolute tolerance.
    pub(crate) largest: Vec<Block<W>>,
    pub(crate) used: Used,
    /// Which tangents can be other than zero.
    pub(crate) support: Support,
    /// For each tangent the size of the parameter that it is by; 1 where that is 0.
    pub(crate) by: [f64; W],
}

impl<const W: usize> Workspace<W> {
    pub fn new(program: &Program, reading: Reading) -> Self {
        let zeros = vec![Block::ZERO; program.states()];
        Self {
            arch: Arch::new(),
            reading,
            values: program.blocks(reading == Reading::Tangents),
            before: zeros.clone(),
            after: zeros.clone(),
            stages: vec![Block::ZERO; 7 * program.states()],
            largest: zeros,
            used: Used::default(),
            support: Support::default(),
            by: [1.0; W],
        }
    }

    /// The method that the last solve used.
    pub fn used(&self) -> Used {
        self.used
    }

    /// Gives every lane a value of parameter `index`, in the parameter's unit.
    pub fn set_parameter(&mut self, index: usize, lanes: &[f64; W]) {
        // Parameters lie first: see `Program`.
        self.values[index] = Block(*lanes);
    }

    /// Gives parameter `index` a value and, as tangent number `tangent`, a derivative of 1 by itself.
    pub fn set_tangent(&mut self, index: usize, value: f64, tangent: Option<usize>) {
        let mut block = crate::model::first(value);
        if let Some(tangent) = tangent {
            block.0[tangent + 1] = 1.0;
            self.by[tangent + 1] = if value == 0.0 { 1.0 } else { value.abs() };
        }
        self.values[index] = block;
    }

    /// Gives all lanes the value of covariate `index`, in the covariate's unit.
    pub fn set_covariate(&mut self, program: &Program, index: usize, value: f64) {
        self.values[program.covariate_slot(index)] = self.same(value);
    }

    /// The value of output `index` where the solver stands; for use while observing.
    pub fn output(&mut self, program: &Program, index: usize) -> Block<W> {
        let results = program.output(index);
        self.run(&results.tape);
        self.values[results.slots[0]]
    }

    /// The value of argument `argument` of observation `index` where the solver stands, after [`Self::observation`].
    pub fn argument(&self, program: &Program, index: usize, argument: usize) -> &Block<W> {
        &self.values[program.observation(index).slots[argument]]
    }

    /// Computes the arguments of observation `index` where the solver stands.
    pub fn observation(&mut self, program: &Program, index: usize) {
        self.run(&program.observation(index).tape);
    }

    /// Runs code that is not of the start, where tangents are known to be zero in part.
    #[inline]
    pub(crate) fn run(&mut self, tape: &Tape) {
        let groups = self.support.within(0..self.values.len());
        tape.run_within(self.arch, self.reading, &mut self.values, groups);
    }

    /// Groups of lanes of every state; empty where every lane is computed.
    #[inline]
    pub(crate) fn state_groups(&self, program: &Program) -> &[u8] {
        self.support.within(program.state_slots())
    }

    /// Runs a computation on the processor's widest registers.
    #[inline]
    pub fn vectorised<C: WithSimd>(&self, computation: C) -> C::Output {
        self.arch.dispatch(computation)
    }

    /// A block that holds the same value for every lane, with no tangents.
    pub(crate) fn same(&self, value: f64) -> Block<W> {
        match self.reading {
            Reading::Lanes => Block::splat(value),
            Reading::Tangents => crate::model::first(value),
        }
    }

    /// How many lanes hold values (the others hold tangents).
    pub(crate) fn value_lanes(&self) -> usize {
        match self.reading {
            Reading::Lanes => W,
            Reading::Tangents => 1,
        }
    }
}
