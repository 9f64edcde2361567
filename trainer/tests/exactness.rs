//! What a run keeps through kills, interrupts, damage and purges: its bits.

mod common;
#[path = "common/runs.rs"]
mod runs;

use std::path::Path;
use std::process::{Command, Stdio};

use dataset::lock::Lock;
use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use dataset::{Key, Manifest, ManifestRow, Store, StoreSettings};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use runs::{assert_refused, checkpoints, data, final_bits, metrics, poison, run, stderr, tiny};
use trainer::engine::ranks::Ranks;
use trainer::gan::config;
use trainer::gan::folder::{RunFile, RunFolder};
use trainer::gan::framing::Framing;
use trainer::gan::head_dataset::HeadDataset;
use trainer::gan::limits::{End, Limits};
use trainer::settings::DataFolder;

use trainer::engine::training::Stop;
use trainer::gan::train::{Job, train};

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    let data = data(40);
    for (name, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        let output = run(tiny(
            data.path(),
            name,
            &["--manifest", "v1", "--epochs", "6", "--seed", seed],
        ));
        assert!(output.status.success(), "{}", stderr(&output));
    }
    assert_eq!(final_bits(data.path(), "a"), final_bits(data.path(), "b"));
    assert_ne!(final_bits(data.path(), "a"), final_bits(data.path(), "c"));
}

/// The step of the newest checkpoint, and whether one is being written.
fn written(data: &Path, name: &str) -> (u64, bool) {
    let folder = data.join("runs").join(name).join("checkpoints");
    let files = dataset::files::sorted_entries(&folder).unwrap_or_default();
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|extension| extension == end);
    let newest = files.iter().rfind(|path| ends(path, "safetensors"));
    let step = newest.and_then(|path| path.file_stem()?.to_str()?.strip_prefix("step-")?.parse().ok());
    (step.unwrap_or(0), files.iter().any(|path| ends(path, "part")))
}

#[test]
fn killed_at_twenty_moments_and_resumed_a_run_ends_with_the_same_bits() {
    let data = data(40);
    // Two threads and all that `default` switches on: spectral norm, average, augmentation, mirror.
    let flags = [
        "--manifest",
        "v1",
        "--epochs",
        "40",
        "--grid-epochs",
        "20",
        "--resume",
        "--threads",
        "2",
        "--precision",
        "auto",
    ];
    // A checkpoint after every step, so that kills fall into their writing too.
    let each_step = [&flags[..], &["--checkpoint-minutes", "0"]].concat();
    let output = run(tiny(data.path(), "whole", &flags));
    assert!(output.status.success(), "{}", stderr(&output));
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let mut half_written = 0;
    for kill in 0..20 {
        // Of 200 steps, spread over the epochs of 5: some before the first checkpoint, every other one
        // while a checkpoint is written.
        let from = kill * 9 + rng.random_range(0..9);
        let mut child = tiny(data.path(), "killed", &each_step)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the program starts");
        loop {
            let (step, writing) = written(data.path(), "killed");
            if step >= from && (writing || kill % 2 == 0) {
                break;
            }
            let ended = child.try_wait().expect("can be asked");
            assert!(ended.is_none(), "ended before kill {kill}: {ended:?}");
            std::thread::yield_now();
        }
        child.kill().expect("is killed");
        child.wait().expect("ends");
        half_written += usize::from(written(data.path(), "killed").1);
    }
    assert!(half_written > 0, "no kill fell into the writing of a checkpoint");
    let output = run(tiny(data.path(), "killed", &each_step));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(final_bits(data.path(), "killed"), final_bits(data.path(), "whole"));
    assert_eq!(metrics(data.path(), "killed"), metrics(data.path(), "whole"));
    let grid =
        |name: &str| std::fs::read(data.path().join("runs").join(name).join("grids/epoch-0040.png")).expect("reads");
    assert_eq!(grid("killed"), grid("whole"));
}

#[test]
fn an_interrupt_saves_and_a_resumed_run_ends_with_the_same_bits() {
    let data = data(40);
    let flags = ["--manifest", "v1", "--epochs", "60", "--grid-epochs", "60", "--resume"];
    let output = run(tiny(data.path(), "whole", &flags));
    assert!(output.status.success(), "{}", stderr(&output));
    let child = tiny(data.path(), "stopped", &flags)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let begun = data.path().join("runs/stopped/metrics.jsonl");
    while std::fs::metadata(&begun).map_or(0, |file| file.len()) == 0 {
        std::thread::yield_now();
    }
    let status = Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .expect("signals");
    assert!(status.success());
    let output = child.wait_with_output().expect("ends");
    assert_refused(&output, 130, "interrupted");
    assert_eq!(checkpoints(data.path(), "stopped").len(), 1);
    let output = run(tiny(data.path(), "stopped", &flags));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(final_bits(data.path(), "stopped"), final_bits(data.path(), "whole"));
}

