//! Completions: the search for the head that agrees best with what is left of a picture, or with what was painted
//! over it. One is under way at a time, others wait; the model's thread takes a step whenever nothing is to be drawn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde::Serialize;
use tch::Kind;
use vision::picture::png;

use super::Stopped;
use super::head::{Head, Start};
use super::model::Model;
use super::task::Task;
use crate::show::blend::Blend;
use crate::show::search::{Goal, Searching};

/// Completions that wait at once, and those that are remembered.
const WAITING: usize = 8;
const REMEMBERED: usize = 32;
/// Steps between two looks at the head under way.
pub const LOOK: u64 = 10;

/// How far a completion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Others are before it.
    Waiting,
    /// Under way.
    Running,
    /// Its pictures are there.
    Done,
    /// Taken back.
    Cancelled,
    /// The program's terminal says why.
    Failed,
}

/// A completion, as the page sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// Its number.
    pub completion: u64,
    /// How far it is.
    pub stage: Stage,
    /// Completions before it.
    pub before: usize,
    /// Steps done, and in all.
    pub done: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean difference from what is to be agreed with, 0 to 255, at the start and now.
    pub difference: Option<(f64, f64)>,
    /// The address of the head that was found.
    pub head: Option<String>,
}

struct Completion {
    progress: Progress,
    task: Option<Task>,
    /// PNG of the head, and of the picture with it put in.
    drawn: Vec<u8>,
    completed: Vec<u8>,
}

/// All completions of this program.
#[derive(Default)]
pub struct Completions(Mutex<All>);

#[derive(Default)]
struct All {
    count: u64,
    waiting: VecDeque<u64>,
    known: BTreeMap<u64, Completion>,
}

/// The completion under way.
pub struct Running {
    number: u64,
    task: Task,
    searching: Searching,
}

impl Completions {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a completion at the end of those that wait, and gives its number.
    ///
    /// # Errors
    /// [`Stopped::Busy`] where too many wait.
    pub fn add(&self, task: Task) -> Result<u64> {
        let mut all = self.all();
        if all.waiting.len() >= WAITING {
            return Err(Stopped::Busy(format!(
                "{WAITING} completions wait already: cancel one, or try again later"
            ))
            .into());
        }
        all.count += 1;
        let number = all.count;
        let progress = Progress {
            completion: number,
            stage: Stage::Waiting,
            before: 0,
            done: 0,
            steps: task.how.steps,
            difference: None,
            head: None,
        };
        let completion = Completion {
            progress,
            task: Some(task),
            drawn: Vec::new(),
            completed: Vec::new(),
        };
        all.known.insert(number, completion);
        all.waiting.push_back(number);
        while all.known.len() > REMEMBERED {
            all.known.pop_first();
        }
        Ok(number)
    }

    /// Takes a completion back; one that ended stays as it is.
    pub fn cancel(&self, number: u64) {
        let mut all = self.all();
        all.waiting.retain(|waiting| *waiting != number);
        if let Some(completion) = all.known.get_mut(&number)
            && matches!(completion.progress.stage, Stage::Waiting | Stage::Running)
        {
            completion.progress.stage = Stage::Cancelled;
            completion.task = None;
        }
    }

    /// How far one is.
    pub fn progress(&self, number: u64) -> Option<Progress> {
        let all = self.all();
        let mut progress = all.known.get(&number)?.progress.clone();
        if let Some(place) = all.waiting.iter().position(|waiting| *waiting == number) {
            let runs = all.known.values().any(|known| known.progress.stage == Stage::Running);
            progress.before = place + usize::from(runs);
        }
        Some(progress)
    }

