//! The one model in memory, on a thread of its own. What is to be drawn waits in a bounded queue; between two
//! drawings the thread goes on with the completion under way, so that a page stays quick beside it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use dataset::failure::Usage;
use dataset::train_settings::Rank;
use image::RgbImage;
use tch::Tensor;
use tokio::sync::oneshot;
use vision::Lab;
use vision::detector::Detector;

use super::Stopped;
use super::complete::{Completions, Running};
use super::head::{Address, Head, Part, Source};
use super::latent::{Latents, drawn};
use crate::eval::extract;
use crate::gan::grid;
use crate::gan::sample::rate;
use crate::gan::trained::Trained;
use crate::guide::encoder::Encoder;
use crate::show::sample::Scores;
use crate::steer::attributes::Attributes;
use crate::steer::edit::steer;
use crate::steer::looks::{EYES, HAIR, UNKNOWN, set_colour};

/// Requests that wait at once.
const WAITING: usize = 64;

/// A run's checkpoint, ready to draw.
pub struct Model {
    /// Its networks.
    pub trained: Trained,
    /// What its heads are addressed by.
    pub source: Source,
    /// How its noise changes its heads' colours, or why that is not known.
    attributes: Result<Attributes, String>,
    /// Where completions begin, if there is one.
    pub encoder: Option<Encoder>,
    latents: Latents,
    detector_file: PathBuf,
    /// Loaded when it is first asked.
    detector: Option<Detector>,
}

/// What the page must know of the model.
#[derive(Clone, Debug)]
pub struct About {
    /// What its heads are addressed by.
    pub source: Source,
    /// Pixels of a head's side.
    pub side: u32,
    /// Sides of the maps from which on two heads can be mixed.
    pub sides: Vec<u32>,
    /// The run's folder.
    pub folder: PathBuf,
    /// Whether heads can be ranked by their faces.
    pub has_detector: bool,
    /// Why hair and eyes cannot be given colours, where they cannot.
    pub colourless: Option<String>,
}

impl Model {
    /// Loads the newest checkpoint of a run.
    ///
    /// # Errors
    /// As [`Trained::load`].
    pub fn load(data: &Path, run: &Path, detector: &Path) -> Result<Self> {
        let trained = Trained::load(data, run)?;
        Ok(Self {
            source: Source::of(&trained),
            attributes: Attributes::load(&trained).map_err(|error| format!("{error:#}")),
            encoder: Encoder::load(&trained).ok(),
            latents: Latents::of(&trained.generator.plan),
            trained,
            detector_file: detector.into(),
            detector: None,
        })
    }

    /// What the page must know of it.
    pub fn about(&self) -> About {
        About {
            source: self.source.clone(),
            side: self.trained.file.config.side,
            sides: self.trained.generator.plan.modulated_sides(),
            folder: self.trained.folder.path().into(),
            has_detector: self.detector_file.is_file(),
            colourless: self.attributes.as_ref().err().cloned(),
        }
    }

    /// The address of a head of this model.
    pub fn address(&self, head: Head) -> Address {
        Address {
            source: self.source.clone(),
            head,
        }
    }

    /// The noise of a head, row by row.
    ///
    /// # Errors
    /// Where this generator cannot be edited so.
    pub fn rows(&mut self, head: &Head) -> Result<Tensor> {
        if head.is_coloured() {
            self.detector()?;
        }
        let Self {
            trained,
            attributes,
            latents,
            detector,
            ..
        } = self;
        latents.rows(head, &mut |rows, colours| {
            let attributes = attributes.as_ref().map_err(|why| Usage(why.clone()))?;
            let detector = detector.as_ref().context("the detector was just loaded")?;
            recoloured(trained, attributes, detector, rows, colours)
        })
    }

