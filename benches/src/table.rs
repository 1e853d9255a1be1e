//! Figures in rows and columns, for people and for programs from the same source.

use std::fmt::Write;

use serde_json::Value;

use crate::Series;

/// A column of a table: which measurement of which quantity it shows.
pub struct Column {
    quantity: String,
    quantile: f64,
    title: String,
    decimals: usize,
}

/// A column that shows medians.
pub fn median(quantity: &str, title: &str, decimals: usize) -> Column {
    quantile(quantity, 0.5, title, decimals)
}

/// A column that shows another quantile: 0 is the least that was measured, 1 the most.
pub fn quantile(quantity: &str, quantile: f64, title: &str, decimals: usize) -> Column {
    Column { quantity: quantity.into(), quantile, title: title.into(), decimals }
}

impl Column {
    /// Its name in JSON.
    fn key(&self) -> String {
        match self.quantile {
            0.0 => format!("{}_min", self.quantity),
            0.5 => self.quantity.clone(),
            1.0 => format!("{}_max", self.quantity),
            share => format!("{}_p{:.0}", self.quantity, 100.0 * share),
        }
    }

    fn figure(&self, series: &Series) -> f64 {
        series.sample(&self.quantity).quantile(self.quantile)
    }
}

/// A table as text: a row for each server, below the columns' titles.
pub fn text(columns: &[Column], rows: &[&Series]) -> String {
    let titles = columns.iter().map(|column| column.title.clone());
    let mut lines: Vec<Vec<String>> = vec![[String::new()].into_iter().chain(titles).collect()];
    for series in rows {
        let figures = columns.iter().map(|column| number(column.figure(series), column.decimals));
        lines.push([series.server.label()].into_iter().chain(figures).collect());
    }
    let mut text = String::new();
    for line in &lines {
        for (index, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[index].chars().count()).max().unwrap_or(0);
            let _ = match index {
                0 => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            }; // a String takes everything
        }
        text.push('\n');
    }
    text
}

/// The same for programs: `{"SERVER BUILD": {"COLUMN": number or null …} …}`.
pub fn json(columns: &[Column], rows: &[&Series]) -> Value {
    // Four decimals are more than anything here is good for, and keep the files readable.
    let rounded = |figure: f64| (figure * 1e4).round() / 1e4;
    let field =
        |column: &Column, series: &Series| (column.key(), Value::from(rounded(column.figure(series))));
    let row = |series: &Series| columns.iter().map(|column| field(column, series)).collect::<Value>();
    rows.iter().map(|series| (series.server.label(), row(series))).collect()
}

/// A number as people read it: `12,345.6`, and `–` for none.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let mut text = format!("{value:.decimals$}");
    let (first, end) = (usize::from(value < 0.0), text.find('.').unwrap_or(text.len()));
    for at in (first + 1..end).rev().filter(|at| (end - at) % 3 == 0) {
        text.insert(at, ',');
    }
    text
}

/// JSON in which a table's row is a line, as is every other value that holds no list or object.
pub fn to_lines(value: &Value) -> String {
    indented(value, "\n") + "\n"
}

fn indented(value: &Value, line: &str) -> String {
    let inner = format!("{line}  ");
    let holds_others = |value: &Value| value.is_object() || value.is_array();
    let (open, parts, close): (char, Vec<String>, char) = match value {
        Value::Object(fields) if fields.values().any(holds_others) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), indented(value, &inner))
            };
            ('{', fields.iter().map(field).collect(), '}')
        }
        Value::Array(items) if !items.is_empty() => {
            ('[', items.iter().map(|item| indented(item, &inner)).collect(), ']')
        }
        _ => return value.to_string(),
    };
    format!("{open}{inner}{}{line}{close}", parts.join(&format!(",{inner}")))
}
