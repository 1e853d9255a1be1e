//! The code package: what is in it, that it is always the same, and that what is in it runs as the template
//! says.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use zip::{CompressionMethod, DateTime, ZipArchive};

use crate::harness::{CHECKOUT, FUNCTION, both, fail, fc_local, finish, make, packaged, scratch, succeed};
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

/// The rules of gitignore(5): a directory with all that is in it, a name anywhere, one that is in after all, and a file of
/// rules for its own directory.
#[test]
fn what_fcignore_names_is_left_out_and_told_and_empty_directories_stay() {
    let code = scratch("ignored").join("code");
    for directory in ["secret", "logs", "empty", "sub"] {
        fs::create_dir_all(code.join(directory)).expect("a directory");
    }
    let files = [
        (".fcignore", "# what stays here\nsecret/\n.env\n*.log\n!keep.log\n/root.txt\n"),
        ("sub/.fcignore", "only-here\n"),
        ("bootstrap", "#!/bin/sh\n"),
        (".env", "KEY=1"),
        ("secret/key.pem", ""),
        ("a.log", ""),
        ("keep.log", ""),
        ("logs/b.log", ""),
        ("root.txt", ""),
        ("only-here", ""),
        ("sub/root.txt", ""),
        ("sub/only-here", ""),
        ("sub/server.key", ""),
    ];
    for (name, text) in files {
        fs::write(code.join(name), text).expect("a file");
    }
    fs::set_permissions(code.join("bootstrap"), Permissions::from_mode(0o755)).expect("a mode");
    symlink("empty", code.join("link")).expect("a link");

    let output = finish(fc_local().current_dir(&code).args(["package", "."]));
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    assert!(out.lines().next().is_some_and(|line| line.ends_with(" bytes, 6 files")), "{out}");
    assert!(out.starts_with(&format!("{}: ", code.with_extension("zip").display())), "{out}");
    assert!(
        out.contains("left out by .fcignore: .env, a.log, logs/b.log, root.txt, secret/, sub/only-here\n"),
        "{out}"
    );
    assert!(error.contains("what looks like a secret: sub/server.key"), "{error}");
    let packed = entries(&code.with_extension("zip"));
    let names: Vec<&str> = packed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        ["bootstrap", "empty/", "keep.log", "link", "logs/", "only-here", "sub/root.txt", "sub/server.key"]
    );
    assert_eq!((packed[1].1, packed[3].1), (0o40755, 0o120777));
}

