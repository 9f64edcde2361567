//! `trainer detector`: trains, measures and exports the YOLOv3 that finds faces.

pub mod anchors;
pub mod annotated;
pub mod assign;
pub mod augment;
mod bands;
pub mod checkpoint;
mod closeup;
pub mod corrupt;
pub mod curve;
pub mod data;
mod draws;
pub mod errors;
pub mod evaluate;
pub mod export;
pub mod feed;
pub mod label;
pub mod loss;
pub mod measure;
pub mod metrics;
pub mod model;
mod pattern;
pub mod preview;
pub mod raster;
pub mod report;
mod schedule;
pub mod start;
pub mod train;
pub mod view;
pub mod yolov3;

use anyhow::Result;

/// What to do with the detector.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Args {
    /// Trains a detector on annotated pictures and head crops
    #[command(
        after_help = "Examples:\n  trainer detector train --pictures drawn --pictures photos --heads crops --out runs/detector --steps 3000\n  trainer detector train --from data/face_yolov3.onnx --pictures drawn --pictures photos --heads crops --out runs/further --steps 1000"
    )]
    Train(train::Train),
    /// Writes sheets of training pictures with their boxes
    #[command(after_help = "Example:\n  trainer detector preview --pictures drawn --heads crops --out sheets")]
    Preview(preview::Preview),
    /// Measures a detector file on annotated pictures
    #[command(
        after_help = "Examples:\n  trainer detector eval --onnx data/face_yolov3.onnx --pictures photos --threshold 0.6 --view plain,small,turned,dark,pale\n  trainer detector eval --onnx data/face_yolov3.onnx --cascade lbpcascade_animeface.xml --pictures photos --threshold 0.6"
    )]
    Eval(measure::Eval),
    /// Writes what a detector finds in a folder as a table to train on
    #[command(
        after_help = "Example:\n  trainer detector label --onnx data/face_yolov3.onnx --folder crops --out crops/boxes.csv --best"
    )]
    Label(label::Label),
    /// Writes a run's network as an ONNX file
    #[command(
        after_help = "Examples:\n  trainer detector export --run runs/detector --out data/face_yolov3.onnx\n  trainer detector export --run runs/further --mean-with data/face_yolov3.onnx --out mean.onnx"
    )]
    Export(export::Export),
}

/// Does it.
pub fn run(args: Args) -> Result<()> {
    match args {
        Args::Train(settings) => train::train(&settings),
        Args::Preview(settings) => preview::preview(&settings),
        Args::Eval(settings) => measure::eval(&settings),
        Args::Label(settings) => label::label(&settings),
        Args::Export(settings) => export::export(&settings),
    }
}
