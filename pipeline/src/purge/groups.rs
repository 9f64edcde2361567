//! Duplicate groups that lost members.

use std::collections::BTreeSet;

use crate::catalog::Write;
use crate::catalog::pictures::hash_of;
use crate::catalog::verdicts::{self, DUPLICATE, Member};
use crate::decide::{Rank, better_copies};

/// Chooses anew which head of some duplicate groups is accepted, under every policy: a purge has taken members.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn resolve(write: &mut Write, groups: &BTreeSet<String>) -> anyhow::Result<()> {
    let members = verdicts::members(write, groups).await?;
    let rivals = |a: &Member, b: &Member| {
        (&a.duplicate_group, &a.policy, &a.key.detector, &a.key.crop)
            == (&b.duplicate_group, &b.policy, &b.key.detector, &b.key.crop)
    };
    for group in members.chunk_by(rivals) {
        let ranks: Vec<Rank> = group.iter().map(rank).collect();
        for (member, better) in group.iter().zip(better_copies(&ranks)) {
            let better = better.map(|better| group[better].head.as_str());
            // What a cap refused is no copy, and what a hand said of a kept head stays.
            let same = match better {
                Some(_) => member.reason.as_deref() == Some(DUPLICATE) && member.because.as_deref() == better,
                None => member.reason.as_deref() != Some(DUPLICATE),
            };
            if !same {
                verdicts::resolve(write, member, better).await?;
            }
        }
    }
    Ok(())
}

fn rank(member: &Member) -> Rank {
    Rank {
        kept: member.kept == 1,
        detail: member.detail,
        head: hash_of(&member.head),
    }
}
