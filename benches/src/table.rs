//! Figures in rows and columns, for people and for programs from the same source.

use serde_json::Value;

use crate::servers::Server;

/// A column: its key in JSON, its title on the screen, and how many decimals are shown there.
pub struct Column {
    key: &'static str,
    title: String,
    decimals: usize,
}

/// Shorthand for a column.
pub fn column(key: &'static str, title: &str, decimals: usize) -> Column {
    Column { key, title: title.into(), decimals }
}

struct Row {
    server: String,
    build: String,
    values: Vec<f64>,
}

/// A table of one quantity or more per server.
pub struct Table {
    key: String,
    title: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    pub fn new(key: &str, title: &str, columns: Vec<Column>) -> Table {
        Table { key: key.into(), title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row; what is not a number is shown as absent.
    pub fn row(&mut self, server: &Server, values: Vec<f64>) {
        self.named_row(server.name, server.build.name(), values);
    }

    pub fn named_row(&mut self, server: &str, build: &str, values: Vec<f64>) {
        self.rows.push(Row { server: server.into(), build: build.into(), values });
    }

    /// The table as text, columns aligned.
    pub fn to_text(&self) -> String {
        let mut lines = vec![vec![String::new(), String::new()]];
        lines[0].extend(self.columns.iter().map(|column| column.title.clone()));
        for row in &self.rows {
            let mut line = vec![row.server.clone(), row.build.clone()];
            line.extend(
                row.values.iter().zip(&self.columns).map(|(value, column)| number(*value, column.decimals)),
            );
            lines.push(line);
        }
        let width = |index: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(index))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len() + 2).map(width).collect();
        let mut text = format!("\n{}\n", self.title);
        for line in &lines {
            let cells = line.iter().zip(&widths).enumerate().map(|(index, (cell, width))| match index {
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            text.push_str("  ");
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// The table's key, and its rows for programs: `{"SERVER BUILD": {"COLUMN": number or null …} …}`.
    pub fn to_json(&self) -> (String, Value) {
        let cell = |(column, value): (&Column, &f64)| {
            // Four decimals are more than anything here is good for, and keep the files readable.
            let rounded = (value * 1e4).round() / 1e4;
            (column.key.to_string(), Value::from(rounded)) // null when it is no number
        };
        let row = |row: &Row| {
            let cells = self.columns.iter().zip(&row.values).map(cell);
            (format!("{} {}", row.server, row.build), Value::Object(cells.collect()))
        };
        (self.key.clone(), Value::Object(self.rows.iter().map(row).collect()))
    }
}

/// A number as people read it: `12,345.6`, and `–` for none.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}{grouped}{rest}", if whole.starts_with('-') { "-" } else { "" })
}
