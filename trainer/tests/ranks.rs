//! A run that several processes train: what it learns, and what it keeps through kills and missing ranks.

mod common;
#[path = "common/processes.rs"]
mod processes;
#[path = "common/runs.rs"]
mod runs;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use dataset::train_settings::{TrainConfig, TrainSettings};
use processes::{as_rank, begin, ended, free_port, spawn};
use runs::{assert_refused, checkpoints, data, final_bits, metrics, poison, run, stderr, tiny};
use tch::{Kind, Tensor};
use trainer::engine::checkpoint;
use trainer::engine::network::Network;
use trainer::engine::optimiser::Adam;
use trainer::engine::plan::{Layer, Plan};
use trainer::engine::ranks::{Ranks, Store};
use trainer::gan::checkpoint::step_of;
use trainer::gan::gan_state::{BETA2, GanState};
use trainer::gan::{architecture, config};

/// Runs the command as two ranks, of which the second says nothing.
fn both(command: impl Fn() -> Command) {
    let [first, second] = ended(begin(command));
    assert!(
        first.status.success() && second.status.success(),
        "{first:?} {second:?}"
    );
    assert!(second.stdout.is_empty() && second.stderr.is_empty(), "{second:?}");
}

/// Waits until a run has a checkpoint of that step or a later one.
fn wait_for(data: &Path, name: &str, step: u64, ranks: &mut [Child]) {
    let folder = data.join("runs").join(name).join("checkpoints");
    let newest = || {
        let files = dataset::files::sorted_entries(&folder).unwrap_or_default();
        let steps = files.iter().filter_map(|path| step_of(path));
        steps.max().unwrap_or(0)
    };
    while newest() < step {
        for rank in &mut *ranks {
            assert_eq!(rank.try_wait().expect("can be asked"), None, "a rank ended");
        }
        std::thread::yield_now();
    }
}

const BATCH: i64 = 16;
const STEPS: u64 = 50;

/// Trains 50 steps as this rank and writes what came out, as a process of the test below.
fn learn(out: &str) {
    tch::set_num_threads(1);
    let ranks = Ranks::join().expect("meets the others");
    let settings = TrainSettings {
        side: Some(16),
        width: Some(8),
        batch: Some(BATCH as usize),
        precision: Some(dataset::train_settings::Precision::F32),
        ..TrainSettings::default()
    };
    let config = TrainConfig {
        augment_strength: 1.0,
        ..config::resolve(&settings).expect("resolves")
    };
    let mut gan = GanState::new(&config);
    // The generators of all presets have batch norm: this one normalises each head by itself.
    let plan = architecture::generator(&config);
    let layers = plan.layers.iter().map(|layer| match layer {
        Layer::BatchNorm => Layer::InstanceNorm,
        other => *other,
    });
    tch::manual_seed(3);
    gan.generator = Network::new(Plan::new(plan.input, layers.collect()));
    gan.generator_adam = Adam::new(&gan.generator.parameters, (config.beta1, BETA2), None);
    gan.generator_adam.learning_rate = config.rate_g;
    gan.ema = gan.ema.map(|_| gan.generator.parameters.copy());
    for step in 0..STEPS {
        tch::manual_seed(step as i64);
        let options = (Kind::Float, tch::Device::Cpu);
        let count = BATCH / ranks.world() as i64;
        let heads = ranks
            .share()
            .rows(count, |count| Tensor::rand([count, 3, 16, 16], options) * 2 - 1);
        gan.step(&heads, step, step, &ranks).expect("steps");
    }
    checkpoint::write(Path::new(out), &gan.tensors(), &()).expect("writes");
}

