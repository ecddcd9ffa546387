//! The known name nearest to a misspelt one.

/// The known name nearest to `unknown`, if it is near enough to be meant: at most a third of the letters differ.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (unknown.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| {
            let whole = distance(unknown, name);
            // `Vmx` means `glucose.Vmx` where names are qualified.
            let last = name.rsplit('.').next().filter(|last| *last != name).map(|last| distance(unknown, last));
            (whole.min(last.unwrap_or(usize::MAX)), name)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_meant_name_and_only_that() {
        let known = ["glucose.Vmx", "plasma_glucose", "weight", "kabs"];
        assert_eq!(nearest("plasma_glucos", known), Some("plasma_glucose"));
        assert_eq!(nearest("wieght", known), Some("weight"));
        assert_eq!(nearest("Vmx", known), Some("glucose.Vmx"));
        assert_eq!(nearest("temperature", known), None);
    }
}
