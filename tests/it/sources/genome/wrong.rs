//! VCF files that cannot be used as they are, one by one, and whatever bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use proptest::prelude::*;

use super::super::{codes, folder, read};
use super::{HEAD, PATIENT, genes, line, names, read_vcf, written};

fn complete() -> String {
    written(&genes(), |_, _| Some("0/0".into()))
}

/// What is found, without what says that the bundle is small.
fn found(text: &str) -> Vec<&'static str> {
    without(&read_vcf(text).1)
}

fn without(found: &Diagnostics) -> Vec<&'static str> {
    codes(found).into_iter().filter(|code| *code != "P2023").collect()
}

fn said(found: &Diagnostics, code: &str) -> String {
    found.iter().find(|finding| finding.code == code).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn another_build_is_refused() {
    let text = complete();
    let head = |line: &str| text.replace("##reference=GRCh38", line);
    for line in [
        "##reference=file:///data/human_g1k_v37.fasta",
        "##reference=hg19",
        "##contig=<ID=chr1,length=249250621>",
        "##contig=<ID=10,assembly=b37>",
        "##contig=<ID=NC_000010.10>",
        "##reference=GRCh38\n##contig=<ID=chr10,length=135534747>",
    ] {
        let (patient, all) = read_vcf(&head(line));
        assert_eq!(without(&all), ["P2070"], "{line}");
        assert!(patient.genotypes.is_empty() && said(&all, "P2070").contains("GRCh38"), "{all}");
    }
    for line in ["##reference=hg38", "##contig=<ID=1,length=248956422>", "##contig=<ID=chr1,assembly=GRCh38.p14>"] {
        assert!(found(&head(line)).is_empty(), "{line}");
    }
    // Nothing is said: all at other places, or with other bases.
    let silent = head("##source=none");
    assert!(found(&silent).is_empty());
    let moved = silent.lines().map(|line| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [chromosome, at, rest @ ..] if line.starts_with("chr") => {
            format!("{chromosome}\t{}\t{}\n", at.parse::<u64>().unwrap() + 240_000, rest.join("\t"))
        }
        _ => format!("{line}\n"),
    });
    assert_eq!(found(&moved.collect::<String>()), ["P2070"]);
    let position = &genes()["VKORC1"].positions[0];
    let other = HEAD.replace("##reference=GRCh38\n", "") + &line(position, "0/1").replace("rs9923231\tC\tT", ".\tG\tA");
    assert_eq!(found(&other), ["P2033", "P2070"]);
    let doubtful = HEAD.replace("##reference=GRCh38\n", "") + &line(position, "0/1");
    assert_eq!(found(&doubtful), ["P2071"]);
}

#[test]
fn the_person_must_be_told() {
    let text = complete();
    let two = text.replace("\tanna\n", "\tanna\tbert\n").replace("\t0/0\n", "\t0/0\t0/0\n");
    let (_, all) = read_vcf(&two);
    assert_eq!(without(&all), ["P2072"]);
    assert!(said(&all, "P2072").contains("`anna`, `bert`"), "{all}");
    let of = |sample: &str| {
        let toml = format!("{PATIENT}sample = \"{sample}\"\n");
        read(&[("patient.toml", toml.as_bytes()), ("anna.vcf", two.as_bytes())])
    };
    assert!(without(&of("bert").1).is_empty());
    assert_eq!(without(&of("carl").1), ["P2072"]);
    let sites = text.replace("\tFORMAT\tanna\n", "\n").replace("\tGT\t0/0\n", "\n");
    assert_eq!(found(&sites), ["P2072"]);
}

#[test]
fn keys_have_words() {
    let toml = format!("{PATIENT}absent = \"yes\"\npopulation = \"martian\"\n");
    let (_, all) = read(&[("patient.toml", toml.as_bytes()), ("anna.vcf", complete().as_bytes())]);
    assert_eq!(without(&all), ["P2006", "P2006"]);
}

