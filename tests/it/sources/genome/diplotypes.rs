//! Genotypes that a laboratory or PharmCAT reports: tables, copies, weights, JSON of two versions, and what is wrong with them.

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use proptest::prelude::*;

use super::super::{codes, folder, read};
use super::{covariate, genotype, names, written};

fn table(text: &str) -> (Patient, Diagnostics) {
    let toml = b"[[source]]\nfile = \"genotype.csv\"\n";
    read(&[("patient.toml", toml), ("genotype.csv", text.as_bytes())])
}

fn json(text: &str) -> (Patient, Diagnostics) {
    let toml = b"[[source]]\nfile = \"anna.phenotype.json\"\n";
    read(&[("patient.toml", toml), ("anna.phenotype.json", text.as_bytes())])
}

fn without(found: &Diagnostics) -> Vec<&'static str> {
    codes(found).into_iter().filter(|code| *code != "P2023").collect()
}

/// The score of one diplotype of CYP2D6, as the table of activity values has it.
fn score(diplotype: &str) -> Option<f64> {
    covariate(&table(&format!("gene,diplotype\nCYP2D6,{diplotype}\n")).0, "cyp2d6_score")
}

#[test]
fn copies_count() {
    for (diplotype, expected) in [
        ("*1/*1", 2.0),
        ("*1/*4", 1.0),
        ("*4/*5", 0.0),
        ("*1x2/*4", 2.0),
        ("*1/*2x3", 4.0),
        ("*1/*2×2", 3.0),
        ("*10/*41", 0.75),
        ("*36+*10/*1", 1.25),
        ("*68+*4/*2", 1.0),
        ("*4.002/*1", 1.0),
        ("CYP2D6*1/CYP2D6 *9", 1.5),
    ] {
        let found = score(diplotype).unwrap_or_else(|| panic!("{diplotype}"));
        assert!((found - expected).abs() < 1e-12, "{diplotype}: {found}");
    }
    let (patient, found) = table("gene,diplotype\nCYP2D6,*1/*2xN\n");
    assert_eq!((covariate(&patient, "cyp2d6_score"), without(&found)), (Some(3.0), vec!["P2079"]));
    let (patient, found) = table("gene,diplotype\nCYP2D6,*1/*2x≥3\n");
    assert_eq!((covariate(&patient, "cyp2d6_score"), without(&found)), (Some(4.0), vec!["P2079"]));
    assert_eq!(names(&patient, "CYP2D6"), ["*1/*2x≥3"]);
}

#[test]
fn tables_come_in_several_shapes() {
    for text in [
        "gene,diplotype\nCYP2C9,*3/*1\nVKORC1,-1639G/-1639A\n",
        "Gene;Diplotype;Phenotype\n\"CYP2C9\";\"*1/*3\";x\nVKORC1;rs9923231 reference (C)/rs9923231 variant (T);y\n",
        "CYP2C9\t*1/*3\nVKORC1\tc.-1639G/c.-1639A\n",
        "# of the laboratory\r\ngene,diplotype,weight\r\ncyp2c9,*1/*3,\r\nVKORC1,-1639G/-1639A,1\r\n",
    ] {
        let (patient, found) = table(text);
        assert!(without(&found).is_empty(), "{found}");
        assert_eq!(names(&patient, "CYP2C9"), ["*1/*3"]);
        assert_eq!((covariate(&patient, "cyp2c9_star3"), covariate(&patient, "vkorc1_a")), (Some(1.0), Some(1.0)));
        assert_eq!(covariate(&patient, "cyp2c9_score"), Some(1.0));
    }
}

#[test]
fn several_diplotypes_are_weighed() {
    let weights = |text: &str, key: &str| {
        let toml = format!("[[source]]\nfile = \"genotype.csv\"\n{key}");
        let (patient, found) = read(&[("patient.toml", toml.as_bytes()), ("genotype.csv", text.as_bytes())]);
        assert!(!found.has_errors(), "{found}");
        let diplotypes = &genotype(&patient, "CYP2C9").unwrap().diplotypes;
        let told: Vec<(String, f64)> = diplotypes.iter().map(|one| (one.name.clone(), one.weight)).collect();
        (told, covariate(&patient, "cyp2c9_score").unwrap())
    };
    let (told, score) = weights("gene,diplotype,weight\nCYP2C9,*1/*1,1\nCYP2C9,*1/*3,3\n", "");
    assert_eq!(told, [("*1/*3".to_string(), 0.75), ("*1/*1".to_string(), 0.25)]);
    assert_eq!(score, 1.25);
    let (told, _) = weights("gene,diplotype\nCYP2C9,*1/*1\nCYP2C9,*1/*3\nCYP2C9,*1/*1\n", "population = \"eur\"\n");
    assert!((told[0].1 - 0.799 / (0.799 + 2.0 * 0.073)).abs() < 1e-12, "{told:?}");
}

