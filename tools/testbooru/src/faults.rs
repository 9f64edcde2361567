//! What goes wrong on real sites, on demand.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::time::Duration;

/// How long a client is asked to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// The header is not sent.
    Silent,
    /// Seconds; may be 0.
    Seconds(u64),
    /// An HTTP date this many seconds from now; negative lies in the past.
    Date(i64),
}

/// What a request meets instead of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Content-Length tells the whole length, and the connection ends halfway.
    Truncated,
    /// Half of the file under an honest Content-Length: only its end or its checksum tells.
    Half,
    /// An HTML page under 200 and the right media type.
    HtmlAsImage,
    /// Nothing at all under 200.
    Empty,
    /// Another type of file than its name says: a small GIF.
    WrongType,
    /// A whole picture that shows the same, with another MD5.
    OtherBytes,
    /// Any status, in the words that the site has for it: 404, 410, 451, 421; 500 is Danbooru's
    /// database giving up.
    Status(u16),
    /// The right answer with at most so many rows, though there are more: the rest comes with the
    /// next page, as where a site hides rows after it has counted them. 0 is an empty page.
    Rows(usize),
    /// The right answer to a search for everything: all terms but those that page are passed over, as
    /// by a site that does not know them.
    Deaf,
    /// 429, 503 or 421 with the request to come back later.
    Busy(u16, RetryAfter),
    /// The right bytes in sixteen pieces, with this pause before each.
    Trickle(Duration),
    /// 403 with a page that wants a browser, and `cf-mitigated: challenge`.
    Challenge,
    /// The same page under 200, where JSON was due.
    ChallengeAs200,
    /// JSON that ends in the middle, under an honest Content-Length.
    BrokenJson,
    /// A redirect to this address.
    Redirect(String),
    /// The right answer with one more header: X-Robots-Tag and such.
    Header(&'static str, String),
}

/// Which requests meet a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Those for this path, whatever the query: `/post.json`.
    Path(String),
    /// Those for paths that begin so: `/ajax/illust/`.
    Prefix(String),
    /// Those for any file of this post.
    Post(u64),
    /// Those for the file of any post.
    AnyFile,
}

/// The faults to come, in the order they were set.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: VecDeque<Planned>,
    chance: Option<(u64, f64)>,
    met: std::collections::BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Planned {
    target: Target,
    fault: Fault,
    times: u32,
}

impl Faults {
    pub fn set(&mut self, target: Target, fault: Fault, times: u32) {
        self.planned.push_back(Planned { target, fault, times });
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lets this share of all files and listings meet faults, by chance but always the same ones.
    pub fn set_chance(&mut self, seed: u64, share: f64) {
        self.chance = Some((seed, share));
    }

    /// The fault that this request meets; `post` finds the post whose file it asks for, and is asked
    /// only where that matters.
    pub fn meet(&mut self, path: &str, post: impl FnOnce() -> Option<u64>) -> Option<Fault> {
        if self.planned.is_empty() && self.chance.is_none() {
            return None;
        }
        let post = post();
        let hit = |planned: &Planned| match &planned.target {
            Target::Path(wanted) => wanted == path,
            Target::Prefix(start) => path.starts_with(start.as_str()),
            Target::Post(id) => post == Some(*id),
            Target::AnyFile => post.is_some(),
        };
        if let Some(index) = self.planned.iter().position(hit) {
            let planned = &mut self.planned[index];
            let fault = planned.fault.clone();
            // u32::MAX stands for ever.
            if planned.times < u32::MAX {
                planned.times -= 1;
            }
            if planned.times == 0 {
                self.planned.remove(index);
            }
            return Some(fault);
        }
        let (seed, share) = self.chance?;
        let (fault, times) = by_chance(seed, share, path, post)?;
        let met = self.met.entry(path.to_owned()).or_default();
        *met = met.saturating_add(1);
        (*met <= times).then_some(fault)
    }
}

/// The fault of a path and how often it is met, if chance wants one.
fn by_chance(seed: u64, share: f64, path: &str, post: Option<u64>) -> Option<(Fault, u32)> {
    let word = scrambled(seed, path);
    // 53 bits make a uniform number in [0, 1).
    let chance = (word >> 11) as f64 / (1u64 << 53) as f64;
    if chance >= share {
        return None;
    }
    let kind = scrambled(seed ^ word, path);
    if post.is_none() {
        let listing = ["/post", "/ajax/", "/ranking.php"]
            .iter()
            .any(|start| path.starts_with(start));
        return listing.then(|| (Fault::Busy(503, RetryAfter::Seconds(1)), 1 + (kind % 2) as u32));
    }
    Some(match kind % 10 {
        0 => (Fault::Truncated, 1),
        1 => (Fault::Truncated, u32::MAX),
        2 => (Fault::HtmlAsImage, u32::MAX),
        3 => (Fault::Empty, 2),
        4 => (Fault::WrongType, u32::MAX),
        5 => (Fault::OtherBytes, u32::MAX),
        6 => (Fault::Status(404), u32::MAX),
        7 => (Fault::Busy(503, RetryAfter::Seconds(1)), 1),
        8 => (Fault::Busy(429, RetryAfter::Date(1)), 1),
        _ => (Fault::Trickle(Duration::from_millis(50)), u32::MAX),
    })
}

/// A hash that stays the same for ever (FNV-1a with a final mix): the standard library promises none.
fn scrambled(seed: u64, text: &str) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
            mixed ^ (mixed >> 33)
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(&seed.to_le_bytes());
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_as_often_as_set_and_only_by_its_target() {
        let mut faults = Faults::default();
        faults.set(Target::Post(3), Fault::Empty, 2);
        faults.set(Target::Path("/post.json".into()), Fault::Challenge, u32::MAX);
        faults.set(Target::Prefix("/ajax/".into()), Fault::Status(403), 1);
        assert_eq!(faults.meet("/ajax/illust/5", || None), Some(Fault::Status(403)));
        assert_eq!(faults.meet("/image/a/b.jpg", || Some(4)), None);
        assert_eq!(faults.meet("/image/a/b.jpg", || Some(3)), Some(Fault::Empty));
        assert_eq!(faults.meet("/image/a/b.jpg", || Some(3)), Some(Fault::Empty));
        assert_eq!(faults.meet("/image/a/b.jpg", || Some(3)), None);
        assert!((0..9).all(|_| faults.meet("/post.json", || None) == Some(Fault::Challenge)));
    }

    #[test]
    fn chance_strikes_the_share_asked_for_and_the_same_paths_each_time() {
        let strikes = || -> Vec<bool> {
            let mut faults = Faults::default();
            faults.set_chance(5, 0.2);
            (0..2000)
                .map(|id| faults.meet(&format!("/image/{id}"), || Some(id)).is_some())
                .collect()
        };
        let struck = strikes();
        assert!((300..500).contains(&struck.iter().filter(|hit| **hit).count()));
        assert_eq!(struck, strikes());
    }
}
