//! Text in aligned columns, cut to a width: the last column is wrapped under itself.

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

const GAP: &str = "  ";

fn wide(rows: &[Vec<String>], column: usize) -> usize {
    rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
}

/// How many letters wide a table is, if nothing is wrapped.
pub(super) fn extent(rows: &[Vec<String>]) -> usize {
    let columns = rows.first().map_or(0, Vec::len);
    (0..columns).map(|column| wide(rows, column)).sum::<usize>() + GAP.len() * columns.saturating_sub(1)
}

/// Lines of a table; the first row holds the titles, a column that is empty below its title is left out.
pub(super) fn aligned(rows: &[Vec<String>], aligns: &[Align], width: usize) -> Vec<String> {
    let shown: Vec<usize> =
        (0..aligns.len()).filter(|column| rows.iter().skip(1).any(|row| !row[*column].is_empty())).collect();
    let Some((last, others)) = shown.split_last() else { return Vec::new() };
    let mut lines = Vec::new();
    for row in rows {
        let mut start = String::new();
        for column in others {
            let pad = " ".repeat(wide(rows, *column) - row[*column].chars().count());
            match aligns[*column] {
                Align::Left => start.extend([&row[*column], pad.as_str(), GAP]),
                Align::Right => start.extend([pad.as_str(), &row[*column], GAP]),
            }
        }
        if aligns[*last] == Align::Right {
            start.push_str(&" ".repeat(wide(rows, *last) - row[*last].chars().count()));
        }
        let indent = start.chars().count();
        let mut pieces = broken(&row[*last], width.saturating_sub(indent)).into_iter();
        lines.push(format!("{start}{}", pieces.next().unwrap_or_default()));
        lines.extend(pieces.map(|piece| format!("{:indent$}{piece}", "")));
    }
    lines
}

/// `title: text`, wrapped with the rest indented.
pub(super) fn wrapped(title: &str, text: &str, width: usize) -> Vec<String> {
    if text.is_empty() {
        return vec![title.into()];
    }
    let indent = title.chars().take_while(|letter| *letter == ' ').count();
    let rest = " ".repeat(indent + 4);
    let words = format!("{}: {text}", title.trim_start());
    let pieces = broken(&words, width.saturating_sub(indent + 4)).into_iter().enumerate();
    pieces
        .map(|(at, piece)| if at == 0 { format!("{:indent$}{piece}", "") } else { format!("{rest}{piece}") })
        .collect()
}

/// A text broken between words to pieces of at most a width; a longer word stands alone.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match pieces.last_mut().filter(|piece| piece.chars().count() + 1 + word.chars().count() <= width) {
            Some(piece) => piece.extend([" ", word]),
            None => pieces.push(word.into()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_the_last_is_wrapped() {
        let rows: Vec<Vec<String>> =
            [["name", "n", "empty", "from"], ["glucose", "12", "", "one file and another"], ["é", "3", "", "x"]]
                .map(|row| row.map(String::from).to_vec())
                .to_vec();
        let lines = aligned(&rows, &[Align::Left, Align::Right, Align::Left, Align::Left], 28);
        assert_eq!(
            lines,
            ["name      n  from", "glucose  12  one file and", "             another", "é         3  x",]
        );
        assert_eq!(wrapped("  uses", "a bb ccc dddd", 14), ["  uses: a", "      bb ccc", "      dddd"]);
    }
}
