//! Tables of labels: which number is which structure, what adds up to what, how well they are drawn; and which values of a
//! second image are measured inside.

use std::collections::{BTreeMap, HashMap};

use super::structures::spread;

const TABLES: [(&str, &str); 5] = [
    ("totalsegmentator_total", include_str!("../../../models/labels/totalsegmentator_total.csv")),
    ("totalsegmentator_total_v1", include_str!("../../../models/labels/totalsegmentator_total_v1.csv")),
    ("totalsegmentator_total_mr", include_str!("../../../models/labels/totalsegmentator_total_mr.csv")),
    ("totalsegmentator_tissue_types", include_str!("../../../models/labels/totalsegmentator_tissue_types.csv")),
    ("freesurfer_aseg", include_str!("../../../models/labels/freesurfer_aseg.csv")),
];
const PAIRED: &str = include_str!("../../../models/labels/snomed.csv");
const INTENSITY: &str = include_str!("../../../models/labels/intensity.csv");

/// Whose codes the names of a table of the bundle's own are.
pub(super) const OWN: &str = "labels";

/// Names of labels.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Whose codes the names are.
    pub system: &'static str,
    pub entries: Vec<Label>,
    /// Overlap of the drawn with the true structure, 0 to 1, where it is known.
    pub dice: Option<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Label {
    pub number: i64,
    pub name: String,
    /// The whole that it is a part of.
    pub part_of: Option<Part>,
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    pub whole: String,
    /// Without it the whole is not whole.
    pub needed: bool,
}

/// Lines of a table that cannot be read, with what is wrong.
pub(super) type Wrong = Vec<(usize, String)>;

/// The numbers of a structure, or of the parts that it needs, in the first table.
pub(in crate::patient) fn label_numbers(structure: &str) -> Vec<u8> {
    let Some(table) = Table::known().next().and_then(Table::embedded) else { return Vec::new() };
    let of = |label: &&Label| {
        let part = label.part_of.as_ref().is_some_and(|part| part.whole == structure && part.needed);
        label.name == structure || part
    };
    table.entries.iter().filter(of).filter_map(|label| u8::try_from(label.number).ok()).collect()
}

/// Standard deviation of a volume by how well the structures of the first table are drawn, as a share of the volume.
pub(in crate::patient) fn drawing_error() -> f64 {
    Table::known().next().and_then(Table::embedded).map_or(0.0, |table| spread(1.0, 0, table.dice))
}

impl Table {
    /// Names of the tables that come with the program.
    pub(super) fn known() -> impl Iterator<Item = &'static str> {
        TABLES.iter().map(|(name, _)| *name)
    }

    pub(super) fn embedded(name: &str) -> Option<Self> {
        let (_, text) = TABLES.iter().find(|(known, _)| *known == name)?;
        let system = text.lines().find_map(|line| line.strip_prefix("# system = ")).unwrap_or(OWN);
        Self::read(text, system).ok()
    }

    /// Reads `number,name` with a title (and `part_of`, if there), FreeSurfer's `number name R G B A`, or ITK-SNAP's list.
    pub(super) fn read(text: &str, system: &'static str) -> Result<Self, Wrong> {
        let (mut entries, mut wrong, mut dice) = (Vec::<Label>::new(), Vec::new(), None);
        let mut title = true;
        let mut names: HashMap<i64, String> = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(value) = comment.trim().strip_prefix("dice =") {
                    dice = value.trim().parse().ok().filter(|dice| (0.0..=1.0).contains(dice));
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let was_title = std::mem::replace(&mut title, false);
            let fields = fields(line);
            let (Some(number), Some(name)) = (fields.first(), fields.get(1).filter(|name| !name.is_empty())) else {
                wrong.push((at + 1, "this line has no number and name".into()));
                continue;
            };
            let Ok(number) = number.parse::<i64>() else {
                if !was_title {
                    wrong.push((at + 1, format!("`{number}` is no number of a label")));
                }
                continue;
            };
            match names.get(&number) {
                Some(known) if known != name => {
                    wrong.push((at + 1, format!("the label {number} is `{known}` already")))
                }
                Some(_) => {}
                None => {
                    names.insert(number, name.clone());
                    let part_of = fields
                        .get(2)
                        .filter(|whole| !whole.is_empty())
                        .map(|whole| Part { whole: whole.trim_end_matches('?').into(), needed: !whole.ends_with('?') });
                    entries.push(Label { number, name: name.clone(), part_of });
                }
            }
        }
        if entries.is_empty() && wrong.is_empty() {
            wrong.push((1, "the table names no label".into()));
        }
        if wrong.is_empty() { Ok(Self { system, entries, dice }) } else { Err(wrong) }
    }

    /// The table that comes with the program and has exactly these names, or else the names themselves.
    pub(super) fn of_names(names: &BTreeMap<i64, String>) -> Self {
        let same = |table: &Self| {
            table.entries.len() == names.len()
                && table.entries.iter().all(|label| names.get(&label.number) == Some(&label.name))
        };
        Self::known().filter_map(Self::embedded).find(same).unwrap_or_else(|| {
            let entries =
                names.iter().map(|(number, name)| Label { number: *number, name: name.clone(), part_of: None });
            Self { system: OWN, entries: entries.collect(), dice: None }
        })
    }

    /// The table that comes with the program and holds all these names.
    pub(super) fn holding<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Option<Self> {
        let holds = |table: &Self| names.clone().all(|name| table.entries.iter().any(|label| label.name == name));
        Self::known().filter_map(Self::embedded).find(holds)
    }

    pub(super) fn label(&self, number: i64) -> Option<&Label> {
        self.entries.iter().find(|label| label.number == number)
    }

    /// Wholes with the names of their parts, in order of the table.
    pub(super) fn wholes(&self) -> Vec<(&str, Vec<&Label>)> {
        let mut wholes: Vec<(&str, Vec<&Label>)> = Vec::new();
        for label in &self.entries {
            let Some(part) = &label.part_of else { continue };
            match wholes.iter_mut().find(|(whole, _)| *whole == part.whole) {
                Some((_, parts)) => parts.push(label),
                None => wholes.push((&part.whole, vec![label])),
            }
        }
        wholes
    }
}

