//! Files of other programs that are given for an ONNX detector: told by their first bytes, with the way
//! to a file that is read.

use std::path::Path;

/// How the programs that train such networks write ONNX.
const ULTRALYTICS: &str = "`yolo export model=FILE.pt format=onnx` (Ultralytics), or torch.onnx.export";

/// What a file is that is no ONNX, and how to come to one; `None` where it may be one.
pub(crate) fn foreign(path: &Path, bytes: &[u8]) -> Option<String> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let text = bytes.trim_ascii_start();
    let (what, way) = match bytes {
        [] => return Some("the file is empty".into()),
        [b'P', b'K', 3, 4, ..] if extension == "npz" => ("an archive of NumPy arrays", "export the network as ONNX"),
        [b'P', b'K', 3, 4, ..] if extension == "keras" => keras(),
        [b'P', b'K', 3, 4, ..] => ("a PyTorch checkpoint or another archive (ZIP)", ULTRALYTICS),
        // Pickles begin with their protocol.
        [0x80, 2..=5, ..] => ("a PyTorch checkpoint (pickle)", ULTRALYTICS),
        [0x89, b'H', b'D', b'F', ..] => keras(),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => (
            "a TensorFlow Lite model",
            "`python -m tf2onnx.convert --tflite FILE.tflite --output FILE.onnx`",
        ),
        [_, _, _, _, 0, 0, 0, 0, b'{', ..] => ("a safetensors file: weights without their network", ULTRALYTICS),
        [b'f', b't', b'r', b't', ..] | [b'p', b't', b'r', b't', ..] => (
            "a TensorRT engine, which is made for one GPU",
            "name the ONNX file that it was built from",
        ),
        [b'G', b'G', b'U', b'F', ..] => ("a GGUF file", "no detector comes as one: export the network as ONNX"),
        [b'R', b'K', b'N', b'N', ..] => ("an RKNN model", "name the ONNX file that it was converted from"),
        _ if is_darknet(bytes) || extension == "weights" => (
            "Darknet weights, which say nothing of their network",
            "convert them with their .cfg to ONNX (tool/darknet2onnx.py of pytorch-YOLOv4, or yolov3_to_onnx.py of TensorRT's samples)",
        ),
        _ if text.starts_with(b"[net]") || text.starts_with(b"[network]") => (
            "a Darknet configuration, without weights",
            "convert it with its .weights to ONNX, as by tool/darknet2onnx.py of pytorch-YOLOv4",
        ),
        _ if text.starts_with(b"7767517") => (
            "ncnn's description of a network",
            "name the ONNX file that it was converted from",
        ),
        _ if text.starts_with(b"version https://git-lfs") => (
            "a Git LFS pointer in place of the file",
            "`git lfs pull` in the repository that it is from",
        ),
        _ if text.starts_with(b"<?xml") || text.starts_with(b"<opencv_storage") => {
            let is_cascade = text.windows(7).take(4096).any(|word| word == b"cascade");
            match is_cascade {
                true => (
                    "an OpenCV cascade",
                    "say detector = \"lbp\" in [crop], and name the file in [crop.lbp] cascade",
                ),
                false => (
                    "an XML file, as OpenVINO's are",
                    "name the ONNX file that it was converted from",
                ),
            }
        }
        _ if text.starts_with(b"<") => ("a web page in place of the file", "download the file itself"),
        _ => return None,
    };
    Some(format!("it is {what}; an ONNX file is expected: {way}"))
}

fn keras() -> (&'static str, &'static str) {
    (
        "a Keras model (HDF5)",
        "`python -m tf2onnx.convert --keras FILE.h5 --output FILE.onnx` (tf2onnx)",
    )
}

/// Versions 0.1 to 0.2 and the count of seen pictures, as all files have them that Darknet wrote; no ONNX
/// begins with zeros.
fn is_darknet(bytes: &[u8]) -> bool {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    matches!((number(0), number(4), number(8)), (Some(0), Some(1 | 2), Some(0..=9)))
}