#[test]
fn of_two_that_begin_a_run_at_once_one_does() {
    let data = data(40);
    let begin = |epochs: &str| {
        let mut command = tiny(data.path(), "a", &["--manifest", "v1", "--epochs", epochs]);
        command
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts")
    };
    let both = [begin("30"), begin("31")].map(|child| child.wait_with_output().expect("ends"));
    let done = both.iter().filter(|output| output.status.success()).count();
    assert_eq!(done, 1, "{both:?}");
    let refused = both.iter().find(|output| !output.status.success()).expect("the other");
    assert!([Some(2), Some(75)].contains(&refused.status.code()), "{refused:?}");
    let more = run(tiny(data.path(), "a", &["--resume", "--epochs", "32"]));
    assert!(more.status.success(), "{}", stderr(&more));
}

#[test]
fn a_run_goes_on_with_numbers_that_are_no_short_ones_and_with_the_flags_it_was_begun_with() {
    let data = data(40);
    // Read back one bit off by a careless parser, it would be another run.
    let flags = [
        "--manifest",
        "v1",
        "--augment-strength",
        "0.9996663585922191",
        "--regulariser",
        "r1",
        "--resume",
    ];
    std::fs::write(data.path().join("stages.toml"), "[train]\npenalty = 0.5\n").expect("writes");
    for epochs in ["2", "4"] {
        let output = run(tiny(data.path(), "a", &[&flags[..], &["--epochs", epochs]].concat()));
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let impossible = [
        ("--keep-checkpoints", "0"),
        ("--minutes", "-1"),
        ("--checkpoint-minutes", "-1"),
    ];
    for (flag, value) in impossible {
        let asked = format!("{flag}={value}");
        assert_refused(&run(tiny(data.path(), "a", &["--resume", &asked])), 2, flag);
    }
    assert_eq!(checkpoints(data.path(), "a").len(), 2);
    let text = stderr(&run(tiny(
        data.path(),
        "a",
        &["--resume", "--epochs", "5", "--threads", "2"],
    )));
    assert!(
        text.contains("computed by 1 thread on Cpu and goes on by 2 threads"),
        "{text}"
    );
    // Where the number is left open, it stays the checkpoint's, whatever cores are idle.
    let text = stderr(&run(tiny(
        data.path(),
        "a",
        &["--resume", "--epochs", "6", "--threads", "0"],
    )));
    assert!(text.contains("2 threads") && !text.contains("goes on by"), "{text}");
}

#[test]
fn threads_that_wait_spin_briefly_unless_the_environment_says_otherwise() {
    let data = data(40);
    for (given, expected) in [
        (None, "GOMP_SPINCOUNT=5000"),
        (Some("passive"), "OMP_WAIT_POLICY=passive"),
    ] {
        let mut command = tiny(data.path(), "a", &["--manifest", "v1"]);
        command.env_remove("OMP_WAIT_POLICY").env_remove("GOMP_SPINCOUNT");
        command.envs(given.map(|policy| ("OMP_WAIT_POLICY", policy)));
        let mut child = command.spawn().expect("the program starts");
        let environment = format!("/proc/{}/environ", child.id());
        let found = loop {
            let text = std::fs::read(&environment).unwrap_or_default();
            let found: Vec<String> = text
                .split(|byte| *byte == 0)
                .map(|entry| String::from_utf8_lossy(entry).into())
                .collect();
            if found.iter().any(|entry| entry == expected) || child.try_wait().expect("waits").is_some() {
                break found;
            }
            std::thread::yield_now();
        };
        let _ = child.kill();
        let _ = child.wait();
        assert!(found.iter().any(|entry| entry == expected), "{found:?}");
        assert!(
            given.is_none() || !found.iter().any(|entry| entry.starts_with("GOMP_SPINCOUNT")),
            "{found:?}"
        );
    }
}

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let data = data(40);
    let output = run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "2"]));
    assert!(output.status.success(), "{}", stderr(&output));
    let other = Lock::take(&data.path().join("runs/a"), "trainer run").expect("is free");
    let more = ["--resume", "--epochs", "4"];
    assert_refused(&run(tiny(data.path(), "a", &more)), 75, "trainer run, process");
    drop(other);
    assert!(run(tiny(data.path(), "a", &more)).status.success());
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let data = data(40);
    let begin = ["--manifest", "v1", "--epochs", "4", "--checkpoint-minutes", "0"];
    assert!(run(tiny(data.path(), "a", &begin)).status.success());
    assert!(run(tiny(data.path(), "b", &begin)).status.success());
    let newest = checkpoints(data.path(), "a").pop().expect("a checkpoint");
    let mut content = std::fs::read(&newest).expect("reads");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&newest, content).expect("writes");
    let output = run(tiny(data.path(), "a", &["--resume", "--epochs", "6"]));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("is damaged"), "{}", stderr(&output));
    assert!(
        run(tiny(data.path(), "b", &["--resume", "--epochs", "6"]))
            .status
            .success()
    );
    assert_eq!(final_bits(data.path(), "a"), final_bits(data.path(), "b"));
}

