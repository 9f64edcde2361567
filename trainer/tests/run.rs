//! `trainer run` as a process: what it makes, refuses, and keeps through kills.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{discs, freeze, trainer};
use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use dataset::{Key, Manifest, ManifestRow, Store};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use trainer::gan::folder::{RunFile, RunFolder};
use trainer::gan::heads::Heads;
use trainer::gan::recipe::Recipe;
use trainer::gan::stop::Stop;
use trainer::gan::train::{Limits, train};

/// A data folder with the manifest `v1` of `count` heads.
fn data(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    freeze(folder.path(), "v1", discs(count));
    folder
}

/// A tiny run: networks of a few thousand values at 16 px.
fn tiny(data: &Path, name: &str, more: &[&str]) -> Command {
    let mut command = trainer(data);
    // Threads that wait without turning round: a busy machine would take minutes for two of them.
    command.env("OMP_WAIT_POLICY", "passive");
    command.args([
        "run", "--name", name, "--preset", "default", "--side", "16", "--width", "4",
    ]);
    command.args(["--batch", "8"]);
    for (flag, value) in [("--threads", "1"), ("--precision", "f32")] {
        if !more.contains(&flag) {
            command.args([flag, value]);
        }
    }
    command.args(more);
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn assert_refused(output: &Output, code: i32, expected: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expected), "{expected:?} is not in {text}");
}

fn checkpoints(data: &Path, name: &str) -> Vec<PathBuf> {
    let folder = data.join("runs").join(name).join("checkpoints");
    dataset::files::sorted_entries(&folder).expect("lists")
}

/// The vectors of the newest checkpoint: what follows the header, whose seconds differ.
fn final_bits(data: &Path, name: &str) -> Vec<u8> {
    let newest = checkpoints(data, name).pop().expect("a checkpoint");
    let content = std::fs::read(newest).expect("reads");
    let length = u64::from_le_bytes(*content.first_chunk().expect("a header"));
    content[8 + length as usize..].to_vec()
}

/// metrics.jsonl without its times.
fn metrics(data: &Path, name: &str) -> Vec<serde_json::Value> {
    let path = data.join("runs").join(name).join("metrics.jsonl");
    let text = std::fs::read_to_string(path).expect("reads");
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("is JSON");
        line["seconds"].take();
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn a_run_leaves_grids_metrics_chart_and_checkpoints() {
    let data = data(40);
    let output = run(tiny(
        data.path(),
        "a",
        &["--manifest", "v1", "--epochs", "30", "--grid-epochs", "10"],
    ));
    assert!(output.status.success(), "{}", stderr(&output));
    let folder = data.path().join("runs/a");
    for file in ["grids/epoch-0010.png", "grids/epoch-0030.png", "losses.png", "run.json"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    assert_eq!(
        image::open(folder.join("grids/epoch-0030.png")).expect("opens").width(),
        8 * 18 + 2
    );
    let lines = metrics(data.path(), "a");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["images"], 150 * 8);
    assert_eq!(checkpoints(data.path(), "a").len(), 1);
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
}

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
    let mut dice = ChaCha8Rng::seed_from_u64(20);
    let mut half_written = 0;
    for kill in 0..20 {
        // Of 200 steps, spread over the epochs of 5: some before the first checkpoint, every other one
        // while a checkpoint is written.
        let from = kill * 9 + dice.random_range(0..9);
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
    println!("{half_written} of 20 kills fell into the writing of a checkpoint");
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
fn sixty_heads_fill_batches_of_sixty_four() {
    let data = data(60);
    let flags = ["--manifest", "v1", "--batch", "64", "--epochs", "20", "--g-every", "5"];
    let mut command = trainer(data.path());
    command.args([
        "run",
        "--name",
        "a",
        "--preset",
        "default",
        "--side",
        "16",
        "--width",
        "4",
        "--threads",
        "1",
    ]);
    let output = run({
        command.args(flags);
        command
    });
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn wrong_requests_are_usage_errors_that_name_the_way_out() {
    let data = data(12);
    let refused = |more: &[&str], expected: &str| {
        let mut command = trainer(data.path());
        command.args(["run", "--name", "a", "--threads", "1"]).args(more);
        assert_refused(&run(command), 2, expected);
    };
    refused(&["--manifest", "v9", "--epochs", "1"], "there are: v1");
    refused(
        &["--manifest", "v1", "--preset", "default", "--side", "72"],
        "no side of 72 px",
    );
    refused(
        &["--manifest", "v1", "--preset", "report", "--side", "64"],
        "draws 96 px",
    );
    refused(&["--manifest", "v1", "--batch", "1"], "--batch must be 2");
    refused(
        &["--manifest", "v1", "--side", "64"],
        "cannot give 64 px: 12 of its 12 heads are smaller, and half of them have 16 px at most",
    );
    refused(&["--resume"], "needs --manifest NAME");
    assert!(!data.path().join("runs/a").exists());
    assert!(
        run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "1"]))
            .status
            .success()
    );
    refused(&["--manifest", "v1", "--epochs", "1"], "go on with it by --resume");
    refused(
        &["--resume", "--seed", "9", "--g-every", "2"],
        "--g-every 1 (not 2), --seed 1 (not 9)",
    );
    let unnamed = run({
        let mut command = trainer(data.path());
        command.arg("run");
        command
    });
    assert_refused(&unnamed, 2, "give --manifest NAME");
}

