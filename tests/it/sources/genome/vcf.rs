//! What VCF files may look like: names of chromosomes, phases, gaps, gVCF blocks, ways to write one change, compression.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use homeostat::patient::Patient;

use super::super::{codes, read};
use super::{HEAD, PATIENT, covariate, genes, genotype, line, names, read_vcf, written};

/// A file in which all is the reference but the calls of some places.
fn with(calls: &[(&str, &str)]) -> String {
    written(&genes(), |_, position| {
        let call = calls.iter().find(|(rsid, _)| *rsid == position.rsid).map_or("0/0", |(_, call)| call);
        (!call.is_empty()).then(|| call.to_string())
    })
}

fn weight(patient: &Patient, gene: &str, name: &str) -> f64 {
    let diplotypes = &genotype(patient, gene).unwrap().diplotypes;
    diplotypes.iter().find(|diplotype| diplotype.name == name).map_or(0.0, |diplotype| diplotype.weight)
}

#[test]
fn a_genotype_gives_covariates() {
    let text = with(&[
        ("rs1799853", "0/1"),
        ("rs1057910", "0/1"),
        ("rs9923231", "1/1"),
        ("rs2108622", "0/1"),
        ("rs4149056", "0/1"),
        ("rs2306283", "0/1"),
        ("rs12248560", "0/1"),
        ("rs3758581", "1/1"),
    ]);
    let (patient, found) = read_vcf(&text);
    assert_eq!(codes(&found), ["P2023"], "{found}");
    assert_eq!(names(&patient, "CYP2C9"), ["*2/*3"]);
    assert_eq!(names(&patient, "CYP2C19"), ["*1/*17"]);
    let value = |name: &str| covariate(&patient, name).unwrap();
    assert_eq!((value("cyp2c9_star2"), value("cyp2c9_star3"), value("cyp2c9_score")), (1.0, 1.0, 0.5));
    assert_eq!((value("vkorc1_a"), value("slco1b1_c"), value("cyp2c19_score")), (2.0, 1.0, 2.5));
    assert_eq!(names(&patient, "CYP4F2"), ["*1/*3"]);
    assert_eq!(value("cyp4f2_t"), 1.0);
    assert_eq!(covariate(&patient, "cyp2d6_score"), None);
    let origin = patient.covariate("cyp2c9_star2").unwrap().origin.to_string();
    assert_eq!(origin, "anna.vcf#CYP2C9 *2/*3");
    let only = &genotype(&patient, "CYP2C9").unwrap().diplotypes[0];
    let expected = [("cyp2c9_score", 0.5), ("cyp2c9_star2", 1.0), ("cyp2c9_star3", 1.0)];
    assert_eq!(only.covariates, expected.map(|(name, value)| (name.to_string(), value)));
    // Two chromosomes of unknown order: one allele with both, or one with each.
    let (both, each) = (weight(&patient, "SLCO1B1", "*1/*15"), weight(&patient, "SLCO1B1", "*5/*37"));
    assert!((both / each - 0.511 * 0.172 / (0.027 * 0.119)).abs() < 1e-9 && (both + each - 1.0).abs() < 1e-9);
    assert!(patient.covariate("slco1b1_c").unwrap().origin.to_string().ends_with("expected over 2 diplotypes"));
}

#[test]
fn what_is_absent_is_not_the_reference() {
    // CYP3A5 without the position that most alleles of Europeans differ at.
    let text = with(&[("rs776746", "")]);
    let (patient, _) = read_vcf(&text);
    assert_eq!(names(&patient, "CYP3A5"), ["*3/*3", "*1/*3", "*1/*1"]);
    let (one, three) = ((0.053 + 0.563 + 0.277 + 0.332 + 0.175) / 5.0, (0.943 + 0.18 + 0.713 + 0.668 + 0.797) / 5.0);
    let sum: f64 = (one + three) * (one + three);
    assert!((weight(&patient, "CYP3A5", "*1/*3") - 2.0 * one * three / sum).abs() < 1e-12);
    let of = |keys: &str| {
        let toml = format!("{PATIENT}{keys}");
        read(&[("patient.toml", toml.as_bytes()), ("anna.vcf", text.as_bytes())])
    };
    let (patient, _) = of("population = \"afr\"");
    assert!((weight(&patient, "CYP3A5", "*1/*1") - (0.563_f64 / 0.743).powi(2)).abs() < 1e-12);
    let (patient, _) = of("absent = \"reference\"");
    assert_eq!(names(&patient, "CYP3A5"), ["*1/*1"]);
    let (patient, _) = read_vcf(&with(&[("rs776746", "./.")]));
    assert_eq!(names(&patient, "CYP3A5").len(), 3);
    // Half a call leaves what has it.
    let (patient, _) = read_vcf(&with(&[("rs776746", "./1")]));
    assert_eq!(names(&patient, "CYP3A5"), ["*3/*3", "*1/*3"]);
    // Only what is called, is a genotype.
    let cyp3a5 = written(&genes(), |gene, _| (gene == "CYP3A5").then(|| "0/0".into()));
    let (patient, _) = read_vcf(&cyp3a5);
    assert_eq!(patient.genotypes.len(), 1);
    let left = patient.left_out.iter().find(|left| left.what == "genes").unwrap();
    assert_eq!((left.why.as_str(), left.count), ("nothing is called at their positions", 11));
}