/// Fields of a line: by comma, semicolon or tab if there is one, else by spaces.
fn fields(line: &str) -> Vec<String> {
    if let Some(delimiter) = [',', ';', '\t'].into_iter().find(|delimiter| line.contains(*delimiter)) {
        return line.split(delimiter).map(|field| field.trim().trim_matches('"').to_string()).collect();
    }
    let mut fields: Vec<String> = line.split_whitespace().take(2).map(String::from).collect();
    // ITK-SNAP: number, colour, visibility, and the name in quotation marks at the end.
    if let Some((_, rest)) = line.split_once('"') {
        fields.truncate(1);
        fields.push(rest.trim_end_matches('"').into());
    }
    fields
}

/// Of a code of a side: the code of the pair.
pub(super) fn pair_of(code: &str) -> Option<&'static str> {
    pairs().find(|(one, _)| *one == code).map(|(_, pair)| pair)
}

/// Whether people have two of what a code names.
pub(super) fn is_pair(code: &str) -> bool {
    pairs().any(|(_, pair)| pair == code)
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(PAIRED).filter_map(|row| Some((*row.first()?, *row.get(1)?)))
}

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

/// What is measured of a second image inside a label.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    pub name: &'static str,
    pub statistic: Statistic,
    /// Of the image's values; `None` where the source says it.
    pub unit: Option<&'static str>,
    pub least: f64,
    pub greatest: f64,
    pub erode: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistic {
    Mean,
    Median,
    /// Of the voxels whose values count.
    Volume,
}

/// The measures of a kind of image; none where the kind is not known.
pub(super) fn measures(intensity: &str) -> Vec<Measure> {
    let mine = rows(INTENSITY).filter(|row| row.first() == Some(&intensity));
    let measure = |row: Vec<&'static str>| {
        let [_, name, statistic, unit, least, greatest, erode] = row.try_into().ok()?;
        let statistic = match statistic {
            "median" => Statistic::Median,
            "volume" => Statistic::Volume,
            _ => Statistic::Mean,
        };
        let unit = Some(unit).filter(|unit| !unit.is_empty());
        let (least, greatest) = (least.parse().unwrap_or(f64::NEG_INFINITY), greatest.parse().unwrap_or(f64::INFINITY));
        Some(Measure { name, statistic, unit, least, greatest, erode: erode == "1" })
    };
    mine.filter_map(measure).collect()
}

/// Kinds of image that have measures.
pub(super) fn intensities() -> Vec<&'static str> {
    let mut kinds: Vec<&str> = rows(INTENSITY).filter_map(|row| row.first().copied()).collect();
    kinds.dedup();
    kinds
}
