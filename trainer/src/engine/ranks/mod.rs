//! One run trained by several processes, its ranks (distributed data parallel): each takes its rows of every batch,
//! and gradients and measures are averaged over all, so that after each step all hold the same state to the bit.
//!
//! Architecture invariant: what decides how a run goes on (the end, a stop, a rollback) is decided by all in the
//! same step, or by rank 0 for all; a rank that decided by itself would leave the others waiting.

mod group;
mod place;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use dataset::failure::Usage;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor};

use group::Group;
pub use group::Store;
pub use place::Place;

/// Seconds in which every wait of a rank for others ends, where it is set.
const TIMEOUT: &str = "HEADS_RANK_TIMEOUT";
/// Time for all ranks to come.
const MEETING: Duration = Duration::from_secs(300);
/// Time for the slowest rank to come to the same point: rank 0 packs, draws and measures while the others wait.
const WORK: Duration = Duration::from_secs(30 * 60);
/// Time in which those left after a failure tell the store that they are there, and more for rank 0, with which
/// the store ends.
const ROLL_CALL: Duration = Duration::from_secs(3);

/// The processes that train a run; most often this one alone.
#[derive(Debug)]
pub struct Ranks {
    share: Share,
    joined: Option<Joined>,
}

/// Several processes.
#[derive(Debug)]
struct Joined {
    place: Place,
    /// Outlives restarts where torchrun serves it.
    whole: Store,
    /// The part of it that is this start's.
    store: Store,
    /// None after a failure.
    group: RefCell<Option<Group>>,
    timeout: Duration,
}

/// Which rows of a batch are a rank's: as many for each, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    rank: usize,
    world: usize,
}

impl Share {
    /// All rows.
    pub const WHOLE: Self = Self { rank: 0, world: 1 };

    /// This rank's `count` rows of what is drawn for all ranks: every rank draws the same and takes its rows, so
    /// that the draws do not depend on how many ranks there are.
    pub fn rows(self, count: i64, draw: impl FnOnce(i64) -> Tensor) -> Tensor {
        draw(count * self.world as i64).narrow(0, count * self.rank as i64, count)
    }

    /// This rank's part of a batch, whose length the number of ranks divides.
    pub fn of<T>(self, batch: &[T]) -> &[T] {
        let count = batch.len() / self.world;
        &batch[count * self.rank..][..count]
    }
}

impl Ranks {
    /// One process.
    pub fn alone() -> Self {
        Self {
            share: Share::WHOLE,
            joined: None,
        }
    }

    /// The ranks that the environment names, once all have come.
    ///
    /// # Errors
    /// [`Usage`] where the environment is incomplete; where ranks are missing, by their numbers.
    pub fn join() -> Result<Self> {
        match Place::from_env()? {
            Some(place) if place.world > 1 => Self::meet(place),
            _ => Ok(Self::alone()),
        }
    }

    fn meet(place: Place) -> Result<Self> {
        let set = set_timeout()?;
        let (meeting, timeout) = (set.unwrap_or(MEETING), set.unwrap_or(WORK));
        let Place { rank, world, .. } = place;
        let serves = rank == 0 && !place.agent_store;
        let at = format!("{}:{}", place.host, place.port);
        let (whole, _) = Store::open(&place.host, place.port, serves, meeting).with_context(|| match serves {
            true => format!("rank 0 cannot serve the store of the ranks at {at}; another MASTER_PORT may be free"),
            false => format!("rank {rank} of {world} does not reach the store at {at}; was rank 0 started there?"),
        })?;
        let store = whole.part(&format!("trainer/{}", place.restarts))?;
        let missing = roll_call(&store, "here", &place, meeting)
            .with_context(|| format!("rank {rank} of {world} lost the store at {at} while it waited for the others"))?;
        if !missing.is_empty() {
            bail!(
                "{} of {world} did not come within {} s: start all ranks with the same MASTER_ADDR and MASTER_PORT; \
                 {TIMEOUT}=SECONDS waits longer",
                named(&missing),
                meeting.as_secs_f32()
            );
        }
        let interface = std::env::var("GLOO_SOCKET_IFNAME").unwrap_or_default();
        let address = Some(place.host.as_str()).filter(|host| place::is_loopback(host));
        let group = Group::connect(
            &store,
            (rank, world),
            (&interface, address.unwrap_or_default()),
            meeting,
        )
        .with_context(|| {
            format!("rank {rank} of {world} cannot connect to the others; GLOO_SOCKET_IFNAME names a network interface")
        })?;
        Ok(Self {
            share: Share { rank, world },
            joined: Some(Joined {
                place,
                whole,
                store,
                group: RefCell::new(Some(group)),
                timeout,
            }),
        })
    }

