//! Every seed and every input that was ever found to break something, through the same functions
//! that libFuzzer runs.
#![expect(clippy::unwrap_used, reason = "a test's own machinery")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use perennial_fuzz::{TARGETS, run};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Files by target: `fuzz/{folder}/{target}/{file}`.
fn inputs(folder: &str) -> Vec<(String, PathBuf)> {
    let mut inputs = Vec::new();
    let Ok(targets) = fs::read_dir(fuzz().join(folder)) else { return inputs };
    for target in targets {
        let target = target.unwrap();
        let name = target.file_name().into_string().unwrap();
        let files = fs::read_dir(target.path()).unwrap();
        inputs.extend(files.map(|file| (name.clone(), file.unwrap().path())));
    }
    inputs
}

#[test]
fn every_kept_input_passes() {
    let all = [inputs("corpus"), inputs("found")].concat();

    for (target, path) in &all {
        println!("{}", path.display());
        run(target, &fs::read(path).unwrap());
    }

    let seeded: BTreeSet<_> = all.iter().map(|(target, _)| target.as_str()).collect();
    assert_eq!(seeded, TARGETS.iter().map(|(name, _)| *name).collect());
}

#[test]
fn every_target_has_its_program() {
    for (name, _) in TARGETS {
        let path = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let program = fs::read_to_string(&path).unwrap();

        assert!(program.contains(&format!("run(\"{name}\"")), "{}", path.display());
    }
}
