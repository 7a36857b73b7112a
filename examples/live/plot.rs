//! The tokens of each turn, drawn.

use std::error::Error;
use std::fs;
use std::path::Path;

use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::output::grouped;
use crate::problem::Problem;

/// What a turn sent, and what it would have sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) with: usize,
    pub(crate) without: usize,
}

const SIZE: (u32, u32) = (1_000, 560);
const WITHOUT: RGBColor = RGBColor(200, 80, 40);
const WITH: RGBColor = RGBColor(30, 90, 180);
const WINDOW: RGBColor = RGBColor(90, 90, 90);
const FONT: &str = "sans-serif";

/// Draws them with the window to an SVG file.
pub(crate) fn draw(path: &Path, points: &[Point], window: usize) -> Result<(), Problem> {
    let svg = svg(points, window).map_err(|error| Problem::Draw(error.to_string()))?;
    fs::write(path, svg).map_err(|source| Problem::Plot { path: path.to_owned(), source })
}

fn svg(points: &[Point], window: usize) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let most = points.iter().map(|point| point.without.max(point.with)).max().unwrap_or(0);
        // A window far above would leave no room for what is in it.
        let is_shown = window / 4 <= most;
        let top = if is_shown { most.max(window) } else { most };
        let mut chart = ChartBuilder::on(&area)
            .caption("Tokens of each turn", (FONT, 22))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(84)
            .build_cartesian_2d(1..points.len().max(2), 0..top + top / 20 + 1)?;
        chart
            .configure_mesh()
            .x_desc("turn")
            .y_desc("tokens")
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 13))
            .light_line_style(TRANSPARENT)
            .y_label_formatter(&|tokens| grouped(*tokens))
            .draw()?;
        let without = points.iter().enumerate().map(|(at, point)| (at + 1, point.without));
        chart
            .draw_series(LineSeries::new(without, WITHOUT.stroke_width(2)))?
            .label("without reducing")
            .legend(|at| sample(at, WITHOUT));
        let with = points.iter().enumerate().map(|(at, point)| (at + 1, point.with));
        chart
            .draw_series(LineSeries::new(with, WITH.stroke_width(2)))?
            .label("as sent")
            .legend(|at| sample(at, WITH));
        let ends = [1, points.len().max(2)].map(|turn| (turn, window));
        let edge = ends.into_iter().filter(|_| is_shown);
        let above = if is_shown { "" } else { ", above" };
        chart
            .draw_series(DashedLineSeries::new(edge, 8, 6, WINDOW.stroke_width(1)))?
            .label(format!("window of {}{above}", grouped(window)))
            .legend(|(x, y)| DashedPathElement::new([(x, y), (x + 20, y)], 5, 4, WINDOW));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font((FONT, 14))
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn sample((x, y): (i32, i32), color: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2))
}
