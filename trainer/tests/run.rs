//! `trainer run` as a process: what it makes, shows and refuses.

mod common;
#[path = "common/runs.rs"]
mod runs;

use std::path::Path;
use std::process::Command;

use common::{discs, freeze, freeze_changed, freeze_splits, trainer};
use dataset::Split;
use dataset::StoreSettings;
use dataset::manifest::ManifestBody;
use dataset::train_settings::TrainConfig;
use image::{Rgb, RgbImage};
use runs::{assert_refused, checkpoints, data, metrics, run, stderr, tiny};
use tch::{Device, Tensor};
use trainer::gan::folder::RunFolder;
use trainer::gan::framing::Framing;
use trainer::gan::head_dataset::HeadDataset;
use trainer::settings::DataFolder;
use vision::BBox;
use vision::crop::CropRule;

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
fn few_heads_fill_every_batch_and_are_augmented_in_full() {
    // One character, and one studio: the second has three batches of 64 and a rest.
    for heads in [60, 200] {
        let data = data(heads);
        let flags = ["--manifest", "v1", "--batch", "64", "--epochs", "55", "--g-every", "5"];
        let output = run(tiny(data.path(), "a", &flags));
        assert!(output.status.success(), "{}", stderr(&output));
        let file = RunFolder::new(data.path().join("runs/a")).read();
        let config = file.expect("reads").expect("is there").config;
        assert_eq!(config.augment_strength, 1.0);
        // Both networks were trained within the first line of metrics, whatever an epoch's length.
        let line = metrics(data.path(), "a").remove(0);
        assert!(line["loss_g"].is_number() && line["loss_d"].is_number(), "{line}");
        assert_eq!(line["images"], 50 * 64);
    }
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
fn nothing_to_train_on_and_too_little_memory_are_told_before_a_run_begins() {
    let data = data(12);
    let kept = discs(3).map(|head| (head, Split::Validation));
    freeze_splits(data.path(), "unseen", kept);
    let empty = run(tiny(data.path(), "a", &["--manifest", "unseen"]));
    assert_refused(&empty, 2, "the manifest `unseen` has no head to train on");
    let more = ["--manifest", "v1", "--batch", "100000000"];
    let large = run(tiny(data.path(), "a", &more));
    assert_refused(&large, 2, "a smaller --batch (now 100000000)");
    assert!(!data.path().join("runs/a/run.json").exists());
    // A limit on the process stands for a machine with other programs on it.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 2500000; exec \"$@\"", "sh"]);
    let inner = tiny(data.path(), "b", &["--manifest", "v1", "--batch", "60000"]);
    command.arg(inner.get_program()).args(inner.get_args());
    assert_refused(
        &run(command),
        1,
        "not enough memory for a step: a smaller --batch (now 60000)",
    );
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
fn heads_in_a_bucket_are_packed_as_those_in_a_folder() {
    let (folder, bucket, service) = (data(40), data(40), tests3::Server::start());
    let settings = format!(
        "[store]\nobjects = \"s3://heads/a\"\ns3_endpoint = \"{}\"\n",
        service.endpoint()
    );
    std::fs::write(bucket.path().join("stages.toml"), settings).expect("writes");
    let train = |data: &Path, secret: &str| {
        let mut command = tiny(data, "a", &["--manifest", "v1", "--epochs", "1"]);
        command.env("AWS_ACCESS_KEY_ID", tests3::KEY);
        command.env("AWS_SECRET_ACCESS_KEY", secret);
        run(command)
    };
    // The store moves: what was at hand is not looked at any more.
    let store = bucket.path().join("store");
    let files = dataset::files::files_below(&store).expect("lists");
    for file in &files {
        let to = service.file("a").join(file.strip_prefix(&store).expect("is below"));
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("makes");
        std::fs::rename(file, to).expect("moves");
    }
    std::fs::remove_dir_all(store).expect("removes");
    // One request in three fails.
    service.misbehave(|asked| (asked.number % 3 == 2).then_some(tests3::Fault::SlowDown));
    for data in [&folder, &bucket] {
        let output = train(data.path(), tests3::SECRET);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let pack = |data: &Path| {
        let packs = dataset::files::sorted_entries(&data.join("packs")).expect("lists");
        packs
            .iter()
            .map(|pack| std::fs::read(pack).expect("reads"))
            .collect::<Vec<_>>()
    };
    assert_eq!(pack(bucket.path()).len(), 1);
    assert!(pack(bucket.path()) == pack(folder.path()));
    // Without a pack it asks again, and is refused.
    std::fs::remove_dir_all(bucket.path().join("packs")).expect("removes");
    std::fs::remove_dir_all(bucket.path().join("runs")).expect("removes");
    let refused = train(bucket.path(), "another");
    assert_refused(&refused, 1, "AWS_SECRET_ACCESS_KEY");
    assert!(!stderr(&refused).contains("another"));
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
        "img/s with 1 thread on Cpu (measured",
        "the whole run, ",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert!(!data.path().join("runs").exists());
}

#[test]
fn each_preset_shows_its_own_networks_and_settings() {
    let data = data(12);
    let shown = |more: &[&str]| {
        let mut command = trainer(data.path());
        command
            .args(["run", "--dry-run", "--batch", "2", "--threads", "1"])
            .args(more);
        let output = run(command);
        assert!(output.status.success(), "{more:?}: {}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let holds = |text: &str, expected: &[&str]| {
        for part in expected {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    };
    let report = shown(&["--preset", "report"]);
    holds(
        &report,
        &[
            "\"side\": 96",
            "\"loss\": \"bce\"",
            "\"d_every\": 1",
            "\"g_every\": 5",
            "\"schedule\": \"table\"",
            "\"beta1\": 0.5",
            "generator: 3.58 M parameters, 106.4 M MACs a head",
            "discriminator: 2.77 M parameters, 105.6 M MACs a head",
            "transposed convolution k5 s3 p1",
            "3 * (32 - 1) - 2*1 + 5",
            "(96 + 2*1 - 5) / 3 + 1",
        ],
    );
    for (side, smallest) in [("64", 4), ("96", 6), ("128", 4), ("256", 4)] {
        let text = shown(&["--preset", "default", "--side", side, "--width", "4"]);
        holds(
            &text,
            &[
                "\"loss\": \"hinge\"",
                "\"regulariser\": \"spectral\"",
                &format!("transposed convolution k{smallest} s1 p0"),
                "\n  attention ",
                &format!("3 x {side:>3} x {side:>3}"),
            ],
        );
        let text = shown(&["--preset", "gan", "--side", side, "--width", "4"]);
        holds(
            &text,
            &[
                "fully connected",
                "\"g_every\": 1",
                &format!("3 x {side:>3} x {side:>3}"),
            ],
        );
    }
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
        ("hinge", "spectral", "batch"),
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
    let flags = ["--manifest", "v1", "--preset", "gan", "--width", "2", "--epochs", "2"];
    let plain = run(tiny(data.path(), "plain", &flags));
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
    let gan = |name: &str| {
        let folder = RunFolder::new(data.path().join("runs").join(name));
        let file = folder.read().expect("reads").expect("is there");
        let mut gan = trainer::gan::gan_state::GanState::new(&file.config);
        let state = trainer::gan::checkpoint::load_newest(&folder.checkpoints(), &mut gan, &file.digest());
        assert!(state.expect("loads").is_some());
        gan
    };
    let (before, after) = (gan("a"), gan("b"));
    assert!(after.generator.parameters.equal(before.ema.as_ref().expect("an EMA")));
    assert!(after.discriminator.parameters.equal(&before.discriminator.parameters));
    let other = run(tiny(
        data.path(),
        "c",
        &["--manifest", "few", "--from", "a", "--upsampling", "transposed"],
    ));
    assert_refused(
        &other,
        2,
        "has other networks: it was begun with --upsampling resize (not transposed)",
    );
    assert!(!data.path().join("runs/c").exists());
    let again = run(tiny(data.path(), "b", &["--resume", "--from", "a", "--epochs", "2"]));
    assert!(again.status.success(), "{}", stderr(&again));
    let other = run(tiny(data.path(), "b", &["--resume", "--from", "b"]));
    assert_refused(&other, 2, "was begun with another beginning than --from b");
}

/// Pictures of 200 pixels with a dark face of 48 pixels in each, cut to heads of 96 as the pipeline cuts them.
fn freeze_faces(data: &Path, name: &str) {
    let rule = CropRule::default();
    let (x0, y0) = (70, 90);
    let picture = RgbImage::from_fn(200, 200, |x, y| {
        let inside = (x0..x0 + 48).contains(&x) && (y0..y0 + 48).contains(&y);
        Rgb(if inside { [20; 3] } else { [230; 3] })
    });
    let [x0, y0, x1, y1] = [x0, y0, x0 + 48, y0 + 48].map(f64::from);
    let bbox = BBox {
        x0: x0 as f32,
        y0: y0 as f32,
        x1: x1 as f32,
        y1: y1 as f32,
    };
    let head = rule.cut(&picture, rule.region(&bbox, 200, 200));
    let settings = [("margin", "2"), ("centre_y", "0.58"), ("max_side", "512")];
    let body = ManifestBody {
        settings: settings
            .map(|(key, value)| (format!("crop.{key}"), value.into()))
            .into(),
        ..ManifestBody::default()
    };
    // Each has a pixel of its own: equal heads are one.
    let heads = (0..12).map(|number| {
        let mut head = head.clone();
        head.put_pixel(number, 0, Rgb([number as u8; 3]));
        (head, if number < 8 { Split::Train } else { Split::Validation })
    });
    freeze_changed(data, name, body, heads, |row| {
        row.detector = "d".into();
        (row.image_width, row.image_height) = (200, 200);
        (row.x0, row.y0, row.x1, row.y1) = (x0, y0, x1, y1);
    });
}

/// Where the dark pixels of a packed head begin and end: left, top, right, bottom.
fn dark(heads: &HeadDataset) -> [i64; 4] {
    let row = |batch: &Tensor, dimension: i64| -> (i64, i64) {
        let dark = batch.lt(0.0).any_dim(dimension, false).nonzero().view([-1]);
        (dark.int64_value(&[0]), dark.int64_value(&[-1]) + 1)
    };
    let red = heads.batch(&[0], Device::Cpu).select(0, 0).select(0, 0);
    // Without the first row, which tells the heads apart.
    let red = red.slice(0, 1, None, 1);
    let ((left, right), (top, bottom)) = (row(&red, 0), row(&red, 1));
    [left, top + 1, right, bottom + 1]
}

#[test]
fn a_run_from_another_has_its_heads_cut_to_the_framing_of_that_one() {
    let data = data(12);
    let config = |name: &str| -> serde_json::Value {
        let file = std::fs::read(data.path().join(format!("runs/{name}/run.json"))).expect("reads");
        serde_json::from_slice::<serde_json::Value>(&file).expect("parses")["config"].take()
    };
    let began = |name: &str, more: &[&str]| {
        let output = run(tiny(data.path(), name, more));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        config(name)
    };
    let framed = ["--face-size", "0.75", "--face-shift", "-0.1"];
    // Heads that were imported as heads stay as they are: the settings say where their faces stand.
    let first = began("a", &[&["--manifest", "v1", "--epochs", "1"], &framed[..]].concat());
    assert_eq!(
        (&first["face_size"], &first["face_shift"]),
        (&0.75.into(), &(-0.1).into())
    );
    freeze_faces(data.path(), "faces");
    let second = began("b", &["--manifest", "faces", "--epochs", "1", "--from", "a"]);
    assert_eq!(second["face_size"], first["face_size"]);
    assert_eq!(second["face_shift"], first["face_shift"]);
    let plain = began("c", &["--manifest", "faces", "--epochs", "1"]);
    assert_eq!(plain.get("face_size"), None);

    let folder = DataFolder::new(data.path(), &StoreSettings::default());
    let open = |config: &serde_json::Value| {
        let mut config: TrainConfig = serde_json::from_value(config.clone()).expect("a configuration");
        config.side = 96;
        HeadDataset::open(&folder, "faces", Framing::from(&config)).expect("opens")
    };
    // Half of 96 pixels, its middle at .58; then three quarters, its middle at .4.
    assert_eq!(dark(&open(&plain)), [24, 32, 72, 80]);
    let [left, top, right, bottom] = dark(&open(&second));
    for (found, expected) in [(left, 12), (top, 2), (right, 84), (bottom, 74)] {
        assert!((found - expected).abs() <= 2, "{left} {top} {right} {bottom}");
    }
    assert_eq!((open(&plain).smaller, open(&second).smaller), (0, 8));
    let other = run(tiny(data.path(), "c", &["--resume", "--face-size", "0.75"]));
    assert_refused(&other, 2, "was begun with --face-size 0 (not 0.75)");
}