    /// Which rows of a batch are this rank's.
    pub fn share(&self) -> Share {
        self.share
    }

    /// Number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.share.rank
    }

    /// Number of processes.
    pub fn world(&self) -> usize {
        self.share.world
    }

    /// Whether this is rank 0, which alone writes and shows.
    pub fn is_first(&self) -> bool {
        self.share.rank == 0
    }

    /// The threads of this rank where settings leave them open: its part of the machine's cores, one at least; none
    /// for a process alone.
    pub fn threads(&self) -> Option<usize> {
        let joined = self.joined.as_ref()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Some((cores / joined.place.local_world).max(1))
    }

    /// Notes that these ranks have begun the run of that name, for a restart of them.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn note_begun(&self, name: &str) -> Result<()> {
        match &self.joined {
            Some(joined) => joined.whole.set(&format!("begun/{name}")),
            None => Ok(()),
        }
    }

    /// Whether these ranks have begun the run of that name before torchrun started them again.
    ///
    /// # Errors
    /// Where the store is gone.
    pub fn has_begun(&self, name: &str) -> Result<bool> {
        match &self.joined {
            Some(joined) if joined.place.restarts > 0 => joined.whole.has(&format!("begun/{name}")),
            _ => Ok(false),
        }
    }

    /// Makes a tensor (contiguous, floating-point) the mean of all ranks'.
    ///
    /// # Errors
    /// Where a rank is gone, named as far as that is known.
    pub fn mean(&self, tensor: &Tensor) -> Result<()> {
        if let Some(joined) = &self.joined {
            joined.sum(tensor)?;
            let _ = tensor.shallow_clone().g_div_scalar_(self.world() as f64);
        }
        Ok(())
    }

    /// [`Self::mean`] of several small tensors at once, taken in f64.
    ///
    /// # Errors
    /// As [`Self::mean`].
    pub fn means(&self, tensors: &[&Tensor]) -> Result<()> {
        if self.joined.is_none() {
            return Ok(());
        }
        let flat: Vec<Tensor> = tensors
            .iter()
            .map(|tensor| tensor.reshape([-1]).to_kind(Kind::Double))
            .collect();
        let all = Tensor::cat(&flat, 0);
        self.mean(&all)?;
        let mut from = 0;
        for tensor in tensors {
            let count = tensor.numel() as i64;
            let mean = all.narrow(0, from, count).view(tensor.size().as_slice());
            tensor.shallow_clone().copy_(&mean);
            from += count;
        }
        Ok(())
    }

    /// Which of these flags any rank has set.
    ///
    /// # Errors
    /// As [`Self::mean`].
    pub fn any<const N: usize>(&self, flags: [bool; N]) -> Result<[bool; N]> {
        let Some(joined) = &self.joined else {
            return Ok(flags);
        };
        let sums = Tensor::from_slice(&flags.map(i64::from));
        joined.sum(&sums)?;
        Ok(std::array::from_fn(|place| sums.int64_value(&[place as i64]) > 0))
    }

    /// Makes a tensor (contiguous) that of rank 0.
    ///
    /// # Errors
    /// As [`Self::mean`].
    pub fn take_first(&self, tensor: &Tensor) -> Result<()> {
        match &self.joined {
            Some(joined) => joined.broadcast(tensor),
            None => Ok(()),
        }
    }

    /// Rank 0 does something, and every rank has what came of it.
    ///
    /// # Errors
    /// What rank 0's work says, in every rank; else as [`Self::mean`].
    pub fn first<T: Serialize + DeserializeOwned>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Some(joined) = &self.joined else {
            return work();
        };
        if !self.is_first() {
            let answer: Result<T, String> = serde_json::from_slice(&joined.receive()?)?;
            return answer.map_err(|why| anyhow!("rank 0 ended: {why}"));
        }
        let answer = work();
        let told: Result<&T, String> = answer.as_ref().map_err(|error| format!("{error:#}"));
        let sent = joined.send(&serde_json::to_vec(&told)?);
        let answer = answer?;
        sent.map(|()| answer)
    }
}

