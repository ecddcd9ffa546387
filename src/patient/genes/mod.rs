//! What is known of genes whose alleles have names: where they differ from the reference, what they do, how frequent they are.

mod allele;
mod call;
mod record;
mod tell;

use std::collections::BTreeMap;
use std::sync::OnceLock;

pub(super) use allele::Haplotype;
pub(super) use call::{Call, Phase, Slot, diplotypes};
pub(super) use record::{merged, option};
pub(super) use tell::{Pair, tell};

const POSITIONS: &str = include_str!("../../../models/genes/positions.csv");
const ALLELES: &str = include_str!("../../../models/genes/alleles.csv");
const FREQUENCIES: &str = include_str!("../../../models/genes/frequencies.csv");
const FUNCTIONS: &str = include_str!("../../../models/genes/functions.csv");
const CHROMOSOMES: &str = include_str!("../../../models/genes/chromosomes.csv");

/// Frequency of an allele of which none is known, or that nobody had in the people counted.
pub(super) const RARE: f64 = 1e-4;

/// Populations of which frequencies are known, as the 1000 Genomes Project names them.
pub(super) const POPULATIONS: [&str; 5] = ["eur", "afr", "eas", "sas", "amr"];

/// The tables that come with the program.
pub(super) struct Genes {
    pub genes: Vec<Gene>,
    /// How much an allele of a function contributes, against a normal one.
    functions: BTreeMap<String, f64>,
    pub chromosomes: Vec<Chromosome>,
}

/// A gene, as its alleles are defined on GRCh38.
pub(super) struct Gene {
    pub name: String,
    /// None where bases do not tell the allele.
    pub positions: Vec<Position>,
    pub alleles: Vec<Allele>,
}

/// A place where alleles differ.
pub(super) struct Position {
    /// Index into `Genes::chromosomes`.
    pub chromosome: usize,
    /// As VCF counts: of the first base of the reference's.
    pub at: u64,
    pub rsid: String,
    /// The reference's bases, then the others.
    pub bases: Vec<String>,
}

/// An allele with a name.
pub(super) struct Allele {
    pub name: String,
    /// Other spellings.
    also: Vec<String>,
    /// Activity value.
    value: Option<f64>,
    function: String,
    /// For each way in which the allele is defined, a bit a base that it may have, a position.
    pub definitions: Vec<Vec<u32>>,
    frequencies: [Option<f64>; 5],
}

/// A chromosome in both builds that people use.
pub(super) struct Chromosome {
    pub name: String,
    pub length: u64,
    pub length_37: u64,
    pub refseq: String,
    pub refseq_37: String,
}

impl Genes {
    /// The tables that come with the program.
    pub(super) fn embedded() -> &'static Self {
        static GENES: OnceLock<Genes> = OnceLock::new();
        GENES.get_or_init(Self::parse)
    }

    /// The gene of a name, in any case.
    pub(super) fn gene(&self, name: &str) -> Option<&Gene> {
        self.genes.iter().find(|gene| gene.name.eq_ignore_ascii_case(name))
    }

    /// The chromosome of a name, with or without `chr`, or of an accession of this build.
    pub(super) fn chromosome(&self, name: &str) -> Option<usize> {
        let same = |known: &str| known.eq_ignore_ascii_case(name);
        let named = |known: &str| same(known) || known.strip_prefix("chr").is_some_and(same);
        self.chromosomes.iter().position(|known| named(&known.name) || known.refseq == name)
    }

    fn parse() -> Self {
        let chromosomes = rows(CHROMOSOMES).filter_map(|row| {
            Some(Chromosome {
                name: row.first()?.clone(),
                length: row.get(1)?.parse().ok()?,
                length_37: row.get(2)?.parse().ok()?,
                refseq: row.get(3)?.clone(),
                refseq_37: row.get(4)?.clone(),
            })
        });
        let functions = rows(FUNCTIONS).filter_map(|row| Some((row.first()?.clone(), row.get(1)?.parse().ok()?)));
        let mut all = Self { genes: Vec::new(), functions: functions.collect(), chromosomes: chromosomes.collect() };
        for row in rows(POSITIONS) {
            let [gene, chromosome, at, rsid, reference, others] = row.as_slice() else { continue };
            let (Some(chromosome), Ok(at)) = (all.chromosome(chromosome), at.parse()) else { continue };
            let bases = std::iter::once(reference.as_str()).chain(others.split('|')).map(String::from).collect();
            all.of_name(gene).positions.push(Position { chromosome, at, rsid: rsid.clone(), bases });
        }
        for row in rows(ALLELES) {
            let [gene, name, also, value, function, bases] = row.as_slice() else { continue };
            let gene = all.of_name(gene);
            let definition = definition(&gene.positions, bases);
            if let Some(known) = gene.alleles.iter_mut().find(|allele| allele.name == *name) {
                known.definitions.extend(definition);
                continue;
            }
            gene.alleles.push(Allele {
                name: name.clone(),
                also: also.split('|').filter(|also| !also.is_empty()).map(String::from).collect(),
                value: value.parse().ok(),
                function: function.clone(),
                definitions: definition.into_iter().collect(),
                frequencies: [None; 5],
            });
        }
        for row in rows(FREQUENCIES) {
            let (Some(gene), Some(name)) = (row.first(), row.get(1)) else { continue };
            let gene = all.of_name(gene);
            if let Some(allele) = gene.alleles.iter_mut().find(|allele| allele.name == *name) {
                allele.frequencies = std::array::from_fn(|at| row.get(at + 2)?.parse().ok());
            }
        }
        all
    }

    fn of_name(&mut self, name: &str) -> &mut Gene {
        let at = self.genes.iter().position(|gene| gene.name == name).unwrap_or(self.genes.len());
        if at == self.genes.len() {
            self.genes.push(Gene { name: name.into(), positions: Vec::new(), alleles: Vec::new() });
        }
        &mut self.genes[at]
    }
}

