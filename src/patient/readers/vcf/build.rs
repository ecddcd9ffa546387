//! On which build of the human genome a VCF counts: as its header says, and as its own variants show.

use super::super::super::genes::Genes;
use super::super::super::intake::Intake;
use super::super::Spot;

/// What was seen of a file's build.
#[derive(Default)]
pub(super) struct Build {
    /// By how strongly it is said: `##reference`, the contigs' assembly, their lengths or accessions.
    said: [Option<Said>; 3],
    /// Variants that have a number of dbSNP where this build has it, and elsewhere.
    pub in_place: usize,
    pub moved: usize,
    /// Reference bases that are this build's, and others.
    pub agree: usize,
    pub against: usize,
    /// The first line that is against this build.
    pub first: Option<usize>,
}

struct Said {
    this: bool,
    how: String,
}

/// Reference bases that agree by chance with a probability of 4^-8.
const SURE: usize = 8;

/// Distance within which a variant is the same, however it is written.
pub(super) const NEAR: u64 = 1000;

impl Build {
    pub(super) fn header(&mut self, line: &str) {
        let how = || line.chars().take(120).collect::<String>();
        if let Some(named) = line.strip_prefix("##reference=").and_then(named) {
            self.said[0].get_or_insert(Said { this: named, how: how() });
        }
        let Some(contig) = line.strip_prefix("##contig=<") else { return };
        let field = |key: &str| {
            let parts = contig.trim_end_matches('>').split(',').map(str::trim);
            parts.filter_map(|part| part.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        if let Some(named) = field("assembly").and_then(named) {
            self.said[1].get_or_insert(Said { this: named, how: how() });
        }
        let id = field("ID").unwrap_or("");
        let genes = Genes::embedded();
        let length = field("length").and_then(|length| length.parse::<u64>().ok());
        if let Some((at, length)) = genes.chromosome(id).zip(length) {
            let known = &genes.chromosomes[at];
            if length == known.length || length == known.length_37 {
                self.said[2].get_or_insert(Said { this: length == known.length, how: how() });
            }
        }
        if genes.chromosomes.iter().any(|known| known.refseq_37 == id) {
            self.said[2].get_or_insert(Said { this: false, how: how() });
        }
    }

    /// Whether it is another build, which is told (P2070).
    pub(super) fn refused(&self, intake: &mut Intake) -> bool {
        let said = self.said.iter().rev().flatten().next();
        let line = self.first.map_or(Spot::Whole, Spot::Line);
        let (spot, how) = match said {
            Some(Said { this: false, how }) => (Spot::Whole, format!("`{how}`")),
            _ if self.moved > self.in_place => (line, format!("{} known variants lie elsewhere", self.moved)),
            _ if self.against > self.agree => (line, format!("{} reference bases are others", self.against)),
            _ => return false,
        };
        let message = format!("it counts positions on another build of the genome than GRCh38: {how}");
        let help = "ask for GRCh38, or lift it over (`bcftools +liftover`, Picard LiftoverVcf): positions of one build say \
                    nothing on another";
        intake.wrong_as("P2070", spot, &message, help);
        true
    }

    /// Warns where nothing says which build it is, and few variants show it (P2071).
    pub(super) fn doubted(&self, intake: &mut Intake) {
        if self.said.iter().all(Option::is_none) && self.agree + self.in_place < SURE {
            let message = "nothing in it says on which build of the genome it counts; taken as GRCh38";
            intake.doubtful("P2071", Spot::Whole, message, "a header line ##reference=GRCh38 would say so");
        }
    }
}

/// Whether a text names this build; `None` where it names none.
fn named(text: &str) -> Option<bool> {
    let text = text.to_lowercase();
    let any = |names: &[&str]| names.iter().any(|name| text.contains(name));
    if any(&["grch37", "hg19", "b37", "hs37", "g1k_v37", "hg18", "b36", "build36", "build37", "chm13", "t2t", "hs1"]) {
        return Some(false);
    }
    any(&["grch38", "hg38", "b38", "hs38", "gca_000001405.15", "build38"]).then_some(true)
}
