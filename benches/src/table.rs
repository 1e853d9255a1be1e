//! Figures in rows and columns, for people and for programs from the same source.

use serde_json::{Map, Value};

use crate::series::Series;

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
    let mut lines = vec![vec![String::new(), String::new()]];
    lines[0].extend(columns.iter().map(|column| column.title.clone()));
    for series in rows {
        let names = [series.server.name, series.server.build.name()].map(String::from);
        let figures = columns.iter().map(|column| number(column.figure(series), column.decimals));
        lines.push(names.into_iter().chain(figures).collect());
    }
    let width = |index: usize| lines.iter().map(|line| line[index].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(index, (cell, width))| match index {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end());
        text.push('\n');
    }
    text
}

/// The same for programs: `{"SERVER BUILD": {"COLUMN": number or null …} …}`.
pub fn json(columns: &[Column], rows: &[&Series]) -> Value {
    let field = |column: &Column, series: &Series| {
        // Four decimals are more than anything here is good for, and keep the files readable.
        let rounded = (column.figure(series) * 1e4).round() / 1e4;
        (column.key(), Value::from(rounded))
    };
    let row = |series: &&Series| {
        let fields: Map<_, _> = columns.iter().map(|column| field(column, series)).collect();
        (series.server.label(), Value::Object(fields))
    };
    Value::Object(rows.iter().map(row).collect())
}

/// A number as people read it: `12,345.6`, and `–` for none.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let text = format!("{value:.decimals$}");
    let whole = text.split('.').next().unwrap_or_default();
    let digits = whole.trim_start_matches('-').len();
    let mut grouped = text[..whole.len() - digits].to_string();
    for (index, digit) in whole[whole.len() - digits..].char_indices() {
        if index > 0 && (digits - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &text[whole.len()..]
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