#[test]
fn a_bundle_trains_elsewhere_with_the_bits_of_home_and_resumes() {
    let home = data(40);
    let manifest = home.path().join("manifests/v1");
    let store = Store::open(&home.path().join("store")).expect("opens");
    let there = tempfile::tempdir().expect("a folder");
    let (bundle, file) = (there.path().join("bundle"), there.path().join("v1.tar"));
    for target in [&bundle, &file] {
        dataset::manifest::bundle(&manifest, &store, target, |_| ()).expect("bundles");
    }
    let output = run(tiny(home.path(), "a", &["--manifest", "v1", "--epochs", "4"]));
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = final_bits(home.path(), "a");
    drop(home);

    tar::Archive::new(std::fs::File::open(&file).expect("opens"))
        .unpack(there.path())
        .expect("unpacks");
    let unpacked = there.path().join("v1");
    for (name, path) in [("folder", &bundle), ("file", &unpacked)] {
        let path = path.display().to_string();
        // Begun, then gone on with under the same words.
        for epochs in ["2", "4"] {
            let output = run(tiny(
                there.path(),
                name,
                &["--manifest", &path, "--epochs", epochs, "--resume"],
            ));
            assert!(output.status.success(), "{}", stderr(&output));
        }
        assert_eq!(final_bits(there.path(), name), expected, "from the {name}");
    }
    let moved = there.path().join("moved");
    std::fs::rename(&bundle, &moved).expect("moves");
    let lost = run(tiny(there.path(), "folder", &["--resume", "--epochs", "5"]));
    assert_refused(&lost, 2, "--manifest names it where it was moved");
    let moved = moved.display().to_string();
    let found = run(tiny(
        there.path(),
        "folder",
        &["--manifest", &moved, "--resume", "--epochs", "5"],
    ));
    assert!(found.status.success(), "{}", stderr(&found));
    let packed = file.display().to_string();
    let refused = run(tiny(there.path(), "c", &["--manifest", &packed]));
    assert_refused(&refused, 2, "nor an unpacked bundle");
}

#[test]
fn purged_heads_are_passed_over_and_a_resumed_run_says_where_exactness_ends() {
    let data = data(40);
    let begun = run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "2"]));
    assert!(begun.status.success(), "{}", stderr(&begun));
    let packs = || dataset::files::sorted_entries(&data.path().join("packs")).expect("lists");
    let whole = packs();

    let place = data.path().join("manifests/v1");
    let rows = Manifest::load(&place).expect("reads").rows;
    let store = Store::open(&data.path().join("store")).expect("opens");
    let purge = |rows: &[ManifestRow]| {
        Tombstones::add(&place, rows.iter().map(|row| row.head.clone())).expect("adds");
        for row in rows {
            // Two drawn heads may be the same file.
            let _ = std::fs::remove_file(
                store
                    .folder()
                    .expect("a folder")
                    .join(Key::head(&row.head).expect("a hash").as_str()),
            );
        }
    };
    purge(&rows[..1]);
    let resumed = run(tiny(data.path(), "a", &["--resume", "--epochs", "3"]));
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let text = stderr(&resumed);
    assert!(text.contains("over 39 of 40. Its exactness ends here"), "{text}");
    let left = packs()
        .into_iter()
        .find(|pack| !whole.contains(pack))
        .expect("a pack of another name");
    assert_eq!(Pack::open(&left).expect("opens").len(), 39);

    purge(&rows);
    let refused = run(tiny(data.path(), "a", &["--resume", "--epochs", "4"]));
    assert_refused(&refused, 2, "every head of the manifest `v1` was purged");
}

