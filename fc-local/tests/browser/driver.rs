//! A browser, led over WebDriver (W3C): a session of its own, and what of the protocol the tests use.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Client, Program, Scratch, WATCHDOG, eventually, has_programs};

/// What a browser needs to stay alone with the page: no sandbox as root, nothing of the network, a profile that goes with
/// the test.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// Whether there is one.
pub fn is_installed() -> bool {
    has_programs(&["chromium", "chromedriver"])
}

pub struct Browser {
    address: SocketAddr,
    session: String,
    driver: Program,
    _profile: Scratch,
}

impl Browser {
    /// A window of this width, for whoever likes it `dark` or light.
    pub fn open(width: u32, scheme: &str) -> Browser {
        let profile = Scratch::new();
        let mut command = Command::new("chromedriver");
        let driver = Program::start(command.arg("--port=0").stdin(Stdio::null()));
        let port: u16 = driver.said.wait_until("a port", |said| {
            said.split("started successfully on port ").nth(1)?.split('.').next()?.parse().ok()
        });
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path("profile")));
        arguments.push(format!("--window-size={width},900"));
        let options = json!({ "args": arguments });
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut browser = Browser { address, session: String::new(), driver, _profile: profile };
        let session = browser.call("POST", "/session", &capabilities);
        browser.session = format!("/session/{}", session["sessionId"].as_str().expect("a session"));
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", &media);
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        browser
    }

    pub fn go(&self, url: &str) {
        self.call("POST", &format!("{}/url", self.session), &json!({ "url": url }));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.call("POST", &format!("{}/execute/sync", self.session), &body)
    }

    /// Waits until the script returns something that is neither null nor false.
    pub fn wait_for(&self, what: &str, script: &str) -> Value {
        eventually(what, || Some(self.run(script)).filter(|value| !value.is_null() && *value != false))
    }

    /// Presses a key, wherever the focus is.
    pub fn press(&self, key: char) {
        let press = json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]});
        self.call("POST", &format!("{}/actions", self.session), &press);
    }

    /// What the browser had to complain of.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.call("POST", &format!("{}/se/log", self.session), &json!({"type": "browser"}));
        let all = said.as_array().expect("a list");
        all.iter().map(|one| one["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    pub fn devtools(&self, name: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": name, "params": parameters});
        self.call("POST", &format!("{}/goog/cdp/execute", self.session), &body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut client = Client::connect(self.address);
        let (host, length) = (self.address, body.len());
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let reply = client.reply();
        let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert_eq!(
            reply.status,
            200,
            "{method} {path} {}\n{answer:#}\n{}",
            &body[..length.min(500)],
            self.driver.said.text()
        );
        answer["value"].clone()
    }
}

impl Drop for Browser {
    /// The driver alone would leave the browser behind, also when a test fails, which must not fail twice.
    fn drop(&mut self) {
        let head = format!("DELETE {} HTTP/1.1\r\nhost: {}\r\n\r\n", self.session, self.address);
        let _ = TcpStream::connect(self.address).and_then(|mut driver| {
            driver.set_read_timeout(Some(WATCHDOG))?;
            driver.write_all(head.as_bytes())?;
            driver.read(&mut [0; 1024])
        }); // the driver may have ended
    }
}