#[test]
fn the_expected_value_stands_for_what_is_not_certain() {
    let (patient, _) = read_vcf(&with(&[("rs1799853", ""), ("rs1057910", "0/1")]));
    let kept = &genotype(&patient, "CYP2C9").unwrap().diplotypes;
    let (mut expected, mut share) = (0.0, 0.0);
    for diplotype in kept {
        if let Some((_, two)) = diplotype.covariates.iter().find(|(name, _)| name == "cyp2c9_star2") {
            expected += diplotype.weight * two;
            share += diplotype.weight;
        }
    }
    assert!(kept.len() > 1 && share > 0.99);
    assert!((covariate(&patient, "cyp2c9_star2").unwrap() - expected / share).abs() < 1e-12);
}

#[test]
fn phase_sets_are_blocks_of_their_own() {
    let text = |first: &str, second: &str| {
        let calls = with(&[("rs2306283", first), ("rs4149056", second)]);
        let sets = |line: &str| match line.rsplit_once('\t') {
            Some((start, call)) if call.contains(':') => format!("{}:PS\t{call}\n", start),
            _ => format!("{line}\n"),
        };
        calls.lines().map(sets).collect::<String>()
    };
    let kept = |first: &str, second: &str| names(&read_vcf(&text(first, second)).0, "SLCO1B1");
    assert_eq!(kept("0|1", "0|1"), ["*1/*15"]);
    assert_eq!(kept("0|1", "1|0"), ["*5/*37"]);
    assert_eq!(kept("0|1:7", "1|0:7"), ["*5/*37"]);
    assert_eq!(kept("0|1:7", "1|0:8"), ["*1/*15", "*5/*37"]);
    assert_eq!(kept("0|1", "0/1"), ["*1/*15", "*5/*37"]);
    assert_eq!(kept("0|1:x", "0|1:x"), ["*1/*15"]);
    assert_eq!(kept("|0|1", "|1|0"), ["*5/*37"]);
}

#[test]
fn one_change_is_written_in_many_ways() {
    let genes = genes();
    let repeat = genes["UGT1A1"].positions.iter().find(|position| position.bases.len() == 4).unwrap();
    let rest = written(&genes, |gene, position| (gene == "UGT1A1" && position.at != repeat.at).then(|| "0/0".into()));
    let kept = |lines: &[(u64, &str, &str, &str)]| {
        let mut text = rest.clone();
        for (at, from, to, call) in lines {
            text.push_str(&format!("{}\t{at}\t.\t{from}\t{to}\t.\tPASS\t.\tGT\t{call}\n", repeat.chromosome));
        }
        let (patient, found) = read_vcf(&text);
        assert!(!found.has_errors(), "{found}");
        names(&patient, "UGT1A1")
    };
    let at = repeat.at;
    assert_eq!(kept(&[(at, "C", "CAT", "0/1")]), ["*1/*28"]);
    assert_eq!(kept(&[(at, "CAT", "CATAT,C", "1/2")]), ["*28/*36"]);
    assert_eq!(kept(&[(at, "CAT", "C,CATAT,CATATAT", "3/2")]), ["*28/*37"]);
    assert_eq!(kept(&[(at, "CATAT", "CATATAT", "1/1")]), ["*28/*28"]);
    assert_eq!(kept(&[(at, "CAT", "CATAT", "0/1"), (at, "CAT", "C", "0/1")]), ["*28/*36"]);
    assert_eq!(kept(&[(at, "CAT", "CATAT", "0/1"), (at, "CAT", "CATAT", "0/1")]), ["*1/*28"]);
    // Two bases exchanged at once, of which the second is the position.
    let position = genes["VKORC1"].positions[0].clone();
    let line = |from: &str, to: &str| format!("{HEAD}16\t{}\t.\t{from}\t{to}\t.\t.\t.\tGT\t0/1\n", position.at - 1);
    let called = |from: &str, to: &str| names(&read_vcf(&line(from, to)).0, "VKORC1").len();
    assert_eq!((called("AC", "GT"), called("AC", "GC"), called("AC", "A")), (1, 0, 0));
}