#[test]
fn a_full_disk_leaves_the_checkpoint_before_intact() {
    let data = data(40);
    assert!(
        run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "4"]))
            .status
            .success()
    );
    let before = checkpoints(data.path(), "a");
    // A limit on the size of files stands for the full disk: the write fails half-way with an error.
    let shell = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh"]);
    let inner = tiny(data.path(), "a", &["--resume", "--epochs", "6"]);
    command.arg(inner.get_program()).args(inner.get_args());
    let output = run(command);
    assert_refused(&output, 1, "is intact");
    assert_eq!(checkpoints(data.path(), "a"), before);
    assert!(
        run(tiny(data.path(), "a", &["--resume", "--epochs", "6"]))
            .status
            .success()
    );
}

#[test]
fn a_run_that_ends_in_nan_is_rolled_back_and_then_stops_with_the_reason() {
    let data = data(40);
    let begun = run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "4"]));
    assert!(begun.status.success(), "{}", stderr(&begun));
    // A checkpoint that ends in NaN or infinity, above the one from which it does not.
    let (good, _) = poison(data.path(), "a", 5, 2);
    let back = run(tiny(data.path(), "a", &["--resume", "--epochs", "30"]));
    assert!(back.status.success(), "{}", stderr(&back));
    for step in [good + 5, good] {
        let told = format!("back to step {step}, both rates halved");
        assert!(stderr(&back).contains(&told), "{}", stderr(&back));
        assert!(
            metrics(data.path(), "a")
                .iter()
                .any(|line| line["notes"].to_string().contains(&told))
        );
    }
    let last = metrics(data.path(), "a").pop().expect("a line");
    let file = RunFolder::new(data.path().join("runs/a")).read();
    let file = file.expect("reads").expect("is there");
    assert_eq!(last["rate_g"], file.config.rate_g / 4.0);

    // The only checkpoint is returned to as often as a rollback is allowed, and stays.
    let begun = run(tiny(data.path(), "b", &["--manifest", "v1", "--epochs", "4"]));
    assert!(begun.status.success(), "{}", stderr(&begun));
    let (_, kept) = poison(data.path(), "b", 0, 1);
    let lost = run(tiny(data.path(), "b", &["--resume", "--epochs", "30"]));
    assert_refused(&lost, 1, "after 3 rollbacks at half the rates each");
    assert_eq!(checkpoints(data.path(), "b"), [kept]);

    let settings = dataset::train_settings::TrainSettings {
        side: Some(16),
        width: Some(4),
        batch: Some(8),
        ..Default::default()
    };
    let mut config = config::resolve(&settings).expect("resolves");
    config.rate_g = 1e30;
    let heads = HeadDataset::open(
        &DataFolder::new(data.path(), &StoreSettings::default()),
        "v1",
        Framing::as_cut(16),
    )
    .expect("opens");
    let file = RunFile::new(&heads, config);
    let stop = Stop::listen().expect("listens");
    // Seen by the first line of metrics; and, where none comes before the end, by the last checkpoint.
    for (name, epochs, step) in [("c", 20, 50), ("d", 4, 20)] {
        let folder = RunFolder::new(data.path().join("runs").join(name));
        folder.begin(&file).expect("begins");
        let limits = Limits {
            end: End {
                epochs: Some(epochs),
                ..End::default()
            },
            end_is_asked: true,
            checkpoint_every: std::time::Duration::MAX,
            keep: 1,
        };
        let job = Job {
            folder: &folder,
            file: &file,
            heads: &heads,
            limits: &limits,
            device: tch::Device::Cpu,
            ranks: &Ranks::alone(),
            eval_epochs: None,
        };
        let error = train(&job, None, None, &stop).expect_err("ends in NaN");
        let expected = format!("NaN or infinite at step {step}, after 3 rollbacks");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_checkpoint_of_another_network_is_refused_by_name() {
    let data = data(40);
    for (name, width) in [("a", "4"), ("b", "8")] {
        let output = run(tiny(
            data.path(),
            name,
            &["--manifest", "v1", "--epochs", "1", "--width", width],
        ));
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let (ours, theirs) = (checkpoints(data.path(), "a"), checkpoints(data.path(), "b"));
    std::fs::copy(&theirs[0], &ours[0]).expect("copies");
    let refused = run(tiny(data.path(), "a", &["--resume", "--epochs", "2"]));
    assert_refused(&refused, 1, "belongs to another run");
    assert_refused(
        &refused,
        1,
        "no checkpoint of the run can be used; train under another --name",
    );
}
