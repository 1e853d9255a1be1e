//! The code package: what is in it, that it is always the same, and that what is in it runs as the template
//! says.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use zip::{CompressionMethod, DateTime, ZipArchive};

use crate::harness::{CHECKOUT, fail, fc_local, finish, packaged, scratch, succeed};
use support::reserved_port;

/// Name, mode and content of every entry, in the package's order.
fn entries(package: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut archive = ZipArchive::new(File::open(package).expect("a package")).expect("a zip");
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).expect("an entry");
            let name = entry.name().expect("a name").into_owned();
            assert_eq!(entry.last_modified(), Some(DateTime::default()), "{name}");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("its content");
            (name, entry.unix_mode().expect("a mode"), content)
        })
        .collect()
}

#[test]
fn the_package_is_the_binary_as_an_executable_bootstrap_and_nothing_else() {
    let binary = fs::read(packaged().join("function/bootstrap")).expect("the binary");
    let package = packaged().join("function.zip");
    assert!(entries(&package) == [("bootstrap".to_owned(), 0o100755, binary)]);
    let mut archive = ZipArchive::new(File::open(&package).expect("a package")).expect("a zip");
    assert_eq!(archive.by_index(0).expect("an entry").compression(), CompressionMethod::Deflated);
}

#[test]
fn the_packages_bootstrap_serves_as_the_template_says() {
    // The template stands to the package as in this repository.
    let template = packaged().join("../../deploy/s.yaml");
    fs::create_dir_all(template.parent().expect("a directory")).expect("a directory");
    fs::copy(Path::new(CHECKOUT).join("deploy/s.yaml"), &template).expect("the template");
    let code = scratch("unpacked");
    let package = File::open(packaged().join("function.zip")).expect("a package");
    ZipArchive::new(package).expect("a zip").extract(&code).expect("a directory");

    let mut invoke = fc_local();
    invoke.args([
        "invoke",
        "--resource",
        "function",
        "--event",
        "World",
        "--port",
        &reserved_port().to_string(),
    ]);
    invoke.arg("--template").arg(&template).arg("--code").arg(&code);
    let output = finish(&mut invoke);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), "Hello, World!", "{log}");
    let mut rest = &*log;
    for line in
        ["FC Initialize End", "FC Invoke Start", "FC Invoke End", "1 greetings to flush", "FC PreStop End"]
    {
        let at = rest.find(line).unwrap_or_else(|| panic!("no {line:?} in\n{rest}\nof\n{log}"));
        rest = &rest[at..];
    }
}

#[test]
fn the_same_files_make_the_same_package_on_any_machine_at_any_time() {
    let file = |path: &Path, mode: u32, text: &str, days: u64| {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(days * 86_400);
        let times = FileTimes::new().set_modified(time);
        File::open(path).and_then(|file| file.set_times(times)).expect("a time");
    };
    let directory = scratch("same");
    let one = directory.join("one");
    file(&one.join("bootstrap"), 0o755, "#!/bin/sh\n", 1);
    file(&one.join("data/words"), 0o644, "a b", 2);
    file(&one.join("data.txt"), 0o644, "text", 3);
    symlink("data/words", one.join("words")).expect("a link");
    // Written in another order, at another time, by somebody with another umask, packaged from elsewhere.
    let other = directory.join("other");
    fs::create_dir(&other).expect("a directory");
    symlink("data/words", other.join("words")).expect("a link");
    file(&other.join("data.txt"), 0o600, "text", 30);
    file(&other.join("data/words"), 0o664, "a b", 20);
    file(&other.join("bootstrap"), 0o700, "#!/bin/sh\n", 10);

    succeed(fc_local().arg("package").arg(&one));
    succeed(fc_local().current_dir(&other).args(["package", ".", "--output", "../elsewhere.zip"]));
    let package = one.with_extension("zip");
    assert_eq!(
        entries(&package),
        [
            ("bootstrap".to_owned(), 0o100755, b"#!/bin/sh\n".to_vec()),
            ("data.txt".to_owned(), 0o100644, b"text".to_vec()),
            ("data/words".to_owned(), 0o100644, b"a b".to_vec()),
            ("words".to_owned(), 0o120777, b"data/words".to_vec()),
        ]
    );
    let bytes = |path: &Path| fs::read(path).expect("a package");
    assert!(bytes(&package) == bytes(&other.with_file_name("elsewhere.zip")), "the bytes differ");
}

#[test]
fn what_the_platform_could_not_start_is_refused() {
    let code = scratch("refused").join("code");
    fs::create_dir(&code).expect("a directory");
    let package = || {
        let mut command = fc_local();
        command.arg("package").arg(&code);
        command
    };
    assert!(fail(&mut package()).contains("nothing to package"));
    fs::write(code.join("bootstrap"), "").expect("a file");
    fs::set_permissions(code.join("bootstrap"), Permissions::from_mode(0o644)).expect("a mode");
    assert!(fail(&mut package()).contains("'bootstrap' is not executable"));
    fs::set_permissions(code.join("bootstrap"), Permissions::from_mode(0o755)).expect("a mode");
    fs::write(code.join("code.zip"), "").expect("a file");
    let inside = code.join("code.zip");
    assert!(fail(package().arg("--output").arg(inside)).contains("would contain itself"));
    fs::remove_file(code.join("code.zip")).expect("a file");
    assert!(!code.with_extension("zip").exists(), "a refused package was written");
    succeed(&mut package());
}
