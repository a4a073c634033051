//! Lists for people: columns under their names.

/// The rows under `head`, each column as wide as it must be.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut page = line(head.to_vec());
    for row in rows {
        page.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    page
}

/// A value that may be absent.
pub(super) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() {
        let rows = [vec!["read-0".to_owned(), or_dash::<i64>(None)], vec!["x".to_owned(), or_dash(Some(12))]];
        assert_eq!(table(&["task", "lag"], &rows), "task    lag\nread-0  -\nx       12\n");
    }
}
