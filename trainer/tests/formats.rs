//! Runs that earlier builds began (tests/formats, a folder a version) go on and are shown.

use std::path::Path;
use std::process::Command;

#[test]
fn a_run_of_an_earlier_build_goes_on_and_draws() {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats");
    let versions = dataset::files::sorted_entries(&formats).expect("lists");
    let versions: Vec<_> = versions.into_iter().filter(|path| path.is_dir()).collect();
    assert!(!versions.is_empty());
    for version in versions {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let copied = Command::new("cp").arg("-r").arg(&version).arg(&data).status();
        assert!(copied.expect("cp is there").success());
        for words in [
            &["run", "--manifest", "v1", "--name", "tiny", "--resume", "--epochs", "3"][..],
            &["sample", "tiny", "--count", "4", "--keep", "4", "--out"],
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
            command
                .current_dir(formats.join("../.."))
                .arg("--data")
                .arg(&data)
                .args(words);
            if words[0] == "sample" {
                command.arg(folder.path().join("grid"));
            }
            let ended = command.output().expect("the program starts");
            assert!(
                ended.status.success(),
                "{words:?}: {}",
                String::from_utf8_lossy(&ended.stderr)
            );
        }
        let grids = dataset::files::sorted_entries(&data.join("runs/tiny/grids")).expect("lists");
        assert!(grids.iter().any(|grid| grid.ends_with("epoch-0003.png")), "{grids:?}");
    }
}