#[test]
fn two_ranks_learn_what_one_learns() {
    if let Ok(out) = std::env::var("TEST_LEARN_INTO") {
        return learn(&out);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = |name: &str| folder.path().join(name).display().to_string();
    let learner = |name: &str| {
        let mut command = Command::new(std::env::current_exe().expect("has a path"));
        command.args(["--exact", "two_ranks_learn_what_one_learns"]);
        command.env("TEST_LEARN_INTO", out(name));
        command
    };
    let alone = run(learner("alone"));
    assert!(alone.status.success(), "{alone:?}");
    let port = free_port();
    let ranks = ["0", "1"].map(|name| spawn(as_rank(learner(name), name.parse().expect("a number"), 2, port)));
    for rank in ended(ranks) {
        assert!(rank.status.success(), "{rank:?}");
    }
    let read = |name: &str| -> BTreeMap<String, Tensor> {
        let tensors = Tensor::read_safetensors(out(name)).expect("reads");
        tensors.into_iter().collect()
    };
    let (alone, first, second) = (read("alone"), read("0"), read("1"));
    assert!(alone.len() > 8, "{:?}", alone.keys());
    for (name, alone) in &alone {
        let first = &first[name];
        assert!(first.equal(&second[name]), "{name} differs between the ranks");
        let apart = (first - alone).norm().double_value(&[]) / alone.norm().double_value(&[]);
        println!("{name}: {apart:.1e}");
        // The spread of heads is measured within a rank's share.
        assert!(apart < 1e-4 || name == "sums", "{name} is {apart} apart");
    }
}

/// A run of 40 heads by these flags; a batch of 8 has 5 steps an epoch.
fn forty(data: &Path, name: &str, more: &[&str]) -> Command {
    tiny(data, name, &[&["--manifest", "v1"], more].concat())
}

#[test]
fn one_process_of_one_is_a_run_without_ranks() {
    let data = data(40);
    let flags = ["--epochs", "4"];
    for command in [
        forty(data.path(), "plain", &flags),
        as_rank(forty(data.path(), "ranked", &flags), 0, 1, free_port()),
    ] {
        let output = run(command);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(final_bits(data.path(), "plain"), final_bits(data.path(), "ranked"));
}

#[test]
fn two_ranks_that_are_killed_and_resumed_end_with_the_bits_of_undisturbed_ones() {
    let data = data(40);
    let flags = ["--epochs", "24", "--grid-epochs", "12", "--resume"];
    both(|| forty(data.path(), "whole", &flags));
    let each_step = [&flags[..], &["--checkpoint-minutes", "0"]].concat();
    for step in [3, 55] {
        let mut ranks = begin(|| forty(data.path(), "killed", &each_step));
        wait_for(data.path(), "killed", step, &mut ranks);
        for mut rank in ranks {
            rank.kill().expect("is killed");
            rank.wait().expect("ends");
        }
    }
    both(|| forty(data.path(), "killed", &each_step));
    assert_eq!(final_bits(data.path(), "killed"), final_bits(data.path(), "whole"));
    assert_eq!(metrics(data.path(), "killed"), metrics(data.path(), "whole"));
    // One process goes on with it, and says what that changes.
    let more = run(forty(data.path(), "killed", &["--resume", "--epochs", "25"]));
    assert!(more.status.success(), "{}", stderr(&more));
    let note = "computed by 1 thread on Cpu in 2 processes and goes on by 1 thread on Cpu:";
    assert!(stderr(&more).contains(note), "{}", stderr(&more));
}

#[test]
fn a_rank_that_dies_ends_the_other_and_leaves_a_checkpoint_that_loads() {
    let data = data(40);
    let flags = ["--epochs", "100000", "--resume", "--checkpoint-minutes", "0"];
    for (dies, step) in [(1, 10), (0, 20)] {
        let mut ranks = begin(|| forty(data.path(), "a", &flags));
        wait_for(data.path(), "a", step, &mut ranks);
        ranks[dies].kill().expect("is killed");
        let left = ended(ranks).into_iter().nth(1 - dies).expect("two");
        assert_refused(&left, 1, &format!("rank {dies} of 2 ended or does not answer ("));
    }
    let newest = checkpoints(data.path(), "a").pop().expect("a checkpoint");
    let step = step_of(&newest).expect("has a step");
    let end = (step / 5 + 2).to_string();
    both(|| forty(data.path(), "a", &["--resume", "--epochs", &end]));
}

#[test]
fn of_three_ranks_those_that_are_left_name_the_one_that_died() {
    let data = data(40);
    let flags = ["--epochs", "100000", "--batch", "12", "--checkpoint-minutes", "0"];
    let port = free_port();
    let mut ranks = [0, 1, 2].map(|rank| spawn(as_rank(forty(data.path(), "a", &flags), rank, 3, port)));
    wait_for(data.path(), "a", 10, &mut ranks);
    let [first, mut second, third] = ranks;
    second.kill().expect("is killed");
    second.wait().expect("ends");
    for left in [first, third] {
        let left = left.wait_with_output().expect("ends");
        assert_refused(&left, 1, "rank 1 of 3 ended or does not answer (");
    }
}

#[test]
fn a_stop_of_either_rank_stops_both_in_the_same_step() {
    let data = data(40);
    let flags = ["--epochs", "100000", "--checkpoint-minutes", "0"];
    let mut ranks = begin(|| forty(data.path(), "a", &flags));
    wait_for(data.path(), "a", 5, &mut ranks);
    let status = Command::new("kill").arg(ranks[1].id().to_string()).status();
    assert!(status.expect("signals").success());
    for rank in ended(ranks) {
        assert_refused(&rank, 130, "interrupted; all is saved");
    }
    assert!(!checkpoints(data.path(), "a").is_empty());
}

#[test]
fn both_ranks_go_back_from_infinity_at_the_same_step() {
    let data = data(40);
    both(|| forty(data.path(), "a", &["--epochs", "4"]));
    let (good, _) = poison(data.path(), "a", 5, 2);
    let [first, second] = ended(begin(|| forty(data.path(), "a", &["--resume", "--epochs", "30"])));
    assert!(
        first.status.success() && second.status.success(),
        "{first:?} {second:?}"
    );
    let told = format!("back to step {good}, both rates halved");
    assert!(stderr(&first).contains(&told), "{}", stderr(&first));
}

#[test]
fn missing_ranks_are_named_after_the_timeout() {
    let data = data(12);
    let alone = |rank| {
        let mut command = as_rank(forty(data.path(), "a", &[]), rank, 2, free_port());
        command.env("HEADS_RANK_TIMEOUT", "1");
        run(command)
    };
    assert_refused(&alone(0), 1, "rank 1 of 2 did not come within 1 s");
    assert_refused(&alone(1), 1, "rank 1 of 2 does not reach the store at 127.0.0.1:");
    assert!(!data.path().join("runs/a").exists());
}

#[test]
fn what_cannot_be_split_or_begun_is_refused_by_all() {
    let data = data(40);
    let refused = |more: &[&str], expected: &str| {
        let [first, second] = ended(begin(|| forty(data.path(), "a", more)));
        assert_refused(&first, 2, expected);
        assert_refused(&second, 1, &format!("rank 0 ended: {expected}"));
    };
    refused(&["--batch", "9"], "a batch of 9 cannot be split over 2 processes");
    refused(
        &["--batch", "2"],
        "a batch of 2 cannot be split over 2 processes: give a --batch of 4",
    );
    assert!(!data.path().join("runs/a").exists());
    let mut command = forty(data.path(), "a", &[]);
    command.env("RANK", "0").env("WORLD_SIZE", "2");
    assert_refused(&run(command), 2, "lacks MASTER_ADDR");
}

#[test]
fn ranks_that_torchrun_starts_again_go_on_and_others_do_not_take_their_run() {
    let data = data(40);
    let flags = ["--epochs", "12", "--checkpoint-minutes", "0"];
    both(|| forty(data.path(), "whole", &flags));
    // As torchrun does: its store outlives the ranks, which are all clients of it.
    let (_store, port) = Store::open("127.0.0.1", 0, true, Duration::from_secs(60)).expect("serves");
    let restarted = |name: &str, restarts: &str| {
        [0, 1].map(|rank| {
            let mut command = as_rank(forty(data.path(), name, &flags), rank, 2, port);
            command
                .env("TORCHELASTIC_USE_AGENT_STORE", "True")
                .env("TORCHELASTIC_RESTART_COUNT", restarts);
            spawn(command)
        })
    };
    let mut ranks = restarted("again", "0");
    wait_for(data.path(), "again", 7, &mut ranks);
    ranks[1].kill().expect("is killed");
    assert_refused(&ended(ranks)[0], 1, "rank 1 of 2 ended");
    for rank in ended(restarted("again", "1")) {
        assert!(rank.status.success(), "{rank:?}");
    }
    assert_eq!(final_bits(data.path(), "again"), final_bits(data.path(), "whole"));
    assert_refused(&ended(restarted("whole", "2"))[0], 2, "go on with it by --resume");
}
