//! The memory that a run takes: shown before it begins, and an error where there is not enough.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use anyhow::{Result, bail};
use dataset::failure::Usage;
use dataset::train_settings::{Precision, TrainConfig};
use sysinfo::{Process, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
use tch::Device;

use super::architecture;
use crate::engine::plan::Plan;

const MEGABYTE: f64 = 1e6;
const GIGABYTE: f64 = 1e9;

/// What a run's tensors take, bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Weights, gradients, moments, average: exact.
    pub vectors: i64,
    /// Maps, as if every layer's output were kept for the backward pass: an estimate.
    pub maps: i64,
}

impl Memory {
    /// What a config takes.
    pub fn of(config: &TrainConfig) -> Self {
        let (generator, discriminator) = (architecture::generator(config), architecture::discriminator(config));
        let vectors = |plan: &Plan, copies: i64| 4 * (copies * plan.parameter_count() + plan.buffer_count());
        let averaged = i64::from(config.average > 0.0);
        let width = if config.precision == Precision::Bf16 { 2 } else { 4 };
        let maps = |plan: &Plan| plan.shapes.iter().map(|shape| shape.numel()).sum::<i64>() * width;
        Self {
            // Weights, gradient and two moments.
            vectors: vectors(&generator, 4 + averaged) + vectors(&discriminator, 4),
            // The discriminator's of real and of generated heads.
            maps: (maps(&generator) + 2 * maps(&discriminator)) * config.batch as i64,
        }
    }

    fn bytes(self) -> f64 {
        (self.vectors + self.maps) as f64
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        write!(
            to,
            "{:.0} MB of vectors (weights, gradients, moments, average) and about {:.0} MB of maps (estimated), beside \
             libtorch's own",
            self.vectors as f64 / MEGABYTE,
            self.maps as f64 / MEGABYTE
        )
    }
}

/// Refuses a run that this machine has not the memory for.
///
/// # Errors
/// [`Usage`] with both figures and what takes less.
pub fn check(config: &TrainConfig, device: Device) -> Result<()> {
    let wanted = Memory::of(config).bytes();
    match free() {
        Some(free) if !device.is_cuda() && wanted > free => Err(Usage(format!(
            "the run wants about {:.1} GB of memory, and {:.1} GB are free; {}",
            wanted / GIGABYTE,
            free / GIGABYTE,
            way_out(config)
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Bytes that a program can have without pushing others out, and that its control group (a container's,
/// say) lets it have; none where the system does not tell.
fn free() -> Option<f64> {
    let mut system = System::new();
    system.refresh_memory();
    let own = get_current_pid().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, ProcessRefreshKind::nothing());
    // A container may see its group as the root of all.
    let group = system.process(own).and_then(Process::cgroup_limits);
    let group = group.or_else(|| system.cgroup_limits());
    // What the group holds as a cache of files makes room when it is wanted.
    let of_group = group.map(|limits| limits.total_memory.saturating_sub(limits.rss));
    let of_machine = Some(system.available_memory()).filter(|available| *available > 0);
    let least = [of_machine, of_group].into_iter().flatten().min()?;
    Some(least as f64)
}

fn way_out(config: &TrainConfig) -> String {
    format!(
        "a smaller --batch (now {}), --width ({}) or --side ({}) takes less, as --dry-run shows",
        config.batch, config.width, config.side
    )
}

/// Does the work, and tells it as an error where libtorch gets no memory for it (which tch panics
/// on); other panics go on.
///
/// # Errors
/// The work's own, or that memory ran out, with what takes less.
pub fn report_out_of_memory<T>(config: &TrainConfig, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !ran_out(info.payload()) {
            usual(info);
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer,
        Err(payload) if ran_out(payload.as_ref()) => {
            bail!(
                "there is not enough memory for a step: {}; what the last checkpoint holds is safe",
                way_out(config)
            )
        }
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// Whether libtorch's message is one of memory: of its own allocator, of oneDNN's or of CUDA's.
fn ran_out(payload: &dyn std::any::Any) -> bool {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or_default();
    let signs = [
        "can't allocate memory",
        "out of memory",
        "could not create a memory",
        "bad_alloc",
    ];
    signs.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::train_settings::{Preset, TrainSettings};

    fn config() -> TrainConfig {
        let settings = TrainSettings {
            preset: Some(Preset::Report),
            precision: Some(Precision::F32),
            ..TrainSettings::default()
        };
        crate::gan::config::resolve(&settings).expect("resolves")
    }

    #[test]
    fn the_report_takes_what_its_tables_say() {
        let found = Memory::of(&config());
        // Four f32 vectors of 3,578,432 and 2,767,296 values, and the running statistics of BN.
        assert_eq!(found.vectors, 16 * (3_578_432 + 2_767_296) + 4 * 2 * (960 + 896));
        // The widest map, 64 x 32 x 32, stands 3 times in the generator and twice in the discriminator.
        assert!(found.maps > 4 * 64 * 65_536 * (3 + 2 * 2), "{found}");
    }

    #[test]
    fn a_run_beyond_any_machine_is_refused_with_the_way_out() {
        let mut config = config();
        check(&config, Device::Cpu).expect("fits");
        config.batch = 1 << 30;
        let error = check(&config, Device::Cpu).expect_err("is refused");
        assert!(
            error.to_string().contains("a smaller --batch (now 1073741824)"),
            "{error}"
        );
    }

    #[test]
    fn an_allocation_that_libtorch_refuses_is_an_error() {
        let error = report_out_of_memory(&config(), || {
            // An exabyte.
            Ok(tch::Tensor::zeros([1 << 58], (tch::Kind::Float, Device::Cpu)).numel())
        });
        let error = error.expect_err("cannot be had").to_string();
        assert!(error.contains("not enough memory for a step"), "{error}");
    }
}
