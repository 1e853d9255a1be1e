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
        if name.is_empty() {
            return Err(StatusError::new(400, "expected a name in the body").into());
        }
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

    fn greeter() -> Greeter {
        Greeter { greeting: "Hello".into() }
    }

    #[test]
    fn an_event_is_greeted() {
        let response = Call::event("World").send(&greeter());
        assert_eq!((response.status(), response.text()), (200, "Hello, World!"));
    }

    #[test]
    fn a_request_without_a_name_is_the_clients_mistake() {
        let response = Call::http("GET", "/").send(&greeter());
        assert_eq!(response.status(), 400);
        assert!(response.text().contains("expected a name"), "{response:?}");
    }
}
