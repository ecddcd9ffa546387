//! Which tangents can be other than zero where: most states feel few parameters, and what is zero need not be computed.

use super::lanes::Block;
use super::program::Program;
use super::tape::GROUP;

/// How many groups of lanes of every slot can hold anything but zeros in a solve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Support {
    /// Whether `slots` are those of the solve that is under way.
    holds: bool,
    /// Groups of every parameter and steady value, from which all others follow.
    seeds: Vec<u8>,
    /// Groups of every slot; empty where every lane is computed.
    slots: Vec<u8>,
}

impl Support {
    /// Groups of a range of slots; empty where every lane is computed.
    #[inline]
    pub fn within(&self, range: std::ops::Range<usize>) -> &[u8] {
        if self.holds { self.slots.get(range).unwrap_or(&[]) } else { &[] }
    }

    /// Every lane is computed, until it is known which are zero.
    pub fn forget(&mut self) {
        self.holds = false;
    }

    /// The groups that follow from the tangents of parameters and steady values, once both stand in their slots.
    ///
    /// Which of them are zero is seen from their numbers; from there on it follows from the structure of the code, so that
    /// a tangent that is zero by chance is not left out later.
    pub fn follow<const W: usize>(&mut self, program: &Program, values: &[Block<W>]) {
        if W <= GROUP {
            return;
        }
        let parameters = (0..program.parameters()).map(|index| program.parameter_slot(index));
        let sources: Vec<usize> = parameters.chain((0..program.states()).map(|s| program.steady_slot(s))).collect();
        let seeds: Vec<u8> = sources.iter().map(|slot| groups(&values[*slot])).collect();
        self.holds = true;
        if seeds == self.seeds {
            return;
        }
        let mut slots = vec![1; values.len()];
        sources.iter().zip(&seeds).for_each(|(slot, groups)| slots[*slot] = *groups);
        program.spread(&mut slots);
        (self.seeds, self.slots) = (seeds, slots);
    }
}

/// Groups of lanes up to the last that is not zero; at least the one with the value.
fn groups<const W: usize>(block: &Block<W>) -> u8 {
    let last = (1..W).rev().find(|lane| block.0[*lane] != 0.0).unwrap_or(0);
    (last / GROUP + 1) as u8
}

impl Program {
    /// Groups of every slot, given those of parameters and steady values.
    fn spread(&self, groups: &mut [u8]) {
        let at = self.state_slots().start;
        loop {
            let before = groups[self.state_slots()].to_vec();
            for tape in [&self.preset, &self.settled, &self.segment, &self.initial.tape, &self.derivatives.tape] {
                tape.spread(groups);
            }
            for slots in [&self.initial.slots, &self.derivatives.slots] {
                for (state, slot) in slots.iter().enumerate() {
                    groups[at + state] = groups[at + state].max(groups[*slot]);
                }
            }
            for jump in self.on_start.iter().chain(&self.on_bolus) {
                jump.tape.spread(groups);
                for (state, slot) in jump.assign.iter().chain(&jump.receive) {
                    groups[at + state] = groups[at + state].max(groups[*slot]);
                }
            }
            // Where the time of an event has tangents, so has every state after it.
            let lag = self.lags.iter().flatten().map(|slot| groups[*slot]).max().unwrap_or(1);
            groups[self.state_slots()].iter_mut().for_each(|groups| *groups = lag.max(*groups));
            if before == groups[self.state_slots()] {
                for seen in self.outputs().iter().chain(self.observations()) {
                    seen.tape.spread(groups);
                }
                return;
            }
        }
    }

    /// An order of parameters in which those that many values of the model feel come first: tangents in this order leave
    /// most out.
    pub fn tangent_order(&self, parameters: &[usize]) -> Vec<usize> {
        let felt = |parameter: usize| {
            let mut groups = vec![1; self.slots()];
            groups[self.parameter_slot(parameter)] = 2;
            // A steady value feels what its own equation feels.
            loop {
                let before = groups.clone();
                self.spread(&mut groups);
                self.steady.tape.spread(&mut groups);
                for (state, slot) in self.steady_states.iter().zip(&self.steady.slots) {
                    let felt = groups[*slot].max(groups[self.state_slots().start + state]);
                    groups[self.steady_slot(*state)] = felt;
                }
                if before == groups {
                    break;
                }
            }
            let states = groups[self.state_slots()].iter().filter(|groups| **groups > 1).count();
            let code = self.derivatives.tape.targets().filter(|slot| groups[*slot] > 1).count();
            // A state is combined six times a step, and a dozen blocks each.
            code + 3 * states
        };
        let mut order: Vec<(usize, usize)> = parameters.iter().map(|parameter| felt(*parameter)).enumerate().collect();
        order.sort_by_key(|(index, felt)| (std::cmp::Reverse(*felt), *index));
        order.into_iter().map(|(index, _)| index).collect()
    }
}
