//! The address of a head: the checkpoint that draws it, the noise that it begins with, and what was done to that
//! noise. It is short enough to be copied, and draws the same head for as long as the checkpoint is there.
//!
//! ```text
//! first@1200-3f9a2c1b/7.33~t0.7~b(9.4)0.25
//! run   step digest   seed.number, then edits in their order
//! ```

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use dataset::failure::Usage;
use sha2::{Digest, Sha256};

use crate::engine::checkpoint::bytes;
use crate::gan::config::NOISE;
use crate::gan::trained::Trained;

/// Longest address that is read, in bytes.
pub const LONGEST: usize = 4000;
/// Heads within heads that are read.
const DEEPEST: u32 = 6;
/// Edits of one head that are read.
const MOST_EDITS: usize = 32;
/// Greatest number of a head of a seed: the noise of all before it is drawn too.
pub const MOST: usize = 99_999;

/// A head of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// What draws it.
    pub source: Source,
    /// What is drawn.
    pub head: Head,
}

/// A checkpoint of a run. The run's name is for the reader: step and digest tell whether it is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The run's name.
    pub run: String,
    /// Steps of the checkpoint.
    pub step: u64,
    /// The first bits of the SHA-256 of the generator's weights.
    pub digest: u32,
}

/// Where a head begins, and what is done to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The noise that it begins with.
    pub start: Start,
    /// What is done to the noise, first to last.
    pub edits: Vec<Edit>,
}

/// The noise that a head begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// As `trainer sample --labels` numbers them: `SEED.NUMBER`.
    Sample {
        /// Seed of the noise.
        seed: u64,
        /// The head's number of that seed.
        number: usize,
    },
    /// What a search found, in hundredths of a standard deviation: `zHEX`.
    Found(Vec<i8>),
}

/// What is done to a head's noise. A new kind of edit is a row here, in [`Display`] and in [`Parser::edit`].
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// `~tSTD`: the tails are cut off at so many standard deviations, as `trainer sample --truncation` does.
    Truncate(Amount),
    /// `~b(HEAD)SHARE`: moved towards another head by that share, along the great circle.
    Between(Box<Head>, Amount),
    /// `~hRRGGBB`, `~eRRGGBB`: its hair, or both eyes, in that colour.
    Colour(Part, [u8; 3]),
    /// `~m(HEAD)SIDE`: what the noise says to maps of that side and larger comes from another head.
    Mix(Box<Head>, u32),
}

/// What of a head has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its hair.
    Hair,
    /// Both eyes.
    Eyes,
}

/// A number in thousandths, -10 to 10: addresses hold no rounded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(i32);

impl Amount {
    /// The nearest amount.
    pub fn of(value: f64) -> Self {
        Self((value * 1000.0).round().clamp(-10_000.0, 10_000.0) as i32)
    }

    /// Its value.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl Source {
    /// The checkpoint that was loaded.
    pub fn of(trained: &Trained) -> Self {
        let generator = &trained.gan.generator;
        let parameters = trained.gan.ema.as_ref().unwrap_or(&generator.parameters);
        let mut hash = Sha256::new_with_prefix(bytes(parameters));
        hash.update(bytes(&generator.buffers));
        let digest: [u8; 32] = hash.finalize().into();
        let [first, second, third, fourth, ..] = digest;
        Self {
            run: trained.name(),
            step: trained.state.step,
            digest: u32::from_be_bytes([first, second, third, fourth]),
        }
    }
}

impl Head {
    /// A head of a seed, as it is.
    pub fn sample(seed: u64, number: usize) -> Self {
        Self {
            start: Start::Sample { seed, number },
            edits: Vec::new(),
        }
    }

    /// The same with one more edit.
    #[must_use]
    pub fn with(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// Whether a colour is asked of it, or of a head that it is made of.
    pub fn is_coloured(&self) -> bool {
        self.edits.iter().any(|edit| match edit {
            Edit::Colour(..) => true,
            Edit::Truncate(_) => false,
            Edit::Between(head, _) | Edit::Mix(head, _) => head.is_coloured(),
        })
    }

    /// The truncation that it was first drawn under.
    pub fn truncation(&self) -> Option<Amount> {
        match self.edits.first() {
            Some(Edit::Truncate(limit)) => Some(*limit),
            _ => None,
        }
    }
}

impl Display for Amount {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.value())
    }
}

impl Display for Address {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.source, self.head)
    }
}

