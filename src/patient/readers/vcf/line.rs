//! One line of variants: whether it is at a position of a gene, and what it says of the person there.

use std::collections::HashMap;
use std::str::from_utf8;

use super::super::super::genes::{self, Call, Genes, Phase, Position, Slot};
use super::super::super::intake::Intake;
use super::super::Spot;
use super::build::{Build, NEAR};

/// What all lines said so far.
pub(super) struct Lines {
    genes: &'static Genes,
    /// Which cell of a line is the person's.
    column: usize,
    /// For each chromosome its positions in order: where, and the gene's and the position's index.
    places: Vec<Vec<(u64, usize, usize)>>,
    numbers: HashMap<&'static [u8], (usize, u64)>,
    /// The chromosome of the last line.
    last: (Vec<u8>, Option<usize>),
    /// A gene each.
    pub found: Vec<Found>,
}

/// What was found of a gene, a position each.
pub(super) struct Found {
    pub calls: Vec<Option<Call>>,
    /// Whether any line was there, called or not.
    pub seen: Vec<bool>,
    /// The first line that said something.
    pub first: Option<usize>,
}

/// The longest reference of a position, to look for those that begin before a line.
const WIDE: u64 = 16;

/// A genotype's alleles by index, and the order of the two.
struct Genotype {
    alleles: [Option<usize>; 2],
    phase: Phase,
}

impl Lines {
    pub(super) fn new(genes: &'static Genes, column: usize) -> Self {
        let mut places = vec![Vec::new(); genes.chromosomes.len()];
        let mut numbers = HashMap::new();
        for (gene, one) in genes.genes.iter().enumerate() {
            for (at, position) in one.positions.iter().enumerate() {
                places[position.chromosome].push((position.at, gene, at));
                if !position.rsid.is_empty() {
                    numbers.insert(position.rsid.as_bytes(), (position.chromosome, position.at));
                }
            }
        }
        places.iter_mut().for_each(|places| places.sort_unstable());
        let found = |count: usize| Found { calls: vec![None; count], seen: vec![false; count], first: None };
        let found = genes.genes.iter().map(|gene| found(gene.positions.len())).collect();
        Self { genes, column, places, numbers, last: (Vec::new(), None), found }
    }

    /// Takes one line in.
    pub(super) fn take(&mut self, intake: &mut Intake, build: &mut Build, line: &[u8], number: usize) {
        if line.is_empty() || line[0] == b'#' {
            return;
        }
        let spot = Spot::Line(number);
        let mut cells = line.split(|byte| *byte == b'\t');
        let name = cells.next().unwrap_or_default();
        if self.last.0 != name || self.last.0.is_empty() {
            self.last = (name.to_vec(), from_utf8(name).ok().and_then(|name| self.genes.chromosome(name)));
        }
        let (Some(at), Some(id), Some(reference), Some(others)) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            return intake.wrong(
                spot,
                "the line has no five cells with tabs between",
                "is the file whole, and unchanged?",
            );
        };
        let Some(chromosome) = self.last.1 else { return };
        let Some(at) = from_utf8(at).ok().and_then(|at| at.parse::<u64>().ok()) else {
            return intake.wrong(spot, "POS is no whole number", "is the file unchanged?");
        };
        if let Some((known, place)) = id.starts_with(b"rs").then(|| self.numbers.get(id)).flatten() {
            if *known == chromosome && place.abs_diff(at) > NEAR {
                build.moved += 1;
                build.first.get_or_insert(number);
            } else {
                build.in_place += 1;
            }
        }
        let symbolic = others == b"." || others.starts_with(b"<");
        let mut end = at.saturating_add(reference.len() as u64).saturating_sub(1);
        let rest = cells.clone();
        if symbolic && let Some(said) = cells.nth(2).and_then(end_of) {
            end = end.max(said);
        }
        let first = self.places[chromosome].partition_point(|(place, ..)| place.saturating_add(WIDE) < at);
        let after = self.places[chromosome].partition_point(|(place, ..)| *place <= end);
        let near: Vec<(u64, usize, usize)> = self.places[chromosome].get(first..after).unwrap_or_default().to_vec();
        let mut told = None;
        for (place, gene, index) in near {
            let position = &self.genes.genes[gene].positions[index];
            if place + position.bases[0].len() as u64 <= at {
                continue;
            }
            let others = if others == b"." { &[][..] } else { others };
            let record = Record { at, reference, others, block: symbolic && (others.is_empty() || only_rest(others)) };
            if !record.fits(position) {
                build.against += 1;
                build.first.get_or_insert(number);
                let message = format!("REF is not what GRCh38 has at {}", position.at);
                intake.wrong(
                    spot,
                    &message,
                    "is the file of another build, or changed? its genotype there is not taken",
                );
                self.found[gene].seen[index] = true;
                continue;
            }
            build.agree += usize::from(record.at == position.at);
            let genotype = told.get_or_insert_with(|| genotype(intake, rest.clone(), self.column, &record, spot));
            self.found[gene].seen[index] = true;
            let Some(call) = genotype.as_ref().and_then(|genotype| record.call(position, genotype)) else { continue };
            let found = &mut self.found[gene];
            found.first.get_or_insert(number);
            let old = found.calls[index].unwrap_or(Call { slots: [Slot::Unknown; 2], phase: Phase::Unknown });
            match genes::merged(old, call) {
                Some(call) => found.calls[index] = Some(call),
                None => {
                    let message = "the line contradicts another one at this position";
                    intake.wrong(spot, message, "delete the wrong one; no two chromosomes have both");
                }
            }
        }
    }
}

