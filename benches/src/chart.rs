//! The chart beside the README's figures: cold starts as bars, in SVG.

use std::fmt::Write;

use crate::results::Results;
use crate::servers::Role;
use crate::table::number;

const WIDTH: f64 = 900.0;
const BAR: f64 = 24.0;
/// Above the bars: the title, and what the colours mean.
const TOP: f64 = 60.0;
/// Left of the bars: the longest server name with its build.
const LABELS: f64 = 200.0;
/// Right of the bars: the figures.
const FIGURES: f64 = 90.0;
/// Readable on white and on black: a picture in a README does not learn which of the two it stands on.
const INK: &str = "#777";

/// Horizontal bars from zero. One that is several times the usual does not set the scale: it is cut, drawn faint, and its
/// figure says what it is.
pub fn cold_starts(results: &Results) -> String {
    let mut starts: Vec<_> = results.table("cold_start", "cold_start").column("first_200").collect();
    starts.sort_by(|(.., one), (.., other)| one.total_cmp(other));
    let longest = scale_of(starts.iter().map(|(.., start)| *start));
    let height = TOP + BAR * starts.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <text x=\"16\" y=\"24\" font-size=\"16\">Cold start: µs from the spawn to the first 200 (median)</text>\n\
         <text x=\"16\" y=\"44\">orange: this library; grey: bare calls in C; blue: other servers in Rust; green: other languages; faint: cut</text>\n"
    );
    for (index, (server, build, start)) in starts.into_iter().enumerate() {
        let (top, middle) = (TOP + BAR * index as f64, TOP + BAR * (index as f64 + 0.5));
        let length = ((WIDTH - LABELS - FIGURES) * (start / longest).min(1.0)).round();
        let (faintness, ellipsis) = if start > longest { (" opacity=\"0.4\"", "… ") } else { ("", "") };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" dy=\"0.35em\" text-anchor=\"end\">{server} {build}</text>\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{length}\" height=\"{}\" fill=\"{}\"{faintness}/>\
             <text x=\"{}\" y=\"{middle}\" dy=\"0.35em\">{ellipsis}{}</text>",
            LABELS - 8.0,
            top + 3.0,
            BAR - 6.0,
            color(Role::of(server, build)),
            LABELS + length + 8.0,
            number(start, 0),
        ); // a String takes everything
    }
    svg + "</svg>\n"
}

/// The longest bar that is at most four times the median one.
fn scale_of(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let usual = values.get(values.len() / 2).map_or(1.0, |median| 4.0 * median);
    values.into_iter().filter(|value| *value <= usual).fold(f64::MIN_POSITIVE, f64::max)
}

fn color(role: Role) -> &'static str {
    match role {
        Role::Ours => "#d94801",
        Role::Peer => "#4c78a8",
        Role::Foreign => "#72a072",
        Role::Limit => "#999",
    }
}