    /// A head as a picture.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn picture(&mut self, head: &Head) -> Result<RgbImage> {
        let rows = self.rows(head)?;
        Ok(self.of_rows(&rows))
    }

    /// The head of noise, row by row.
    pub fn of_rows(&self, rows: &Tensor) -> RgbImage {
        grid::pictures(&drawn(&self.trained.generator, rows)).remove(0)
    }

    /// Draws heads, and scores them as a rank needs it.
    ///
    /// # Errors
    /// As [`Self::rows`]; where the detector cannot be had.
    pub fn scored(&mut self, heads: &[Head], rank: Rank) -> Result<Scores> {
        let rows: Vec<Tensor> = heads.iter().map(|head| self.rows(head)).collect::<Result<_>>()?;
        let drawn = rows.iter().map(|rows| drawn(&self.trained.generator, rows));
        let drawn = Tensor::cat(&drawn.collect::<Vec<Tensor>>(), 0);
        let pictures = grid::pictures(&drawn);
        let faces = match rank {
            Rank::D => None,
            Rank::Detector | Rank::Both => Some(self.faces(&pictures)?),
        };
        Ok(Scores {
            discriminator: rate(&self.trained.gan.discriminator, &drawn),
            faces,
            pictures,
            distances: None,
        })
    }

    fn faces(&mut self, pictures: &[RgbImage]) -> Result<Vec<f64>> {
        let detector = self.detector()?;
        let found = detector.detect_at_side(pictures, detector.side_for_heads())?;
        let best = found
            .iter()
            .map(|faces| faces.first().map_or(0.0, |face| f64::from(face.score)));
        Ok(best.collect())
    }

    /// The face detector.
    ///
    /// # Errors
    /// Where there is none.
    pub fn detector(&mut self) -> Result<&Detector> {
        if self.detector.is_none() {
            self.detector = Some(extract::load_detector(&self.detector_file)?);
        }
        self.detector.as_ref().context("the detector was just loaded")
    }
}

/// The rows of a head whose hair or eyes have a colour; as they are where no face is found to look at.
fn recoloured(
    trained: &Trained,
    attributes: &Attributes,
    detector: &Detector,
    rows: &Tensor,
    colours: &[(Part, [u8; 3])],
) -> Result<Tensor> {
    let picture = grid::pictures(&drawn(&trained.generator, rows));
    let faces = detector.detect_at_side(&picture, detector.side_for_heads())?;
    let Some(face) = faces.first().and_then(|faces| faces.first()) else {
        return Ok(rows.shallow_clone());
    };
    let mut wanted = UNKNOWN;
    for (part, rgb) in colours {
        let places: &[usize] = if *part == Part::Hair { &[HAIR] } else { &EYES };
        for first in places {
            set_colour(&mut wanted, *first, Lab::of(*rgb));
        }
    }
    let steered = steer(
        &trained.generator,
        attributes,
        &rows.unsqueeze(0),
        &[Some(face.bbox)],
        &[wanted],
    );
    Ok(steered.rows.get(0))
}

/// What the model is to do; none: its thread ends.
type Job = Option<Box<dyn FnOnce(&mut Model) + Send>>;

/// Where requests wait for the model.
pub struct Queue {
    sender: SyncSender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Starts the model's thread.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(model: Model, threads: usize, completions: Arc<Completions>) -> Result<Self> {
        let (sender, jobs) = sync_channel(WAITING);
        let main = move || {
            crate::threads::set(threads);
            work(model, &jobs, &completions);
        };
        let thread = std::thread::Builder::new().name("model".into()).spawn(main);
        Ok(Self {
            sender,
            thread: Mutex::new(Some(thread.context("cannot start the model's thread")?)),
        })
    }

    /// Ends the thread after what waits: libtorch must not compute while the program ends.
    pub fn end(&self) {
        let thread = super::locked(&self.thread).take();
        if let Some(thread) = thread
            && self.sender.send(None).is_ok()
        {
            let _ = thread.join();
        }
    }

    /// Has the model do something when its turn comes; who does not wait any more is passed over.
    ///
    /// # Errors
    /// [`Stopped::Busy`] where too many requests wait; else what the work says.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Model) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job = move |model: &mut Model| {
            if !answer.is_closed() {
                let _ = answer.send(work(model));
            }
        };
        let busy = || Stopped::Busy(format!("{WAITING} drawings wait already: try again in a moment"));
        self.sender.try_send(Some(Box::new(job))).map_err(|_| busy())?;
        answered
            .await
            .map_err(|_| anyhow!("this drawing failed; the program's terminal says why"))?
    }

    /// Lets the thread look for a completion that waits.
    pub fn wake(&self) {
        // A full queue wakes it as well.
        let _ = self.sender.try_send(Some(Box::new(|_| ())));
    }
}

/// Does what comes in, and goes on with the completion under way where nothing does.
fn work(mut model: Model, jobs: &Receiver<Job>, completions: &Completions) {
    let mut running: Option<Running> = None;
    loop {
        let job = match running.is_some() || completions.wait() {
            true => jobs.try_recv(),
            false => jobs.recv().map_err(|_| TryRecvError::Disconnected),
        };
        if matches!(job, Ok(None) | Err(TryRecvError::Disconnected)) {
            return;
        }
        let step = || match job {
            Ok(Some(job)) => job(&mut model),
            _ => running = completions.advance(&mut model, running.take()),
        };
        // A panic ends what was asked for, not the thread: the message is on the terminal.
        if catch_unwind(AssertUnwindSafe(step)).is_err() && running.is_none() {
            completions.fail();
        }
    }
}
