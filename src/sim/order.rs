//! Puts people in the order of how fast their fastest process is: those who need steps of like length go together.

use crate::model::Block;

use super::ensemble::{Ensemble, LANES};
use super::events::Inputs;
use super::steady;
use super::workspace::Workspace;

/// Evaluations for an estimate; states beyond share them, since neighbours in the order need not be told apart exactly.
const PROBES: usize = 32;
/// How far a state is moved, as a share of its size.
const MOVE: f64 = 1e-4;

impl Ensemble<'_> {
    /// Numbers of the people (natural values of all parameters), from the slowest to the fastest.
    ///
    /// People who are simulated together take the steps of the most demanding of them. A step is as long as the fast processes
    /// allow, those in which people differ: the sum of the squares of the rates at which the states go back to where they stand, the
    /// diagonal of the Jacobian at the start, is led by the fastest, and rates that all people share change no order. The order
    /// decides speed only.
    pub fn order(&self, workspace: &mut Workspace<LANES>, people: &[Vec<f64>]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..people.len()).collect();
        if people.len() <= LANES {
            return order;
        }
        let rates: Vec<f64> = people
            .chunks(LANES)
            .flat_map(|people| {
                self.load(workspace, people);
                self.rates(workspace).0.into_iter().take(people.len())
            })
            .collect();
        order.sort_by(|a, b| rates[*a].total_cmp(&rates[*b]));
        order
    }

    /// Of each lane the sum of the squares of the diagonal of the Jacobian, about.
    fn rates(&self, workspace: &mut Workspace<LANES>) -> Block<LANES> {
        let (program, states) = (self.program, self.program.state_slots());
        let inputs = Inputs::at_start(program, self.schedule);
        let (arch, reading) = (workspace.arch, workspace.reading);
        program.preset.run(arch, reading, &mut workspace.values);
        inputs.write_before(workspace);
        steady::guess(program, workspace);
        program.settled.run(arch, reading, &mut workspace.values);
        inputs.write(workspace);
        inputs.write_linear(workspace, self.schedule.start);
        workspace.values[program.time_slot()] = workspace.same(self.schedule.start);
        let start = workspace.values[states.clone()].to_vec();
        let derivatives = |workspace: &mut Workspace<LANES>| -> Vec<Block<LANES>> {
            workspace.run(&program.derivatives.tape);
            program.derivatives.slots.iter().map(|slot| workspace.values[*slot]).collect()
        };
        let rest = derivatives(workspace);
        // Each state in units of its own size; one that is 0 has none.
        let size = |state: usize, lane: usize| {
            let size = start[state].0[lane].abs();
            if size > 0.0 && size.is_finite() { size } else { 1.0 }
        };
        let mut rates = Block::ZERO;
        for probe in 0..PROBES.min(start.len()) {
            workspace.values[states.clone()].copy_from_slice(&start);
            let moved = || (probe..start.len()).step_by(PROBES);
            for state in moved() {
                for lane in 0..LANES {
                    workspace.values[states.start + state].0[lane] += MOVE * size(state, lane);
                }
            }
            let after = derivatives(workspace);
            for state in moved() {
                for lane in 0..LANES {
                    let rate = (after[state].0[lane] - rest[state].0[lane]) / (MOVE * size(state, lane));
                    rates.0[lane] += rate * rate;
                }
            }
        }
        rates
    }
}