#[test]
fn a_changed_manifest_and_missing_heads_are_told_before_training() {
    let data = data(12);
    let header = data.path().join("manifests/v1/manifest.json");
    let text = std::fs::read_to_string(&header).expect("reads");
    std::fs::write(&header, text.replace("\"seed\": 0", "\"seed\": 1")).expect("writes");
    assert_refused(
        &run(tiny(data.path(), "a", &["--manifest", "v1"])),
        1,
        "manifest.json was changed",
    );
    std::fs::write(&header, text).expect("writes");
    let heads = dataset::files::sorted_entries(&data.path().join("store/heads")).expect("lists");
    std::fs::remove_dir_all(&heads[0]).expect("removes");
    assert_refused(
        &run(tiny(data.path(), "a", &["--manifest", "v1"])),
        1,
        "is missing from the store",
    );
    std::fs::remove_dir_all(data.path().join("store")).expect("removes");
    assert_refused(&run(tiny(data.path(), "a", &["--manifest", "v1"])), 1, "vanished");
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
            let _ = std::fs::remove_file(store.path_of(&Key::head(&row.head).expect("a hash")));
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
fn a_game_that_breaks_down_is_rolled_back_and_then_stops_with_the_reason() {
    let data = data(40);
    let begun = run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "4"]));
    assert!(begun.status.success(), "{}", stderr(&begun));
    let broken = run(tiny(
        data.path(),
        "b",
        &[
            "--manifest",
            "v1",
            "--epochs",
            "40",
            "--rate-g",
            "1",
            "--regulariser",
            "none",
            "--loss",
            "wgan",
            "--rate-d",
            "1",
        ],
    ));
    // Whether these rates break this tiny game at once is libtorch's to say; if they do, the way
    // back is told.
    if !broken.status.success() {
        assert!(stderr(&broken).contains("both rates halved"), "{}", stderr(&broken));
    }
    let settings = dataset::train_settings::TrainSettings {
        side: Some(16),
        width: Some(4),
        batch: Some(8),
        ..Default::default()
    };
    let mut recipe = Recipe::resolve(&settings).expect("resolves");
    recipe.rate.generator = 1e30;
    let heads = Heads::open(data.path(), "v1", 16).expect("opens");
    let file = RunFile::new(&heads, recipe);
    let folder = RunFolder::new(data.path().join("runs/c"));
    folder.begin(&file).expect("begins");
    let limits = Limits {
        epochs: Some(20),
        time: None,
        images: None,
        checkpoint_every: std::time::Duration::MAX,
        keep: 1,
    };
    let stop = Stop::listen().expect("listens");
    let error = train(&folder, &file, &heads, &limits, tch::Device::Cpu, None, &stop).expect_err("breaks down");
    let text = error.to_string();
    assert!(
        text.contains("no numbers any more at step 50, after 3 ways back"),
        "{text}"
    );
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
fn a_dry_run_shows_layers_arithmetic_and_time_and_writes_nothing() {
    let data = data(12);
    let output = run(tiny(
        data.path(),
        "a",
        &["--manifest", "v1", "--dry-run", "--epochs", "3"],
    ));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}", stderr(&output));
    for expected in [
        "\"loss\": \"hinge\"",
        "transposed convolution k4 s1 p0",
        "(16 + 2*1 - 4) / 2 + 1",
        "GFLOP a step of the discriminator",
        "MB of vectors",
        "img/s on Cpu with 1 threads (measured",
        "the whole run: about",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(!data.path().join("runs").exists());
}