/// A program for x86-64 whose loader is musl's, headers alone.
fn for_musl() -> Vec<u8> {
    let loader = b"/lib/ld-musl-x86_64.so.1\0";
    let mut program = vec![0; 64 + 56];
    program[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    for (at, value) in [(16, 2), (18, 62), (20, 1), (32, 64), (52, 64), (54, 56), (56, 1), (58, 64)] {
        program[at] = value;
    }
    for (at, value) in [(64, 3), (64 + 8, 64 + 56), (64 + 32, loader.len()), (64 + 40, loader.len())] {
        program[at] = u8::try_from(value).expect("small");
    }
    program.extend(loader);
    program
}

/// Directory, package and what is said of it are named as they were asked for; links that the platform cannot follow
/// and what looks like a secret are told, and certificates are none.
#[test]
fn a_package_is_where_it_is_said_to_be_and_what_will_be_missed_is_told() {
    let directory = scratch("named");
    let code = directory.join("real");
    fs::create_dir_all(code.join(".git")).expect("a directory");
    for (name, text) in [
        (".fcignore", "left.txt\n"),
        ("bootstrap", "#!/bin/sh\n"),
        ("left.txt", ""),
        (".git/HEAD", ""),
        (".git/config", ""),
        (".env.example", ""),
        (".env.local", ""),
        ("cacert.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("server.pem", "-----BEGIN PRIVATE KEY-----\n"),
        ("id_rsa.pub", ""),
        ("id_rsa", ""),
    ] {
        fs::write(code.join(name), text).expect("a file");
    }
    fs::set_permissions(code.join("bootstrap"), Permissions::from_mode(0o755)).expect("a mode");
    let inside = code.join("bootstrap").display().to_string();
    for (name, target) in [
        ("good", "bootstrap"),
        ("of-the-platform", "/usr/bin/python3.11"),
        ("in-code", "/code/bootstrap"),
        ("nowhere", "none"),
        ("ignored", "left.txt"),
        ("outside", ".."),
        ("not-in-code", "/code/left.txt"),
        ("of-this-machine", &inside),
    ] {
        symlink(target, code.join(name)).expect("a link");
    }
    symlink("real", directory.join("alias")).expect("a link");

    let output = finish(fc_local().current_dir(&directory).args(["package", "alias/"]));
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.starts_with("alias.zip: "), "{out}{error}");
    assert!(directory.join("alias.zip").exists() && !directory.join("real.zip").exists());
    let astray =
        "links that lead nowhere in the package: ignored, not-in-code, nowhere, of-this-machine, outside\n";
    assert!(error.contains(astray), "{error}");
    assert!(
        error.contains("looks like a secret: .env.local, .git/, id_rsa, server.pem; name it in .fcignore"),
        "{error}"
    );
}

#[test]
fn one_file_is_no_files() {
    let code = scratch("one").join("code");
    fs::create_dir(&code).expect("a directory");
    fs::write(code.join("bootstrap"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(code.join("bootstrap"), Permissions::from_mode(0o755)).expect("a mode");
    let said = succeed(fc_local().arg("package").arg(&code));
    assert!(said.ends_with(" bytes, 1 file\n"), "{said}");
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
    let bootstrap = code.join("bootstrap");
    fs::write(&bootstrap, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&bootstrap, Permissions::from_mode(0o644)).expect("a mode");
    assert!(fail(&mut package()).contains("'bootstrap' is not executable; chmod +x bootstrap"));
    fs::set_permissions(&bootstrap, Permissions::from_mode(0o755)).expect("a mode");
    for (text, wanted) in [
        (b"#!/bin/sh\r\n".as_slice(), "has Windows line ends"),
        (b"exec ./x\n", "neither a program for Linux nor a script"),
        (b"\xcf\xfa\xed\xfe", "a program for macOS"),
        (&for_musl(), "its loader '/lib/ld-musl-x86_64.so.1' is not there; link it statically"),
        (b"#!/code/python\n", "there is no file '/code/python'"),
    ] {
        fs::write(&bootstrap, text).expect("a file");
        assert!(fail(&mut package()).contains(wanted), "{wanted}");
    }
    fs::write(&bootstrap, "").expect("a file");
    let empty = finish(&mut package());
    assert!(
        empty.status.success() && both(&empty).contains("'bootstrap' is empty; see whether"),
        "{empty:?}"
    );
    fs::remove_file(code.with_extension("zip")).expect("a package");
    fs::write(&bootstrap, "#!/opt/not/here/python3\n").expect("a file");
    fs::write(code.join("code.zip"), "").expect("a file");
    let inside = code.join("code.zip");
    assert!(fail(package().arg("--output").arg(inside)).contains("would contain itself"));
    fs::remove_file(code.join("code.zip")).expect("a file");
    assert!(!code.with_extension("zip").exists(), "a refused package was written");
    succeed(&mut package());
}

#[test]
fn a_project_of_cargos_is_no_code_and_what_is_wrong_with_an_sbom_is_said_in_a_line() {
    let project = scratch("project").join("greeter");
    fs::create_dir_all(project.join("target")).expect("a directory");
    fs::write(project.join("Cargo.toml"), "[package]\nname = \"greeter\"\n").expect("a file");
    fs::write(project.join("app.py"), "").expect("a file");
    let package = || {
        let mut command = fc_local();
        command.current_dir(&project).args(["package", "."]);
        command
    };
    let said = fail(&mut package());
    assert!(said.contains(".: it has a Cargo.toml and no 'bootstrap'"), "{said}");
    assert!(said.contains("'make package', or its directory, target/fc/function"), "{said}");
    assert!(!project.with_extension("zip").exists());
    let said = fail(package().args(["--sbom", "nope.toml"]));
    assert!(said.contains("--sbom nope.toml: there is no such file"), "{said}");
    fs::write(project.join(".fcignore"), "Cargo.toml\ntarget/\n").expect("a file");
    let output = finish(package().args(["--sbom", "Cargo.toml"]));
    let error = String::from_utf8_lossy(&output.stderr);
    let before =
        format!("it is written beside the directory, as {}", project.with_extension("zip").display());
    assert!(error.contains(&before), "{error}");
    let last = error.lines().last().expect("what is wrong");
    assert!(last.starts_with("fc-local: cargo tree failed: error: ") && last.len() < 500, "{error}");
}

/// What is not of the sources, and what they make.
const NOT_SOURCES: [&str; 3] = [".git", "target", "artifacts"];

fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        if NOT_SOURCES.iter().any(|other| name == *other) {
            continue;
        }
        if path.is_dir() {
            copy_sources(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

#[test]
fn the_same_sources_make_the_same_binary_package_and_sbom_in_another_folder_for_another_user() {
    let elsewhere = scratch("elsewhere");
    let sources = elsewhere.join("some/where/else");
    copy_sources(Path::new(CHECKOUT), &sources);
    // Cargo's folder by another name: what is in it is found there without being fetched again.
    let cargo_home = elsewhere.join("home");
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    let own = std::env::var_os("CARGO_HOME").map(Into::into).or_else(home).expect("cargo's folder");
    fs::create_dir(&cargo_home).expect("a directory");
    for entry in fs::read_dir(own).expect("cargo's folder").map(|entry| entry.expect("an entry")) {
        symlink(entry.path(), cargo_home.join(entry.file_name())).expect("a link");
    }
    let out = elsewhere.join("out");
    let mut make = make("package", FUNCTION, &out);
    make.current_dir(&sources).env("CARGO_HOME", &cargo_home);
    succeed(make.env("CARGO_TARGET_DIR", elsewhere.join("built")));

    let read = |out: &Path, name: &str| fs::read(out.join(name)).expect("a file");
    for name in ["bootstrap", "function.zip", "function.cdx.json"] {
        assert!(read(&out, name) == read(packaged(), name), "{name} depends on where it was made");
    }
    let binary = read(&out, "bootstrap");
    let has = |text: &str| binary.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("/cargo/registry/"), "no path to compare");
    for place in [elsewhere.as_path(), Path::new(CHECKOUT)] {
        assert!(!has(&place.display().to_string()), "the binary names {}", place.display());
    }
}

#[test]
fn the_sbom_names_the_crates_in_the_binary_and_what_is_shipped() {
    let sbom = fs::read_to_string(packaged().join("function.cdx.json")).expect("an SBOM");
    let sbom: serde_json::Value = serde_json::from_str(&sbom).expect("JSON");
    let components = sbom["components"].as_array().expect("components");
    let names: Vec<_> = components.iter().map(|it| it["name"].as_str().expect("a name")).collect();
    // Nothing that is only built or tested with.
    for (name, is_there) in
        [("httparse", true), ("rustix", true), ("rust-std", true), ("syn", false), ("serde", false)]
    {
        assert_eq!(names.contains(&name), is_there, "{name} in {names:?}");
    }
    for component in components.iter().filter(|it| it["name"] != "rust-std") {
        assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    // Each crate whose sources the binary names, in what a panic would say, is listed.
    let binary = fs::read(packaged().join("bootstrap")).expect("the binary");
    let text = String::from_utf8_lossy(&binary);
    let listed: Vec<_> =
        components.iter().map(|it| format!("{}-{}", it["name"], it["version"]).replace('"', "")).collect();
    let mut named = 0;
    for path in text.split("/cargo/registry/src/").skip(1) {
        let name = path.split('/').nth(1).expect("a crate's folder");
        assert!(listed.iter().any(|listed| listed == name), "{name} in {listed:?}");
        named += 1;
    }
    assert!(named > 0, "the binary names no crate");
    let mut shipped = Command::new("sha256sum");
    shipped.current_dir(packaged()).args(["function.zip", "bootstrap"]);
    let sums: Vec<String> = succeed(&mut shipped).lines().map(|line| line[..64].to_owned()).collect();
    let files = sbom["metadata"]["component"]["components"].as_array().expect("files");
    let found: Vec<_> = files.iter().map(|it| it["hashes"][0]["content"].as_str().expect("a sum")).collect();
    assert_eq!(found, sums);
}
