//! Batches made ahead of the training step on threads of their own.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tch::{Kind, Tensor};

use super::augment::{Studio, Truth};
use crate::engine::rng::Rng;

/// Batches that wait at most, a thread.
const AHEAD: usize = 2;

/// What a thread is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The step, which decides all draws.
    pub step: u64,
    /// Side of the pictures in pixels.
    pub side: u32,
}

/// The pictures of one step.
pub struct Batch {
    /// Which step and side.
    pub order: Order,
    /// RGB bytes, [N, S, S, 3].
    pixels: Vec<u8>,
    /// Faces of each picture.
    pub truths: Vec<Vec<Truth>>,
}

impl Batch {
    /// Makes the pictures of a step.
    pub fn make(studio: &Studio<'_>, seed: u64, order: Order, size: usize) -> Self {
        let (mut pixels, mut truths) = (Vec::new(), Vec::new());
        for index in 0..size {
            let scene = studio.scene(order.side, &mut Rng::new(seed, order.step, index as u64));
            pixels.extend_from_slice(&scene.canvas);
            truths.push(scene.truths);
        }
        Self { order, pixels, truths }
    }

    /// f32 [N, 3, S, S] in 0..1, channels last in memory.
    pub fn images(&self) -> Tensor {
        images(&self.pixels, self.truths.len() as i64, self.order.side)
    }
}

/// Square RGB images, [N, S, S, 3] bytes, as f32 [N, 3, S, S] in 0..1, channels last in memory.
pub fn images(pixels: &[u8], count: i64, side: u32) -> Tensor {
    let side = i64::from(side);
    Tensor::from_data_size(pixels, &[count, side, side, 3], Kind::Uint8)
        .permute([0, 3, 1, 2])
        .to_kind(Kind::Float)
        / 255.0
}

/// Threads that make batches in turn, so that batches arrive in the order of their orders.
pub struct Feed {
    orders: Vec<SyncSender<Order>>,
    batches: Vec<Receiver<Batch>>,
    sent: usize,
    taken: usize,
}

impl Feed {
    /// Starts `threads` threads; they end when the feed is dropped.
    pub fn start<'scope, 'env: 'scope>(
        scope: &'scope std::thread::Scope<'scope, 'env>,
        studio: &'env Studio<'env>,
        seed: u64,
        batch: usize,
        threads: usize,
    ) -> Self {
        let (mut orders, mut batches) = (Vec::new(), Vec::new());
        for _ in 0..threads.max(1) {
            let (order_sender, order_receiver) = sync_channel::<Order>(AHEAD);
            let (batch_sender, batch_receiver) = sync_channel(AHEAD);
            scope.spawn(move || {
                for order in order_receiver {
                    let made = Batch::make(studio, seed, order, batch);
                    if batch_sender.send(made).is_err() {
                        break;
                    }
                }
            });
            orders.push(order_sender);
            batches.push(batch_receiver);
        }
        Self {
            orders,
            batches,
            sent: 0,
            taken: 0,
        }
    }

    /// Orders that can be open at a time without blocking.
    pub fn capacity(&self) -> usize {
        self.orders.len() * AHEAD
    }

    /// Orders that were sent and not yet taken.
    pub fn open(&self) -> usize {
        self.sent - self.taken
    }

    /// Asks for a batch.
    pub fn order(&mut self, order: Order) {
        // A thread ends only by panicking, which `take` tells.
        let _ = self.orders[self.sent % self.orders.len()].send(order);
        self.sent += 1;
    }

    /// The oldest batch ordered; none if its thread has died.
    pub fn take(&mut self) -> Option<Batch> {
        let batch = self.batches[self.taken % self.batches.len()].recv().ok()?;
        self.taken += 1;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::data::Material;

    #[test]
    fn a_thread_that_died_is_told_in_place_of_a_batch() {
        // No picture can be drawn from an empty folder.
        let material = Material {
            folders: vec![Vec::new()],
            heads: Vec::new(),
            validation: Vec::new(),
            held_out: Vec::new(),
        };
        let studio = Studio::new(&material);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                let mut feed = Feed::start(scope, &studio, 1, 1, 1);
                let mut step = 0;
                // As the training does, before it takes the first.
                while feed.open() < feed.capacity() {
                    feed.order(Order { step, side: 32 });
                    step += 1;
                }
                assert!(feed.take().is_none());
                while feed.open() < feed.capacity() + 2 {
                    feed.order(Order { step, side: 32 });
                }
                assert!(feed.take().is_none());
            });
        }));
        let panic = ended.expect_err("the scope tells the thread's end");
        assert_eq!(panic.downcast_ref(), Some(&"a scoped thread panicked"));
    }
}
