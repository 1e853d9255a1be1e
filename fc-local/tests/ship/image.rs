//! The image: one layer with one file, and how it is started.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{make, scratch, skip, succeed};

#[test]
fn the_image_is_one_layer_with_one_file_and_runs_as_nobody_in_particular() {
    let directory = scratch("image");
    // Storage of its own, so that the images of this machine's user stay as they are.
    let (storage, settings) = (directory.join("storage"), directory.join("storage.conf"));
    let text = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/graph\"\nrunroot = \"{0}/run\"\n",
        storage.display()
    );
    fs::write(&settings, text).expect("a file");
    let with_storage = |mut command: Command| {
        command.env("CONTAINERS_STORAGE_CONF", &settings);
        command
    };
    let buildah = || with_storage(Command::new("buildah"));
    if !buildah().arg("info").output().is_ok_and(|output| output.status.success()) {
        return skip("image", "buildah is not installed or may not run here");
    }

    let out = directory.join("out");
    succeed(with_storage(make("image", "stateful", &out)).args(["BUILDER=buildah", "IMAGE=fc-ship"]));
    let pushed = directory.join("pushed");
    succeed(buildah().args(["push", "fc-ship"]).arg(format!("dir:{}", pushed.display())));

    let manifest = json_of(&pushed.join("manifest.json"));
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 1, "{manifest}");
    let layer = blob(&pushed, &layers[0]);
    assert_eq!(succeed(Command::new("tar").arg("-tf").arg(&layer)), "bootstrap\n");
    let root = directory.join("root");
    fs::create_dir(&root).expect("a directory");
    succeed(Command::new("tar").arg("-xf").arg(&layer).arg("-C").arg(&root));
    let read = |path| fs::read(path).expect("a file");
    assert!(read(root.join("bootstrap")) == read(out.join("function/bootstrap")), "another binary");

    let config = &json_of(&blob(&pushed, &manifest["config"]))["config"];
    assert_eq!(config["Entrypoint"], json!(["/bootstrap"]), "{config}");
    assert_eq!(config["ExposedPorts"], json!({ "9000/tcp": {} }), "{config}");
    assert_eq!(config["User"], "65532:65532", "{config}");
    fs::remove_dir_all(&storage).expect("buildah's storage");
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")
}

fn blob(pushed: &Path, descriptor: &Value) -> std::path::PathBuf {
    let digest = descriptor["digest"].as_str().expect("a digest");
    pushed.join(digest.trim_start_matches("sha256:"))
}
