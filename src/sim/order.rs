//! Puts people in the order of how fast their fastest process is: those who need steps of like length go together.

use crate::model::Block;

use super::ensemble::{Ensemble, LANES};
use super::events::Inputs;
use super::steady;
use super::workspace::Workspace;

/// Rounds of the power iteration; neighbours in the order need not be told apart exactly.
const ROUNDS: usize = 8;

impl Ensemble<'_> {
    /// Numbers of the people (natural values of all parameters), from the slowest to the fastest.
    ///
    /// People who are simulated together take the steps of the most demanding of them, and where accuracy asks for little, the
    /// step is as long as the fastest process allows: the largest eigenvalue of the Jacobian at the start, which is
    /// estimated by power iteration. The order decides speed only.
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

    /// Size of the largest eigenvalue of each lane's Jacobian, about.
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
        let mut direction: Vec<Block<LANES>> = vec![Block::splat(1.0); start.len()];
        let mut rates = Block::ZERO;
        for _ in 0..ROUNDS {
            let mut norm = [0.0; LANES];
            for block in &direction {
                norm.iter_mut().zip(block.0).for_each(|(norm, value)| *norm += value * value);
            }
            let norm = norm.map(f64::sqrt);
            // The norm of what a unit vector became is the estimate.
            rates = Block(norm);
            for (state, direction) in direction.iter_mut().enumerate() {
                for lane in 0..LANES {
                    direction.0[lane] /= norm[lane].max(f64::MIN_POSITIVE);
                    workspace.values[states.start + state].0[lane] =
                        start[state].0[lane] + 1e-4 * size(state, lane) * direction.0[lane];
                }
            }
            for (state, (direction, moved)) in direction.iter_mut().zip(derivatives(workspace)).enumerate() {
                for lane in 0..LANES {
                    direction.0[lane] = (moved.0[lane] - rest[state].0[lane]) / (1e-4 * size(state, lane));
                }
            }
        }
        rates
    }
}
