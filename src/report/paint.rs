//! Turns a scene into SVG text or PNG bytes through the plotters backends.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor, TextStyle};
use thiserror::Error;

use super::scene::{Anchor, Colour, Scene, Shape};
use super::text;

/// Why a scene did not become a picture: a fault of ours, not of the data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the figure could not be drawn: {0}")]
pub struct DrawError(String);

impl DrawError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// PNG pixels a pixel of the scene, so that a picture is sharp on a dense screen and in print.
pub(super) const SHARPNESS: u32 = 2;
/// Finer pixels a PNG pixel, averaged: the backend itself smooths neither fills nor thick lines.
const FINER: u32 = 3;
/// The backends take whole numbers as coordinates: SVG is drawn this much larger, and its view box scales it back.
const SVG_SCALE: f64 = 10.0;
/// PNG rows painted at a time, which bounds the memory of a tall picture.
const STRIP: u32 = 128;

/// What differs between the backends.
#[derive(Clone, Copy)]
enum Medium {
    Svg,
    Png,
}

/// The scene as SVG; `title` is what a screen reader says.
pub(super) fn svg(scene: &Scene, title: &str) -> Result<String, DrawError> {
    register()?;
    let (width, height) = (scene.width.ceil(), scene.height.ceil());
    let mut drawn = String::new();
    {
        let size = ((width * SVG_SCALE) as u32, (height * SVG_SCALE) as u32);
        let mut backend = SVGBackend::with_string(&mut drawn, size);
        let mut painter = Painter { backend: &mut backend, medium: Medium::Svg, scale: SVG_SCALE, top: 0.0 };
        painter.background(scene)?;
        for shape in &scene.shapes {
            painter.shape(shape)?;
        }
        backend.present().map_err(DrawError::of)?;
    }
    let body = drawn.split_once('>').map_or(drawn.as_str(), |(_, body)| body);
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\">\n<title>{title}</title>{}",
        width * SVG_SCALE,
        height * SVG_SCALE,
        // The embedded bold is a semi-bold; quotes inside texts are escaped, so that this is an attribute.
        tidy_sizes(&body.replace("font-weight=\"bold\"", "font-weight=\"600\""))
    ))
}

/// Font sizes without the digits that rounding leaves: 170 for 169.99999999999997.
fn tidy_sizes(svg: &str) -> String {
    const ATTRIBUTE: &str = " font-size=\"";
    let mut parts = svg.split(ATTRIBUTE);
    let mut tidy = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (size, rest) = part.split_once('"').unwrap_or((part, ""));
        let size = size.parse::<f64>().map_or_else(|_| size.to_string(), |size| format!("{}", size.round()));
        tidy.push_str(&format!("{ATTRIBUTE}{size}\"{rest}"));
    }
    tidy
}

/// The scene as PNG, [`SHARPNESS`] pixels a pixel.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, DrawError> {
    register()?;
    let (width, height) = (scene.width.ceil() as u32 * SHARPNESS, scene.height.ceil() as u32 * SHARPNESS);
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    let scale = f64::from(SHARPNESS * FINER);
    let mut fine = vec![255_u8; (width * FINER * STRIP * FINER * 3) as usize];
    for first in (0..height).step_by(STRIP as usize) {
        let rows = STRIP.min(height - first);
        fine.fill(255);
        {
            let mut backend = BitMapBackend::with_buffer(&mut fine, (width * FINER, STRIP * FINER));
            let top = f64::from(first) / f64::from(SHARPNESS);
            let bottom = top + f64::from(rows) / f64::from(SHARPNESS);
            let mut painter = Painter { backend: &mut backend, medium: Medium::Png, scale, top };
            for shape in scene.shapes.iter().filter(|shape| reaches(shape, top, bottom)) {
                painter.shape(shape)?;
            }
            backend.present().map_err(DrawError::of)?;
        }
        average(&fine, width, rows, &mut pixels);
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // 96 pixels an inch before sharpening, so that documents show it at the size of the SVG.
    let dense = (96.0 * f64::from(SHARPNESS) / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: dense, yppu: dense, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header().map_err(DrawError::of)?;
    writer.write_image_data(&pixels).map_err(DrawError::of)?;
    writer.finish().map_err(DrawError::of)?;
    Ok(file)
}

fn register() -> Result<(), DrawError> {
    if text::register() { Ok(()) } else { Err(DrawError("the embedded font cannot be read".into())) }
}

/// Appends rows of pixels, each the mean of the finer ones.
fn average(fine: &[u8], width: u32, rows: u32, pixels: &mut Vec<u8>) {
    let (width, rows, finer) = (width as usize, rows as usize, FINER as usize);
    let line = width * finer * 3;
    for row in 0..rows {
        for column in 0..width {
            for channel in 0..3 {
                let mut sum = 0_usize;
                for y in 0..finer {
                    let at = (row * finer + y) * line + column * finer * 3 + channel;
                    sum += (0..finer).map(|x| usize::from(fine[at + 3 * x])).sum::<usize>();
                }
                pixels.push(((sum + finer * finer / 2) / (finer * finer)) as u8);
            }
        }
    }
}

/// Whether any of a shape is between two heights.
fn reaches(shape: &Shape, top: f64, bottom: f64) -> bool {
    let (least, most) = match shape {
        Shape::Polygon { points, .. } => extent(points, 1.0),
        Shape::Line { points, width, .. } => extent(points, width + 1.0),
        Shape::Circle { centre, radius, .. } => (centre.1 - radius - 1.0, centre.1 + radius + 1.0),
        Shape::Text { at, face, .. } => (at.1 - 1.5 * face.size, at.1 + face.size),
    };
    most >= top && least <= bottom
}

fn extent(points: &[(f64, f64)], around: f64) -> (f64, f64) {
    points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (_, y)| (least.min(y - around), most.max(y + around)))
}

