//! All pairs of alleles that fit what was read at a gene's positions, with their probabilities.

use super::Gene;
use super::tell::Pair;

/// What was read of one of the two chromosomes at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::patient) enum Slot {
    /// One of the position's bases, by index; 0 is the reference's.
    Base(usize),
    /// Something that no allele has there.
    Other,
    /// Not called.
    Unknown,
}

/// What was read at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::patient) struct Call {
    pub slots: [Slot; 2],
    pub phase: Phase,
}

/// Whether the order of the slots says which chromosome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::patient) enum Phase {
    Unknown,
    /// The order is the same at all positions of a block.
    Block(u64),
}

impl Call {
    /// Twice the reference's bases.
    pub(in crate::patient) const REFERENCE: Self = Self { slots: [Slot::Base(0); 2], phase: Phase::Unknown };

    /// Whether it tells anything.
    pub(in crate::patient) fn told(&self) -> bool {
        self.slots.iter().any(|slot| *slot != Slot::Unknown)
    }
}

/// The pairs of alleles that fit the calls at a gene's positions, the likeliest first.
///
/// A pair's probability is that of two independent chromosomes of the population, given the calls: the product of the
/// frequencies, twice for two different alleles. Alleles are the reference where their definition says nothing.
pub(in crate::patient) fn diplotypes<'g>(
    gene: &'g Gene,
    calls: &[Option<Call>],
    population: Option<usize>,
) -> Vec<Pair<'g>> {
    let told: Vec<(usize, Call)> = calls
        .iter()
        .enumerate()
        .filter_map(|(at, call)| Some((at, (*call)?)))
        .filter(|(_, call)| call.told())
        .collect();
    let mut pairs = Vec::new();
    for (first, a) in gene.alleles.iter().enumerate() {
        for b in &gene.alleles[first..] {
            let fit = a.definitions.iter().any(|a| b.definitions.iter().any(|b| fits(&told, a, b)));
            if fit {
                let orders = if std::ptr::eq(a, b) { 1.0 } else { 2.0 };
                let weight = orders * a.frequency(population) * b.frequency(population);
                pairs.push(Pair { first: gene.haplotype(a), second: gene.haplotype(b), weight });
            }
        }
    }
    // Stable: equals stay in the order of the table.
    pairs.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    pairs
}

fn fits(told: &[(usize, Call)], a: &[u32], b: &[u32]) -> bool {
    let has = |definition: &[u32], at: usize, slot: Slot| match slot {
        Slot::Base(base) => definition.get(at).is_some_and(|mask| mask >> base & 1 == 1),
        Slot::Other => false,
        Slot::Unknown => true,
    };
    let straight = |(at, call): &(usize, Call)| has(a, *at, call.slots[0]) && has(b, *at, call.slots[1]);
    let crossed = |(at, call): &(usize, Call)| has(a, *at, call.slots[1]) && has(b, *at, call.slots[0]);
    told.iter().enumerate().all(|(index, one)| match one.1.phase {
        Phase::Unknown => straight(one) || crossed(one),
        Phase::Block(block) => {
            let of_block = |other: &&(usize, Call)| other.1.phase == Phase::Block(block);
            // Each block is judged at its first position.
            told[..index].iter().any(|other| of_block(&other))
                || told[index..].iter().filter(of_block).all(straight)
                || told[index..].iter().filter(of_block).all(crossed)
        }
    })
}