#[test]
fn blocks_of_a_gvcf_are_the_reference() {
    let position = genes()["VKORC1"].positions[0].clone();
    let block = |call: &str, other: &str| {
        let (start, end) = (position.at - 500, position.at + 500);
        format!("{HEAD}chr16\t{start}\t.\tG\t{other}\t.\t.\tEND={end}\tGT:DP:GQ\t{call}\n")
    };
    let kept = |text: &str| names(&read_vcf(text).0, "VKORC1");
    let two = ["rs9923231 reference (C)/rs9923231 reference (C)"];
    assert_eq!(kept(&block("0/0:30:90", "<NON_REF>")), two);
    assert_eq!(kept(&block("0/0:30:90", "<*>")), two);
    assert_eq!(kept(&block("0/0:30:90", ".")), two);
    assert!(kept(&block("./.:0:0", "<NON_REF>")).is_empty());
    assert!(kept(&block("0/0:0:0", "<NON_REF>")).is_empty());
    assert!(kept(&block("0/0:12:0", "<NON_REF>")).is_empty());
    // A deletion that others have says nothing of a base inside of it.
    assert!(kept(&block("0/0:30:90", "<DEL>")).is_empty());
    let called = format!("{}chr16\t{}\t.\tC\tT,<NON_REF>\t.\t.\t.\tGT\t0/1\n", block("0/0:3:9", "<*>"), position.at);
    assert_eq!(kept(&called), ["rs9923231 reference (C)/rs9923231 variant (T)"]);
}

#[test]
fn filters_and_odd_genotypes_are_no_calls() {
    let position = genes()["VKORC1"].positions[0].clone();
    let why = |edit: &dyn Fn(String) -> String, call: &str| {
        let (patient, _) = read_vcf(&format!("{HEAD}{}", edit(line(&position, call))));
        assert!(patient.genotypes.is_empty());
        patient.left_out.iter().find(|left| left.what == "calls of genes").unwrap().why.clone()
    };
    assert_eq!(why(&|line| line.replace("PASS", "LowQual"), "0/1"), "its FILTER is LowQual");
    assert_eq!(why(&|line| line, "1"), "it has 1 alleles, not two");
    assert_eq!(why(&|line| line, "./."), "it is not called (./.)");
    assert_eq!(why(&|line| line.replace("GT", "GT:DP"), "0/0:0"), "nothing was read there (DP or GQ is 0)");
}

#[test]
fn chromosomes_have_several_names_and_files_several_ends_of_line() {
    let text = with(&[("rs1799853", "0/1")]);
    let expected = read_vcf(&text).0.genotypes;
    let numbered = text.replace("\nchr", "\n");
    let accession = text.replace("\nchr10\t", "\nNC_000010.11\t");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    for other in [&numbered, &windows] {
        let (patient, found) = read_vcf(other);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(patient.genotypes, expected);
    }
    assert_eq!(names(&read_vcf(&accession).0, "CYP2C9"), ["*1/*2"]);
    let packed = packed(&text);
    for name in ["anna.vcf.gz", "anna.vcf.bgz", "anna.gz"] {
        let toml = format!("[[source]]\nfile = \"{name}\"\n");
        let (patient, found) = read(&[("patient.toml", toml.as_bytes()), (name, &packed)]);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(names(&patient, "CYP2C9"), ["*1/*2"]);
        assert_eq!(patient.genotypes.len(), expected.len());
    }
}

/// Two members, as bgzip writes many.
fn packed(text: &str) -> Vec<u8> {
    let (first, second) = text.split_at(text.len() / 2);
    let pack = |text: &str| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    [pack(first), pack(second)].concat()
}