    /// How far all are that are remembered.
    pub fn list(&self) -> Vec<Progress> {
        let numbers: Vec<u64> = self.all().known.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.progress(number)).collect()
    }

    /// The head that was found so far, or the picture with it put in.
    pub fn file(&self, number: u64, is_drawn: bool) -> Option<Vec<u8>> {
        let all = self.all();
        let completion = all.known.get(&number)?;
        let file = if is_drawn {
            &completion.drawn
        } else {
            &completion.completed
        };
        (!file.is_empty()).then(|| file.clone())
    }

    /// Whether one waits or is under way.
    pub fn wait(&self) -> bool {
        !self.all().waiting.is_empty()
    }

    /// Whether one is under way or waits.
    pub fn are_idle(&self) -> bool {
        let all = self.all();
        let active = |known: &Completion| matches!(known.progress.stage, Stage::Waiting | Stage::Running);
        !all.known.values().any(active)
    }

    /// Says of the completion under way that it failed.
    pub fn fail(&self) {
        let mut all = self.all();
        let running = all
            .known
            .values_mut()
            .find(|known| known.progress.stage == Stage::Running);
        if let Some(known) = running {
            known.progress.stage = Stage::Failed;
        }
    }

    /// One step of the completion under way, or the beginning of the next one.
    pub fn advance(&self, model: &mut Model, running: Option<Running>) -> Option<Running> {
        let Some(mut running) = running else {
            return self.begin(model);
        };
        if self.progress(running.number)?.stage != Stage::Running {
            return None;
        }
        let goes_on = running.searching.step(&model.trained);
        let done = running.searching.done;
        if goes_on && !done.is_multiple_of(LOOK) {
            return Some(running);
        }
        let head = running.searching.head();
        let how = if goes_on { Blend::Plain } else { running.task.blend };
        let completed = running.task.completed(&head, how);
        let (drawn, completed) = (png(&head).unwrap_or_default(), png(&completed).unwrap_or_default());
        let address = (!goes_on).then(|| model.address(found(&running.searching)).to_string());
        let mut all = self.all();
        let known = all.known.get_mut(&running.number)?;
        (known.drawn, known.completed) = (drawn, completed);
        known.progress.done = done;
        known.progress.difference = Some(running.searching.difference());
        known.progress.head = address;
        if !goes_on && known.progress.stage == Stage::Running {
            known.progress.stage = Stage::Done;
        }
        goes_on.then_some(running)
    }

    fn begin(&self, model: &Model) -> Option<Running> {
        let mut all = self.all();
        let number = all.waiting.pop_front()?;
        let known = all.known.get_mut(&number)?;
        let task = known.task.take()?;
        known.progress.stage = Stage::Running;
        drop(all);
        Some(Running {
            number,
            searching: Searching::begin(
                &model.trained,
                model.encoder.as_ref(),
                Goal::picture(&task.target, &task.weights),
                &task.how,
            ),
            task,
        })
    }
}

/// The head of the noise that was found, as near as an address tells it.
fn found(searching: &Searching) -> Head {
    let hundredths = (searching.noise() * 100.0)
        .round()
        .clamp(-127.0, 127.0)
        .to_kind(Kind::Int8);
    Head {
        start: Start::Found(Vec::try_from(hundredths).expect("a row of i8 is a vector of i8")),
        edits: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::task::tests::how;
    use image::RgbImage;

    /// Of four pixels, one of which was erased.
    fn task() -> Task {
        let mut touched = [0, 0, 0, 255].repeat(4);
        touched[3] = 0;
        Task::new(RgbImage::new(2, 2), &touched, how(), Blend::Plain).expect("is one")
    }

    #[test]
    fn completions_wait_in_turn_and_can_be_taken_back() {
        let completions = Completions::default();
        let add = || completions.add(task());
        let numbers: Vec<u64> = (0..WAITING).map(|_| add().expect("is room")).collect();
        assert!(add().expect_err("is full").to_string().contains("cancel one"));
        let before = |number| completions.progress(number).expect("is known").before;
        assert_eq!((before(numbers[0]), before(numbers[2])), (0, 2));
        completions.cancel(numbers[1]);
        assert_eq!(before(numbers[2]), 1);
        assert_eq!(
            completions.progress(numbers[1]).expect("is known").stage,
            Stage::Cancelled
        );
        assert!(completions.wait() && !completions.are_idle());
        assert!(add().is_ok());
    }
}