#[test]
fn every_loss_and_regulariser_trains_and_tells_it_in_the_metrics() {
    let data = data(40);
    let rows = [
        ("bce", "r1", "none"),
        ("lsgan", "none", "instance"),
        ("wgan", "gp", "none"),
        ("relativistic", "r1r2", "none"),
        ("bce", "none", "batch"),
    ];
    for (loss, regulariser, norm) in rows {
        let name = format!("{loss}-{regulariser}-{norm}");
        let flags = [
            "--manifest",
            "v1",
            "--epochs",
            "11",
            "--loss",
            loss,
            "--regulariser",
            regulariser,
            "--d-norm",
            norm,
        ];
        let output = run(tiny(data.path(), &name, &flags));
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let line = metrics(data.path(), &name).remove(0);
        let penalised = ["r1", "gp", "r1r2"].contains(&regulariser);
        assert_eq!(
            line["penalty"].as_f64().is_some_and(|penalty| penalty > 0.0),
            penalised,
            "{line}"
        );
        assert!(line["spread"].as_f64().is_some_and(|spread| spread > 0.0), "{line}");
    }
}

#[test]
fn the_plain_gan_and_each_upsampling_train() {
    let data = data(20);
    let plain = {
        let mut command = trainer(data.path());
        command.args([
            "run",
            "--manifest",
            "v1",
            "--name",
            "plain",
            "--preset",
            "gan",
            "--side",
            "16",
            "--width",
            "2",
        ]);
        command.args(["--batch", "8", "--epochs", "2", "--threads", "1"]);
        run(command)
    };
    assert!(plain.status.success(), "{}", stderr(&plain));
    for upsampling in ["transposed", "resize", "pixelshuffle"] {
        let flags = [
            "--manifest",
            "v1",
            "--epochs",
            "2",
            "--upsampling",
            upsampling,
            "--statistics",
            "copy",
        ];
        let output = run(tiny(data.path(), upsampling, &flags));
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(
            data.path()
                .join("runs")
                .join(upsampling)
                .join("grids/epoch-0002.png")
                .is_file()
        );
    }
}

#[test]
fn a_run_from_a_trained_one_begins_with_its_averaged_networks() {
    let data = data(40);
    assert!(
        run(tiny(data.path(), "a", &["--manifest", "v1", "--epochs", "4"]))
            .status
            .success()
    );
    freeze(data.path(), "few", discs(9));
    let fine = run(tiny(
        data.path(),
        "b",
        &[
            "--manifest",
            "few",
            "--from",
            "a",
            "--epochs",
            "1",
            "--rate-g",
            "0",
            "--rate-d",
            "0",
        ],
    ));
    assert!(fine.status.success(), "{}", stderr(&fine));
    let players = |name: &str| {
        let folder = RunFolder::new(data.path().join("runs").join(name));
        let file = folder.read().expect("reads").expect("is there");
        let mut players = trainer::gan::players::Players::new(&file.recipe);
        let state = trainer::gan::checkpoint::load_newest(&folder.checkpoints(), &mut players, &file.digest());
        assert!(state.expect("loads").is_some());
        players
    };
    let (before, after) = (players("a"), players("b"));
    assert!(after.generator.flat.equal(before.average.as_ref().expect("an average")));
    assert!(after.discriminator.flat.equal(&before.discriminator.flat));
    let other = run(tiny(
        data.path(),
        "c",
        &["--manifest", "few", "--from", "a", "--upsampling", "transposed"],
    ));
    assert_refused(&other, 2, "has other networks");
    let again = run(tiny(data.path(), "b", &["--resume", "--from", "a"]));
    assert_refused(&again, 2, "--from is for new runs");
}
