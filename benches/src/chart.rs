//! The chart beside the figures: cold starts as bars, in SVG.

use crate::{Results, Role, Sample, number};
use std::fmt::Write;

const WIDTH: f64 = 900.0;
/// From one bar to the next, of which twice the gap is free.
const BAR: f64 = 24.0;
const GAP: f64 = 3.0;
/// Above the bars: the title, and what the colours mean.
const TOP: f64 = 60.0;
/// Left of the bars: the longest server name with its build.
const LABELS: f64 = 200.0;
/// Right of the bars: the figures.
const FIGURES: f64 = 90.0;
/// Readable on white and on black: a picture in a page does not learn which of the two it stands on.
const INK: &str = "#777";

/// Horizontal bars from zero. One that is several times the usual does not set the scale: it is cut, and drawn faint.
/// In the crate's documentation Markdown takes it for HTML: that begins with one whole tag, and ends at a blank line.
pub fn cold_starts(results: &Results) -> String {
    let mut starts: Vec<_> = results.table("cold_start").column("first_200").collect();
    starts.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let usual = 4.0 * starts.iter().map(|(_, start)| *start).collect::<Sample>().median();
    let longest = starts.iter().map(|(_, start)| *start).filter(|start| *start <= usual).fold(1.0, f64::max);
    let height = TOP + BAR * starts.len() as f64 + 8.0;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" fill="{INK}">
<text x="16" y="24" font-size="16">Cold start: µs from the spawn to the first 200 (median)</text>
<text x="16" y="44">orange: this library; grey: bare calls in C; blue: other servers in Rust; green: other languages; faint: cut</text>
"#
    );
    for (index, (label, start)) in starts.into_iter().enumerate() {
        let (middle, top) = (TOP + BAR * (index as f64 + 0.5), TOP + BAR * index as f64 + GAP);
        let length = ((WIDTH - LABELS - FIGURES) * (start / longest).min(1.0)).round();
        let (opacity, ellipsis) = if start > longest { (0.4, "… ") } else { (1.0, "") };
        let (thickness, figure) = (BAR - 2.0 * GAP, number(start, 0));
        let color = match Role::of(label) {
            Role::Ours => "#d94801",
            Role::Peer => "#4c78a8",
            Role::Foreign => "#72a072",
            Role::Limit => "#999",
        };
        let (before, after) = (LABELS - 8.0, LABELS + length + 8.0);
        let _ = writeln!(
            svg,
            r#"<text x="{before}" y="{middle}" dy="0.35em" text-anchor="end">{label}</text><rect x="{LABELS}" y="{top}" width="{length}" height="{thickness}" fill="{color}" opacity="{opacity}"/><text x="{after}" y="{middle}" dy="0.35em">{ellipsis}{figure}</text>"#
        ); // a String takes everything
    }
    svg + "</svg>\n"
}
