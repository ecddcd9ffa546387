//! Counts of reads a gene, as RNA sequencing gives them, with the size of the library: a table gene,count.

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format = Format {
    name: "rna_counts",
    about: "a table gene,count of reads by RNA sequencing",
    keys: &["total"],
    recognises,
    read,
};

/// Whose codes genes are.
const SYSTEM: &str = "rna";
/// The code of all counts together, and the key that tells them where the table does not hold all genes.
const TOTAL: &str = "total";
/// A table of fewer genes is a selection: people have some 20,000 that make protein.
const LIBRARY: usize = 5000;
/// What shares are told per.
const MILLION: f64 = 1e6;

fn recognises(head: &Head) -> bool {
    let text = head.text();
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap_or("");
    columns(first).is_some()
}

/// The separator, and which cells are the gene's and the count's.
fn columns(head: &str) -> Option<(char, usize, usize)> {
    let separator = ['\t', ';'].into_iter().find(|sign| head.contains(*sign)).unwrap_or(',');
    let names: Vec<String> = head.split(separator).map(|name| clean(name).to_lowercase()).collect();
    let of = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    Some((separator, of(&["gene", "gene_id", "gene_name"])?, of(&["count", "counts"])?))
}

fn clean(cell: &str) -> &str {
    cell.trim().trim_matches('"').trim()
}

fn read(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let mut lines = file.source.text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let Some((separator, gene_at, count_at)) = lines.next().and_then(|(_, head)| columns(head)) else {
        let help = "its first line names the columns: gene,count";
        return intake.wrong(Spot::Line(1), "there are no columns `gene` and `count`", help);
    };
    let Ok(declared) = declared(intake, input) else { return };
    let (mut total, mut genes, mut others, mut wrong, mut fractions) = (0.0, 0, 0, false, false);
    let mut first_other = None;
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let spot = Spot::Line(index + 1);
        let cells: Vec<&str> = line.split(separator).map(clean).collect();
        let (Some(gene), Some(count)) = (cells.get(gene_at), cells.get(count_at)) else {
            (wrong, _) = (true, intake.wrong(spot, "the line has no gene and count", "is the file whole?"));
            continue;
        };
        // What was not of a gene, as htseq-count tells it.
        if gene.starts_with("__") {
            intake.leave_out(gene, "it is no gene", spot);
            continue;
        }
        let Some(count) = count.parse::<f64>().ok().filter(|count| count.is_finite() && *count >= 0.0) else {
            let help = "counts of reads are needed, not their logarithms; estimated ones may have a fraction";
            (wrong, _) = (true, intake.wrong(spot, "the count is no number from 0 on", help));
            continue;
        };
        total += count;
        genes += 1;
        fractions |= count.fract() != 0.0;
        // Ensembl's names have a version behind a dot.
        let code = if gene.starts_with("ENS") { gene.split('.').next().unwrap_or(gene) } else { gene };
        if intake.knows(SYSTEM, code) {
            let reads = whole(intake, count, spot);
            tell(intake, code, reads, Shape::Sample, spot);
        } else {
            others += 1;
            first_other.get_or_insert(index + 1);
        }
    }
    for _ in 0..others {
        let spot = first_other.map_or(Spot::Whole, Spot::Line);
        intake.leave_out("counts of other genes", "they are in the total only", spot);
    }
    if wrong {
        return;
    }
    if fractions && (total / MILLION - 1.0).abs() < 1e-3 {
        let message = "these add up to a million, as transcripts per million do: they are shares, not counts";
        return intake.wrong_as("P2089", Spot::Whole, message, "give the counts of reads that they were computed from");
    }
    match declared {
        Some(declared) if declared < total => {
            let message = format!("`total` is {declared}, and the counts of the table alone are {total}");
            intake.wrong_as("P2087", Spot::Whole, &message, "state the reads of all genes together");
        }
        Some(declared) => library(intake, declared),
        None if genes < LIBRARY => intake.doubtful(
            "P2087",
            Spot::Whole,
            &format!("{genes} genes are a selection: their counts are not all reads, so that the total is not told"),
            "state the reads of all genes, as in total = \"31500000\", or give the table of all",
        ),
        None => library(intake, total.round()),
    }
}

/// Tells how many reads there are; P2088 where another sample told it already.
fn library(intake: &mut Intake, total: f64) {
    let told = intake.name_of(SYSTEM, TOTAL);
    if intake.gathered.iter().any(|known| told.as_deref() == Some(&*known.name) && !known.kept.is_empty()) {
        let message = "two samples: counts are shares of one total, and each would have its own";
        return intake.wrong_as(
            "P2088",
            Spot::Whole,
            message,
            "keep the sample that tells most, and leave the other out",
        );
    }
    tell(intake, TOTAL, total, Shape::Fact, Spot::Whole);
}

/// The key `total`; an error where it is there and no number.
fn declared(intake: &mut Intake, input: &Input) -> Result<Option<f64>, ()> {
    let Some(text) = intake.key(input.section, TOTAL) else {
        return if input.section.get(TOTAL).is_some() { Err(()) } else { Ok(None) };
    };
    let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '_')).collect();
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 1.0);
    if let Some(value) = input.section.get(TOTAL).filter(|_| number.is_none()) {
        let expected = "how many reads there are of all genes, as in \"31500000\"";
        intake.reader.findings.push(input.section.wrong_kind(&value, expected));
        return Err(());
    }
    Ok(number)
}

/// A count as a whole number; estimated ones (of transcripts) have a fraction, and what counts scatter like has none.
fn whole(intake: &mut Intake, count: f64, spot: Spot) -> f64 {
    if count.fract() != 0.0 {
        let message = "a count has a fraction, as estimated ones do: it is taken to the nearest whole read";
        intake.doubtful_once("P2089", spot, message, "counts, not shares or transcripts per million, are read here");
    }
    count.round()
}

fn tell(intake: &mut Intake, code: &str, value: f64, shape: Shape, spot: Spot) {
    intake.item(&Item {
        system: SYSTEM,
        code,
        shape,
        told: Told::Number { value, unit: "1", censoring: Censoring::None, sd: None },
        when: When::Untold,
        device: None,
        limits: (None, None),
        spot,
    });
}