#[test]
fn pharmcat_is_read_in_both_shapes() {
    let allele = |name: &str| format!(r#"{{"gene": "CYP2C9", "name": "{name}", "activityValue": "1.0"}}"#);
    let pair =
        |a: &str, b: &str| format!(r#"{{"allele1": {}, "allele2": {}, "label": "{a}/{b}"}}"#, allele(a), allele(b));
    let report =
        |gene: &str, pairs: &str| format!(r#""{gene}": {{"geneSymbol": "{gene}", "sourceDiplotypes": [{pairs}]}}"#);
    let nine = report("CYP2C9", &format!("{}, {}", pair("*1", "*2"), pair("*1", "*3")));
    let six = report("CYP2D6", &pair("*1x2", "*4"));
    let none = report("VKORC1", &pair("Unknown", "Unknown"));
    let single = report("MT-RNR1", r#"{"allele1": {"name": "Reference"}, "allele2": null}"#);
    let all = format!("{nine}, {six}, {none}, {single}");
    for text in [
        format!(r#"{{"matcherMetadata": {{}}, "geneReports": {{{all}}}}}"#),
        format!(r#"{{"geneReports": {{"CPIC": {{{all}}}, "DPWG": {{{nine}}}}}}}"#),
        format!(r#"{{"title": "x", "pharmcatVersion": "3.1.1", "genes": {{{all}}}}}"#),
    ] {
        let (patient, found) = json(&text);
        assert!(without(&found).is_empty(), "{found}");
        assert_eq!(names(&patient, "CYP2C9"), ["*1/*2", "*1/*3"]);
        assert_eq!(covariate(&patient, "cyp2d6_score"), Some(2.0));
        assert_eq!(patient.genotypes.len(), 2);
        let why: Vec<&str> = patient.left_out.iter().map(|left| left.why.as_str()).collect();
        assert_eq!(why, ["`Unknown/Unknown` is no diplotype", "the alleles of this gene are not known here"]);
        assert!(patient.left_out[0].origin.path.as_ref().unwrap().ends_with("/VKORC1/sourceDiplotypes/0"));
    }
    assert_eq!(without(&json(r#"{"geneReports": {}}"#).1), ["P2033"]);
    assert_eq!(without(&json(r#"{"namedAlleleMatcherVersion": "2.0"}"#).1), ["P2033"]);
}

#[test]
fn what_an_allele_does_may_not_be_known() {
    let (patient, found) = table("gene,diplotype\nCYP2C9,*1/*7\n");
    assert_eq!((without(&found), covariate(&patient, "cyp2c9_score")), (vec!["P2075"], None));
    assert_eq!(covariate(&patient, "cyp2c9_star3"), Some(0.0));
    assert_eq!(names(&patient, "CYP2C9"), ["*1/*7"]);
    let (patient, found) = table("gene,diplotype,weight\nCYP2C9,*1/*7,1\nCYP2C9,*1/*3,1\n");
    assert_eq!((without(&found), covariate(&patient, "cyp2c9_score")), (vec!["P2075"], Some(1.0)));
    let (patient, found) = table("gene,diplotype\nCYP2C9,*1/*999\n");
    assert!(without(&found).contains(&"P2077") && covariate(&patient, "cyp2c9_star3").is_none());
    assert_eq!(names(&patient, "CYP2C9"), ["*1/*999"]);
}

#[test]
fn two_sources_of_one_gene() {
    let toml = b"[[source]]\nfile = \"genotype.csv\"\n[[source]]\nfile = \"anna.vcf\"\n";
    let vcf = written(&super::genes(), |gene, _| (gene == "CYP2C9").then(|| "0/0".into()));
    let table = b"gene,diplotype\nCYP2C9,*1/*2\n";
    let (patient, found) = read(&[("patient.toml", toml), ("genotype.csv", table), ("anna.vcf", vcf.as_bytes())]);
    assert_eq!(without(&found), ["P2076"]);
    assert_eq!(
        (names(&patient, "CYP2C9"), covariate(&patient, "cyp2c9_star2")),
        (vec!["*1/*2".to_string()], Some(1.0))
    );
    assert_eq!(patient.genotypes.len(), 1);
}

#[test]
fn wrong_tables_are_told() {
    let found = |text: &str| without(&table(text).1);
    assert_eq!(found("gene,diplotype\nCYP2C9\n"), ["P2033"]);
    assert_eq!(found("gene,diplotype,weight\nCYP2C9,*1/*1,-1\n"), ["P2033"]);
    assert_eq!(found("gene,diplotype,weight\nCYP2C9,*1/*1,0\n"), ["P2033"]);
    assert_eq!(found("gene,diplotype,weight\nCYP2C9,*1/*1,0.5\nCYP2C9,*1/*2,\n"), ["P2033"]);
    let (patient, all) = table("gene,diplotype\nCYP2C9,*1\nHLA-B,*57:01/*57:01\n");
    assert!(without(&all).is_empty(), "{all}");
    assert_eq!(patient.left_out.len(), 2);
    let empty = read(&[("patient.toml", b"[[source]]\nfile = \"a.csv\"\nformat = \"diplotypes\"\n"), ("a.csv", b"")]).1;
    assert_eq!(without(&empty), ["P2033"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<char>()), 1..12), of_json: bool) {
        let text = if of_json {
            r#"{"geneReports": {"CPIC": {"CYP2D6": {"sourceDiplotypes": [{"allele1": {"name": "*1x2"}, "allele2": {"name": "*4"}}]}}}}"#
        } else {
            "gene,diplotype,weight\nCYP2D6,*1x2/*36+*10,0.5\nCYP2C9,*1/*2,1\nVKORC1,-1639G/-1639A,\n"
        };
        let mut letters: Vec<char> = text.chars().collect();
        for (at, letter) in edits {
            let at = at.index(letters.len());
            letters[at] = letter;
        }
        let text: String = letters.into_iter().collect();
        let format = if of_json { "pharmcat" } else { "diplotypes" };
        let toml = format!("[[source]]\nfile = \"a.txt\"\nformat = \"{format}\"\n");
        let folder = folder(&[("patient.toml", toml.as_bytes()), ("a.txt", text.as_bytes())]);
        let _ = Patient::read(folder.path());
    }
}