impl Allele {
    /// Its share of a population's chromosomes; of all populations of which it is known where none is told.
    pub(super) fn frequency(&self, population: Option<usize>) -> f64 {
        let known = || self.frequencies.iter().flatten();
        let mean = known().sum::<f64>() / known().count().max(1) as f64;
        population.and_then(|at| self.frequencies[at]).unwrap_or(mean).max(RARE)
    }
}

/// The bases that an allele may have at each position, as `94761900:Y 94762706:G` writes them; where nothing is written it
/// has the reference's. `None` where nothing is known of its bases.
fn definition(positions: &[Position], text: &str) -> Option<Vec<u32>> {
    if text.is_empty() {
        return None;
    }
    let mut masks = vec![1; positions.len()];
    for (at, base) in text.split(' ').filter_map(|pair| pair.split_once(':')) {
        let at = positions.iter().position(|position| at.parse() == Ok(position.at))?;
        masks[at] = mask(&positions[at].bases, base);
    }
    Some(masks)
}

/// The bases that a code of IUPAC stands for, or the one written.
fn mask(bases: &[String], code: &str) -> u32 {
    const CODES: [(&str, &str); 11] = [
        ("R", "AG"),
        ("Y", "CT"),
        ("S", "CG"),
        ("W", "AT"),
        ("K", "GT"),
        ("M", "AC"),
        ("B", "CGT"),
        ("D", "AGT"),
        ("H", "ACT"),
        ("V", "ACG"),
        ("N", "ACGT"),
    ];
    let any = CODES.iter().find(|(known, _)| *known == code).map(|(_, any)| *any);
    let fits = |base: &str| base == code || any.is_some_and(|any| base.len() == 1 && any.contains(base));
    bases.iter().enumerate().filter(|(_, base)| fits(base)).map(|(at, _)| 1 << at).sum()
}

/// The rows of a table without its head.
fn rows(text: &'static str) -> impl Iterator<Item = Vec<String>> {
    let reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    reader.into_records().filter_map(Result::ok).map(|row| row.iter().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_the_tables_are_read() {
        let genes = Genes::embedded();
        let lines = |text: &str| text.lines().count() - 1;
        let positions: usize = genes.genes.iter().map(|gene| gene.positions.len()).sum();
        assert_eq!(positions, lines(POSITIONS));
        let names = genes.genes.iter().flat_map(|gene| &gene.alleles);
        let known = |allele: &Allele| allele.frequencies.iter().any(Option::is_some);
        assert_eq!(names.clone().filter(|allele| known(allele)).count(), lines(FREQUENCIES));
        assert_eq!(names.map(|allele| allele.definitions.len().max(1)).sum::<usize>(), lines(ALLELES));
        assert_eq!(genes.chromosomes.len(), lines(CHROMOSOMES));
        assert_eq!(genes.functions.len(), lines(FUNCTIONS));
        let masks = genes.genes.iter().flat_map(|gene| gene.alleles.iter().flat_map(|allele| &allele.definitions));
        assert!(masks.flatten().all(|mask| *mask != 0), "every base of a definition is among those of its position");
    }

    #[test]
    fn frequencies_add_up_to_no_more_than_one() {
        for gene in &Genes::embedded().genes {
            for (at, population) in POPULATIONS.iter().enumerate() {
                let sum: f64 = gene.alleles.iter().filter_map(|allele| allele.frequencies[at]).sum();
                assert!(sum < 1.005, "{} {population}: {sum}", gene.name);
            }
        }
    }
}