impl Display for Source {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}-{:08x}", self.run, self.step, self.digest)
    }
}

impl Display for Head {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.start {
            Start::Sample { seed, number } => write!(out, "{seed}.{number}")?,
            Start::Found(noise) => {
                let bytes: Vec<u8> = noise.iter().map(|value| value.cast_unsigned()).collect();
                write!(out, "z{}", hex::encode(bytes))?;
            }
        }
        self.edits.iter().try_for_each(|edit| match edit {
            Edit::Truncate(limit) => write!(out, "~t{limit}"),
            Edit::Between(head, share) => write!(out, "~b({head}){share}"),
            Edit::Mix(head, side) => write!(out, "~m({head}){side}"),
            Edit::Colour(Part::Hair, rgb) => write!(out, "~h{}", hex::encode(rgb)),
            Edit::Colour(Part::Eyes, rgb) => write!(out, "~e{}", hex::encode(rgb)),
        })
    }
}

impl FromStr for Address {
    type Err = Usage;

    fn from_str(text: &str) -> Result<Self, Usage> {
        let wrong = || {
            let shown: String = text.chars().take(80).collect();
            Usage(format!(
                "`{shown}` is no address of a head: RUN@STEP-DIGEST/SEED.NUMBER is expected, and edits after it"
            ))
        };
        if text.len() > LONGEST {
            return Err(Usage(format!(
                "this head was edited too often: its address has more than {LONGEST} characters"
            )));
        }
        let (source, head) = text.rsplit_once('/').ok_or_else(wrong)?;
        let (run, checkpoint) = source.rsplit_once('@').ok_or_else(wrong)?;
        let (step, digest) = checkpoint.split_once('-').ok_or_else(wrong)?;
        let address = Self {
            source: Source {
                run: run.into(),
                step: step.parse().map_err(|_| wrong())?,
                digest: u32::from_str_radix(digest, 16).map_err(|_| wrong())?,
            },
            head: head.parse().map_err(|_| wrong())?,
        };
        // One head has one address: no sign, no leading zero.
        (address.to_string() == text).then_some(address).ok_or_else(wrong)
    }
}

impl FromStr for Head {
    type Err = Usage;

    fn from_str(text: &str) -> Result<Self, Usage> {
        let mut parser = Parser { rest: text };
        let head = parser.head(0).filter(|_| parser.rest.is_empty());
        head.ok_or_else(|| {
            Usage(format!(
                "`{text}` is no head: SEED.NUMBER is expected, and edits after it"
            ))
        })
    }
}

