//! Genomes: VCF files written from the table of alleles, shared ones, and what a genotype says of the person.

mod diplotypes;
mod pharmcat;
mod rna;
mod vcf;
mod wrong;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use homeostat::patient::{Genotype, Patient};

use super::{read, shared};

const POSITIONS: &str = include_str!("../../../models/genes/positions.csv");
const ALLELES: &str = include_str!("../../../models/genes/alleles.csv");

const HEAD: &str =
    "##fileformat=VCFv4.2\n##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tanna\n";

const PATIENT: &str = "[[source]]\nfile = \"anna.vcf\"\n";

/// A position of the table: chromosome, place, rsid, the reference's bases and the others.
#[derive(Clone)]
struct Position {
    chromosome: String,
    at: u64,
    rsid: String,
    bases: Vec<String>,
}

/// A gene of the table, and for each allele the bases that differ, by place.
#[derive(Default)]
struct Gene {
    positions: Vec<Position>,
    alleles: Vec<(String, BTreeMap<u64, String>)>,
}

fn genes() -> BTreeMap<String, Gene> {
    let mut genes: BTreeMap<String, Gene> = BTreeMap::new();
    for line in POSITIONS.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let bases = std::iter::once(cells[4]).chain(cells[5].split('|')).map(String::from).collect();
        let (chromosome, at, rsid) = (cells[1].to_string(), cells[2].parse().unwrap(), cells[3].to_string());
        genes.entry(cells[0].into()).or_default().positions.push(Position { chromosome, at, rsid, bases });
    }
    for line in ALLELES.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let Some(gene) = genes.get_mut(cells[0]).filter(|_| !cells[5].is_empty()) else { continue };
        let pairs = cells[5].split(' ').filter_map(|pair| pair.split_once(':'));
        let bases = pairs.map(|(at, base)| (at.parse().unwrap(), base.to_string())).collect();
        gene.alleles.push((cells[1].into(), bases));
    }
    genes
}

/// Index of the base that an allele has at a position; of those that a code stands for, the last.
fn index(position: &Position, allele: &BTreeMap<u64, String>) -> usize {
    let Some(base) = allele.get(&position.at) else { return 0 };
    let any = match base.as_str() {
        "R" => "AG",
        "Y" => "CT",
        "S" => "CG",
        "M" => "AC",
        plain => plain,
    };
    let fits = |known: &String| known == base || (known.len() == 1 && base.len() == 1 && any.contains(known.as_str()));
    position.bases.iter().rposition(fits).unwrap()
}

/// A line of a VCF.
fn line(position: &Position, call: &str) -> String {
    let Position { chromosome, at, rsid, bases } = position;
    let rsid = if rsid.is_empty() { "." } else { rsid };
    format!("{chromosome}\t{at}\t{rsid}\t{}\t{}\t.\tPASS\t.\tGT\t{call}\n", bases[0], bases[1..].join(","))
}

/// A VCF of which the calls at each position are given by a function.
fn written(genes: &BTreeMap<String, Gene>, call: impl Fn(&str, &Position) -> Option<String>) -> String {
    let mut text = HEAD.to_string();
    for (name, gene) in genes {
        for position in &gene.positions {
            if let Some(call) = call(name, position) {
                text.push_str(&line(position, &call));
            }
        }
    }
    text
}

fn read_vcf(text: &str) -> (Patient, homeostat::diagnostic::Diagnostics) {
    read(&[("patient.toml", PATIENT.as_bytes()), ("anna.vcf", text.as_bytes())])
}

fn genotype<'p>(patient: &'p Patient, gene: &str) -> Option<&'p Genotype> {
    patient.genotypes.iter().find(|genotype| genotype.gene == gene)
}

/// The names of the diplotypes, the likeliest first.
fn names(patient: &Patient, gene: &str) -> Vec<String> {
    let diplotypes = genotype(patient, gene).map(|genotype| &genotype.diplotypes);
    diplotypes.into_iter().flatten().map(|diplotype| diplotype.name.clone()).collect()
}

fn covariate(patient: &Patient, name: &str) -> Option<f64> {
    patient.covariate(name).map(|covariate| covariate.value)
}

/// The name of two alleles together, the smaller number first.
fn diplotype(first: &str, second: &str) -> String {
    let number = |name: &str| {
        let digits: String = name.chars().skip(1).take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(u32::MAX)
    };
    let mut both = [first, second];
    both.sort_by_key(|name| (number(name), name.to_string()));
    both.join("/")
}

