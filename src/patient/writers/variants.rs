//! A VCF of phased genotypes at every position that tells named alleles apart.

use std::fmt::Write;

use super::super::genes::{Gene, Genes};
use super::Content;

/// Two alleles of a gene, drawn by their frequencies; `share` are two numbers in [0, 1). `None` where the gene is not known.
pub fn allele_pair(gene: &str, share: [f64; 2]) -> Option<(String, String)> {
    let gene = Genes::embedded().gene(gene)?;
    let alleles: Vec<_> = gene.alleles.iter().filter(|allele| !allele.definitions.is_empty()).collect();
    let total: f64 = alleles.iter().map(|allele| allele.frequency(None)).sum();
    let draw = |share: f64| {
        let mut left = share * total;
        let found = alleles.iter().find(|allele| {
            left -= allele.frequency(None);
            left < 0.0
        });
        found.or(alleles.first()).map(|allele| allele.name.clone())
    };
    Some((draw(share[0])?, draw(share[1])?))
}

/// What a pair of alleles says of covariates, by the vocabulary.
pub fn diplotype_covariates(gene: &str, pair: &(String, String), vocabulary: &super::Vocabulary) -> Vec<(String, f64)> {
    let Some(gene) = Genes::embedded().gene(gene) else { return Vec::new() };
    gene.covariates_of([&pair.0, &pair.1], vocabulary)
}

pub(super) fn write(content: &Content) -> Result<Vec<u8>, String> {
    let genes = Genes::embedded();
    let mut text = String::from("##fileformat=VCFv4.2\n##reference=GRCh38\n");
    // Writing to a String cannot fail.
    for chromosome in &genes.chromosomes {
        let _ = writeln!(text, "##contig=<ID={},length={}>", chromosome.name, chromosome.length);
    }
    text.push_str("##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n");
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsynthetic\n");
    let mut lines: Vec<(usize, u64, String)> = Vec::new();
    for (name, (first, second)) in &content.alleles {
        let gene = genes.gene(name).ok_or_else(|| format!("there is no table of the gene `{name}`"))?;
        let (first, second) = (bases(gene, first)?, bases(gene, second)?);
        for (at, position) in gene.positions.iter().enumerate() {
            let [reference, others @ ..] = position.bases.as_slice() else { continue };
            let line = format!(
                "{}\t{}\t{}\t{reference}\t{}\t.\tPASS\t.\tGT\t{}|{}\n",
                genes.chromosomes[position.chromosome].name,
                position.at,
                position.rsid,
                others.join(","),
                first[at],
                second[at]
            );
            lines.push((position.chromosome, position.at, line));
        }
    }
    lines.sort();
    lines.iter().for_each(|(.., line)| text.push_str(line));
    Ok(text.into_bytes())
}

/// The base of an allele at each position of its gene, by index.
fn bases(gene: &Gene, allele: &str) -> Result<Vec<u32>, String> {
    let known = gene.alleles.iter().find(|known| known.name == allele);
    let definition = known.and_then(|known| known.definitions.first());
    let definition = definition.ok_or_else(|| format!("{} has no allele `{allele}` that bases tell", gene.name))?;
    Ok(definition.iter().map(|may| may.trailing_zeros()).collect())
}
