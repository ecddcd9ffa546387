//! Counts of reads a gene, as RNA sequencing gives them, with the size of the library: a table gene,count.

use super::super::Censoring;
use super::super::intake::Intake;
use super::{Format, Head, Input, Item, Shape, Spot, Told, When};

pub(super) const FORMAT: Format =
    Format { name: "rna_counts", about: "a table gene,count of reads by RNA sequencing", keys: &[], recognises, read };

/// The code of all counts together.
const TOTAL: &str = "total";

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
    let (mut total, mut others, mut wrong) = (0.0, 0, false);
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
        // Ensembl's names have a version behind a dot.
        let code = if gene.starts_with("ENS") { gene.split('.').next().unwrap_or(gene) } else { gene };
        if intake.name_of("rna", code).is_some() {
            tell(intake, code, count, spot);
        } else {
            others += 1;
            first_other.get_or_insert(index + 1);
        }
    }
    for _ in 0..others {
        let spot = first_other.map_or(Spot::Whole, Spot::Line);
        intake.leave_out("counts of other genes", "they are in the total only", spot);
    }
    if !wrong {
        tell(intake, TOTAL, total, Spot::Whole);
    }
}

fn tell(intake: &mut Intake, code: &str, value: f64, spot: Spot) {
    intake.item(&Item {
        system: "rna",
        code,
        shape: Shape::Sample,
        told: Told::Number { value, unit: "1", censoring: Censoring::None, sd: None },
        when: When::Untold,
        device: None,
        limits: (None, None),
        spot,
    });
}
