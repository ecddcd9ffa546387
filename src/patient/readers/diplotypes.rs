//! A genotype as a laboratory or another program reports it: a table of genes and diplotypes, or PharmCAT's JSON.

use std::rc::Rc;

use serde_json::Value as Json;

use super::super::genes::{self, Gene, Genes, POPULATIONS, Pair};
use super::super::intake::Intake;
use super::{Format, Head, Input, Spot};

pub(super) const TABLE: Format = Format {
    name: "diplotypes",
    about: "a table gene,diplotype[,weight], or an outside-call file of PharmCAT",
    keys: &["population"],
    recognises: recognises_table,
    read: read_table,
};

pub(super) const PHARMCAT: Format = Format {
    name: "pharmcat",
    about: "PharmCAT's phenotype.json or report.json, of versions 2 and 3",
    keys: &["population"],
    recognises: |head| {
        let text = head.text();
        text.trim_start().starts_with('{')
            && ["\"geneReports\"", "\"pharmcatVersion\"", "\"namedAlleleMatcherVersion\""]
                .iter()
                .any(|key| text.contains(key))
    },
    read: read_json,
};

fn recognises_table(head: &Head) -> bool {
    let text = head.text();
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let Some(first) = lines.next() else { return false };
    let cells = cells(first, separator(first));
    let named = |at: usize, name: &str| cells.get(at).is_some_and(|cell: &String| cell.eq_ignore_ascii_case(name));
    let outside = || {
        let gene = cells.first().and_then(|gene| Genes::embedded().gene(gene));
        gene.is_some() && cells.get(1).is_some_and(|cell| cell.contains('/'))
    };
    (named(0, "gene") && named(1, "diplotype")) || outside()
}

fn separator(line: &str) -> char {
    ['\t', ';'].into_iter().find(|sign| line.contains(*sign)).unwrap_or(',')
}

fn cells(line: &str, separator: char) -> Vec<String> {
    line.split(separator).map(|cell| cell.trim().trim_matches('"').trim().to_string()).collect()
}