/// What is left to read of a head.
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn head(&mut self, depth: u32) -> Option<Head> {
        if depth > DEEPEST {
            return None;
        }
        let start = match self.take("z") {
            Some(()) => Start::Found(self.noise()?),
            None => {
                let seed = self.digits()?.parse().ok()?;
                self.take(".")?;
                let number = self.digits()?.parse().ok().filter(|number| *number <= MOST)?;
                Start::Sample { seed, number }
            }
        };
        let mut edits = Vec::new();
        while self.take("~").is_some() {
            edits.push(self.edit(depth)?);
        }
        (edits.len() <= MOST_EDITS).then_some(Head { start, edits })
    }

    fn edit(&mut self, depth: u32) -> Option<Edit> {
        if self.take("t").is_some() {
            let limit = self.amount()?;
            return (0.05..=10.0).contains(&limit.value()).then_some(Edit::Truncate(limit));
        }
        for (letter, part) in [("h", Part::Hair), ("e", Part::Eyes)] {
            if self.take(letter).is_some() {
                return Some(Edit::Colour(part, self.colour()?));
            }
        }
        let is_mix = self.take("m").is_some();
        if !is_mix {
            self.take("b")?;
        }
        self.take("(")?;
        let other = Box::new(self.head(depth + 1)?);
        self.take(")")?;
        match is_mix {
            true => Some(Edit::Mix(other, self.digits()?.parse().ok()?)),
            false => {
                let share = self.amount()?;
                (0.0..=1.0)
                    .contains(&share.value())
                    .then_some(Edit::Between(other, share))
            }
        }
    }

    fn noise(&mut self) -> Option<Vec<i8>> {
        let (text, rest) = self.rest.split_at_checked(2 * NOISE as usize)?;
        self.rest = rest;
        let bytes = hex::decode(text).ok()?;
        Some(bytes.into_iter().map(u8::cast_signed).collect())
    }

    fn colour(&mut self) -> Option<[u8; 3]> {
        let (text, rest) = self.rest.split_at_checked(6)?;
        self.rest = rest;
        let mut rgb = [0; 3];
        hex::decode_to_slice(text, &mut rgb).ok().map(|()| rgb)
    }

    fn amount(&mut self) -> Option<Amount> {
        let text = self.until(|letter| !letter.is_ascii_digit() && letter != '.' && letter != '-')?;
        let value: f64 = text.parse().ok()?;
        (-10.0..=10.0).contains(&value).then(|| Amount::of(value))
    }

    fn digits(&mut self) -> Option<&'a str> {
        self.until(|letter| !letter.is_ascii_digit())
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> Option<&'a str> {
        let at = self.rest.find(end).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        (at > 0).then_some(text)
    }

    fn take(&mut self, word: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rng::Rng;

    fn head(rng: &mut Rng, depth: u32) -> Head {
        let start = match rng.chance(0.2) {
            true => Start::Found((0..NOISE).map(|_| rng.below(256) as u8 as i8).collect()),
            false => Start::Sample {
                seed: rng.below(usize::MAX) as u64,
                number: rng.below(MOST + 1),
            },
        };
        let kinds = if depth == 0 { 2 } else { 4 };
        let edits = (0..rng.below(4)).map(|_| match rng.below(kinds) {
            0 => Edit::Truncate(Amount(50 + rng.below(9951) as i32)),
            1 => Edit::Colour(
                if rng.chance(0.5) { Part::Hair } else { Part::Eyes },
                [0; 3].map(|_: u8| rng.below(256) as u8),
            ),
            2 => Edit::Between(Box::new(head(rng, depth - 1)), Amount(rng.below(1001) as i32)),
            _ => Edit::Mix(Box::new(head(rng, depth - 1)), 4 << rng.below(6)),
        });
        Head {
            start,
            edits: edits.collect(),
        }
    }

    fn address(rng: &mut Rng) -> Address {
        let runs = ["first", "first/best", "v1-default", "größer@2-3/x", ""];
        Address {
            source: Source {
                run: runs[rng.below(runs.len())].into(),
                step: rng.below(1 << 40) as u64,
                digest: rng.below(1 << 32) as u32,
            },
            head: head(rng, 2),
        }
    }

    #[test]
    fn every_address_is_read_as_what_was_written() {
        let mut longest = 0;
        for number in 0..3000 {
            let address = address(&mut Rng::new(1, number, 0));
            let text = address.to_string();
            match text.len() > LONGEST {
                true => longest += 1,
                false => assert_eq!(text.parse::<Address>().expect("is read"), address, "{text}"),
            }
        }
        assert!(longest < 300, "{longest}");
    }

    #[test]
    fn a_text_is_one_address_or_none() {
        for number in 0..3000 {
            let mut rng = Rng::new(2, number, 0);
            let mut text: Vec<char> = address(&mut rng).to_string().chars().collect();
            for _ in 0..=rng.below(3) {
                let letters: Vec<char> = "0.~tbmhe()z@-/x9+ é".chars().collect();
                let (at, letter) = (rng.below(text.len()), letters[rng.below(letters.len())]);
                match rng.below(3) {
                    0 => text[at] = letter,
                    1 => text.insert(at, letter),
                    _ => drop(text.remove(at)),
                }
            }
            let text: String = text.into_iter().collect();
            if let Ok(read) = text.parse::<Address>() {
                assert_eq!(read.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_too_deep_too_long_or_out_of_bounds_is_refused() {
        let of = |head: &str| format!("a@1-00000000/{head}").parse::<Address>();
        let nested = |depth: usize| format!("{}1.1{}", "1.1~b(".repeat(depth), ")0.5".repeat(depth));
        assert!(of(&nested(6)).is_ok() && of(&nested(7)).is_err() && of(&nested(600)).is_err());
        for head in [
            "1.100000",
            "1.1~t0",
            "1.1~t10.001",
            "1.1~h30A060",
            "1.1~e30a06",
            "1.1~b(1.2)1.001",
            "1.1~b(1.2)-0.1",
            "1.1~b(1.2)-0",
            "1.1~t0.70",
            "01.1",
            "1.1~t0.7001",
            "1.-1",
            "",
            "z00",
        ] {
            assert!(of(head).is_err(), "{head}");
        }
        let error = of(&"1.1~t1".repeat(1000)).expect_err("is too long").to_string();
        assert!(error.contains("edited too often"), "{error}");
    }
}