#[test]
fn lines_that_are_not_as_they_should_be() {
    let one = line(&genes()["VKORC1"].positions[0], "0/1");
    let edited = |edit: &dyn Fn(&str) -> String| found(&format!("{HEAD}{}", edit(&one)));
    assert!(edited(&|line| line.into()).is_empty());
    assert_eq!(edited(&|line| line.replace("\tGT\t0/1", "\tDP\t31")), ["P2033", "P2078"]);
    assert_eq!(edited(&|line| line.replace("0/1", "0/2")), ["P2033", "P2078"]);
    assert_eq!(edited(&|line| line.replace("0/1", "A/T")), ["P2033", "P2078"]);
    assert_eq!(edited(&|line| line.replace("\tGT\t0/1", "")), ["P2033", "P2078"]);
    assert_eq!(edited(&|line| line.replace("31096368", "3109x368")), ["P2033", "P2078"]);
    assert_eq!(edited(&|line| line.replace('\t', " ")), ["P2033", "P2078"]);
    // Two lines of one position that no two chromosomes have.
    assert_eq!(edited(&|line| format!("{}{}", line.replace("0/1", "1/1"), line.replace("\tT\t", "\tA\t"))), ["P2033"]);
    assert_eq!(found(&HEAD.replace("#CHROM", "CHROM")), ["P2033"]);
    assert_eq!(found("##fileformat=VCFv4.2\n"), ["P2033"]);
    assert_eq!(found(HEAD), ["P2078"]);
}

#[test]
fn alleles_without_a_name_leave_the_gene_out() {
    let text = written(&genes(), |_, position| Some(if position.rsid == "rs12769205" { "1/1" } else { "0/0" }.into()));
    let (patient, all) = read_vcf(&text);
    assert_eq!(without(&all), ["P2073"]);
    assert!(said(&all, "P2073").contains("rs12769205 G/G"), "{all}");
    assert!(names(&patient, "CYP2C19").is_empty() && patient.genotypes.len() == 11);
    assert_eq!(patient.left_out.iter().filter(|left| left.what == "CYP2C19").count(), 1);
}

#[test]
fn compressed_files_that_are_cut_short_are_told() {
    let read = |bytes: &[u8]| {
        let toml = b"[[source]]\nfile = \"anna.vcf.gz\"\n";
        read(&[("patient.toml", toml), ("anna.vcf.gz", bytes)])
    };
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(complete().as_bytes()).unwrap();
    let whole = packer.finish().unwrap();
    assert!(without(&read(&whole).1).is_empty());
    assert!(without(&read(&whole[..whole.len() * 3 / 4]).1).contains(&"P2074"));
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    assert!(without(&read(&damaged).1).contains(&"P2074"));
    // One of bgzip, whole in itself, without the block that ends it.
    let block = bgzip(&complete());
    assert_eq!(without(&read(&block).1), ["P2074"]);
    assert!(without(&read(&[block, END.to_vec()].concat()).1).is_empty());
}

const END: [u8; 28] = [31, 139, 8, 4, 0, 0, 0, 0, 0, 255, 6, 0, 66, 67, 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Blocks of bgzip, without the last.
fn bgzip(text: &str) -> Vec<u8> {
    let mut all = Vec::new();
    for part in text.as_bytes().chunks(60_000) {
        let extra = vec![66, 67, 2, 0, 0, 0];
        let mut packer = flate2::GzBuilder::new().extra(extra).write(Vec::new(), Compression::default());
        packer.write_all(part).unwrap();
        let mut block = packer.finish().unwrap();
        let size = (block.len() - 1) as u16;
        block[16..18].copy_from_slice(&size.to_le_bytes());
        all.extend(block);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30), cut in any::<prop::sample::Index>(), packed: bool) {
        let text = written(&genes(), |gene, _| (gene == "UGT1A1" || gene == "CYP3A5").then(|| "0|1".into()));
        let mut bytes = if packed { [bgzip(&text), END.to_vec()].concat() } else { text.into_bytes() };
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 4).max(1));
        let toml = b"[[source]]\nfile = \"anna.vcf\"\nformat = \"vcf\"\n";
        let folder = folder(&[("patient.toml", toml), ("anna.vcf", &bytes)]);
        let _ = Patient::read(folder.path());
    }
}
