//! Variants of a genome as VCF (plain, gzip, bgzip), for one person: read line by line, in as much memory as a line takes.
//!
//! Only lines at positions of the table of genes are taken apart, and only the person's column; a file of millions of lines
//! and a header that is not quite as the standard has it are read all the same.

mod build;
mod line;
mod stream;

use build::Build;
use line::Lines;
use stream::Stream;

use super::super::genes::{self, Call, Gene, Genes, POPULATIONS, Slot};
use super::super::intake::Intake;
use super::{Format, Head, Input, Spot, word};

pub(super) const FORMAT: Format = Format {
    name: "vcf",
    about: "variants of a genome as VCF, also .vcf.gz and .vcf.bgz, on GRCh38",
    keys: &["sample", "absent", "population"],
    recognises,
    read,
};

fn recognises(head: &Head) -> bool {
    let named = [".vcf", ".vcf.gz", ".vcf.bgz"].iter().any(|end| head.name.ends_with(end));
    let text = || String::from_utf8_lossy(&stream::opened(&head.bytes)).into_owned();
    named || text().trim_start_matches('\u{feff}').starts_with("##fileformat=VCF")
}

fn read(intake: &mut Intake, input: &Input) {
    let genes = Genes::embedded();
    let sample = intake.key(input.section, "sample");
    let absent = word(intake, input, "absent", &["missing", "reference"]) == Some(1);
    let population = word(intake, input, "population", &POPULATIONS);
    let Some(mut stream) = Stream::open(intake, input) else { return };
    let mut build = Build::default();
    let mut lines: Option<Lines> = None;
    let mut number = 0;
    while let Some(text) = stream.line(intake, number + 1) {
        number += 1;
        match &mut lines {
            Some(lines) => lines.take(intake, &mut build, text, number),
            None if text.starts_with(b"##") => build.header(&String::from_utf8_lossy(text)),
            None if text.starts_with(b"#") => {
                let Some(column) = column(intake, &String::from_utf8_lossy(text), sample, number) else { return };
                if build.refused(intake) {
                    return;
                }
                lines = Some(Lines::new(genes, column));
            }
            None if text.is_empty() => {}
            None => {
                let message = "there is no line `#CHROM …` before the first variant";
                return intake.wrong(Spot::Line(number), message, "is it a VCF file as it was written, unchanged?");
            }
        }
    }
    let Some(lines) = lines else {
        return intake.wrong(
            Spot::Whole,
            "there is no line `#CHROM …`",
            "is it a VCF file as it was written, unchanged?",
        );
    };
    if build.refused(intake) {
        return;
    }
    build.doubted(intake);
    finish(intake, genes, lines, absent, population);
}

/// The column of the person (P2072).
fn column(intake: &mut Intake, head: &str, sample: Option<&str>, number: usize) -> Option<usize> {
    let names: Vec<&str> = head.trim_end().split('\t').skip(9).collect();
    let found = match sample {
        Some(sample) => names.iter().position(|name| *name == sample),
        None => (names.len() == 1).then_some(0),
    };
    if found.is_none() {
        let listed: Vec<String> = names.iter().take(20).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > 20 { format!(" and {} more", names.len() - 20) } else { String::new() };
        let (message, help) = match (names.len(), sample) {
            (0, _) => ("no person's column is in it, only sites".into(), "export it with genotypes".into()),
            (count, None) => {
                let help = format!("name one: sample = \"{}\"; there are {}{more}", names[0], listed.join(", "));
                (format!("it holds {count} people"), help)
            }
            (_, Some(sample)) => {
                (format!("it has no person `{sample}`"), format!("there are {}{more}", listed.join(", ")))
            }
        };
        intake.wrong_as("P2072", Spot::Line(number), &message, &help);
    }
    found.map(|at| at + 9)
}

/// What the calls say of each gene.
fn finish(intake: &mut Intake, genes: &'static Genes, lines: Lines, absent: bool, population: Option<usize>) {
    let mut any = false;
    for (gene, found) in genes.genes.iter().zip(lines.found).filter(|(gene, _)| !gene.positions.is_empty()) {
        let (mut calls, first) = (found.calls, found.first);
        if !calls.iter().flatten().any(Call::told) {
            intake.leave_out("genes", "nothing is called at their positions", Spot::Whole);
            continue;
        }
        any = true;
        if absent {
            let seen = calls.iter_mut().zip(&found.seen);
            seen.filter(|(_, seen)| !**seen).for_each(|(call, _)| *call = Some(Call::REFERENCE));
        }
        let pairs = genes::diplotypes(gene, &calls, population);
        if pairs.is_empty() {
            let message = format!(
                "no two alleles of `{}` that have a name give what was read: {}",
                gene.name,
                said(gene, &calls)
            );
            let help = "it is left out; a genotype from a laboratory can be given as a table (format = \"diplotypes\")";
            intake.doubtful("P2073", first.map_or(Spot::Whole, Spot::Line), &message, help);
            intake.leave_out(&gene.name, "no named alleles give what was read", first.map_or(Spot::Whole, Spot::Line));
            continue;
        }
        genes::tell(intake, gene, &pairs, first);
    }
    if !any {
        let message = "nothing is called at any position of a gene that is known here";
        let help = "is it of the whole genome, and with all sites? absent = \"reference\" does not help where nothing is there";
        intake.doubtful("P2078", Spot::Whole, message, help);
    }
}

/// What differs from the reference, to be shown.
fn said(gene: &Gene, calls: &[Option<Call>]) -> String {
    let told = gene.positions.iter().zip(calls).filter_map(|(position, call)| Some((position, (*call)?)));
    let other = told.filter(|(_, call)| call.slots != [Slot::Base(0); 2] && call.told());
    let texts: Vec<String> = other
        .map(|(position, call)| {
            let base = |slot: Slot| match slot {
                Slot::Base(at) => position.bases[at].as_str(),
                Slot::Other => "something else",
                Slot::Unknown => "unknown",
            };
            let name = if position.rsid.is_empty() { position.at.to_string() } else { position.rsid.clone() };
            format!("{name} {}/{}", base(call.slots[0]), base(call.slots[1]))
        })
        .collect();
    let more = if texts.len() > 8 { format!(" and {} more", texts.len() - 8) } else { String::new() };
    if texts.is_empty() { "the reference".into() } else { texts[..texts.len().min(8)].join(", ") + &more }
}
