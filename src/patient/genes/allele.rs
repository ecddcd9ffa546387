//! Reads what people write for an allele (`*2`, `*1x2`, `*36+*10`), and says what it does.

use super::{Allele, Gene, Genes};

/// One of a person's two chromosomes at a gene.
#[derive(Clone)]
pub(in crate::patient) struct Haplotype<'g> {
    /// As the field writes it.
    pub name: String,
    /// Copies of the gene on it; `None` for an allele that is not in the table.
    copies: Vec<(Option<&'g Allele>, f64)>,
    /// How many copies are there is not told.
    pub vague: bool,
}

impl Gene {
    /// The haplotype with one copy of an allele.
    pub(super) fn haplotype<'g>(&'g self, allele: &'g Allele) -> Haplotype<'g> {
        Haplotype { name: allele.name.clone(), copies: vec![(Some(allele), 1.0)], vague: false }
    }

    /// Reads an allele as people write it; `None` for what says that nothing is known.
    pub(in crate::patient) fn read(&self, text: &str) -> Option<Haplotype<'_>> {
        let text = text.trim();
        let text = match text.get(..self.name.len()) {
            Some(start) if start.eq_ignore_ascii_case(&self.name) => text[self.name.len()..].trim(),
            _ => text,
        };
        let nothing = ["", "unknown", "no call", "nocall", "no result", "na", "n/a", "none", "indeterminate", "."];
        if nothing.contains(&text.to_lowercase().as_str()) {
            return None;
        }
        if let Some(allele) = self.allele(text) {
            return Some(self.haplotype(allele));
        }
        let (mut copies, mut vague) = (Vec::new(), false);
        for part in text.split('+') {
            let (name, count, open) = multiplied(part.trim());
            copies.push((self.allele(name), count));
            vague |= open;
        }
        Some(Haplotype { name: text.into(), copies, vague })
    }

    /// The allele of a name or another spelling; a suballele (`*4.002`) is its allele.
    fn allele(&self, name: &str) -> Option<&Allele> {
        let plain = |text: &str| text.replace([' ', '>'], "").to_lowercase();
        let known = |allele: &&Allele, name: &str| {
            allele.name.eq_ignore_ascii_case(name) || allele.also.iter().any(|also| plain(also) == plain(name))
        };
        let core = name.rsplit_once('.').filter(|(_, end)| end.bytes().all(|byte| byte.is_ascii_digit()));
        self.alleles.iter().find(|allele| known(allele, name)).or_else(|| {
            let (core, _) = core?;
            self.alleles.iter().find(|allele| known(allele, core))
        })
    }
}

/// A number of copies behind a name: `*1x2`, `*2xN`, `*1x≥3`; where it is open, the fewest.
fn multiplied(text: &str) -> (&str, f64, bool) {
    let Some((name, count)) = text.rsplit_once(['x', 'X', '×']) else { return (text, 1.0, false) };
    let least = count.trim().trim_start_matches(['≥', '>', '=']);
    match least.trim_end_matches('+').parse::<u8>() {
        Ok(number) => (name.trim_end(), f64::from(number), least.len() != count.trim().len()),
        Err(_) if least.eq_ignore_ascii_case("n") => (name.trim_end(), 2.0, true),
        Err(_) => (text, 1.0, false),
    }
}

impl Haplotype<'_> {
    /// Whether all its alleles are in the table.
    pub(in crate::patient) fn known(&self) -> bool {
        self.copies.iter().all(|(allele, _)| allele.is_some())
    }

    /// Its share of a population's chromosomes.
    pub(in crate::patient) fn frequency(&self, population: Option<usize>) -> f64 {
        match self.copies.as_slice() {
            [(Some(allele), count)] if *count == 1.0 => allele.frequency(population),
            _ => super::RARE,
        }
    }

    /// For order in a diplotype's name: the number, then the rest.
    pub(super) fn order(&self) -> (u32, &str) {
        let digits = self.name.strip_prefix('*').unwrap_or("").split(|letter: char| !letter.is_ascii_digit()).next();
        (digits.and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX), &self.name)
    }

    /// What it adds to a quantity of the gene: `activity`, `function`, or how many copies have a base (`rs1799853 T`).
    pub(super) fn adds(&self, gene: &Gene, quantity: &str) -> Option<f64> {
        let of_allele = |allele: &Allele| match quantity.split_once(' ') {
            None if quantity == "activity" => allele.value,
            None => Genes::embedded().functions.get(&allele.function).copied(),
            Some((rsid, base)) => {
                let at = gene.positions.iter().position(|position| position.rsid == rsid)?;
                let bit = gene.positions[at].bases.iter().position(|known| known == base)?;
                let masks: Vec<u32> = allele.definitions.iter().map(|definition| definition[at]).collect();
                let first = *masks.first()?;
                let certain = first.count_ones() == 1 && masks.iter().all(|mask| *mask == first);
                certain.then_some(f64::from(first >> bit & 1))
            }
        };
        self.copies.iter().map(|(allele, count)| Some(count * of_allele((*allele)?)?)).sum()
    }
}
