//! Which process of a run this one is, as torchrun, Slurm's srun or variables set by hand tell.

use anyhow::Result;
use dataset::failure::Usage;

/// torch's own default.
const PORT: u16 = 29500;

/// One process among those that train a run together, and where they meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the process, from 0.
    pub rank: usize,
    /// Number of processes.
    pub world: usize,
    /// Number of processes on this machine.
    pub local_world: usize,
    /// Host of the store that they meet at.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether torchrun serves the store; else rank 0 does.
    pub agent_store: bool,
    /// How often torchrun has started all of them again.
    pub restarts: u64,
}

impl Place {
    /// What the environment says; none where it names no ranks.
    ///
    /// # Errors
    /// [`Usage`] where a variable is missing or no number.
    pub fn from_env() -> Result<Option<Self>> {
        Ok(Self::read(&|name| {
            std::env::var(name).ok().filter(|value| !value.is_empty())
        })?)
    }

    fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, Usage> {
        let host = variable("MASTER_ADDR");
        // srun sets none of torchrun's, and sets its own in plain batch scripts too: MASTER_ADDR says that ranks are meant.
        let by_slurm = variable("RANK").is_none() && variable("WORLD_SIZE").is_none() && host.is_some();
        let [rank, world, local_world] = match by_slurm {
            true => ["SLURM_PROCID", "SLURM_NTASKS", "SLURM_TASKS_PER_NODE"],
            false => ["RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"],
        };
        if variable(rank).is_none() && variable(world).is_none() {
            return Ok(None);
        }
        let number = |name: &str| {
            let value = variable(name).ok_or_else(|| missing(name))?;
            // SLURM_TASKS_PER_NODE is as "4(x2),3".
            let digits = value.split(|letter: char| !letter.is_ascii_digit()).next();
            let number = digits.and_then(|digits| digits.parse::<usize>().ok());
            number.ok_or_else(|| Usage(format!("the environment has {name}=`{value}`, which is no number")))
        };
        let (rank, world) = (number(rank)?, number(world)?);
        if rank >= world {
            return Err(Usage(format!("there is no rank {rank} of {world}: ranks count from 0")));
        }
        let host = host.ok_or_else(|| missing("MASTER_ADDR"))?;
        let port = match variable("MASTER_PORT") {
            None => PORT,
            Some(port) => port
                .parse()
                .map_err(|_| Usage(format!("the environment has MASTER_PORT=`{port}`, which is no port")))?,
        };
        let local_world = match variable(local_world) {
            Some(_) => number(local_world)?,
            None if is_loopback(&host) => world,
            None => 1,
        };
        Ok(Some(Self {
            rank,
            world,
            local_world: local_world.clamp(1, world),
            agent_store: variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True"),
            restarts: variable("TORCHELASTIC_RESTART_COUNT").map_or(Ok(0), |_| number("TORCHELASTIC_RESTART_COUNT"))?
                as u64,
            host,
            port,
        }))
    }
}

/// Whether a host is this machine by its own name for itself.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn missing(name: &str) -> Usage {
    Usage(format!(
        "the environment names ranks and lacks {name}: start them by torchrun --no-python, by srun with MASTER_ADDR, or set \
         MASTER_ADDR, MASTER_PORT, RANK and WORLD_SIZE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Place>, Usage> {
        Place::read(&|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn torchrun_srun_and_hands_name_a_rank() {
        let torchrun = [
            ("RANK", "5"),
            ("WORLD_SIZE", "8"),
            ("LOCAL_RANK", "1"),
            ("LOCAL_WORLD_SIZE", "4"),
            ("MASTER_ADDR", "node1"),
            ("MASTER_PORT", "1234"),
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
        ];
        let expected = Place {
            rank: 5,
            world: 8,
            local_world: 4,
            host: "node1".into(),
            port: 1234,
            agent_store: true,
            restarts: 2,
        };
        assert_eq!(read(&torchrun).expect("reads"), Some(expected.clone()));
        let srun = [
            ("SLURM_PROCID", "5"),
            ("SLURM_NTASKS", "8"),
            ("SLURM_TASKS_PER_NODE", "4(x2)"),
            ("MASTER_ADDR", "node1"),
        ];
        let by_slurm = Place {
            port: PORT,
            agent_store: false,
            restarts: 0,
            ..expected
        };
        assert_eq!(read(&srun).expect("reads"), Some(by_slurm));
        let by_hand = [("RANK", "1"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1")];
        let place = read(&by_hand).expect("reads").expect("a rank");
        assert_eq!((place.rank, place.world, place.local_world), (1, 2, 2));
    }

    #[test]
    fn no_ranks_are_none_and_half_of_the_variables_are_refused() {
        assert_eq!(read(&[]).expect("reads"), None);
        assert_eq!(
            read(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "1")]).expect("reads"),
            None
        );
        for (variables, expected) in [
            (vec![("RANK", "0"), ("MASTER_ADDR", "a")], "lacks WORLD_SIZE"),
            (vec![("RANK", "0"), ("WORLD_SIZE", "2")], "lacks MASTER_ADDR"),
            (
                vec![("RANK", "2"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")],
                "no rank 2 of 2",
            ),
            (
                vec![("RANK", "x"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")],
                "RANK=`x`",
            ),
        ] {
            let error = read(&variables).expect_err("is refused");
            assert!(error.0.contains(expected), "{error}");
        }
    }
}
