//! What the page shows and saves: heads, walks, grids, uploaded and completed pictures.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use dataset::failure::Usage;
use image::{RgbImage, imageops};
use serde::Deserialize;
use tch::Tensor;
use vision::letterbox::resize;
use vision::picture::png;

use super::head::{Address, Head};
use super::model::Model;
use super::{Refusal, Stopped, Studio, labelled, locked};
use crate::show::animation::{self, Kind};
use crate::show::gallery::{Layout, gallery};
use crate::show::walk::circle;

/// An address draws the same head for ever.
const FOREVER: &str = "private, max-age=31536000, immutable";
/// What changes while one looks.
const NOW: &str = "no-store";
/// Bytes of drawn heads that are kept in memory.
const HELD: usize = 48 << 20;
/// Uploaded pictures that are kept in memory.
const UPLOADS: usize = 16;
/// Most heads of a walk and of a grid.
const MOST_STATIONS: usize = 12;
const MOST_IN_GRID: usize = 256;
/// Side from which on a walk's heads are easily seen, pixels.
const SEEN: u32 = 192;
/// Milliseconds of a walk's frame.
const STANDS: u32 = 60;

/// Drawn heads as PNG by their address, the newest ones.
#[derive(Default)]
pub(super) struct Drawn {
    files: HashMap<String, Arc<Vec<u8>>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Drawn {
    fn keep(&mut self, address: String, file: Arc<Vec<u8>>) {
        self.bytes += file.len();
        if self.files.insert(address.clone(), file).is_none() {
            self.order.push_back(address);
        }
        while self.bytes > HELD {
            let Some(oldest) = self.order.pop_front().and_then(|address| self.files.remove(&address)) else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }
}

/// Uploaded pictures, cut to heads of the run's side, the newest ones.
#[derive(Default)]
pub(super) struct Uploads {
    count: u64,
    pictures: VecDeque<(u64, RgbImage)>,
}

impl Uploads {
    /// Keeps a picture, and gives its number.
    pub(super) fn keep(&mut self, picture: RgbImage) -> u64 {
        self.count += 1;
        self.pictures.push_back((self.count, picture));
        if self.pictures.len() > UPLOADS {
            self.pictures.pop_front();
        }
        self.count
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Stopped::Gone`] where it is not there any more.
    pub(super) fn picture(&self, number: u64) -> Result<RgbImage> {
        let found = self.pictures.iter().find(|(known, _)| *known == number);
        let gone = || Stopped::Gone("this picture is not here any more: upload it again".into());
        Ok(found.ok_or_else(gone)?.1.clone())
    }
}

impl Studio {
    /// Has the model work on heads, which it must still be able to draw when their turn comes.
    ///
    /// # Errors
    /// As [`Self::known`]; what the work says.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        addresses: &[String],
        work: impl FnOnce(&mut Model, &[Head]) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let heads: Vec<Head> = addresses
            .iter()
            .map(|address| self.known(address))
            .collect::<Result<_>>()?;
        let source = self.about().source;
        let work = move |model: &mut Model| match model.source == source {
            true => work(model, &heads),
            false => Err(Stopped::Gone("the checkpoint was replaced meanwhile: draw again".into()).into()),
        };
        self.queue.run(work).await
    }

    /// Keeps a drawn head in memory, and gives its file.
    pub(super) fn remember(&self, address: String, picture: &RgbImage) -> Result<Arc<Vec<u8>>> {
        let file = Arc::new(labelled::write(picture, &[&address])?);
        locked(&self.drawn).keep(address, Arc::clone(&file));
        Ok(file)
    }

    /// A head's file.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub(super) async fn file(&self, address: &str) -> Result<Arc<Vec<u8>>> {
        self.known(address)?;
        if let Some(file) = locked(&self.drawn).files.get(address) {
            return Ok(Arc::clone(file));
        }
        let picture = self
            .with(&[address.into()], |model, heads| model.picture(&heads[0]))
            .await?;
        self.remember(address.into(), &picture)
    }

    /// A head as a picture.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub(super) async fn picture(&self, address: &str) -> Result<RgbImage> {
        let file = self.file(address).await?;
        Ok(image::load_from_memory(&file)
            .context("cannot read a drawn head")?
            .into_rgb8())
    }
}

/// How a head is shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// Repeats each pixel so many times each way.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// A head.
pub(super) async fn head(
    State(studio): State<Arc<Studio>>,
    Path(address): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Refusal> {
    if !(1..=16).contains(&shown.times) {
        return Err(Usage("times is 1 to 16".into()).into());
    }
    let file = studio.file(&address).await?;
    if shown.times == 1 {
        return Ok(answer("image/png", FOREVER, file.to_vec()));
    }
    let picture = studio.picture(&address).await?;
    let (width, height) = (picture.width() * shown.times, picture.height() * shown.times);
    let large = imageops::resize(&picture, width, height, imageops::FilterType::Nearest);
    Ok(answer("image/png", FOREVER, labelled::write(&large, &[&address])?))
}

/// Values of a name that may come several times.
fn all(pairs: &[(String, String)], name: &str) -> Vec<String> {
    let named = pairs.iter().filter(|(key, _)| key == name);
    named.map(|(_, value)| value.clone()).collect()
}

/// A number of a name.
fn number(pairs: &[(String, String)], name: &str, usual: u32, least: u32, most: u32) -> Result<u32, Usage> {
    let Some((_, value)) = pairs.iter().find(|(key, _)| key == name) else {
        return Ok(usual);
    };
    let within = value.parse().ok().filter(|value| (least..=most).contains(value));
    within.ok_or_else(|| Usage(format!("{name} is {least} to {most}, not {value}")))
}

/// A walk from head to head and back to the first: `/walk/webp?heads=…&heads=…`.
pub(super) async fn walk(
    State(studio): State<Arc<Studio>>,
    Path(kind): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let (kind, mime) = match kind.as_str() {
        "webp" => (Kind::Webp, "image/webp"),
        "gif" => (Kind::Gif, "image/gif"),
        _ => return Err(Usage("a walk is webp or gif".into()).into()),
    };
    let heads = all(&pairs, "heads");
    if !(2..=MOST_STATIONS).contains(&heads.len()) {
        return Err(Usage(format!("a walk passes 2 to {MOST_STATIONS} heads")).into());
    }
    let side = studio.about().side;
    let side = number(&pairs, "side", side * SEEN.div_ceil(side), 8, 512)?;
    let steps = number(&pairs, "steps", 16, 2, 32)? as usize;
    let rows = studio.with(&heads, move |model, heads| {
        let stations: Vec<Tensor> = heads.iter().map(|head| model.rows(head)).collect::<Result<_>>()?;
        Ok(circle(&Tensor::stack(&stations, 0), steps as u64))
    });
    let rows = rows.await?;
    let mut frames = Vec::new();
    // Leg by leg, so that others get their turn between them.
    for leg in rows.split(steps as i64, 0) {
        let drawn = studio.with(&heads[..1], move |model, _| {
            let drawn = (0..leg.size()[0]).map(|frame| model.of_rows(&leg.get(frame)));
            Ok(drawn.collect::<Vec<RgbImage>>())
        });
        frames.extend(drawn.await?);
    }
    let made = tokio::task::spawn_blocking(move || {
        let frames: Vec<(RgbImage, u32)> = frames.iter().map(|frame| (resize(frame, side, side), STANDS)).collect();
        animation::encoded(kind, &frames)
    });
    Ok(answer(mime, FOREVER, made.await??))
}

/// Heads side by side: `/grid?heads=…&heads=…`.
pub(super) async fn grid(
    State(studio): State<Arc<Studio>>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let heads = all(&pairs, "heads");
    if !(1..=MOST_IN_GRID).contains(&heads.len()) {
        return Err(Usage(format!("a grid holds 1 to {MOST_IN_GRID} heads")).into());
    }
    for address in &heads {
        address.parse::<Address>()?;
    }
    let mut pictures = Vec::new();
    for address in &heads {
        pictures.push(studio.picture(address).await?);
    }
    let layout = Layout {
        enlarge: number(&pairs, "times", 1, 1, 8)?,
        columns: Some(number(&pairs, "columns", 0, 1, 64)?).filter(|columns| *columns > 0),
        ..Layout::default()
    };
    let addresses: Vec<&str> = heads.iter().map(String::as_str).collect();
    Ok(answer(
        "image/png",
        FOREVER,
        labelled::write(&gallery(&pictures, &[], layout), &addresses)?,
    ))
}

/// An uploaded picture as it was cut.
pub(super) async fn picture(State(studio): State<Arc<Studio>>, Path(number): Path<u64>) -> Result<Response, Refusal> {
    let picture = locked(&studio.uploads).picture(number)?;
    Ok(answer("image/png", NOW, png(&picture)?))
}

/// The head of a completion (`drawn.png`), or its picture with that put in (`completed.png`).
pub(super) async fn completion(
    State(studio): State<Arc<Studio>>,
    Path((number, what)): Path<(u64, String)>,
) -> Result<Response, Refusal> {
    let is_drawn = match what.as_str() {
        "drawn.png" => true,
        "completed.png" => false,
        _ => return Err(Stopped::Gone("a completion has drawn.png and completed.png".into()).into()),
    };
    let gone = || Stopped::Gone("this completion has no picture yet, or is forgotten".into());
    let file = studio.completions.file(number, is_drawn).ok_or_else(gone)?;
    Ok(answer("image/png", NOW, file))
}

/// A file of a kind.
pub(super) fn answer(kind: &'static str, caching: &'static str, bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, caching)], bytes).into_response()
}
