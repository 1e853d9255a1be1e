//! Figures in rows and columns, for people and for programs from the same source.

use crate::Series;
use serde_json::Value;
use std::fmt::Write;

/// A column of a table: which measurement of which quantity it shows.
pub struct Column {
    quantity: String,
    quantile: f64,
    title: String,
    decimals: usize,
}

pub fn median(quantity: &str, title: &str, decimals: usize) -> Column {
    quantile(quantity, 0.5, title, decimals)
}

/// A column that shows another quantile: 0 is the least that was measured, 1 the most.
pub fn quantile(quantity: &str, quantile: f64, title: &str, decimals: usize) -> Column {
    Column { quantity: quantity.into(), quantile, title: title.into(), decimals }
}

impl Column {
    fn key(&self) -> String {
        match self.quantile {
            0.5 => self.quantity.clone(),
            share => format!("{}_p{:.0}", self.quantity, 100.0 * share),
        }
    }

    fn figure(&self, series: &Series) -> f64 {
        series.sample(&self.quantity).quantile(self.quantile)
    }
}

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
            let _ = write!(text, "  {cell:>width$}"); // a String takes everything
        }
        text.push('\n');
    }
    text
}

/// The same for programs: `{"COLUMN": {"SERVER BUILD": number or null …} …}`.
pub fn json(columns: &[Column], rows: &[&Series]) -> Value {
    // Four decimals are more than anything here is good for, and keep the files readable.
    let rounded = |figure: f64| (figure * 1e4).round() / 1e4;
    let figures = |column: &Column| -> Value {
        rows.iter().map(|series| (series.server.label(), rounded(column.figure(series)))).collect()
    };
    columns.iter().map(|column| (column.key(), figures(column))).collect()
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
