//! Options set in code and a value of `main`, in a process with signals and exit codes as usual: the first argument is
//! the greeting, and a name may take 64 bytes.

use fc_runtime::{Context, Function, Request, Response, ServerConfig};
use std::env;

struct Greeter {
    greeting: String,
}

impl Function for Greeter {
    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        Ok(format!("{}, {}!", self.greeting, request.text()?).into())
    }
}

fn main() {
    fc_runtime::logger::init();
    let greeting = env::args().nth(1).unwrap_or("Hello".into());
    let config = ServerConfig::from_env().max_body(64);
    fc_runtime::serve_with(config, move |_| Ok(Greeter { greeting: greeting.clone() }))
}
