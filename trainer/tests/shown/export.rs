//! `trainer export`: every network that a preset makes, in every format.

use std::process::{Command, Stdio};

use dataset::train_settings::{Norm, Preset, Regulariser, TrainConfig, TrainSettings, Upsampling};
use tch::{CModule, Kind, Tensor};
use trainer::engine::fold::folded;
use trainer::engine::network::{Mode, Network};
use trainer::engine::onnx::{self, Names, numbers};
use trainer::engine::plan::Plan;
use trainer::export::torchscript;
use trainer::gan::{architecture, config};
use trainer::onnx::Storage;

use super::common::trainer;
use super::fixture::{done, trained};

/// A network whose batch norms and directions have seen a few batches.
fn used(plan: Plan) -> Network {
    let network = Network::new(plan);
    // Attention's gain begins at 0, which would hide the rest of it.
    let _ = tch::no_grad(|| {
        network
            .parameters
            .shallow_clone()
            .g_add_(&(network.parameters.randn_like() * 0.05))
    });
    for _ in 0..3 {
        let _ = tch::no_grad(|| network.forward(&input(&network, 4), Mode::Train));
    }
    network
}

fn input(network: &Network, count: i64) -> Tensor {
    let shape = network.plan.input;
    Tensor::randn(
        [count, shape.channels, shape.side, shape.side],
        (Kind::Float, tch::Device::Cpu),
    )
}

/// The largest differences of the folded network, of ONNX Runtime and of TorchScript.
fn differences(plan: Plan) -> [f64; 3] {
    let network = used(plan);
    let folded = folded(&network);
    let onnx = onnx::graph(&folded, &Names::new(&folded, "x", "y"), Storage::F32).into_bytes("network");
    let folder = tempfile::tempdir().expect("a folder");
    let traced = torchscript(&folded, &input(&network, 2), &folder.path().join("network.pt")).expect("traces");
    let module = CModule::load_data(&mut traced.as_slice()).expect("loads");
    let mut worst = [0.0; 3];
    for count in [3, 1] {
        let x = input(&network, count);
        let expected = tch::no_grad(|| network.forward(&x, Mode::Eval));
        let shape: Vec<usize> = x.size().iter().map(|length| *length as usize).collect();
        let (shape, values) = vision::runtime::answer(&onnx, &shape, &numbers(&x)).expect("runs");
        let found = [
            tch::no_grad(|| folded.forward(&x, Mode::Trace)),
            Tensor::from_slice(&values).view(shape.as_slice()),
            tch::no_grad(|| module.forward_ts(&[&x])).expect("runs"),
        ];
        for (worst, found) in worst.iter_mut().zip(found) {
            assert_eq!(found.size(), expected.size());
            *worst = f64::max(*worst, (found - &expected).abs().max().double_value(&[]));
        }
    }
    worst
}

fn config(preset: Preset, side: u32, change: impl Fn(&mut TrainSettings)) -> TrainConfig {
    let mut settings = TrainSettings {
        preset: Some(preset),
        side: Some(side),
        width: Some(4),
        ..TrainSettings::default()
    };
    change(&mut settings);
    config::resolve(&settings).expect("resolves")
}

#[test]
fn every_preset_side_and_head_comes_out_the_same() {
    tch::manual_seed(1);
    let mut configs = vec![config(Preset::Report, 96, |_| ())];
    for side in [64, 96, 128, 256] {
        configs.push(config(Preset::Gan, side, |_| ()));
        for upsampling in [Upsampling::Transposed, Upsampling::Resize, Upsampling::Pixelshuffle] {
            configs.push(config(Preset::Default, side, |settings| {
                settings.upsampling = Some(upsampling)
            }));
        }
    }
    for config in configs {
        let worst = differences(architecture::generator(&config));
        assert!(worst.iter().all(|worst| *worst < 1e-3), "{worst:?}: {config:?}");
    }
}

#[test]
fn noise_row_by_row_reaches_each_modulation() {
    tch::manual_seed(3);
    for (preset, modulation, count) in [
        (Preset::Default, true, 5),
        (Preset::Default, false, 1),
        (Preset::Report, false, 1),
    ] {
        let config = config(preset, 96, |settings| {
            settings.modulation = (preset == Preset::Default).then_some(modulation);
        });
        let network = used(architecture::generator(&config));
        let rows = Tensor::randn([2, count, 100], (Kind::Float, tch::Device::Cpu));
        let each = rows.split(1, 1);
        let input = each[0].view([-1, 100, 1, 1]);
        let expected = tch::no_grad(|| network.forward_modulated(&input, &each[1..], Mode::Eval));
        let onnx = onnx::graph_by_rows(&folded(&network), "heads", Storage::F32).into_bytes("generator");
        let (shape, values) = vision::runtime::answer(&onnx, &[2, count as usize, 100], &numbers(&rows)).expect("runs");
        let found = Tensor::from_slice(&values).view(shape.as_slice());
        let worst = (found - expected).abs().max().double_value(&[]);
        assert!(worst < 1e-3, "{worst}: {config:?}");
    }
}