impl Joined {
    fn sum(&self, tensor: &Tensor) -> Result<()> {
        self.with(|group| group.sum(tensor, self.timeout))
    }

    fn broadcast(&self, tensor: &Tensor) -> Result<()> {
        self.with(|group| group.broadcast(tensor, self.timeout))
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        self.broadcast(&Tensor::from_slice(&[bytes.len() as i64]))?;
        self.broadcast(&Tensor::from_slice(bytes))
    }

    fn receive(&self) -> Result<Vec<u8>> {
        let length = Tensor::from_slice(&[0i64]);
        self.broadcast(&length)?;
        let bytes = Tensor::zeros([length.int64_value(&[0])], (Kind::Uint8, Device::Cpu));
        self.broadcast(&bytes)?;
        Ok(Vec::try_from(&bytes)?)
    }

    fn with(&self, work: impl FnOnce(&Group) -> Result<()>) -> Result<()> {
        let done = match &*self.group.borrow() {
            Some(group) => work(group),
            None => bail!("the ranks have lost each other before"),
        };
        done.map_err(|why| self.lost(&why))
    }

    /// The error of a rank that has lost others. Those that are left close their connections, so that none waits
    /// for another, and tell the store that they are there: the others are gone.
    fn lost(&self, why: &anyhow::Error) -> anyhow::Error {
        self.group.take();
        let Place { rank, world, .. } = self.place;
        let gone = match world {
            2 => named(&[1 - rank]),
            _ => {
                let serves = rank == 0 && !self.place.agent_store;
                let time = if serves { 2 * ROLL_CALL } else { ROLL_CALL };
                match roll_call(&self.store, "left", &self.place, time) {
                    Ok(gone) if gone.is_empty() => "another rank".into(),
                    Ok(gone) => named(&gone),
                    Err(_) if self.place.agent_store => "torchrun's store".into(),
                    Err(_) => named(&[0]),
                }
            }
        };
        anyhow!(
            "{gone} of {world} ended or does not answer ({why}); what it said last tells more. The newest checkpoint is \
             safe: start all ranks again with --resume"
        )
    }
}

/// Tells the store that this rank is there and waits so long for the others. Gives those that are missing.
///
/// # Errors
/// Where the store is gone.
fn roll_call(store: &Store, call: &str, place: &Place, time: Duration) -> Result<Vec<usize>> {
    let key = |rank: usize| format!("{call}/{rank}");
    store.set(&key(place.rank))?;
    let end = Instant::now() + time;
    let mut missing = Vec::new();
    for rank in (0..place.world).filter(|rank| *rank != place.rank) {
        let left = end.saturating_duration_since(Instant::now());
        if store.wait(&key(rank), left).is_err() && !store.has(&key(rank))? {
            missing.push(rank);
        }
    }
    Ok(missing)
}

/// "rank 1" or "ranks 1, 2".
fn named(ranks: &[usize]) -> String {
    let numbers: Vec<String> = ranks.iter().map(usize::to_string).collect();
    format!("rank{} {}", if ranks.len() == 1 { "" } else { "s" }, numbers.join(", "))
}

fn set_timeout() -> Result<Option<Duration>> {
    let Ok(text) = std::env::var(TIMEOUT) else {
        return Ok(None);
    };
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0.0);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let wrong = || {
        Usage(format!(
            "the environment has {TIMEOUT}=`{text}`, which is no number of seconds"
        ))
    };
    Ok(Some(time.ok_or_else(wrong)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_ranks_are_the_whole() {
        let whole = Tensor::arange(12, (Kind::Int64, Device::Cpu)).view([6, 2]);
        let rows = |rank| {
            Share { rank, world: 3 }.rows(2, |count| {
                assert_eq!(count, 6);
                whole.shallow_clone()
            })
        };
        assert!(Tensor::cat(&[rows(0), rows(1), rows(2)], 0).equal(&whole));
        let batch = [1, 2, 3, 4, 5, 6];
        assert_eq!(Share { rank: 1, world: 3 }.of(&batch), [3, 4]);
        assert_eq!(Share::WHOLE.of(&batch), batch);
    }
}
