//! The program's files: names and tables.

use std::process::Command;

#[test]
fn the_program_writes_pictures_and_both_tables() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let status = Command::new(env!("CARGO_BIN_EXE_drawing"))
        .args(["--count", "40", "--seed", "5", "--side", "160", "--out"])
        .arg(folder.path())
        .status()
        .expect("the program starts");
    assert!(status.success());
    for table in ["boxes.csv", "heads.csv"] {
        let text = std::fs::read_to_string(folder.path().join(table)).expect("the table is there");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("file,x0,y0,x1,y1"));
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == 5));
        for number in 1..=40 {
            let name = format!("{number:05}.jpg");
            let mine: Vec<_> = rows.iter().filter(|row| row[0] == name).collect();
            assert!(!mine.is_empty(), "{name} has a row in {table}");
            let empty = mine
                .iter()
                .filter(|row| row[1..].iter().all(|field| field.is_empty()))
                .count();
            assert!(empty == 0 || mine.len() == 1);
            assert!(image::open(folder.path().join(&name)).is_ok());
        }
    }
}