/// `END=` of a cell of INFO.
fn end_of(info: &[u8]) -> Option<u64> {
    let key = info.split(|byte| *byte == b';').find_map(|pair| pair.strip_prefix(b"END="))?;
    from_utf8(key).ok()?.parse().ok()
}

/// Whether the other alleles are only "any other", as in a gVCF.
fn only_rest(others: &[u8]) -> bool {
    others == b"<NON_REF>" || others == b"<*>"
}

/// What a line has of its site.
struct Record<'l> {
    at: u64,
    reference: &'l [u8],
    others: &'l [u8],
    /// Says of all positions it spans that they are as called.
    block: bool,
}

impl Record<'_> {
    /// Whether the reference's bases are the table's where both have them.
    fn fits(&self, position: &Position) -> bool {
        let own = position.bases[0].as_bytes();
        let (skip, skip_own) = (position.at.saturating_sub(self.at), self.at.saturating_sub(position.at));
        let theirs = self.reference.get(skip as usize..).unwrap_or_default();
        let own = own.get(skip_own as usize..).unwrap_or_default();
        theirs.iter().zip(own).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    fn call(&self, position: &Position, genotype: &Genotype) -> Option<Call> {
        let others: Vec<&[u8]> = self.others.split(|byte| *byte == b',').collect();
        let slots = genotype.alleles.map(|allele| match allele {
            None => Slot::Unknown,
            Some(0) => Slot::Base(0),
            Some(at) => others
                .get(at - 1)
                .map_or(Slot::Unknown, |other| genes::option(position, self.at, self.reference, other)),
        });
        // A line of something beside says little of the position itself.
        let beside = slots.iter().all(|slot| matches!(slot, Slot::Base(0) | Slot::Unknown));
        if beside && self.at != position.at && !self.block {
            return None;
        }
        let phase = if slots[0] == slots[1] { Phase::Unknown } else { genotype.phase };
        Some(Call { slots, phase })
    }
}

/// The person's genotype; `None` where there is none, which is counted or told.
fn genotype<'l>(
    intake: &mut Intake,
    mut cells: impl Iterator<Item = &'l [u8]>,
    column: usize,
    record: &Record,
    spot: Spot,
) -> Option<Genotype> {
    let what = "calls of genes";
    let (_quality, filter, _info, format) = (cells.next()?, cells.next()?, cells.next()?, cells.next());
    let (Some(format), Some(cell)) = (format, cells.nth(column - 9)) else {
        intake.wrong(spot, "the line has fewer cells than the head", "is the file whole?");
        return None;
    };
    if ![&b"PASS"[..], b".", b""].contains(&filter) {
        let shown: String = String::from_utf8_lossy(filter).chars().take(40).collect();
        intake.leave_out(what, &format!("its FILTER is {shown}"), spot);
        return None;
    }
    let field = |key: &[u8]| {
        let at = format.split(|byte| *byte == b':').position(|name| name == key)?;
        cell.split(|byte| *byte == b':').nth(at).filter(|value| *value != b".")
    };
    if !format.split(|byte| *byte == b':').any(|key| key == b"GT") {
        intake.wrong(spot, "FORMAT has no GT", "export it with genotypes");
        return None;
    }
    let text = field(b"GT").unwrap_or(b"./.");
    // VCF 4.4 may put the first allele's own sign before it.
    let text = text.strip_prefix(b"/").or_else(|| text.strip_prefix(b"|")).unwrap_or(text);
    let parts: Vec<&[u8]> = text.split(|byte| matches!(byte, b'/' | b'|')).collect();
    let count = record.others.split(|byte| *byte == b',').filter(|other| !other.is_empty()).count();
    let allele = |part: &[u8]| match from_utf8(part).ok()? {
        "." => Some(None),
        number => number.parse::<usize>().ok().filter(|number| *number <= count).map(Some),
    };
    let alleles: Option<Vec<Option<usize>>> = parts.into_iter().map(allele).collect();
    let Some(alleles) = alleles else {
        intake.wrong(spot, "GT names an allele that the line does not have", "is the file unchanged?");
        return None;
    };
    let &[first, second] = alleles.as_slice() else {
        intake.leave_out(what, &format!("it has {} alleles, not two", alleles.len()), spot);
        return None;
    };
    if first.is_none() && second.is_none() {
        intake.leave_out(what, "it is not called (./.)", spot);
        return None;
    }
    let none = |key: &[u8]| field(key).is_some_and(|value| value == b"0");
    if none(b"DP") || (record.block && none(b"GQ")) {
        intake.leave_out(what, "nothing was read there (DP or GQ is 0)", spot);
        return None;
    }
    let phase = match text.contains(&b'|') && !text.contains(&b'/') {
        false => Phase::Unknown,
        true => Phase::Block(field(b"PS").map_or(0, |set| {
            let number = from_utf8(set).ok().and_then(|set| set.parse::<u64>().ok());
            let hash = || set.iter().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            number.unwrap_or_else(hash).saturating_add(1)
        })),
    };
    Some(Genotype { alleles: [first, second], phase })
}
