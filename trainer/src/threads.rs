//! How many threads compute tensors, and how they wait for each other.

use std::os::unix::process::CommandExt;
use std::process::Command;

use dataset::train_settings::MOST_THREADS;
use sysinfo::{CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, RefreshKind, System};

/// libtorch's OpenMP (GNU's) reads these when it is loaded, which is before `main`.
const WAIT_POLICY: &str = "OMP_WAIT_POLICY";
const SPIN_COUNT: &str = "GOMP_SPINCOUNT";
/// Turns of a waiting thread before it sleeps, some 60 microseconds; OpenMP's own 300,000 are milliseconds.
/// Of a training step of `default` at 64 px, on two idle cores, two threads took .61 of one thread's time with
/// 5,000 as with 300,000, and .85 with none (medians of three).
const SPINS: &str = "5000";

/// Starts the program once more, in the same process, with threads that spin only briefly while they wait for
/// each other: beside other busy programs long spinning takes the time that the threads wait for. A policy that
/// the environment names stays.
pub fn spin_briefly() {
    if [WAIT_POLICY, SPIN_COUNT]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
    {
        return;
    }
    let mut words = std::env::args_os();
    if let (Ok(program), Some(name)) = (std::env::current_exe(), words.next()) {
        // Answers only where it failed: the program then goes on with OpenMP's default.
        let _ = Command::new(program)
            .arg0(name)
            .args(words)
            .env(SPIN_COUNT, SPINS)
            .exec();
    }
}

/// Uses so many threads for tensors; 0 takes as many as there are idle cores, one at least.
pub fn set(threads: usize) {
    let threads = match threads {
        0 => idle_cores().clamp(1, tch::get_num_threads().max(1) as usize),
        threads => threads.min(MOST_THREADS),
    };
    tch::set_num_threads(threads as i32);
}

/// Does something on one thread: the sums of another number of them have other last bits.
pub fn on_one<T>(work: impl FnOnce() -> T) -> T {
    let before = tch::get_num_threads();
    tch::set_num_threads(1);
    let done = work();
    tch::set_num_threads(before);
    done
}

/// What computes a run, as "2 threads on Cpu" or "2 threads on Cpu in 4 processes": another answer has other bits.
pub fn computed_by(device: tch::Device, processes: usize) -> String {
    match processes {
        1 => format!("{} on {device:?}", count()),
        _ => format!("{} on {device:?} in {processes} processes", count()),
    }
}

/// "1 thread" or "2 threads".
pub fn count() -> String {
    match tch::get_num_threads() {
        1 => "1 thread".into(),
        count => format!("{count} threads"),
    }
}

/// The threads that are asked for; where the number is left open (0), those that computed a resumed run
/// [`before`](computed_by). None where neither says.
pub fn resumed(asked: usize, before: Option<&str>) -> Option<usize> {
    let before = || before?.split(' ').next()?.parse().ok();
    Some(asked).filter(|asked| *asked > 0).or_else(before)
}

/// Says on standard error where a run goes on by something else than what computed it.
pub fn warn_of_others(before: &str, device: tch::Device, processes: usize) {
    let now = computed_by(device, processes);
    if !before.is_empty() && before != now {
        eprintln!(
            "warning: the run was computed by {before} and goes on by {now}: its exactness ends here (an undisturbed \
             run would have other bits)"
        );
    }
}

/// Cores that other programs leave idle, over the shortest time in which the system can tell.
fn idle_cores() -> usize {
    let mut system =
        System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing().with_cpu_usage()));
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_cpu_usage();
    let idle = system.cpus().iter().map(|core| 1.0 - core.cpu_usage() / 100.0);
    idle.sum::<f32>().round() as usize
}
