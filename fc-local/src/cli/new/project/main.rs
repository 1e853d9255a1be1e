//! {{name}}: greets whoever the event or the request's body names.

use fc_runtime::{Context, Function, Request, Response, StatusError};

struct Greeter {
    greeting: String,
}

impl Function for Greeter {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        let greeting = std::env::var("GREETING").unwrap_or_else(|_| "Hello".into());
        log::info!("initialized");
        Ok(Greeter { greeting })
    }

    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        let name = request.text()?;
        if name.len() > 64 {
            return Err(StatusError::new(400, "a name has 64 bytes at most").into());
        }
        // Without a body, or with the empty event, it greets the world.
        let name = if matches!(name.trim(), "" | "{}") { "World" } else { &name };
        Ok(Response::text(format!("{}, {name}!", self.greeting)))
    }

    fn pre_stop(&self, _: &Context) -> anyhow::Result<()> {
        log::info!("stopping");
        Ok(())
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve::<Greeter>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::testing::Call;

    /// As its hook makes it.
    fn greeter() -> Greeter {
        Greeter::initialize(&Call::hook().context()).expect("a greeter")
    }

    #[test]
    fn an_event_is_greeted() {
        let response = Call::event("Ada").send(&greeter());
        assert_eq!((response.status(), response.text()), (200, "Hello, Ada!"));
    }

    #[test]
    fn who_gives_no_name_is_the_world() {
        for call in [Call::http("GET", "/"), Call::event("{}")] {
            assert_eq!(call.send(&greeter()).text(), "Hello, World!");
        }
    }

    #[test]
    fn a_name_without_an_end_is_the_clients_mistake() {
        let response = Call::http("POST", "/").with_body("x".repeat(65)).send(&greeter());
        assert_eq!(response.status(), 400);
        assert!(response.text().contains("64 bytes at most"), "{response:?}");
    }
}
