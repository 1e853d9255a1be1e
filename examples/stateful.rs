//! Keeps state over a life: `initialize` builds it from GREETING, or from the file named by GREETING_PATH, `invoke` uses
//! it, `pre_stop` writes what was collected to the file named by FLUSH_PATH. `FAIL_INIT=404:2` makes the first two
//! initializations fail with 404; `500:N` and `panic:N` likewise.

use anyhow::{Context as _, bail};
use fc_runtime::{Context, Function, Request, Response, StatusError};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

struct Greeter {
    greeting: String,
    greeted: Mutex<Vec<String>>,
}

static ATTEMPTS: AtomicU32 = AtomicU32::new(0);

impl Function for Greeter {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        fail_if_told_to(ATTEMPTS.fetch_add(1, Ordering::SeqCst) + 1)?;
        log::info!("initialized");
        let greeting = match env::var("GREETING_PATH") {
            Ok(path) => fs::read_to_string(&path).context(path)?,
            Err(_) => env::var("GREETING").unwrap_or_else(|_| "Hello".into()),
        };
        Ok(Greeter { greeting, greeted: Mutex::new(Vec::new()) })
    }

    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        let name = request.text()?;
        if name.is_empty() {
            bail!(StatusError::new(400, "expected a name in the body"));
        }
        let response = Response::text(format!("{}, {name}!", self.greeting));
        self.greeted.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        Ok(response)
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        let greeted = mem::take(&mut *self.greeted.lock().unwrap_or_else(PoisonError::into_inner));
        log::info!("{} greetings to flush", greeted.len());
        let Ok(path) = env::var("FLUSH_PATH") else { return Ok(()) };
        let mut file = OpenOptions::new().create(true).append(true).open(&path).context(path)?;
        greeted.iter().try_for_each(|name| writeln!(file, "{name}"))?;
        Ok(())
    }
}

fn fail_if_told_to(attempt: u32) -> anyhow::Result<()> {
    let Ok(told) = env::var("FAIL_INIT") else { return Ok(()) };
    let (how, times) = told.split_once(':').unwrap_or((&told, "1"));
    if attempt > times.parse().context("FAIL_INIT is HOW:TIMES")? {
        return Ok(());
    }
    match how.parse() {
        Ok(status) => bail!(StatusError::new(status, format!("told to fail, attempt {attempt}"))),
        Err(_) if how == "panic" => panic!("told to panic, attempt {attempt}"),
        Err(_) => bail!("FAIL_INIT: expected a status or panic, not {how:?}"),
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve::<Greeter>()
}