/// Every allele of every gene, with the first, with itself and with the next one.
#[test]
fn every_allele_is_found_in_complete_calls() {
    let genes = genes();
    let longest = genes.values().map(|gene| gene.alleles.len()).max().unwrap();
    let mut counts = [0; 5];
    let mut missed = String::new();
    for (step, phased) in [(0, true), (1, true), (2, true), (0, false), (1, false), (2, false)] {
        for turn in 0..longest {
            let pair = |gene: &Gene| {
                let second = turn % gene.alleles.len();
                let first = [0, second, (second + 1) % gene.alleles.len()][step];
                (first, second)
            };
            let text = written(&genes, |name, position| {
                let gene = &genes[name];
                let (first, second) = pair(gene);
                let (a, b) = (index(position, &gene.alleles[first].1), index(position, &gene.alleles[second].1));
                Some(if phased { format!("{a}|{b}") } else { format!("{}/{}", a.min(b), a.max(b)) })
            });
            let (patient, found) = read_vcf(&text);
            assert!(!found.has_errors(), "{found}");
            for (name, gene) in genes.iter().filter(|(_, gene)| turn < gene.alleles.len()) {
                let (first, second) = pair(gene);
                let (first, second) = (first.min(second), first.max(second));
                let expected = diplotype(&gene.alleles[first].0, &gene.alleles[second].0);
                let kept = names(&patient, name);
                let place = kept.iter().position(|kept| *kept == expected);
                counts[usize::from(!phased)] += 1;
                counts[2 + usize::from(!phased)] += usize::from(kept.len() == 1);
                let fine = if phased { place == Some(0) } else { place.is_some() };
                counts[4] += usize::from(!phased && place == Some(0));
                if !fine {
                    writeln!(missed, "{name} {expected} (phased: {phased}): {kept:?}").unwrap();
                }
                let sum: f64 = genotype(&patient, name).unwrap().diplotypes.iter().map(|one| one.weight).sum();
                assert!((sum - 1.0).abs() < 1e-9);
            }
        }
    }
    let [phased, unphased, only, only_unphased, top] = counts;
    eprintln!("phased: {phased}, of which {only} leave one diplotype");
    eprintln!("unphased: {unphased}, of which {only_unphased} leave one diplotype and {top} have the right one first");
    assert!(missed.is_empty(), "\n{missed}");
    assert!(phased > 1200 && unphased == phased);
}

/// Files of which the name tells the diplotype (PharmCAT's test resources).
#[test]
fn shared_files_give_the_diplotype_of_their_name() {
    let Some(folder) = shared("genome/vcf") else { return };
    let reference = "rs9923231 reference (C)";
    let named = [
        ("cyp2c19_s1s1.vcf", "CYP2C19", "*1/*1".to_string()),
        ("cyp2c19_s1s17.vcf", "CYP2C19", "*1/*17".into()),
        ("cyp2c19_s1s2.vcf", "CYP2C19", "*1/*2".into()),
        ("cyp2c9_s1s1.vcf", "CYP2C9", "*1/*1".into()),
        ("cyp2c9_s2s3.vcf", "CYP2C9", "*2/*3".into()),
        ("cyp3a5_s1s1.vcf", "CYP3A5", "*1/*1".into()),
        ("slco1b1_s5s15.vcf", "SLCO1B1", "*5/*15".into()),
        ("tpmt_s1s1.vcf", "TPMT", "*1/*1".into()),
        ("ugt1a1_s28het.vcf", "UGT1A1", "*1/*28".into()),
        ("vkorc1_-1639g-1639a.vcf", "VKORC1", format!("{reference}/rs9923231 variant (T)")),
    ];
    let mut seen = 0;
    for (file, gene, expected) in named {
        let (patient, found) = read_vcf(&fs::read_to_string(folder.join(file)).unwrap());
        assert!(!found.has_errors(), "{file}: {found}");
        let kept = names(&patient, gene);
        eprintln!("{file}: {:?} of {}", kept.first(), kept.len());
        assert_eq!(kept.first(), Some(&expected), "{file}: {kept:?}");
        seen += 1;
    }
    let text = fs::read_to_string(folder.join("all_reference.vcf")).unwrap();
    let (patient, found) = read_vcf(&text);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(patient.genotypes.len(), 12);
    for genotype in &patient.genotypes {
        let first = &genes()[&genotype.gene].alleles[0].0;
        let [only] = genotype.diplotypes.as_slice() else { panic!("{genotype:?}") };
        assert_eq!((only.name.clone(), only.weight), (format!("{first}/{first}"), 1.0), "{}", genotype.gene);
    }
    assert_eq!(seen + 1, fs::read_dir(&folder).unwrap().count());
}

#[test]
fn one_of_several_people_is_read() {
    let Some(path) = shared("exports/pharmcat.multisample.vcf") else { return };
    let text = fs::read_to_string(path).unwrap();
    let calls = |sample: &str| {
        let toml = format!("{PATIENT}sample = \"{sample}\"\n");
        let (patient, found) = read(&[("patient.toml", toml.as_bytes()), ("anna.vcf", text.as_bytes())]);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(patient.genotypes.len(), 12);
        let other = |genotype: &&Genotype| {
            let first = &genes()[&genotype.gene].alleles[0].0;
            genotype.diplotypes[0].name != format!("{first}/{first}")
        };
        let text = |genotype: &Genotype| format!("{} {}", genotype.gene, genotype.diplotypes[0].name);
        patient.genotypes.iter().filter(other).map(text).collect::<Vec<_>>()
    };
    assert!(calls("Sample_1").is_empty());
    assert_eq!(calls("Sample_2"), ["CYP2B6 *1/*6", "CYP2C19 *2/*2"]);
}