#[test]
fn spectral_and_instance_norms_of_discriminators_come_out_the_same() {
    tch::manual_seed(2);
    for (regulariser, norm) in [
        (Regulariser::Spectral, Norm::None),
        (Regulariser::Spectral, Norm::Instance),
        (Regulariser::None, Norm::Batch),
    ] {
        let config = config(Preset::Default, 64, |settings| {
            settings.regulariser = Some(regulariser);
            settings.d_norm = Some(norm);
        });
        let worst = differences(architecture::discriminator(&config));
        assert!(worst.iter().all(|worst| *worst < 1e-3), "{worst:?}: {config:?}");
    }
}

#[test]
fn a_run_leaves_as_files_that_other_programs_read() {
    let data = trained();
    let said = done(data.path(), &["export", "a", "--discriminator"]);
    assert!(said.contains("differs from libtorch by"), "{said}");
    let folder = data.path().join("runs/a/export");
    let noise = Tensor::randn([5, 100, 1, 1], (Kind::Float, tch::Device::Cpu));
    let generator = CModule::load(folder.join("generator.pt")).expect("loads");
    let heads = tch::no_grad(|| generator.forward_ts(&[&noise])).expect("runs");
    assert_eq!(heads.size(), [5, 3, 64, 64]);
    let evaluator = CModule::load(folder.join("discriminator.pt")).expect("loads");
    assert_eq!(
        tch::no_grad(|| evaluator.forward_ts(&[&heads])).expect("runs").size(),
        [5, 1, 1, 1]
    );
    let onnx = std::fs::read(folder.join("generator.onnx")).expect("reads");
    let (shape, values) = vision::runtime::answer(&onnx, &[5, 100, 1, 1], &numbers(&noise)).expect("runs");
    let found = Tensor::from_slice(&values).view(shape.as_slice());
    assert!((found - heads).abs().max().double_value(&[]) < 1e-3);
    let weights = std::fs::read(folder.join("weights.safetensors")).expect("reads");
    let (_, header) = safetensors::SafeTensors::read_metadata(&weights).expect("is one");
    let facts = header.metadata().clone().expect("has metadata");
    assert_eq!((facts["side"].as_str(), facts["run"].as_str()), ("64", "a"));
    let names = header.tensors();
    let first = names.get("generator.0.weight").expect("is there");
    assert_eq!(first.shape, [100, 64, 4, 4]);
    assert!(names.contains_key("discriminator.0.direction"));
}

#[test]
fn killed_exports_and_walks_leave_whole_files_or_none() {
    let data = trained();
    let out = data.path().join("out");
    std::fs::create_dir(&out).expect("makes");
    let (folder, walk) = (out.to_string_lossy(), out.join("walk.webp"));
    let walk_name = walk.to_string_lossy();
    let export = ["export", "a", "--discriminator", "--out", &folder];
    let walked = ["walk", "a", "--stations", "3", "--out", &walk_name];
    for args in [&export[..], &walked[..], &export[..]] {
        let mut child = command(data.path(), args).spawn().expect("starts");
        // Killed at the first sign of a file.
        while child.try_wait().expect("is ours").is_none() {
            if std::fs::read_dir(&out).expect("lists").next().is_some() {
                child.kill().expect("is killed");
                break;
            }
            std::thread::yield_now();
        }
        child.wait().expect("is ours");
        for path in dataset::files::sorted_entries(&out).expect("lists") {
            let name = path.file_name().expect("has one").to_string_lossy().into_owned();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pt") => drop(CModule::load(&path).unwrap_or_else(|error| panic!("{name}: {error}"))),
                Some("webp") => drop(image::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"))),
                Some("onnx") => {
                    let bytes = std::fs::read(&path).expect("reads");
                    let input: [usize; 4] = match name.starts_with("generator") {
                        true => [1, 100, 1, 1],
                        false => [1, 3, 64, 64],
                    };
                    let zeros = vec![0.0; input.iter().product()];
                    vision::runtime::answer(&bytes, &input, &zeros).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                Some("safetensors") => {
                    let bytes = std::fs::read(&path).expect("reads");
                    drop(safetensors::SafeTensors::deserialize(&bytes).expect("is whole"));
                }
                Some("part" | "traced") => (),
                other => panic!("{name} ({other:?}) has no business here"),
            }
            std::fs::remove_file(&path).expect("removes");
        }
    }
}

fn command(data: &std::path::Path, args: &[&str]) -> Command {
    let mut command = trainer(data);
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