/// What a file says of one gene: each diplotype with its weight, if it tells one.
struct Told {
    gene: &'static Gene,
    pairs: Vec<(Pair<'static>, Option<f64>)>,
    line: Option<usize>,
}

fn read_table(intake: &mut Intake, input: &Input) {
    let Some(file) = intake.text(input) else { return };
    let text = &file.source.text;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    let Some((_, first)) = lines.clone().next() else {
        return intake.wrong(Spot::Whole, "the table is empty", "its first line names the columns: gene,diplotype");
    };
    let separator = separator(first);
    let head: Vec<String> = cells(first, separator).iter().map(|name| name.to_lowercase()).collect();
    let column = |name: &str| head.iter().position(|known| known == name);
    let (mut gene_at, mut pair_at, mut weight_at) = (0, 1, None);
    if let (Some(gene), Some(pair)) = (column("gene"), column("diplotype")) {
        (gene_at, pair_at, weight_at) = (gene, pair, column("weight"));
        lines.next();
    }
    let mut all: Vec<Told> = Vec::new();
    for (index, line) in lines {
        let spot = Spot::Line(index + 1);
        let cells = cells(line, separator);
        let (Some(symbol), Some(pair)) = (cells.get(gene_at), cells.get(pair_at)) else {
            intake.wrong(spot, "the line has no gene and diplotype", "write them as in GENE,*1/*4");
            continue;
        };
        let weight = match weight_at.and_then(|at| cells.get(at)).filter(|cell| !cell.is_empty()) {
            None => None,
            Some(cell) => match cell.replace(',', ".").parse::<f64>().ok().filter(|it| it.is_finite() && *it >= 0.0) {
                Some(weight) => Some(weight),
                None => {
                    intake.wrong(spot, "the weight is no number from 0 on", "write a probability, or leave it empty");
                    continue;
                }
            },
        };
        add(intake, &mut all, symbol, pair, weight, (spot, Some(index + 1)));
    }
    finish(intake, input, all);
}

/// Takes one diplotype in, or says why not.
fn add(
    intake: &mut Intake,
    all: &mut Vec<Told>,
    symbol: &str,
    text: &str,
    weight: Option<f64>,
    (spot, line): (Spot, Option<usize>),
) {
    let Some(gene) = Genes::embedded().gene(symbol) else {
        let shown: String = symbol.chars().take(40).collect();
        return intake.leave_out(&shown, "the alleles of this gene are not known here", spot);
    };
    let haplotypes = text.split_once('/').map(|(first, second)| (gene.read(first), gene.read(second)));
    let Some((Some(first), Some(second))) = haplotypes else {
        let shown: String = text.chars().take(40).collect();
        return intake.leave_out(&gene.name, &format!("`{shown}` is no diplotype"), spot);
    };
    for haplotype in [&first, &second] {
        if !haplotype.known() {
            let message = format!("`{}` is no allele of `{}` that is known here", haplotype.name, gene.name);
            intake.doubtful("P2077", spot, &message, "is it spelled as PharmVar has it (*1, *2, *3A)?");
        } else if haplotype.vague {
            let message = format!("how many copies `{}` has is open", haplotype.name);
            intake.doubtful("P2079", spot, &message, "the fewest are taken; a number (*1x2) would say it");
        }
    }
    let pair = Pair { first, second, weight: 1.0 };
    match all.iter_mut().find(|told| std::ptr::eq(told.gene, gene)) {
        Some(told) => match told.pairs.iter_mut().find(|(known, _)| known.name() == pair.name()) {
            Some((_, known)) => *known = known.zip(weight).map(|(a, b)| a + b).or(*known),
            None => told.pairs.push((pair, weight)),
        },
        None => all.push(Told { gene, pairs: vec![(pair, weight)], line }),
    }
}

/// Weighs what has no weights by frequency, and hands it over.
fn finish(intake: &mut Intake, input: &Input, all: Vec<Told>) {
    let population = super::word(intake, input, "population", &POPULATIONS);
    for told in all {
        let spot = told.line.map_or(Spot::Whole, Spot::Line);
        let weighed = told.pairs.iter().filter(|(_, weight)| weight.is_some()).count();
        if weighed != 0 && weighed != told.pairs.len() {
            let message = format!("only some of the diplotypes of `{}` have a weight", told.gene.name);
            intake.wrong(spot, &message, "give all of them one, or none");
            continue;
        }
        let weigh = |(mut pair, weight): (Pair<'static>, Option<f64>)| {
            pair.weight = weight.unwrap_or_else(|| pair.frequency(population));
            pair
        };
        let mut pairs: Vec<Pair> = told.pairs.into_iter().map(weigh).collect();
        if pairs.iter().all(|pair| pair.weight <= 0.0) {
            intake.wrong(spot, &format!("no diplotype of `{}` has a weight above 0", told.gene.name), "mend them");
            continue;
        }
        pairs.retain(|pair| pair.weight > 0.0);
        pairs.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        genes::tell(intake, told.gene, &pairs, told.line);
    }
}

fn read_json(intake: &mut Intake, input: &Input) {
    let Some(json): Option<Rc<Json>> = intake.json(input) else { return };
    let Some((key, reports)) = ["geneReports", "genes"].into_iter().find_map(|key| Some((key, json.get(key)?))) else {
        let help = "take the phenotype.json or the report.json; of its table, gene and diplotype do, too";
        return intake.wrong(Spot::Whole, "there are no `geneReports` and no `genes` in it", help);
    };
    let mut found: Vec<(String, &Json)> = Vec::new();
    gather(reports, &format!("/{key}"), 0, &mut found);
    let mut all: Vec<Told> = Vec::new();
    let mut done: Vec<&str> = Vec::new();
    for (path, report) in &found {
        let symbol = report.get("geneSymbol").and_then(Json::as_str).or_else(|| path.rsplit('/').next());
        // Version 2 tells a gene once for each guideline.
        let Some(symbol) = symbol.filter(|symbol| !done.contains(symbol)) else { continue };
        done.push(symbol);
        let diplotypes = report.get("sourceDiplotypes").and_then(Json::as_array);
        for (at, diplotype) in diplotypes.into_iter().flatten().enumerate() {
            let path = format!("{path}/sourceDiplotypes/{at}");
            let name = |key: &str| diplotype.get(key)?.get("name")?.as_str();
            let (first, second) = (name("allele1").unwrap_or(""), name("allele2").unwrap_or(""));
            add(intake, &mut all, symbol, &format!("{first}/{second}"), None, (Spot::Path(&path), None));
        }
    }
    if all.is_empty() {
        intake.wrong(Spot::Whole, "no gene in it has a diplotype that is known here", "is it whole?");
    }
    finish(intake, input, all);
}

/// The reports of genes, wherever they lie: by gene, or by guideline and gene.
fn gather<'j>(json: &'j Json, path: &str, depth: usize, found: &mut Vec<(String, &'j Json)>) {
    if json.get("sourceDiplotypes").is_some() {
        found.push((path.into(), json));
    } else if depth < 3 {
        let members = json.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value));
        let items = json.as_array().into_iter().flatten().enumerate().map(|(at, value)| (at.to_string(), value));
        for (key, value) in members.chain(items) {
            gather(value, &format!("{path}/{key}"), depth + 1, found);
        }
    }
}
