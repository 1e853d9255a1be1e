use super::*;

const SUBSTITUTES: [Substitute<'static>; 2] = [("/code", "/srv/app"), ("/opt", "/srv/layer")];

fn found(text: &str) -> String {
    substituted(text, &SUBSTITUTES)
}

#[test]
fn a_directory_is_found_wherever_a_path_begins() {
    for (text, wanted) in [
        // A word, as a whole or the beginning.
        ("/code", "/srv/app"),
        ("/code/", "/srv/app/"),
        ("/code/bootstrap", "/srv/app/bootstrap"),
        ("/code//bin/x", "/srv/app//bin/x"),
        ("/opt/python", "/srv/layer/python"),
        ("/code/opt/x", "/srv/app/opt/x"),
        ("/opt/code", "/srv/layer/code"),
        ("/code/my file.txt", "/srv/app/my file.txt"),
        // Options.
        ("--config=/code/c", "--config=/srv/app/c"),
        ("--config /code/c", "--config /srv/app/c"),
        ("-I/code/include", "-I/srv/app/include"),
        ("-Wl,-rpath,/opt/lib,-L/code", "-Wl,-rpath,/srv/layer/lib,-L/srv/app"),
        ("-Djava.library.path=/code/lib:/opt/lib", "-Djava.library.path=/srv/app/lib:/srv/layer/lib"),
        ("-javaagent:/code/agent.jar=a=/code/b", "-javaagent:/srv/app/agent.jar=a=/srv/app/b"),
        ("-ffile-prefix-map=/code=.", "-ffile-prefix-map=/srv/app=."),
        ("-d@/code/body", "-d@/srv/app/body"),
        ("@/code/arguments", "@/srv/app/arguments"),
        ("file=@/code/body;type=text/plain", "file=@/srv/app/body;type=text/plain"),
        // Lists.
        ("/code/python:/opt/python", "/srv/app/python:/srv/layer/python"),
        ("/code:/code/lib", "/srv/app:/srv/app/lib"),
        (".:/code", ".:/srv/app"),
        ("/usr/bin:/code/bin:/bin", "/usr/bin:/srv/app/bin:/bin"),
        (":/code:", ":/srv/app:"),
        ("a,/code/x,/opt", "a,/srv/app/x,/srv/layer"),
        ("/code;/opt", "/srv/app;/srv/layer"),
        ("classpath:/code/lib/*:/code", "classpath:/srv/app/lib/*:/srv/app"),
        // Shell.
        ("cd /code && exec python3 /code/x.py", "cd /srv/app && exec python3 /srv/app/x.py"),
        ("cd /code&&ls", "cd /srv/app&&ls"),
        ("cd /code; ls", "cd /srv/app; ls"),
        ("(cd /code)", "(cd /srv/app)"),
        ("/code/x|/code/y", "/srv/app/x|/srv/app/y"),
        ("x>/code/log 2>>/code/log", "x>/srv/app/log 2>>/srv/app/log"),
        ("cat </code/x", "cat </srv/app/x"),
        ("export PATH=\"/code/bin:$PATH\"", "export PATH=\"/srv/app/bin:$PATH\""),
        ("PATH=$PATH:/code", "PATH=$PATH:/srv/app"),
        ("PATH=\"$PATH\":/code", "PATH=\"$PATH\":/srv/app"),
        ("ls '/code/a b'", "ls '/srv/app/a b'"),
        ("ls \"/code\"/x", "ls \"/srv/app\"/x"),
        ("`/code/x`", "`/srv/app/x`"),
        ("$(/code/x)", "$(/srv/app/x)"),
        ("${DIR:-/code}", "${DIR:-/srv/app}"),
        ("${DIR:+/code/x}", "${DIR:+/srv/app/x}"),
        ("P=/code${P:+:$P}", "P=/srv/app${P:+:$P}"),
        ("for d in /code/*; do", "for d in /srv/app/*; do"),
        ("cp -r {/code,/opt} x", "cp -r {/srv/app,/srv/layer} x"),
        ("cd \\\n/code", "cd \\\n/srv/app"),
        ("a\n/code/x\t/code\n", "a\n/srv/app/x\t/srv/app\n"),
        ("#!/code/bin/python", "#!/srv/app/bin/python"),
        // URLs.
        ("file:///code/x", "file:///srv/app/x"),
        ("file:/code/x", "file:/srv/app/x"),
        ("jar:file:/code/a.jar!/code/x", "jar:file:/srv/app/a.jar!/code/x"),
        ("unix:///code/x.sock", "unix:///srv/app/x.sock"),
        ("sqlite:////code/x.db?mode=ro", "sqlite:////srv/app/x.db?mode=ro"),
        ("jdbc:sqlite:/code/x.db", "jdbc:sqlite:/srv/app/x.db"),
        ("http://host/x?dir=/code/y&z=/opt", "http://host/x?dir=/srv/app/y&z=/srv/layer"),
        // JSON and programs.
        (r#"{"dir":"/code/x"}"#, r#"{"dir":"/srv/app/x"}"#),
        (r#"{"dir": "/code"}"#, r#"{"dir": "/srv/app"}"#),
        (r#"["/code","/opt/a"]"#, r#"["/srv/app","/srv/layer/a"]"#),
        (r#"{"dir":"\/code\/x"}"#, r#"{"dir":"\/srv/app\/x"}"#),
        (r#""{\"dir\":\"/code\"}""#, r#""{\"dir\":\"/srv/app\"}""#),
        ("dir: /code/x", "dir: /srv/app/x"),
        ("open(r'/code/x')", "open(r'/srv/app/x')"),
        ("sys.path = ['/code', f\"/opt/{x}\"]", "sys.path = ['/srv/app', f\"/srv/layer/{x}\"]"),
    ] {
        assert_eq!(found(text), wanted, "{text}");
    }
}

#[test]
fn a_directory_is_not_found_inside_of_another_word() {
    for text in [
        "",
        "/",
        "code",
        "code/x",
        "./code/x",
        "../code",
        "~/code/x",
        "my/code/x",
        "/srv/code/x",
        "/srv/code",
        "a/opt",
        "/usr/opt/x",
        "//code/x",
        "/codec",
        "/code-server",
        "/code.py",
        "/code_x",
        "/code2",
        "/codé",
        "/代码/code",
        "代码/code",
        "/optimize",
        "/opt-in",
        "/options",
        "/CODE/x",
        "/code*",
        "/code?",
        "/code[12]",
        "/code{a,b}",
        "/code$SUFFIX",
        "/code${SUFFIX}",
        "/code~",
        "/code\\ x",
        "my\\ /code",
        "http://host/code/x",
        "http://host:8080/code",
        "http://code/x",
        "https://[::1]/code",
        "http://user:pass@host/code",
        "sqlite:///code/x.db",
        "git@host:/code/x.git",
        "rsync -a build user@host:/code",
        "$HOME/code",
        "${HOME}/code",
        "$(pwd)/code",
        "`pwd`/code",
        "\"$HOME\"/code",
        "'a'/code",
        "*/code",
        "--dir-a/code",
        "my-I/code",
        "x-/code",
        "#/code",
        "%h/code",
        "+/code",
        "2/code",
        "application/opt",
        "text/code; charset=utf-8",
    ] {
        assert_eq!(found(text), text);
    }
}

#[test]
fn a_substitute_is_not_looked_at_again() {
    let nested = [("/code", "/opt/work/app"), ("/opt", "/code/layer")];
    assert_eq!(substituted("/code/a:/opt/b", &nested), "/opt/work/app/a:/code/layer/b");
    assert_eq!(substituted("/code/x:/code", &[("/code", "/")]), "/x:/");
}

#[test]
fn what_has_no_substitute_stays() {
    assert_eq!(substituted("/code:/opt", &[("/code", "/srv/app")]), "/srv/app:/opt");
    assert_eq!(substituted("/code:/opt", &[]), "/code:/opt");
}

#[test]
fn a_text_is_asked_which_directories_it_names() {
    assert!(names("PATH=/opt/bin", &["/code", "/opt"]));
    assert!(!names("PATH=/opt/bin", &["/code"]));
    assert!(!names("/optimize", &["/code", "/opt"]));
}

/// The same numbers at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

#[test]
fn a_list_is_the_list_of_its_elements() {
    let paths = ["/code", "/code/a", "/opt/b/c", "/code/x.py", "/opt"];
    let others =
        ["", "a", "./code", "/usr/code", "/codec", "/optional", "x/opt/y", "~/code", "/code-1", "é/code"];
    let separators = [":", ",", ";", " ", "=", "|", "\n", " && ", "\" \"", "':'"];
    let mut numbers = Numbers(7);
    for _ in 0..20_000 {
        let separator = numbers.of(&separators);
        let elements: Vec<&str> = (0..numbers.below(6))
            .map(|_| if numbers.below(2) == 0 { numbers.of(&paths) } else { numbers.of(&others) })
            .collect();
        let text = elements.join(separator);
        let wanted: Vec<String> = elements.iter().map(|element| found(element)).collect();
        assert_eq!(found(&text), wanted.join(separator), "{text:?}");
    }
}

#[test]
fn any_text_keeps_all_that_is_not_a_directory_and_is_done_after_one_pass() {
    let parts = [
        "/code", "/opt", "/", "\\", "\"", "'", "`", "@", ":", "//", "-I", "-", "$", "${X:+:", "}", " ", "\n",
        "é", "\u{3000}", "a", "=", "#!", "sqlite:", "f", ".",
    ];
    let mut numbers = Numbers(11);
    for _ in 0..50_000 {
        let text: String = (0..numbers.below(12)).map(|_| numbers.of(&parts)).collect();
        let once = found(&text);
        assert_eq!(found(&once), once, "{text:?}");
        let back = once.replace("/srv/app", "/code").replace("/srv/layer", "/opt");
        assert_eq!(back, text, "{once:?}");
    }
}

#[test]
fn a_long_text_of_one_kind_is_no_burden() {
    for part in ["'", "\\", "-a", "@", "/", "a:", "/code'", "\"/code"] {
        let text = part.repeat(200_000);
        assert!(found(&text).len() >= text.len());
    }
}