struct Painter<'a, B> {
    backend: &'a mut B,
    medium: Medium,
    /// Backend pixels a pixel of the scene.
    scale: f64,
    /// Height in the scene at which the backend begins.
    top: f64,
}

impl<B: DrawingBackend> Painter<'_, B> {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, ((y - self.top) * self.scale).round() as i32)
    }

    fn length(&self, length: f64) -> u32 {
        ((length * self.scale).round() as u32).max(1)
    }

    fn background(&mut self, scene: &Scene) -> Result<(), DrawError> {
        let corner = self.at((scene.width.ceil(), scene.height.ceil()));
        self.backend.draw_rect((0, 0), corner, &rgb(Colour(255, 255, 255)), true).map_err(DrawError::of)
    }

    fn shape(&mut self, shape: &Shape) -> Result<(), DrawError> {
        match shape {
            Shape::Polygon { points, colour, alpha } => {
                let points: Vec<(i32, i32)> = points.iter().map(|point| self.at(*point)).collect();
                self.backend.fill_polygon(points, &rgb(*colour).mix(*alpha)).map_err(DrawError::of)
            }
            Shape::Line { points, colour, width } => match self.medium {
                Medium::Svg => {
                    let points: Vec<(i32, i32)> = points.iter().map(|point| self.at(*point)).collect();
                    let style = rgb(*colour).stroke_width(self.length(*width));
                    self.backend.draw_path(points, &style).map_err(DrawError::of)
                }
                Medium::Png => self.stroke(points, *colour, *width),
            },
            Shape::Circle { centre, radius, colour } => {
                let (centre, radius) = (self.at(*centre), self.length(*radius));
                self.backend.draw_circle(centre, radius, &rgb(*colour).filled(), true).map_err(DrawError::of)
            }
            Shape::Text { at, text, face } => {
                // Both backends place a text by its top; each has its own idea of how far the baseline is below.
                let (size, drop) = match self.medium {
                    Medium::Svg => (face.size * 1.24 / text::LINE_PER_EM, 0.76 * face.size),
                    Medium::Png => (face.size, 0.5 * face.size * text::LINE_PER_EM),
                };
                let side = match face.anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let colour = rgb(face.colour);
                let style = TextStyle::from(text::font(size * self.scale, face.weight))
                    .color(&colour)
                    .pos(Pos::new(side, VPos::Top));
                let place = self.at((at.0, at.1 - drop));
                self.backend.draw_text(text, &style, place).map_err(DrawError::of)
            }
        }
    }

    /// A thick line, segment by segment: the bitmap backend makes one polygon of it, which has holes where it crosses
    /// itself.
    fn stroke(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) -> Result<(), DrawError> {
        let style = rgb(colour);
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = (x1 - x0).hypot(y1 - y0);
            if length == 0.0 {
                continue;
            }
            let (across, along) = (0.5 * width * (y1 - y0) / length, 0.5 * width * (x1 - x0) / length);
            let corners = [
                (x0 + across, y0 - along),
                (x1 + across, y1 - along),
                (x1 - across, y1 + along),
                (x0 - across, y0 + along),
            ];
            let corners: Vec<(i32, i32)> = corners.iter().map(|corner| self.at(*corner)).collect();
            self.backend.fill_polygon(corners, &style).map_err(DrawError::of)?;
        }
        let radius = (0.5 * width * self.scale) as u32;
        if points.len() > 2 && radius > 1 {
            for joint in &points[1..points.len() - 1] {
                let joint = self.at(*joint);
                self.backend.draw_circle(joint, radius, &style.filled(), true).map_err(DrawError::of)?;
            }
        }
        Ok(())
    }
}

fn rgb(Colour(red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}
