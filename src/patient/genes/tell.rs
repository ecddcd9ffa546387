//! Makes a genotype, and the covariates that it says, of the pairs of alleles that a reader found.

use super::{Gene, Haplotype};
use crate::patient::intake::Intake;
use crate::patient::readers::{Item, Shape, Spot, Told, When};
use crate::patient::{Censoring, Diplotype, Genotype, Origin, Vocabulary};

/// Two haplotypes, and how likely they are against the other pairs.
pub(in crate::patient) struct Pair<'g> {
    pub first: Haplotype<'g>,
    pub second: Haplotype<'g>,
    pub weight: f64,
}

impl Pair<'_> {
    /// Its share of the pairs of a population.
    pub(in crate::patient) fn frequency(&self, population: Option<usize>) -> f64 {
        let orders = if self.first.name == self.second.name { 1.0 } else { 2.0 };
        orders * self.first.frequency(population) * self.second.frequency(population)
    }

    /// As the field writes it.
    pub(in crate::patient) fn name(&self) -> String {
        let (mut first, mut second) = (&self.first, &self.second);
        if second.order() < first.order() {
            (first, second) = (second, first);
        }
        format!("{}/{}", first.name, second.name)
    }
}

/// Share of the probability of which it may be unknown what it does, without a word.
const SMALL: f64 = 0.05;

/// Everything that alleles may add up: activity, function, counts of bases at each position.
fn quantities(gene: &Gene) -> Vec<String> {
    let counts = gene.positions.iter().flat_map(|position| {
        position.bases[1..].iter().map(|base| format!("{} {base}", position.rsid)).collect::<Vec<_>>()
    });
    ["activity".into(), "function".into()].into_iter().chain(counts).collect()
}

impl Gene {
    /// What two alleles say of the covariates that a vocabulary has.
    pub(in crate::patient) fn covariates_of(&self, alleles: [&str; 2], vocabulary: &Vocabulary) -> Vec<(String, f64)> {
        let read = alleles.map(|name| self.read(name));
        let [Some(first), Some(second)] = read else { return Vec::new() };
        let named = quantities(self).into_iter().filter_map(|quantity| {
            let name = &vocabulary.by_code("gene", &format!("{} {quantity}", self.name))?.name;
            Some((name.clone(), first.adds(self, &quantity)? + second.adds(self, &quantity)?))
        });
        named.collect()
    }
}

/// Hands over a gene's pairs: all of them as a genotype, and each covariate's expected value.
pub(in crate::patient) fn tell(intake: &mut Intake, gene: &Gene, pairs: &[Pair], line: Option<usize>) {
    let spot = line.map_or(Spot::Path(&gene.name), Spot::Line);
    let total: f64 = pairs.iter().map(|pair| pair.weight).sum();
    if pairs.is_empty() || total <= 0.0 {
        return;
    }
    if let Some(known) = intake.genotypes.iter().find(|known| known.gene == gene.name) {
        let message = format!("`{}` is told twice: first in {}", gene.name, known.origin);
        intake.doubtful("P2076", spot, &message, "the first is taken; take the better source first, or alone");
        return intake.leave_out(&gene.name, "another source tells it already", spot);
    }
    let mut diplotypes: Vec<Diplotype> = pairs
        .iter()
        .map(|pair| Diplotype { name: pair.name(), weight: pair.weight / total, covariates: Vec::new() })
        .collect();
    for quantity in quantities(gene) {
        let code = format!("{} {quantity}", gene.name);
        let Some(name) = intake.name_of("gene", &code) else { continue };
        let (mut sum, mut share) = (0.0, 0.0);
        for (pair, diplotype) in pairs.iter().zip(&mut diplotypes) {
            let both = pair.first.adds(gene, &quantity).zip(pair.second.adds(gene, &quantity));
            if let Some((first, second)) = both {
                diplotype.covariates.push((name.to_string(), first + second));
                sum += diplotype.weight * (first + second);
                share += diplotype.weight;
            }
        }
        if share < 1.0 - SMALL {
            let (some, taken) = match share > 0.0 {
                true => ("some likely", "the expected value over the others"),
                false => ("the likely", "left out"),
            };
            let message = format!("what {some} alleles of `{}` do is not known: {}", gene.name, diplotypes[0].name);
            let help = format!("`{name}` is {taken}; give it in patient.toml if you know it");
            intake.doubtful("P2075", spot, &message, &help);
        }
        if share <= 0.0 {
            intake.leave_out(&name, "what the alleles do is not known", spot);
            continue;
        }
        let place = match diplotypes.as_slice() {
            [only] => format!("{} {}", gene.name, only.name),
            all => format!("{}, expected over {} diplotypes", gene.name, all.len()),
        };
        intake.item(&Item {
            system: "gene",
            code: &code,
            shape: Shape::Fact,
            told: Told::Number { value: sum / share, unit: "1", censoring: Censoring::None, sd: None },
            when: When::Untold,
            device: None,
            limits: (None, None),
            spot: Spot::Path(&place),
        });
    }
    let (file, path) = (intake.now.file.clone(), line.is_none().then(|| gene.name.as_str().into()));
    intake.genotypes.push(Genotype { gene: gene.name.clone(), diplotypes, origin: Origin { file, line, path } });
}
