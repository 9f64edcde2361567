//! Heads as buttons with their pictures inside the page.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use vision::letterbox::resize;

use super::html::escape;
use crate::catalog::detections::HAND;
use crate::catalog::samples::{SampleHead, Shown};
use crate::sheet::ID;

/// Side of a picture in the page, pixels, and its JPEG quality.
const SIDE: u32 = 96;
const QUALITY: u8 = 82;

/// A head with its picture.
pub(super) struct Tile<'run> {
    pub(super) head: &'run SampleHead,
    pub(super) picture: RgbImage,
    /// Of a duplicate the head that was kept in its place.
    pub(super) twin: Option<RgbImage>,
}

/// A gallery of heads, each of which says where it is from.
pub(super) fn gallery(tiles: &[Tile<'_>], shown: &HashMap<String, Shown>) -> anyhow::Result<String> {
    let mut html = String::from("<ul class=\"tiles\">");
    let nowhere = Shown::default();
    for tile in tiles {
        let head = tile.head;
        let from = shown.get(&head.image).unwrap_or(&nowhere);
        let id = head.head.get(..ID).unwrap_or(&head.head);
        let accepted = head.verdict == "accepted";
        let detail = head.detail.as_deref().unwrap_or_default();
        let page = from
            .page_url
            .as_deref()
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        let _ = write!(
            html,
            "<li><button type=\"button\" class=\"tile {}\" data-id=\"{id}\" data-verdict=\"{}\" data-detail=\"{}\" data-score=\"{}\" \
             data-side=\"{}\" data-source=\"{}\" data-post=\"{}\" data-artist=\"{}\" data-page=\"{}\">\
             <span class=\"pictures\">{}{}</span><span class=\"id\">{id}</span><span class=\"what\">{}</span></button></li>",
            if accepted { "good" } else { "bad" },
            escape(&head.verdict),
            escape(detail),
            match head.detector.as_str() {
                HAND => "box made by hand".to_string(),
                _ => format!("{:.3}", head.score),
            },
            head.side,
            escape(&from.source),
            escape(&from.post),
            escape(from.artist.as_deref().unwrap_or_default()),
            escape(page.unwrap_or_default()),
            img(&format!("head {id}"), &tile.picture)?,
            match &tile.twin {
                Some(twin) => img("the head that was kept in its place", twin)?,
                None => String::new(),
            },
            escape(&super::super::what(head)),
        );
    }
    html.push_str("</ul>");
    Ok(html)
}

fn img(alt: &str, picture: &RgbImage) -> anyhow::Result<String> {
    let bytes = STANDARD.encode(jpeg(picture)?);
    Ok(format!(
        "<img alt=\"{alt}\" width=\"{SIDE}\" height=\"{SIDE}\" loading=\"lazy\" src=\"data:image/jpeg;base64,{bytes}\">"
    ))
}

fn jpeg(picture: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    resize(picture, SIDE, SIDE).write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(bytes.into_inner())
}
