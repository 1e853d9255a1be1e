//! The same figures as pictures (SVG): bars for servers side by side, lines for how a cost grows.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::servers::Role;
use crate::table::number;

const WIDTH: i32 = 900;
const BAR: i32 = 24;
const TOP: i32 = 60;
/// Left of the bars: the longest server name with its build.
const LABELS: i32 = 220;
/// Right of the bars: the figures.
const FIGURES: i32 = 130;
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);

/// One bar.
pub struct Bar {
    pub label: String,
    pub value: f64,
    pub role: Role,
}

/// Horizontal bars from zero. One that is several times the usual does not set the scale: it is cut, drawn pale, and its
/// figure says what it is.
pub fn bars(path: &Path, title: &str, decimals: usize, bars: &[Bar]) -> Result<(), Box<dyn Error>> {
    let height = TOP + BAR * bars.len() as i32 + 20;
    let root = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    root.draw(&Text::new(title.to_string(), (16, 18), text(18)))?;
    let longest = scale_of(bars);
    let room = f64::from(WIDTH - LABELS - FIGURES);
    for (index, bar) in bars.iter().enumerate() {
        let (top, cut) = (TOP + BAR * index as i32, bar.value > longest);
        let length = (room * (bar.value / longest).min(1.0)) as i32;
        let fill = if cut { color(bar.role).mix(0.3).filled() } else { color(bar.role).filled() };
        root.draw(&Rectangle::new([(LABELS, top + 3), (LABELS + length, top + BAR - 3)], fill))?;
        let middle = top + BAR / 2;
        let right = text(14).pos(Pos::new(HPos::Right, VPos::Center));
        root.draw(&Text::new(bar.label.clone(), (LABELS - 8, middle), right))?;
        let left = text(14).pos(Pos::new(HPos::Left, VPos::Center));
        let figure =
            if cut { format!("… {}", number(bar.value, decimals)) } else { number(bar.value, decimals) };
        root.draw(&Text::new(figure, (LABELS + length + 8, middle), left))?;
    }
    root.present()?;
    Ok(())
}

/// The longest bar that is at most four times the median one.
fn scale_of(bars: &[Bar]) -> f64 {
    let mut values: Vec<f64> = bars.iter().map(|bar| bar.value).collect();
    values.sort_by(f64::total_cmp);
    let usual = values.get(values.len() / 2).map_or(1.0, |median| 4.0 * median);
    values.into_iter().filter(|value| *value <= usual).fold(f64::MIN_POSITIVE, f64::max)
}

fn color(role: Role) -> RGBColor {
    match role {
        Role::Ours => RGBColor(0xd9, 0x48, 0x01),
        Role::Peer => RGBColor(0x4c, 0x78, 0xa8),
        Role::Foreign => RGBColor(0x72, 0xa0, 0x72),
        Role::Limit => RGBColor(0x99, 0x99, 0x99),
    }
}

/// One line: a name and its points.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// Lines over two logarithmic axes; x of zero is drawn at the left edge.
pub fn lines(path: &Path, title: &str, x: &str, y: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    if lines.iter().all(|line| line.points.is_empty()) {
        return Ok(()); // axes without a range would be drawn for ever
    }
    let root = SVGBackend::new(path, (WIDTH as u32, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let bottom = points().map(|point| point.1).fold(f64::MAX, f64::min).max(f64::MIN_POSITIVE);
    let top = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let left = points().map(|point| point.0).filter(|x| *x > 0.0).fold(f64::MAX, f64::min) / 2.0;
    // Whole decades, or a narrow range would have no marks at all.
    let (bottom, top) = (10f64.powf(bottom.log10().floor()), 10f64.powf(top.log10().ceil()));
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18).into_font().color(&INK))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((left..right * 1.1).log_scale(), (bottom..top).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| number(*value, 0))
        .y_label_formatter(&|value| number(*value, if bottom < 10.0 { 1 } else { 0 }))
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let ours = line.name.starts_with("fc-runtime");
        let color = if ours { color(Role::Ours).to_rgba() } else { Palette99::pick(index).to_rgba() };
        let style = color.stroke_width(if ours { 3 } else { 1 });
        let points = line.points.iter().map(|point| (point.0.max(left), point.1));
        let series = chart.draw_series(LineSeries::new(points, style).point_size(3))?;
        series.label(line.name.clone()).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(INK)
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}
